//===- SizeStages.cpp - As many turns under way as shared memory holds ----===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Targets.h"
#include "passes/layout/Passes.h"
#include "passes/layout/SharedMemory.h"
#include "passes/schedule/Choices.h"
#include "passes/schedule/Passes.h"
#include "passes/tiled/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_SIZESTAGES
#include "passes/layout/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

namespace {
struct SizeStages : fgla::impl::SizeStagesBase<SizeStages> {
  void runOnOperation() override {
    auto attr = getOperation()->getAttrOfType<TargetAttr>(kTargetAttrName);
    const GPUTarget *target = attr ? findGPUTarget(attr.getName()) : nullptr;
    if (!target) {
      getOperation()->emitError() << "module must carry the attribute '" << kTargetAttrName << "' with a GPU";
      return signalPassFailure();
    }
    getOperation()->walk([&](warp::PipelineOp pipeline) {
      constexpr int64_t kAlignment = 1024;
      if (pipeline.getBody().getOps<warp::ChannelOp>().empty())
        return; // no turns
      SharedMemoryPlan plan(pipeline);
      auto kernel = pipeline->getParentOfType<func::FuncOp>();
      auto schedule = kernel ? kernel->getAttrOfType<ScheduleAttr>(kKernelAttrName) : ScheduleAttr();
      int64_t wanted = schedule ? schedule.getStages() : 0;
      int64_t available = target->sharedPerBlock - kAlignment, stages = wanted ? wanted : kMostStages;
      if (wanted && plan.getTotal(wanted) > available) {
        pipeline.emitError() << "needs " << plan.getTotal(wanted) << " bytes of shared memory for the " << wanted
                             << " turns that its schedule says, '" << target->name << "' has " << available;
        return signalPassFailure();
      }
      while (stages > 0 && plan.getTotal(stages) > available)
        --stages;
      if (stages < 2) {
        pipeline.emitError() << "needs " << plan.getTotal(2) << " bytes of shared memory for two turns, '"
                             << target->name << "' has " << available;
        return signalPassFailure();
      }
      pipeline.setStages(stages);
    });
  }
};
} // namespace
