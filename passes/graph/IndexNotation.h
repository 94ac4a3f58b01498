//===- IndexNotation.h - linalg.generic from index notation ---------------===//
//
// Sums and maps over tensors, written as on paper: "bhk,bhv->bhkv".
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_GRAPH_INDEXNOTATION_H
#define FGLA_PASSES_GRAPH_INDEXNOTATION_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace fgla::graph {
/// Gets one scalar for each input, then the one of the output so far, all of the output's computation type; returns the
/// new output.
using ScalarBody = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

/// A `linalg.generic` of `inputs` onto `init`. `notation` has one letter for each dim of each operand, inputs first. A
/// letter that the output lacks is reduced over. Scalars are converted from and to the operands' element types around
/// `body`.
mlir::Value buildGeneric(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef notation,
                         mlir::ValueRange inputs, mlir::Value init, ScalarBody body);

/// A scalar in another float type.
mlir::Value convertFloat(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type type);

/// A tensor of `sizes` without contents, or full of `value`.
mlir::Value buildEmpty(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                       mlir::Type element);
mlir::Value buildFill(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                      mlir::Type element, double value);

/// A tensor of rank 1 to 8 in another float type.
mlir::Value convertTensor(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor, mlir::Type element);

/// `value`, cast to `type` where it is known less or more exactly.
mlir::Value castTensor(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type type);
} // namespace fgla::graph

#endif // FGLA_PASSES_GRAPH_INDEXNOTATION_H
