//===- Operands.cpp - Where a matrix instruction finds its operands -------===//

#include "passes/layout/Operands.h"
#include "passes/layout/SharedMemory.h"

using namespace mlir;
using namespace fgla;

/// Whether the threads hold, of an operand that they have computed, what the instruction wants of each: blocks of 8 x 8
/// whose neighbours in a thread are summed over, in the warp that needs them.
static bool isFragment(tile::DotOp dot, Value operand, bool isA) {
  auto encoding = dyn_cast_or_null<warp::LayoutAttr>(cast<RankedTensorType>(operand.getType()).getEncoding());
  auto ofResult = dyn_cast_or_null<warp::LayoutAttr>(dot.getResult().getType().getEncoding());
  auto blocks = encoding ? encoding.getMap().findBlocks() : std::nullopt;
  bool innerIsRow = isA ? dot.getTransposeA() : !dot.getTransposeB();
  if (!blocks || !ofResult || blocks->isTransposed != innerIsRow)
    return false;
  return llvm::equal(encoding.getMap().warps, ofResult.getMap().warps, [&](warp::Element own, warp::Element result) {
    auto [inner, outer] = innerIsRow ? std::pair(own.row, own.column) : std::pair(own.column, own.row);
    return inner == 0 && outer == (isA ? result.row : result.column);
  });
}

warp::PutOp fgla::findPutBefore(tile::DotOp dot, Value operand) {
  for (Operation *user : operand.getUsers())
    if (auto put = dyn_cast<warp::PutOp>(user))
      if (put->getBlock() == dot->getBlock() && put->isBeforeInBlock(dot))
        return put;
  return {};
}

OperandPlace fgla::findOperandPlace(tile::DotOp dot, bool isA) {
  Value operand = isA ? dot.getA() : dot.getB();
  if (findGet(operand))
    return OperandPlace::Channel;
  if (isFragment(dot, operand, isA))
    return OperandPlace::Registers;
  return findPutBefore(dot, operand) ? OperandPlace::Put : OperandPlace::Scratch;
}

int64_t fgla::getOperandScratch(tile::DotOp dot) {
  int64_t bytes = 0;
  for (bool isA : {true, false})
    if (findOperandPlace(dot, isA) == OperandPlace::Scratch)
      bytes += TileMemory(isA ? dot.getA().getType() : dot.getB().getType()).getBytes();
  return bytes;
}
