//===- ForwardProgram.cpp - Attention, a tile of tokens after the other ---===//

#include "passes/tiled/programs/ForwardProgram.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace fgla;
using tile::buildMap;
using tile::buildSplat;
using tile::ReduceKind;
using tile::shapeOf;

//===----------------------------------------------------------------------===//
// What a tile's queries read
//===----------------------------------------------------------------------===//

/// Whether features are at most one in size.
static bool isBounded(Value features) {
  auto map = features.getDefiningOp<TileFormInterface>();
  return map && map.isBounded();
}

/// Scores within the tile, zero above the diagonal; without the decay where that is per value channel.
Value ForwardProgram::buildScores(const KeyTiles &tiles, Value query) {
  auto type = RankedTensorType::get({tileLength, tileLength}, compute);
  if (axis == DecayAxis::Key) {
    // Queries are scaled here. The scale of FGLA is 2^-7.8 for 1,024 channels, and larger for fewer.
    constexpr double kLeastScale = 0x1p-20;
    double scale = std::abs(root.getEffectiveScale());
    bool areBounded = scale <= 1 && scale >= kLeastScale && isBounded(root.getQuery()) &&
                      (root.getStabilizer() != Stabilizer::None || isBounded(root.getKey()));
    return tile::DecayedScoresOp::create(builder, loc, type, query, tiles.key, tiles.decay.factor, areBounded);
  }
  Value scores = dot(query, tiles.key, Value(), /*transposeA=*/false, /*transposeB=*/true);
  if (axis == DecayAxis::Value)
    return scores;
  Value decay = tiles.decay.factor;
  if (!decay)
    decay = buildSplat(builder, loc, {tileLength, 1}, compute, 1);
  Value decays = tile::DecayMatrixOp::create(builder, loc, type, decay);
  // Not a product where the decay is zero: above the diagonal there are keys of later tokens, which may be no numbers.
  // Below it, a decay of zero has a gradient.
  SmallVector<Value> inputs{scores, decays};
  if (hasGradients)
    inputs.push_back(
        tile::DecayMatrixOp::create(builder, loc, type, buildSplat(builder, loc, {tileLength, 1}, compute, 1)));
  return buildMap(builder, loc, inputs, type.getShape(), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value zero = buildConstant(b, l, v[0].getType(), 0);
    Value isNone = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OEQ, v.back(), zero);
    return arith::SelectOp::create(b, l, isNone, zero, arith::MulFOp::create(b, l, v[0], v[1]));
  });
}

Value ForwardProgram::buildOutput(Value raw, const KeyTiles &tiles, Value state) {
  Value query = buildMap(builder, loc, {raw}, shapeOf(raw), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::MulFOp::create(b, l, v[0], buildConstant(b, l, compute, root.getEffectiveScale()));
  });
  Value scores = buildScores(tiles, query);
  if (axis == DecayAxis::Value) {
    Value fromState = dot(query, state, Value(), /*transposeA=*/false, /*transposeB=*/false);
    Value inside =
        tile::DecayedSumOp::create(builder, loc, tiles.value.getType(), scores, tiles.value, tiles.decay.factor);
    return buildMap(builder, loc, {fromState, tiles.fromStart, inside}, shapeOf(inside),
                    [](OpBuilder &b, Location l, ValueRange v) -> Value {
                      Value decayed = arith::MulFOp::create(b, l, v[0], v[1]);
                      return arith::AddFOp::create(b, l, decayed, v[2]);
                    });
  }
  Value decayed = tiles.fromStart ? multiply(query, tiles.fromStart) : query;
  auto type = RankedTensorType::get(shapeOf(tiles.value), compute);
  Value inside = tile::DotOp::create(builder, loc, type, scores, tiles.value, /*acc=*/Value(), /*transpose_a=*/false,
                                     /*transpose_b=*/false, /*lower_a=*/true);
  return dot(decayed, state, inside, /*transposeA=*/false, /*transposeB=*/false);
}

Value ForwardProgram::addUp(ValueRange tiles) {
  Value sum = tiles.front();
  for (Value part : tiles.drop_front())
    sum = buildMap(builder, loc, {sum, part}, shapeOf(sum), [](OpBuilder &b, Location l, ValueRange v) -> Value {
      return arith::AddFOp::create(b, l, v[0], v[1]);
    });
  return sum;
}

void ForwardProgram::buildShare(Value part, Value batch, Value queryHead, Value token, Value rows, Value output,
                                OpBuilder::InsertPoint prologue) {
  int64_t length = tileLength / slice.cluster;
  SmallVector<Type> types(slice.cluster, RankedTensorType::get({length, valueDim}, compute));
  auto exchange = tile::ExchangeOp::create(builder, loc, types, part, slice.rank);
  Value each = arith::ConstantIndexOp::create(builder, loc, length);
  Value first = arith::MulIOp::create(builder, loc, slice.rank, each);
  Value left = arith::SubIOp::create(builder, loc, rows, first);
  left = arith::MaxSIOp::create(builder, loc, arith::MinSIOp::create(builder, loc, left, each), zero());
  Value start = arith::AddIOp::create(builder, loc, token, first), sum = addUp(exchange.getParts());
  if (slice.values.offset) { // what consumes outputs needs all values
    sum = convertTile(builder, loc, sum, cast<MemRefType>(output.getType()).getElementType());
    tile::StoreOp::create(builder, loc, sum, output, ValueRange{batch, start, queryHead, getFirstValue()}, left,
                          getValueCount(), ArrayRef<int64_t>{1, 3});
    return;
  }
  TileReader reader(builder, fusion, arrays, length, batch, queryHead, prologue);
  reader.moveTo(start, left);
  buildConsumers(reader, sum, output, {batch, start, queryHead, zero()}, left);
}

/// Whether a tile is loaded, widened and masked, and nothing else.
static bool isOfLoads(Value tile) {
  Operation *op = tile.getDefiningOp();
  auto isTile = [](Value value) { return isa<RankedTensorType>(value.getType()); };
  if (auto map = dyn_cast_or_null<tile::MapOp>(op))
    for (Operation &scalar : map.getBody().front().without_terminator())
      if (!isa<arith::ExtFOp, arith::SelectOp, arith::ConstantOp>(scalar))
        return false;
  return isa_and_nonnull<tile::LoadOp, tile::ValidOp>(op) ||
         (isa_and_nonnull<tile::MapOp>(op) &&
          llvm::all_of(llvm::make_filter_range(op->getOperands(), isTile), isOfLoads));
}

void ForwardProgram::combineInCluster(tile::WalkOp walk, TileReader &reader) {
  // Row reductions of loaded tiles alone. Those of computed tiles (softmax, maps, products) run with what they are
  // computed from. Gathering them across the cluster in the middle of a turn would deadlock: each side waits for the
  // other.
  SmallVector<tile::ReduceOp> reduces;
  for (auto reduce : walk.getBody()->getOps<tile::ReduceOp>())
    if (reduce.getDim() == 1 && shapeOf(reduce.getInput()) == ArrayRef<int64_t>{tileLength, root.getKeyDim()} &&
        isOfLoads(reduce.getInput()))
      reduces.push_back(reduce);
  OpBuilder::InsertionGuard guard(builder);
  for (tile::ReduceOp reduce : reduces) {
    Value part = reader.cut(reduce.getInput(), slice.keys);
    builder.setInsertionPoint(reduce);
    Value own = tile::ReduceOp::create(builder, loc, reduce.getType(), part, reduce.getKind(), reduce.getDim());
    SmallVector<Type> types(slice.cluster, own.getType());
    auto gather = tile::GatherOp::create(builder, loc, types, own);
    Value all = buildMap(builder, loc, gather.getParts(), shapeOf(own), [&](OpBuilder &b, Location l, ValueRange v) {
      Value combined = v.front();
      for (Value other : v.drop_front())
        combined = tile::buildCombine(b, l, reduce.getKind(), combined, other);
      return combined;
    });
    reduce.replaceAllUsesWith(all);
    reduce.erase();
  }
}

/// The outputs of all query heads that read this key/value head, or of one.
void ForwardProgram::buildOutputs(const KeyTiles &tiles, TileReader &keyReader, Value batch, Value head, Value token,
                                  Value rows, Value state, Value output, Value onlyHead, Value firstHead,
                                  OpBuilder::InsertPoint prologue) {
  int64_t group = root.getNumQueryHeads() / root.getNumHeads();
  Value zero = this->zero();
  auto buildHead = [&](TileReader &reader, Value queryHead) {
    Value result = buildOutput(reader.read(root.getQuery(), slice.keys), tiles, state);
    if (slice.cluster > 1)
      return buildShare(result, batch, queryHead, token, rows, output, prologue);
    if (!isSliced())
      return buildConsumers(reader, result, output, {batch, token, queryHead, zero}, rows);
    result = convertTile(builder, loc, result, cast<MemRefType>(output.getType()).getElementType());
    Value head = firstHead ? arith::AddIOp::create(builder, loc, firstHead, queryHead).getResult() : queryHead;
    tile::StoreOp::create(builder, loc, result, output, ValueRange{batch, token, head, getFirstValue()}, rows,
                          getValueCount(), ArrayRef<int64_t>{1, 3});
  };
  if (group == 1)
    return buildHead(keyReader, head);
  if (onlyHead) {
    TileReader reader(builder, fusion, arrays, tileLength, batch, onlyHead, prologue);
    reader.moveTo(token, rows);
    return buildHead(reader, onlyHead);
  }
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value size = arith::ConstantIndexOp::create(builder, loc, group);
  Value first = arith::MulIOp::create(builder, loc, head, size);
  auto loop = scf::ForOp::create(builder, loc, zero, size, one);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value queryHead = arith::AddIOp::create(builder, loc, first, loop.getInductionVar());
  // Parameters of a query head are loaded where the head is known, in front of what uses them.
  Operation *anchor = queryHead.getDefiningOp();
  OpBuilder::InsertPoint inLoop(anchor->getBlock(), std::next(Block::iterator(anchor)));
  TileReader reader(builder, fusion, arrays, tileLength, batch, queryHead, inLoop);
  reader.moveTo(token, rows);
  buildHead(reader, queryHead);
}

//===----------------------------------------------------------------------===//
// The walk and its states
//===----------------------------------------------------------------------===//

void ForwardProgram::buildNextState(const KeyTiles &tiles, const Carried &carried, Carried &next) {
  Value key = tiles.key, value = tiles.value, state = carried.state, lost = carried.lost;
  if (tiles.total.factor) {
    state = scaleState(state, tiles.total);
    lost = lost ? scaleState(lost, tiles.total) : lost;
    if (axis == DecayAxis::Value)
      value = multiply(value, tiles.toEnd);
    else
      key = multiply(key, tiles.toEnd);
  }
  Value added = dot(key, value, lost ? lost : state, /*transposeA=*/true, /*transposeB=*/false);
  if (!lost) {
    next.state = added;
    return;
  }
  addCompensated(state, added, next);
}

Value ForwardProgram::buildSequenceMax(Value batch, Value head, Value tokens) {
  constexpr double kMinusInf = -std::numeric_limits<double>::infinity();
  Value initial = root.getInitialMax() ? loadScalar(arrays.lookup(root.getInitialMax()), batch, head)
                                       : buildSplat(builder, loc, {1, 1}, compute, kMinusInf);
  auto walk = tile::WalkOp::create(builder, loc, zero(), tokens, tileLength, /*reverse=*/false, initial);
  OpBuilder::InsertionGuard guard(builder);
  TileReader reader(builder, fusion, arrays, tileLength, batch, head,
                    OpBuilder::InsertPoint(walk->getBlock(), Block::iterator(walk)));
  builder.setInsertionPointToStart(walk.getBody());
  reader.moveTo(walk.getToken(), walk.getRows());
  Value rowMax = reduce(ReduceKind::Max, mask(reader.read(root.getKey()), walk.getRows(), kMinusInf), 1);
  rowMax = buildMap(builder, loc, {rowMax}, shapeOf(rowMax),
                    [](OpBuilder &b, Location l, ValueRange v) { return buildCountedMax(b, l, v[0]); });
  Value max = buildMap(
      builder, loc, {reduce(ReduceKind::Max, rowMax, 0), walk.getRegionIterArgs()[0]}, {1, 1},
      [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::MaximumFOp::create(b, l, v[0], v[1]); });
  tile::YieldOp::create(builder, loc, max);
  return walk.getResult(0);
}

Carried ForwardProgram::buildWalk(Value batch, Value head, Value begin, Value end, Carried initial, Value output,
                                  Value queryHead, Value firstHead) {
  auto walk = tile::WalkOp::create(builder, loc, begin, end, tileLength, /*reverse=*/false, initial.pack());
  OpBuilder::InsertionGuard guard(builder);
  OpBuilder::InsertPoint prologue(walk->getBlock(), Block::iterator(walk));
  TileReader reader(builder, fusion, arrays, tileLength, batch, head, prologue);
  builder.setInsertionPointToStart(walk.getBody());
  Carried carried = Carried::unpack(initial, walk.getRegionIterArgs());
  Value token = walk.getToken(), rows = walk.getRows();
  reader.moveTo(token, rows);

  // What is after the end changes the state alone, and that at the end. Without outputs, it is a part of a segment,
  // which has whole tiles.
  auto attention = cast<AttentionOp>(root.getOperation());
  bool isStateWanted = output && (attention.getFinalState() || attention.getFinalMax());
  KeyTiles tiles = buildKeyTiles(reader, isStateWanted ? rows : Value(), carried.max);
  if (output)
    buildOutputs(tiles, reader, batch, head, token, rows, carried.state, output, queryHead, firstHead, prologue);
  if (slice.cluster > 1)
    combineInCluster(walk, reader);
  Carried next;
  buildNextState(tiles, carried, next);
  next.max = carried.max ? tiles.nextMax : Value();
  if (carried.total.factor && !tracksComplement) {
    next.total.factor = multiply(carried.total.factor, tiles.givenTotal.factor);
  } else if (carried.total.factor) {
    auto map =
        buildMap(builder, loc,
                 {carried.total.factor, carried.total.complement, tiles.givenTotal.factor, tiles.givenTotal.complement},
                 shapeOf(carried.total.factor), {compute, compute},
                 [](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                   Decay both = buildProduct(b, l, {v[0], v[1]}, {v[2], v[3]});
                   return {both.factor, both.complement};
                 });
    next.total = {map.getResult(0), map.getResult(1)};
  }
  tile::YieldOp::create(builder, loc, next.pack());
  return Carried::unpack(initial, walk.getResults());
}

void ForwardProgram::buildSums(Value batch, Value queryHead, Value begin, Value end, Value parts, Value output) {
  auto walk = tile::WalkOp::create(builder, loc, begin, end, tileLength);
  OpBuilder::InsertionGuard guard(builder);
  OpBuilder::InsertPoint prologue(walk->getBlock(), Block::iterator(walk));
  TileReader reader(builder, fusion, arrays, tileLength, batch, queryHead, prologue);
  builder.setInsertionPointToStart(walk.getBody());
  Value token = walk.getToken(), rows = walk.getRows();
  reader.moveTo(token, rows);
  auto type = cast<MemRefType>(parts.getType());
  auto tileType = RankedTensorType::get({tileLength, root.getValueDim()}, type.getElementType());
  SmallVector<Value> loaded;
  for (int64_t first = 0; first < type.getDimSize(2); first += root.getNumQueryHeads()) {
    Value offset = arith::ConstantIndexOp::create(builder, loc, first);
    Value head = arith::AddIOp::create(builder, loc, queryHead, offset);
    Value tile = tile::LoadOp::create(builder, loc, tileType, parts, ValueRange{batch, token, head, zero()}, rows,
                                      ArrayRef<int64_t>{1, 3});
    loaded.push_back(convertTile(builder, loc, tile, compute));
  }
  buildConsumers(reader, addUp(loaded), output, {batch, token, queryHead, zero()}, rows);
  tile::YieldOp::create(builder, loc);
}

Carried ForwardProgram::buildMerge(Carried earlier, Carried later) {
  Carried merged;
  Value state = later.total.factor ? scaleState(earlier.state, later.total) : earlier.state;
  SmallVector<Value> inputs{state, later.state};
  if (root.getStabilizer() == Stabilizer::Running) {
    auto map = buildMap(builder, loc, {earlier.max, later.max}, {1, 1}, {compute, compute, compute},
                        [](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                          SmallVector<Value> results{arith::MaximumFOp::create(b, l, v[0], v[1])};
                          for (Value max : v)
                            results.push_back(buildExpBelow(b, l, max, results[0]));
                          return results;
                        });
    merged.max = map.getResult(0);
    inputs.append({map.getResult(1), map.getResult(2)});
  } else {
    merged.max = earlier.max;
  }
  merged.state = buildMap(builder, loc, inputs, shapeOf(state), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value a = v[0], c = v[1];
    if (v.size() == 4) {
      a = arith::MulFOp::create(b, l, a, v[2]);
      c = arith::MulFOp::create(b, l, c, v[3]);
    }
    return arith::AddFOp::create(b, l, a, c);
  });
  return merged;
}
