//===- Provenance.h - Where the operands of an attention come from --------===//
//
// From an operand back to the products with weights that made it: through what only moves elements, scales, norms and
// rotations. There is no list of exporters' patterns: what lies between is told by which paths lead to one product.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_PROVENANCE_H
#define FGLA_PASSES_ONNX_PROVENANCE_H

#include "dialect/onnx/ONNX.h"

#include "llvm/ADT/SetVector.h"

namespace fgla::onnx {

/// What is known of one operand.
struct Provenance {
  /// Products of activations and weights that the operand is made of.
  llvm::SmallSetVector<mlir::Operation *, 2> projections;
  /// What is in front of the keys or values of this call.
  mlir::Value past;
  bool isRotated = false;    ///< by position
  bool isNormalized = false; ///< each head

  /// What the projections project, where that is one value.
  mlir::Value getSource() const;
};

Provenance traceOperand(mlir::Value value);

/// The product with weights that a result goes into, through what only moves its elements; null where there is none.
NodeOp findOutputProjection(mlir::Value value);

/// Whether the value is made of weights and constants alone.
bool isConstantValue(mlir::Value value);

/// The elements of the weights of a projection; 0 where their shape is not known.
int64_t countParameters(NodeOp projection);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_PROVENANCE_H
