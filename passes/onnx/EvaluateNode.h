//===- EvaluateNode.h - One node, computed on small sizes -----------------===//
#ifndef FGLA_PASSES_ONNX_EVALUATENODE_H
#define FGLA_PASSES_ONNX_EVALUATENODE_H

#include "passes/onnx/Evaluate.h"

namespace fgla::onnx {

/// Larger arrays are known by their shape alone.
inline constexpr int64_t kMostElements = int64_t(1) << 22;

/// The output in `place` of a node. An input that is absent, or of which nothing is known, is null. Nothing is the
/// answer for an operator that is not known here, and for inputs that do not fit.
std::optional<Array> evaluateNode(NodeOp node, llvm::ArrayRef<const Array *> inputs, unsigned place);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_EVALUATENODE_H
