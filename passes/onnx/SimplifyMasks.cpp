//===- SimplifyMasks.cpp - Masks that are said, not computed --------------===//
#include "passes/onnx/ClassifyMask.h"
#include "passes/onnx/MirrorBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using fgla::SoftmaxAttentionOp;
using fgla::onnx::MaskClass;
using fgla::onnx::MaskKind;

namespace fgla::onnx {
#define GEN_PASS_DEF_SIMPLIFYMASKS
#include "passes/onnx/Passes.h.inc"
} // namespace fgla::onnx

namespace {

class SimplifyMasksPass : public fgla::onnx::impl::SimplifyMasksBase<SimplifyMasksPass> {
  void runOnOperation() override {
    for (func::FuncOp func : getOperation().getOps<func::FuncOp>()) {
      bool isChanged = false;
      func.walk([&](SoftmaxAttentionOp op) { isChanged |= simplify(func, op); });
      if (isChanged)
        fgla::onnx::eraseDeadOps(func);
    }
  }

  static bool simplify(func::FuncOp func, SoftmaxAttentionOp op) {
    if (!op.getMask() || op.getAlignment() || op.getLengths())
      return false;
    MaskClass mask = fgla::onnx::classifyMask(func, op);
    bool isWindow = mask.kind == MaskKind::Window;
    if (!mask.isOfSizesAlone || mask.hidesPadding || (mask.kind != MaskKind::Causal && !isWindow))
      return false;
    op.getMaskMutable().clear();
    op.setAhead(0);
    op.setAlignment(fgla::Alignment::End);
    if (isWindow)
      op.setBehind(mask.window - 1);
    return true;
  }
};

} // namespace
