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
  if (auto convert = dyn_cast<warp::ConvertOp>(op))
    return TileMemory(convert.getInput().getType()).getBytes();
  return 0;
}

/// Bytes for what warps tell each other of the rows of a turn. The next turn has its own: so one barrier a turn is
/// enough.
static int64_t getTurnScratch(Operation *op, int64_t warps) {
  auto reduce = dyn_cast<tile::ReduceOp>(op);
  if (warps == 1 || !((reduce && reduce.getDim() == 1) || isa<tile::RowNormOp>(op)))
    return 0;
  int64_t exchanges = reduce ? 1 : 3; // the sum, or the largest element and the sum of what is scaled by it
  return exchanges * tile::shapeOf(op->getOperand(0))[0] * warps * sizeof(float);
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
      if (int64_t bytes = getTurnScratch(op, role.getWarps())) {
        turnScratch[op] = turnBytes;
        turnBytes += bytes;
      }
      if (int64_t bytes = getScratch(op, role.getWarps())) {
        scratch[op] = scratchBytes;
        scratchBytes += bytes * role.getInstances();
      }
    });
  }
  ++numBarriers; // the turn is free
}
