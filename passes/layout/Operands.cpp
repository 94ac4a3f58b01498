//===- Operands.cpp - Where a matrix instruction finds its operands -------===//

#include "passes/layout/Operands.h"
#include "passes/layout/SharedMemory.h"

using namespace mlir;
using namespace fgla;

/// Whether lanes hold the accumulators of 8 x 8 blocks, or those of the transposed blocks.
static bool isAccumulator(Value tile) {
  auto encoding = dyn_cast_or_null<warp::LayoutAttr>(cast<RankedTensorType>(tile.getType()).getEncoding());
  return encoding && encoding.getMap().findBlocks();
}

warp::PutOp fgla::findPutBefore(tile::DotOp dot, Value operand) {
  for (Operation *user : operand.getUsers())
    if (auto put = dyn_cast<warp::PutOp>(user))
      if (put->getBlock() == dot->getBlock() && put->isBeforeInBlock(dot))
        return put;
  return {};
}

OperandPlace fgla::findOperandPlace(tile::DotOp dot, Value operand) {
  if (isa_and_nonnull<warp::GetOp>(operand.getDefiningOp()))
    return OperandPlace::Channel;
  if (isAccumulator(operand))
    return OperandPlace::Registers;
  return findPutBefore(dot, operand) ? OperandPlace::Put : OperandPlace::Scratch;
}

int64_t fgla::getOperandScratch(tile::DotOp dot) {
  int64_t bytes = 0;
  for (Value operand : {dot.getA(), dot.getB()})
    if (findOperandPlace(dot, operand) == OperandPlace::Scratch)
      bytes += TileMemory(cast<RankedTensorType>(operand.getType())).getBytes();
  return bytes;
}
