//===- AssignSchedule.cpp - Chooses how each attention runs ---------------===//

#include "dialect/fgla/FGLA.h"
#include "passes/schedule/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace fgla {
#define GEN_PASS_DEF_ASSIGNSCHEDULE
#include "passes/schedule/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

/// The tile length for a CPU, by measurement (docs/performance/cpu-forward.md): each tile passes over the whole state,
/// which wants long tiles where the state is large, and does work of its square on the diagonal. A tile longer than the
/// sequence is waste.
static int64_t chooseTile(AttentionOp op, bool gpu) {
  if (gpu)
    return 16; // rows of a matrix instruction
  constexpr int64_t kLargeState = 64 * 1024; // elements
  int64_t tile = op.getKeyDim() * op.getValueDim() > kLargeState ? 64 : 32;
  int64_t tokens = op.getQuery().getType().getDimSize(1);
  if (ShapedType::isDynamic(tokens) || tokens >= tile)
    return tile;
  return static_cast<int64_t>(llvm::PowerOf2Ceil(std::max<int64_t>(tokens, 1)));
}

namespace {
struct AssignSchedule : fgla::impl::AssignScheduleBase<AssignSchedule> {
  using AssignScheduleBase::AssignScheduleBase;

  void runOnOperation() override {
    if (!getOperation()->hasAttrOfType<TargetAttr>(kTargetAttrName)) {
      getOperation()->emitError() << "module must carry the attribute '" << kTargetAttrName << "'";
      return signalPassFailure();
    }
    if (tile != 0 && !llvm::isPowerOf2_64(tile)) {
      getOperation()->emitError() << "'tile' must be a power of two, got " << int64_t(tile);
      return signalPassFailure();
    }
    bool gpu = getOperation()->getAttrOfType<TargetAttr>(kTargetAttrName).getName() != "cpu";
    getOperation()->walk([&](AttentionOp op) {
      if (op->hasAttr(kScheduleAttrName))
        return;
      if (op.isDeltaRule()) {
        op.emitRemark() << "rule '" << stringifyUpdateRule(op.getRule())
                        << "' has no kernel yet and runs by the sequential lowering";
        return;
      }
      int64_t tokens = op.getQuery().getType().getDimSize(1);
      int64_t chosenTile = tile != 0 ? tile : chooseTile(op, gpu);
      bool oneTile = !ShapedType::isDynamic(tokens) && tokens <= chosenTile;
      int64_t chosenSegments = oneTile ? 1 : segments >= 0 ? static_cast<int64_t>(segments) : 0;
      op->setAttr(kScheduleAttrName, ScheduleAttr::get(&getContext(), chosenTile, chosenSegments));
    });
  }
};
} // namespace
