//===- SharedMemory.cpp - Where channels lie in shared memory -------------===//

#include "passes/layout/SharedMemory.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/layout/Operands.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fgla;

warp::GetOp fgla::findGet(Value tile) {
  if (auto slice = tile.getDefiningOp<tensor::ExtractSliceOp>();
      slice && slice.getType().getDimSize(0) == slice.getSourceType().getDimSize(0))
    tile = slice.getSource();
  return tile.getDefiningOp<warp::GetOp>();
}

/// The tiles from channels that have `value`'s shape and that it is computed from.
static llvm::SetVector<Value> findSources(Value value) {
  llvm::SetVector<Operation *> seen;
  llvm::SetVector<Value> sources;
  SmallVector<Value> work{value};
  while (!work.empty()) {
    Value tile = work.pop_back_val();
    Operation *op = tile.getDefiningOp();
    if (!op || !seen.insert(op))
      continue;
    if (!findGet(tile))
      llvm::append_range(work, op->getOperands());
    else if (tile::shapeOf(tile) == tile::shapeOf(value))
      sources.insert(tile);
  }
  return sources;
}

/// Whether all roles that read the channel are `role`, or have read it before `role` has what they put.
static bool isReadBefore(Value channel, warp::RoleOp role) {
  for (Operation *user : channel.getUsers()) {
    auto reader = user->getParentOfType<warp::RoleOp>();
    if (!isa<warp::GetOp>(user) || reader == role)
      continue;
    bool isHeard = false;
    reader.walk([&](warp::PutOp put) {
      for (Operation *other : put.getChannel().getUsers())
        isHeard |= isa<warp::GetOp>(other) && other->getParentOfType<warp::RoleOp>() == role;
    });
    if (!isHeard)
      return false;
  }
  return true;
}

std::pair<Value, Value> fgla::findPlaces(tile::DecayedScoresOp scores) {
  auto find = [&](Value value, std::initializer_list<Value> others) -> Value {
    llvm::SetVector<Value> sources = findSources(value);
    if (sources.size() != 1)
      return {};
    Value source = sources.front();
    warp::GetOp get = findGet(source);
    bool isNarrow = get.getResult().getType().getElementType().getIntOrFloatBitWidth() == 16;
    bool isShared = llvm::any_of(others, [&](Value other) {
      return llvm::any_of(findSources(other), [&](Value tile) { return findGet(tile) == get; });
    });
    bool isFree = isNarrow && !isShared && isReadBefore(get.getChannel(), get->getParentOfType<warp::RoleOp>());
    return isFree ? source : Value();
  };
  Value query = find(scores.getQuery(), {scores.getKey(), scores.getDecay()});
  Value key = find(scores.getKey(), {scores.getQuery(), scores.getDecay()});
  return query && key ? std::pair(query, key) : std::pair<Value, Value>();
}

Type fgla::getOperandElement(tile::DecayedScoresOp scores) {
  // By all that the role gets: a map may make a query of what has another shape.
  bool isNarrow = scores->getParentOfType<warp::RoleOp>()
                      .walk([](warp::GetOp get) {
                        return get.getResult().getType().getElementTypeBitWidth() == 16 ? WalkResult::interrupt()
                                                                                        : WalkResult::advance();
                      })
                      .wasInterrupted();
  return isNarrow ? Type(BFloat16Type::get(scores.getContext())) : Float32Type::get(scores.getContext());
}

bool fgla::combinesRowsOfWarps(tile::ReduceOp reduce) {
  auto layout = dyn_cast_or_null<warp::LayoutAttr>(reduce.getInput().getType().getEncoding());
  return reduce.getDim() == 0 && layout &&
         llvm::any_of(layout.getMap().warps, [](warp::Element basis) { return basis.row != 0; });
}

RankedTensorType fgla::getPartsOfWarps(tile::ReduceOp reduce) {
  auto type = cast<RankedTensorType>(reduce.getResult().getType());
  auto layout = cast<warp::LayoutAttr>(reduce.getInput().getType().getEncoding());
  auto bits = llvm::count_if(layout.getMap().warps, [](warp::Element basis) { return basis.row != 0; });
  return RankedTensorType::get({int64_t(1) << bits, type.getDimSize(1)}, type.getElementType());
}

/// Bytes that one instance needs to work on `op`.
static int64_t getScratch(Operation *op) {
  if (auto scores = dyn_cast<tile::DecayedScoresOp>(op)) {
    if (findPlaces(scores).first)
      return 0;
    // Both operands of the matrix instruction, in the type that they are rounded to.
    auto shape = scores.getQuery().getType().getShape();
    return 2 * TileMemory(RankedTensorType::get(shape, getOperandElement(scores))).getBytes();
  }
  if (auto dot = dyn_cast<tile::DotOp>(op))
    return getOperandScratch(dot);
  if (auto sum = dyn_cast<tile::DecayedSumOp>(op))
    return isa_and_nonnull<warp::GetOp>(sum.getScores().getDefiningOp())
               ? 0
               : TileMemory(sum.getScores().getType()).getBytes();
  if (auto convert = dyn_cast<warp::ConvertOp>(op))
    return TileMemory(convert.getInput().getType()).getBytes();
  if (auto reduce = dyn_cast<tile::ReduceOp>(op); reduce && combinesRowsOfWarps(reduce))
    return TileMemory(getPartsOfWarps(reduce)).getBytes();
  return 0;
}

/// Bytes for what warps tell each other of the rows of a turn. The next turn has its own: so one barrier a turn is
/// enough.
static int64_t getTurnScratch(Operation *op, int64_t warps) {
  auto reduce = dyn_cast<tile::ReduceOp>(op);
  if (warps == 1 || !((reduce && reduce.getDim() == 1) || isa<tile::RowNormOp>(op)))
    return 0;
  auto input = cast<RankedTensorType>(op->getOperand(0).getType());
  auto layout = dyn_cast_or_null<warp::LayoutAttr>(input.getEncoding());
  if (layout && llvm::all_of(layout.getMap().warps, [](warp::Element basis) { return basis.column == 0; }))
    return 0;                         // each warp has whole rows
  int64_t exchanges = reduce ? 1 : 3; // the sum, or the largest element and the sum of what is scaled by it
  return exchanges * tile::shapeOf(op->getOperand(0))[0] * warps * sizeof(float);
}

SharedMemoryPlan::SharedMemoryPlan(warp::PipelineOp pipeline) {
  int64_t alignment = TileMemory::kPart;
  // Those with the larger alignment first.
  for (bool isSwizzled : {true, false})
    for (auto channel : pipeline.getBody().getOps<warp::ChannelOp>()) {
      TileMemory memory(channel.getType().getTile());
      if (memory.isSwizzled != isSwizzled || channel.getReuses())
        continue;
      channels[channel.getResult()] = turnBytes;
      turnBytes += memory.getBytes();
      alignment = std::max(alignment, memory.getAlignment());
    }
  for (auto channel : pipeline.getBody().getOps<warp::ChannelOp>())
    if (Value reused = channel.getReuses())
      channels[channel.getResult()] = channels.lookup(reused);
  for (auto role : pipeline.getBody().getOps<warp::RoleOp>()) {
    ++numBarriers;
    role.walk([&](Operation *op) {
      if (int64_t bytes = getTurnScratch(op, role.getWarps())) {
        turnScratch[op] = turnBytes;
        turnBytes += bytes;
      }
      if (int64_t bytes = getScratch(op)) {
        scratchBytes = llvm::alignTo(scratchBytes, alignment);
        scratch[op] = scratchBytes;
        scratchBytes += bytes * role.getInstances();
      }
    });
  }
  numBarriers = channels.empty() ? 0 : numBarriers + 1; // the turn is free
  barriers = turnBytes = llvm::alignTo(turnBytes, 8);
  turnBytes += numBarriers * 8;
  turnBytes = llvm::alignTo(turnBytes, alignment);
}
