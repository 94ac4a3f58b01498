//===- ONNXDims.h - Sizes as products of known and unknown factors --------===//
//
// Reshapes of models with free dims can only be understood if sizes can be compared, multiplied and divided without
// knowing them. A size is a constant times symbols (SSA values of type index). What is no product (a sum, a rounded
// quotient) becomes a new symbol.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_ONNXDIMS_H
#define FGLA_PASSES_ONNX_ONNXDIMS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/Value.h"

#include <optional>

namespace fgla::onnx {

class Dim {
public:
  Dim(int64_t factor = 1) : factor(factor) {}
  static Dim symbol(mlir::Value value);

  bool isConstant() const { return symbols.empty(); }
  bool isOne() const { return isConstant() && factor == 1; }
  bool isZero() const { return factor == 0; }
  /// The constant, or ShapedType::kDynamic.
  int64_t getStatic() const;

  bool operator==(const Dim &other) const;
  bool operator!=(const Dim &other) const { return !(*this == other); }
  /// Nothing where the constant part overflows.
  std::optional<Dim> times(const Dim &other) const;
  /// The exact quotient, or nothing where it can't be seen.
  std::optional<Dim> dividedBy(const Dim &other) const;

  /// The symbol, where the size is that and nothing else.
  mlir::Value getSymbol() const { return factor == 1 && symbols.size() == 1 ? symbols.front() : mlir::Value(); }
  /// Where two symbols are found to be one size.
  void replace(mlir::Value from, mlir::Value to);

  /// The size as a value or a constant at the insertion point.
  mlir::Value materialize(mlir::OpBuilder &b, mlir::Location loc) const;
  mlir::OpFoldResult fold(mlir::OpBuilder &b, mlir::Location loc) const;
  /// `64`, `?`, `64 * ?`.
  std::string str() const;

private:
  int64_t factor;
  llvm::SmallVector<mlir::Value, 2> symbols;
};

/// The product of all, or nothing on overflow.
std::optional<Dim> product(llvm::ArrayRef<Dim> dims);
/// `[?, ?, 4, 64]`
std::string formatDims(llvm::ArrayRef<Dim> dims);
/// The tensor type with these dims.
mlir::RankedTensorType tensorType(llvm::ArrayRef<Dim> dims, mlir::Type element);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_ONNXDIMS_H
