//===- RaiseAttention.h - Softmax attention in the mirror of a model ------===//
#ifndef FGLA_PASSES_ONNX_RAISEATTENTION_H
#define FGLA_PASSES_ONNX_RAISEATTENTION_H

#include "dialect/fgla/FGLA.h"
#include "dialect/onnx/ONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>
#include <string>
#include <vector>

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

/// One attention of a function, and what became of it.
struct RaisedAttention {
  std::string node;      ///< its name in the model
  std::string operation; ///< the operator, or what the graph is made of
  SoftmaxAttentionOp op; ///< null where there is an obstacle
  Obstacle obstacle;
};

/// Raises all attentions of a function, in the order of the graph. What is not used any more is left behind.
std::vector<RaisedAttention> raiseAttentions(mlir::func::FuncOp func);

class Samples;

/// The same for an attention that a graph is made of, which has `softmax` between two contractions; false where it has
/// not. `op` is null where there is an obstacle.
bool raiseDecomposedAttention(NodeOp softmax, Samples &samples, SoftmaxAttentionOp &op, Obstacle &obstacle);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_RAISEATTENTION_H
