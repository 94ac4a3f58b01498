//===- MirrorBuilder.h - New nodes in the mirror of an ONNX graph ---------===//
//
// Raising takes an attention out of a graph and must bring its operands and its result into another layout. It does so
// in ONNX's own operators, so that what is left of the graph can still be converted or written as a model.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_MIRRORBUILDER_H
#define FGLA_PASSES_ONNX_MIRRORBUILDER_H

#include "dialect/onnx/ONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace fgla::onnx {

/// Builds nodes of the standard domain at the builder's insertion point. Operands are tensors of known rank, and so are
/// the results, which the conversion and who inspects want; ONNXBuilder, which writes models, leaves types to ONNX.
class MirrorBuilder {
public:
  /// `version` is the version of the standard operators that the model imports.
  MirrorBuilder(mlir::OpBuilder &builder, mlir::Location loc, int64_t version)
      : builder(builder), loc(loc), version(version) {}

  mlir::Value node(llvm::StringRef opType, mlir::ValueRange inputs, mlir::Type type,
                   llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  mlir::Value constant(mlir::DenseElementsAttr value);
  mlir::Value constant(llvm::ArrayRef<int64_t> numbers);

  /// The input itself where the order is the one it has.
  mlir::Value transpose(mlir::Value input, llvm::ArrayRef<int64_t> permutation);
  /// `shape` is the result's; its dynamic sizes are those that the input has in the same dims, but for one at most,
  /// which is what is left.
  mlir::Value reshape(mlir::Value input, llvm::ArrayRef<int64_t> shape);
  mlir::Value concat(mlir::ValueRange inputs, int64_t axis);
  mlir::Value cast(mlir::Value input, mlir::Type element);
  /// The same value where its type says as much, of sizes that are known otherwise.
  mlir::Value withSizes(mlir::Value input, llvm::ArrayRef<int64_t> shape);
  /// With dims of size one in front, up to `rank`.
  mlir::Value withRank(mlir::Value input, int64_t rank);

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
  int64_t version;
};

/// Erases what is not used any more.
void eraseDeadOps(mlir::func::FuncOp func);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_MIRRORBUILDER_H
