//===- InspectAttention.h - What attention a model has --------------------===//
#ifndef FGLA_PASSES_ONNX_INSPECTATTENTION_H
#define FGLA_PASSES_ONNX_INSPECTATTENTION_H

#include "passes/onnx/RaiseAttention.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>
#include <vector>

namespace fgla::onnx {

/// One attention of a model. Sizes are zero where they are not known.
struct AttentionReport {
  std::string node;      ///< its name in the model
  std::string operation; ///< `Attention`, or what it is made of
  int64_t queryHeads = 0, heads = 0, keyDim = 0, valueDim = 0;
  double scale = 0, softcap = 0;
  /// `none`, `causal`, `window`, `mask` …
  std::string mask = "none";
  int64_t window = 0; ///< keys that a query sees, itself with them; 0: all
  bool isRotated = false, isNormalized = false, hasPast = false, hasSinks = false;
  /// Of the projections to queries, keys, values, and of the output.
  int64_t parameters = 0;
  /// Of keys and values for each token of context, and of the state that takes their place, for one sequence.
  int64_t bytesPerToken = 0, stateBytes = 0;
  /// Why it can't be replaced.
  std::optional<Obstacle> obstacle;
  /// What a replacement leaves out.
  std::vector<std::string> dropped;
};

/// Raises all attentions of a mirror and says what each is, in the order of the graph.
std::vector<AttentionReport> inspectAttentions(mlir::func::FuncOp func);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_INSPECTATTENTION_H
