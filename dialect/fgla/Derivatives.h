//===- Derivatives.h - Gradients of expressions ---------------------------===//
//
// Reverse mode over scalar ops: what a cotangent of the result is for each input. The table of derivatives is in
// Derivatives.cpp; see docs/rationale-gradients.md for what holds at kinks and where numbers overflow. Reverse mode
// over tiles (VJPOp::buildTileForm) and over tensors (passes/graph/Adjoint.h) uses it for what is in their regions.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_FGLA_DERIVATIVES_H
#define FGLA_DIALECT_FGLA_DERIVATIVES_H

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseSet.h"

namespace fgla {
/// The ops of one block that lie on a way from some values to others, in order, and the values on those ways.
struct Dependence {
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::DenseSet<mlir::Value> values;
};
/// What depends on `inputs` and leads to `outputs`. The results of an op that `isConstant` depend on nothing.
Dependence findDependence(mlir::ValueRange outputs, mlir::ValueRange inputs,
                          llvm::function_ref<bool(mlir::Operation *)> isConstant);

/// Builds the cotangents of `inputs`, given that of `output`, which is computed from them by scalar ops of the block of
/// the insertion point. Null for an input that nothing flows to. All arithmetic is in the type of `cotangent`. Fails,
/// with an error that names the op, where there is no derivative.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildScalarAdjoint(mlir::OpBuilder &builder, mlir::Value output,
                                                                   mlir::Value cotangent, mlir::ValueRange inputs);

/// The same for several outputs of one computation.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildScalarAdjoint(mlir::OpBuilder &builder, mlir::ValueRange outputs,
                                                                   mlir::ValueRange cotangents,
                                                                   mlir::ValueRange inputs);

/// The same over ops on tiles of one block. A maximum is a constant. What decays from token to token has gradients of
/// the same kind: products of decays, each at most one, and never a quotient or a difference of sums over tokens.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildTileAdjoint(mlir::OpBuilder &builder, mlir::ValueRange outputs,
                                                                 mlir::ValueRange cotangents, mlir::ValueRange inputs);
} // namespace fgla

#endif // FGLA_DIALECT_FGLA_DERIVATIVES_H
