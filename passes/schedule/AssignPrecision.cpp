//===- AssignPrecision.cpp - Lets products of f32 be less exact -----------===//

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
    auto target = getOperation()->getAttrOfType<TargetAttr>(kTargetAttrName);
    if (!target) {
      getOperation()->emitError() << "module must carry the attribute '" << kTargetAttrName << "'";
      return signalPassFailure();
    }
    WalkResult result = getOperation()->walk([&](AttentionOp op) {
      Attribute given = op->getAttr(kPrecisionAttrName);
      if (given && !isa<PrecisionAttr>(given)) {
        op.emitError() << "attribute '" << kPrecisionAttrName
                       << "' must be #fgla.precision<f32> or #fgla.precision<tf32>, got " << given;
        return WalkResult::interrupt();
      }
      assign(op, given ? cast<PrecisionAttr>(given).getValue() : Precision(precision), target.getName());
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
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
