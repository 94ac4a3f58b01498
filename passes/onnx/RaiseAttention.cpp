//===- RaiseAttention.cpp - Softmax attention in the mirror of a model ----===//
#include "passes/onnx/RaiseAttention.h"
#include "passes/onnx/OperandLayout.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace fgla::onnx;
using fgla::SoftmaxAttentionOp;

namespace fgla::onnx {
#define GEN_PASS_DEF_RAISEATTENTION
#include "passes/onnx/Passes.h.inc"
} // namespace fgla::onnx

static std::string nameOf(NodeOp node) {
  if (!node.getNodeName().empty())
    return node.getNodeName().str();
  auto loc = dyn_cast<NameLoc>(node.getLoc());
  return loc ? loc.getName().str() : node.getOpType().str();
}

static bool isSoftmax(NodeOp node) {
  return node.getDomain().empty() && node.getOpType() == "Softmax" && node.getInput(0) && node.getOutput(0);
}

std::vector<RaisedAttention> fgla::onnx::raiseAttentions(func::FuncOp func) {
  SmallVector<NodeOp> nodes;
  func.walk([&](NodeOp node) {
    if (isAttentionOperator(node) || isSoftmax(node))
      nodes.push_back(node);
  });
  std::vector<std::optional<RaisedAttention>> found(nodes.size());
  // Operators first: they go, and what samples have seen must stay where it is.
  for (auto [node, result] : llvm::zip(nodes, found)) {
    if (isSoftmax(node))
      continue;
    std::string domain = node.getDomain().empty() ? "" : (node.getDomain() + ".").str();
    result = RaisedAttention{nameOf(node), domain + node.getOpType().str(), {}, {}};
    FailureOr<SoftmaxAttentionOp> op = raiseAttentionOperator(node, result->obstacle);
    result->op = succeeded(op) ? *op : SoftmaxAttentionOp();
    // What is left of it is another's.
    node = NodeOp();
  }
  std::optional<Samples> samples;
  for (auto [node, result] : llvm::zip(nodes, found)) {
    if (!node)
      continue;
    if (!samples)
      samples.emplace(func);
    RaisedAttention attention{nameOf(node), "Softmax", {}, {}};
    if (raiseDecomposedAttention(node, *samples, attention.op, attention.obstacle))
      result = attention;
  }
  std::vector<RaisedAttention> attentions;
  for (std::optional<RaisedAttention> &result : found)
    if (result)
      attentions.push_back(std::move(*result));
  return attentions;
}

namespace {

class RaiseAttentionPass : public fgla::onnx::impl::RaiseAttentionBase<RaiseAttentionPass> {
  void runOnOperation() override {
    for (func::FuncOp func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() && !raiseAttentions(func).empty())
        eraseDeadOps(func);
  }
};

} // namespace
