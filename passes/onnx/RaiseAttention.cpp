//===- RaiseAttention.cpp - Softmax attention in the mirror of a model ----===//
#include "passes/onnx/RaiseAttention.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace fgla::onnx {
#define GEN_PASS_DEF_RAISEATTENTION
#include "passes/onnx/Passes.h.inc"
} // namespace fgla::onnx

namespace {

class RaiseAttentionPass : public fgla::onnx::impl::RaiseAttentionBase<RaiseAttentionPass> {
  void runOnOperation() override {
    SmallVector<fgla::onnx::NodeOp> operators;
    getOperation()->walk([&](fgla::onnx::NodeOp node) {
      if (fgla::onnx::isAttentionOperator(node))
        operators.push_back(node);
    });
    for (fgla::onnx::NodeOp node : operators) {
      fgla::onnx::Obstacle obstacle;
      // What is not raised stays as it is.
      (void)fgla::onnx::raiseAttentionOperator(node, obstacle);
    }
  }
};

} // namespace
