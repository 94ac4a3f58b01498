//===- Adjoint.h - Gradients of computations on tensors -------------------===//
#ifndef FGLA_PASSES_GRAPH_ADJOINT_H
#define FGLA_PASSES_GRAPH_ADJOINT_H

#include "mlir/IR/Builders.h"

namespace fgla::graph {
/// How a `linalg.generic` that takes a maximum is differentiated.
enum class Maxima {
  Unsupported, ///< it is not: an error
  Constant     ///< it takes out what would overflow, and what is computed does not depend on it
};

/// Reverse mode over the ops of one block: builds the cotangents of `inputs`, given those of `outputs`, which are
/// computed from them. Null for an input that nothing flows to. Cotangents have the shape of what they are for and its
/// computation type. An `fgla` op becomes the op that is its gradient. Fails, with an error that names the op, where
/// there is no derivative.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildAdjoint(mlir::OpBuilder &builder, mlir::ValueRange outputs,
                                                             mlir::ValueRange cotangents, mlir::ValueRange inputs,
                                                             Maxima maxima);

/// Whether a gradient can flow through a value: not where it is no float, or a stabilizer's maximum.
bool isDifferentiable(mlir::Value value);
} // namespace fgla::graph

#endif // FGLA_PASSES_GRAPH_ADJOINT_H
