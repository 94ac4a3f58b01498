//===- RaiseAttention.h - Softmax attention in the mirror of a model ------===//
#ifndef FGLA_PASSES_ONNX_RAISEATTENTION_H
#define FGLA_PASSES_ONNX_RAISEATTENTION_H

#include "dialect/fgla/FGLA.h"
#include "dialect/onnx/ONNX.h"

#include <string>

namespace fgla::onnx {

/// Why an attention is left as it is: a code that docs/linearize.md explains, and what was found.
struct Obstacle {
  llvm::StringRef code;
  std::string text;
};

/// Whether the node is an operator that computes a softmax attention, of the standard domain or of ONNX Runtime's own.
bool isAttentionOperator(NodeOp node);

/// Replaces an attention operator by `fgla.softmax_attention` with what brings its operands and results into layout, as
/// nodes. Where that can't be done nothing is changed, and `obstacle` says why.
mlir::FailureOr<SoftmaxAttentionOp> raiseAttentionOperator(NodeOp node, Obstacle &obstacle);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_RAISEATTENTION_H
