//===- ONNXElementwise.h - The scalar meaning of elementwise ONNX ops -----===//
//
// One table: each operator says once how it is built from scalars and what formula it is. The first makes IR, the
// second lets the raising prove what an expression computes.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_ONNXELEMENTWISE_H
#define FGLA_PASSES_ONNX_ONNXELEMENTWISE_H

#include "dialect/onnx/ONNX.h"
#include "passes/onnx/ScalarFormula.h"

#include "mlir/IR/Builders.h"

#include "llvm/ADT/StringMap.h"

namespace fgla::onnx {

struct ElementwiseOp {
  using Scalars = llvm::ArrayRef<mlir::Value>;
  using Term = ScalarFormulas::Term;
  using Terms = llvm::ArrayRef<std::optional<Term>>;
  /// The version of the operator set since which it is what it is here.
  int64_t version;
  /// How many inputs there are at least and at most (-1: any number).
  int minInputs, maxInputs;
  /// Builds the op on scalars of one type; an absent input is null. Narrow floats come as f32. Null where the op has no
  /// such form.
  mlir::Value (*buildFloat)(mlir::OpBuilder &, mlir::Location, NodeOp, Scalars);
  mlir::Value (*buildInt)(mlir::OpBuilder &, mlir::Location, NodeOp, Scalars);
  /// The formula for floating-point numbers. Null where the op takes or gives other things.
  Term (*describe)(ScalarFormulas &, NodeOp, Terms);
  /// Gives a boolean for two numbers.
  bool isComparison = false;
};

/// The row of a node of the standard domain, or null.
const ElementwiseOp *lookupElementwise(NodeOp node);

/// All rows, by name.
const llvm::StringMap<ElementwiseOp> &elementwiseOperators();

/// A float attribute of a node, or its default.
double getFloatAttr(NodeOp node, llvm::StringRef name, double defaultValue);
/// An integer attribute of a node, or its default.
int64_t getIntAttr(NodeOp node, llvm::StringRef name, int64_t defaultValue);

/// Converts a scalar between float, integer and boolean types as ONNX's Cast does.
mlir::Value castScalar(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type type);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_ONNXELEMENTWISE_H
