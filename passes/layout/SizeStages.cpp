//===- SizeStages.cpp - As many turns under way as shared memory holds ----===//

#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/Targets.h"
#include "passes/layout/Passes.h"
#include "passes/layout/SharedMemory.h"
#include "passes/schedule/Choices.h"

namespace fgla {
#define GEN_PASS_DEF_SIZESTAGES
#include "passes/layout/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

/// The largest tile that roles hand on.
static RankedTensorType getLargestTile(warp::PipelineOp pipeline) {
  RankedTensorType largest;
  for (auto channel : pipeline.getBody().getOps<warp::ChannelOp>())
    if (RankedTensorType tile = channel.getType().getTile();
        !largest || tile.getNumElements() > largest.getNumElements())
      largest = tile;
  return largest;
}

/// Bytes of shared memory from the first on that tiles can begin at.
static int64_t getAvailable(const GPUTarget &target) {
  constexpr int64_t kAlignment = 1024;
  return target.sharedPerBlock - kAlignment;
}

/// The turns that fit, as many as `wanted` if that is not 0.
static FailureOr<int64_t> countStages(warp::PipelineOp pipeline, const GPUTarget &target, int64_t wanted) {
  SharedMemoryPlan plan(pipeline);
  int64_t available = getAvailable(target), stages = wanted ? wanted : kMostStages;
  if (wanted && plan.getTotal(wanted) > available)
    return pipeline.emitError() << "needs " << plan.getTotal(wanted) << " bytes of shared memory for the " << wanted
                                << " turns that its schedule says, '" << target.name << "' has " << available;
  while (stages > 0 && plan.getTotal(stages) > available)
    --stages;
  if (stages < 2) {
    InFlightDiagnostic error = pipeline.emitError();
    error << "needs " << plan.getTotal(2) << " bytes of shared memory for two turns, '" << target.name << "' has "
          << available;
    if (RankedTensorType tile = getLargestTile(pipeline))
      error << "; the largest tile of a turn has " << tile.getDimSize(0) << " x " << tile.getDimSize(1) << " elements";
    return error;
  }
  return stages;
}

/// A role must not have more instances than there are turns under way: the first turn of an instance would be the
/// second in its memory, and a barrier that was never used looks to it as if the turn had come.
static bool limitInstances(warp::PipelineOp pipeline, int64_t most) {
  bool changed = false;
  for (auto role : pipeline.getBody().getOps<warp::RoleOp>()) {
    if (static_cast<int64_t>(role.getInstances()) <= most)
      continue;
    changed = true;
    role.setInstances(llvm::bit_floor(static_cast<uint64_t>(most)));
    role.walk([&](tile::WalkOp walk) { walk.setInstances(role.getInstances()); });
  }
  return changed;
}

/// Instances work in memory of their own, each: halves their number until two turns fit beside it, or one is left.
static void makeRoom(warp::PipelineOp pipeline, const GPUTarget &target) {
  int64_t most = 1;
  for (auto role : pipeline.getBody().getOps<warp::RoleOp>())
    most = std::max<int64_t>(most, role.getInstances());
  while (most > 1 && SharedMemoryPlan(pipeline).getTotal(2) > getAvailable(target))
    limitInstances(pipeline, most /= 2);
}

namespace {
struct SizeStages : fgla::impl::SizeStagesBase<SizeStages> {
  void runOnOperation() override {
    const GPUTarget *target = requireGPUTarget(getOperation());
    if (!target)
      return signalPassFailure();
    WalkResult result = getOperation()->walk([&](warp::PipelineOp pipeline) {
      if (pipeline.getBody().getOps<warp::ChannelOp>().empty())
        return WalkResult::advance(); // no turns
      auto kernel = pipeline->getParentOfType<func::FuncOp>();
      auto schedule = kernel ? kernel->getAttrOfType<ScheduleAttr>(kKernelAttrName) : ScheduleAttr();
      int64_t wanted = schedule ? schedule.getStages() : 0;
      if (!wanted)
        makeRoom(pipeline, *target);
      FailureOr<int64_t> stages = 0;
      do { // fewer instances need less memory
        stages = countStages(pipeline, *target, wanted);
        if (failed(stages))
          return WalkResult::interrupt();
      } while (limitInstances(pipeline, *stages));
      pipeline.setStages(*stages);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
