//===- ONNXBuilder.h - writes ONNX nodes about as short as on paper -------===//
#ifndef FGLA_PASSES_ONNX_ONNXBUILDER_H
#define FGLA_PASSES_ONNX_ONNXBUILDER_H

#include "dialect/onnx/ONNX.h"

#include "mlir/IR/Builders.h"

namespace fgla::onnx {

/// Makes `onnx.node` ops at an insertion point. Values in between have the type
/// `none`: ONNX infers types by itself.
class ONNXBuilder {
public:
  ONNXBuilder(mlir::OpBuilder &builder, mlir::Location loc, int64_t opset) : builder(builder), loc(loc), opset(opset) {}

  using Attributes = llvm::ArrayRef<mlir::NamedAttribute>;

  /// A node; null inputs are absent. An operator of a domain of its own has version 1.
  NodeOp node(llvm::StringRef type, llvm::ArrayRef<mlir::Value> inputs, Attributes attributes = {}, int outputs = 1,
              llvm::StringRef domain = "");
  mlir::Value op(llvm::StringRef type, llvm::ArrayRef<mlir::Value> inputs, Attributes attributes = {});
  mlir::NamedAttribute attribute(llvm::StringRef name, int64_t value);
  mlir::NamedAttribute attribute(llvm::StringRef name, llvm::ArrayRef<int64_t> values);

  mlir::Value constant(mlir::ElementsAttr value);
  mlir::Value number(double value);
  mlir::Value integers(llvm::ArrayRef<int64_t> values);

  mlir::Value add(mlir::Value a, mlir::Value b) { return op("Add", {a, b}); }
  mlir::Value sub(mlir::Value a, mlir::Value b) { return op("Sub", {a, b}); }
  mlir::Value mul(mlir::Value a, mlir::Value b) { return op("Mul", {a, b}); }
  mlir::Value div(mlir::Value a, mlir::Value b) { return op("Div", {a, b}); }
  mlir::Value max(mlir::Value a, mlir::Value b) { return op("Max", {a, b}); }
  mlir::Value exp(mlir::Value a) { return op("Exp", {a}); }
  mlir::Value neg(mlir::Value a) { return op("Neg", {a}); }

  /// `x` in elements of `element`, where it has elements of `from`.
  mlir::Value cast(mlir::Value x, mlir::Type from, mlir::Type element);
  mlir::Value reshape(mlir::Value x, llvm::ArrayRef<int64_t> shape) { return op("Reshape", {x, integers(shape)}); }
  mlir::Value unsqueeze(mlir::Value x, llvm::ArrayRef<int64_t> axes) { return op("Unsqueeze", {x, integers(axes)}); }
  mlir::Value transpose(mlir::Value x, llvm::ArrayRef<int64_t> permutation) {
    return op("Transpose", {x}, attribute("perm", permutation));
  }
  /// The first `count` sizes of `x`, then `sizes`, as a shape.
  mlir::Value shapeLike(mlir::Value x, int64_t count, llvm::ArrayRef<int64_t> sizes);
  mlir::Value reduce(llvm::StringRef type, mlir::Value x, llvm::ArrayRef<int64_t> axes, bool keep);

  /// A Scan along axis 1 of `scanned`. `body` gets the states and one slice of each, and returns the states and what is
  /// gathered along axis 1. Nothing from outside may be used in it.
  mlir::ValueRange scan(mlir::ValueRange states, mlir::ValueRange scanned,
                        llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange)> body);

  mlir::OpBuilder &getBuilder() { return builder; }

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
  int64_t opset;
};

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_ONNXBUILDER_H
