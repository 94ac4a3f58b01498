//===- FuseElementwise.cpp - Elementwise ops as parts of others -----------===//

#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;

/// Whether the op computes an element of a result from what the result's memory holds before.
static bool readsWhatItWrites(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && llvm::any_of(linalgOp.getDpsInitsMutable(),
                                  [&](OpOperand &init) { return linalgOp.payloadUsesValueFromOperand(&init); });
}

namespace {
struct FuseElementwise : fgla::cpu::impl::FuseElementwiseBase<FuseElementwise> {
  void runOnOperation() override {
    linalg::ControlFusionFn isForOneUser = [](OpOperand *operand) {
      Operation *producer = operand->get().getDefiningOp();
      return producer && producer->hasOneUse();
    };
    linalg::ControlFusionFn canBeRepeated = [&](OpOperand *operand) {
      return isForOneUser(operand) && !readsWhatItWrites(operand->get().getDefiningOp());
    };
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, canBeRepeated);
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, isForOneUser);
    linalg::populateConstantFoldLinalgOperations(patterns, isForOneUser);
    tensor::populateBubbleUpExpandShapePatterns(patterns);
    affine::AffineApplyOp::getCanonicalizationPatterns(patterns, context);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
    context->getLoadedDialect<linalg::LinalgDialect>()->getCanonicalizationPatterns(patterns);
    // From the top, which takes less time.
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), GreedyRewriteConfig().setUseTopDownTraversal())))
      signalPassFailure();
  }
};
} // namespace
