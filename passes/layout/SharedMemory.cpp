//===- SharedMemory.cpp - Where channels lie in shared memory -------------===//

#include "passes/layout/SharedMemory.h"

using namespace mlir;
using namespace fgla;

/// Bytes that one instance needs to work on `op`.
static int64_t getScratch(Operation *op, int64_t warps) {
  if (auto scores = dyn_cast<tile::DecayedScoresOp>(op)) {
    // Both operands of the matrix instruction, in the type that they are rounded to.
    auto shape = scores.getQuery().getType().getShape();
    return 2 * TileMemory(RankedTensorType::get(shape, BFloat16Type::get(op->getContext()))).getBytes();
  }
  if (auto reduce = dyn_cast<tile::ReduceOp>(op); reduce && warps > 1 && reduce.getDim() == 1)
    return reduce.getInput().getType().getDimSize(0) * warps * sizeof(float);
  if (auto convert = dyn_cast<warp::ConvertOp>(op))
    return TileMemory(convert.getInput().getType()).getBytes();
  return 0;
}

SharedMemoryPlan::SharedMemoryPlan(warp::PipelineOp pipeline) {
  for (auto channel : pipeline.getBody().getOps<warp::ChannelOp>()) {
    if (Value reused = channel.getReuses()) {
      channels[channel.getResult()] = channels.lookup(reused);
      continue;
    }
    channels[channel.getResult()] = turnBytes;
    turnBytes += TileMemory(channel.getType().getTile()).getBytes();
  }
  for (auto role : pipeline.getBody().getOps<warp::RoleOp>()) {
    ++numBarriers;
    role.walk([&](Operation *op) {
      if (int64_t bytes = getScratch(op, role.getWarps())) {
        scratch[op] = scratchBytes;
        scratchBytes += bytes * role.getInstances();
      }
    });
  }
  ++numBarriers; // the turn is free
}
