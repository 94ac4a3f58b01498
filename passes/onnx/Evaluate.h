//===- Evaluate.h - Parts of a model, computed on small sizes -------------===//
//
// What a mask hides, what a scale is and where the elements of a head come from is seen by computing it: for a few
// small sizes of the free dims and chosen integers, the nodes that make shapes, indices and masks are evaluated as ONNX
// says. Activations are not: of them only the shape is known.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_EVALUATE_H
#define FGLA_PASSES_ONNX_EVALUATE_H

#include "dialect/onnx/ONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/StringMap.h"

#include <optional>
#include <vector>

namespace fgla::onnx {

/// A small tensor. Numbers of all types are doubles: integers of models that count tokens are exact.
struct Array {
  llvm::SmallVector<int64_t> shape;
  /// In row-major order; none where only the shape is known.
  std::optional<std::vector<double>> values;
  bool isInteger = false; ///< or boolean: division truncates

  int64_t size() const;
  /// The number that all elements are.
  std::optional<double> splat() const;
};

/// The sizes of free dims, by name.
using Sizes = llvm::StringMap<int64_t>;

/// Evaluates values of one function.
class Evaluator {
public:
  Evaluator(mlir::func::FuncOp func, const Sizes &sizes) : func(func), sizes(sizes) {}

  /// Chooses what a value is. Before anything that depends on it is asked for.
  void set(mlir::Value value, Array array) { known[value] = std::move(array); }
  /// The value, or its shape at least; nothing where neither is known.
  const Array *get(mlir::Value value);

private:
  std::optional<Array> argument(mlir::BlockArgument argument);
  std::optional<Array> result(mlir::Value value);

  mlir::func::FuncOp func;
  const Sizes &sizes;
  llvm::DenseMap<mlir::Value, std::optional<Array>> known;
  unsigned depth = 0;
  int64_t kept = 0; ///< elements of all arrays that are known
};

/// The shape that numpy's rules give; nothing where they give none.
std::optional<llvm::SmallVector<int64_t>> broadcastShapes(llvm::ArrayRef<int64_t> left, llvm::ArrayRef<int64_t> right);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_EVALUATE_H
