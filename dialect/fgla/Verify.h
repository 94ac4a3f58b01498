//===- Verify.h - Checks that the verifiers of several ops share ----------===//
//
// Messages name the operand, the rule, what was found and the constraint's label.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_FGLA_VERIFY_H
#define FGLA_DIALECT_FGLA_VERIFY_H

#include "dialect/fgla/FGLA.h"

namespace fgla {
/// A size that a shape must have at one position: a number, or kAny for a dynamic or unconstrained one.
constexpr int64_t kAny = -1;

/// The op, one of its operands or results and the names of its dims, for messages.
struct ShapeRule {
  llvm::StringRef what;                 ///< e.g. "operand 'decay'"
  llvm::StringRef dims;                 ///< e.g. "[B, T, H, K]"
  llvm::SmallVector<int64_t> sizes;     ///< required sizes; kAny where only the rank counts
  llvm::StringRef label;                ///< e.g. "attention_c5"
  llvm::SmallVector<unsigned> isStatic; ///< positions that must be static and positive
};

/// `type` has the rank and the sizes of `rule`; a dynamic size on either side matches any.
mlir::LogicalResult verifyShape(mlir::Operation *op, mlir::Type type, const ShapeRule &rule);

/// The type has shape [B, T, H, D], or [B, H, D] for one token, with static H and D.
mlir::LogicalResult verifyTokenTensor(mlir::Operation *op, mlir::Type type, llvm::StringRef what,
                                      llvm::StringRef label);

/// The region, whose ops are verified and isolated from above, takes `numArguments` scalars and yields one, all of
/// `type`, and only computes.
mlir::LogicalResult verifyExpression(mlir::Operation *op, mlir::Region &region, unsigned numArguments, mlir::Type type,
                                     llvm::StringRef label);

/// Exactly one of a named kind and a region is given.
mlir::LogicalResult verifyKindOrRegion(mlir::Operation *op, bool hasKind, mlir::Region &region, llvm::StringRef label);

/// What an `attention_grad` has beside the operands of its attention.
mlir::LogicalResult verifyGradients(AttentionGradOp op);
} // namespace fgla

#endif // FGLA_DIALECT_FGLA_VERIFY_H
