//===- AssignPrecision.cpp - Lets products of f32 be less exact -----------===//

#include "dialect/fgla/Attributes.h"
#include "passes/Targets.h"
#include "passes/schedule/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_ASSIGNPRECISION
#include "passes/schedule/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

namespace {
struct AssignPrecision : fgla::impl::AssignPrecisionBase<AssignPrecision> {
  using AssignPrecisionBase::AssignPrecisionBase;

  void runOnOperation() override {
    TargetAttr target = requireTarget(getOperation());
    if (!target)
      return signalPassFailure();
    getOperation()->walk([&](AttentionOp op) {
      auto given = op->getAttrOfType<PrecisionAttr>(kPrecisionAttrName);
      assign(op, given ? given.getValue() : Precision(precision), target.getName());
    });
  }

private:
  void assign(AttentionOp op, Precision wanted, StringRef target) {
    if (wanted == Precision::F32)
      return;
    Type element = op.getQuery().getType().getElementType();
    std::string name = ("precision '" + stringifyPrecision(wanted) + "' is for ").str();
    if (target == "cpu")
      op.emitRemark() << name << "GPUs: 'cpu' multiplies f32 as it is";
    else if (!element.isF32())
      op.emitRemark() << name << "tensors of f32: those of " << element << " are multiplied as they are";
    else
      op->setAttr(kPrecisionAttrName, PrecisionAttr::get(&getContext(), wanted));
  }
};
} // namespace
