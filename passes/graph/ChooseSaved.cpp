//===- ChooseSaved.cpp - What is kept for the gradient --------------------===//

#include "dialect/fgla/Attributes.h"
#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/graph/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_CHOOSESAVED
#include "passes/graph/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

/// Computes a tensor, rather than moves or fills one.
static bool computes(Operation *op) {
  return isa<AttentionOp, TileFormInterface>(op) || (isa<linalg::LinalgOp>(op) && !isa<linalg::FillOp>(op));
}

/// Changes each element of one tensor by itself.
static bool isElementwise(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalgOp.getNumReductionLoops() == 0;
}

/// The op whose result stands for that of a contraction: what is done to its elements alone comes with it, so that a
/// product in f32 is not kept where it is rounded, or a bias added, right after it.
static Operation *getLast(Operation *contraction) {
  Operation *last = contraction;
  while (last->getResult(0).hasOneUse() && isElementwise(*last->getResult(0).user_begin()))
    last = *last->getResult(0).user_begin();
  return last;
}

namespace {
struct ChooseSaved : fgla::impl::ChooseSavedBase<ChooseSaved> {
  using ChooseSavedBase::ChooseSavedBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic())
        function.walk([&](Operation *op) {
          if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
              memory == Memory::Balanced && linalgOp && linalgOp.getNumReductionLoops() > 0)
            set(getLast(op), Retention::Saved);
          else if (memory == Memory::Balanced && isa<AttentionOp>(op))
            set(op, Retention::Saved);
        });
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic())
        function.walk([&](Operation *op) {
          if (computes(op))
            set(op, memory == Memory::Speed ? Retention::Saved : Retention::Recomputed);
        });
  }

private:
  void set(Operation *op, Retention retention) {
    if (!op->hasAttr(kRetentionAttrName))
      op->setAttr(kRetentionAttrName, RetentionAttr::get(&getContext(), retention));
  }
};
} // namespace
