//===- AttentionProgram.cpp - Attention as a program on tiles -------------===//

#include "passes/tiled/AttentionProgram.h"
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

AttentionProgram::AttentionProgram(OpBuilder &builder, Fusion &fusion, const IRMapping &arrays, int64_t tileLength,
                                   const StateSlice &slice)
    : builder(builder), fusion(fusion), arrays(arrays), root(cast<AttentionOp>(fusion.root)), loc(root.getLoc()),
      tileLength(tileLength), slice(slice), keyDim(slice.keys.offset ? slice.keys.width : root.getKeyDim()),
      valueDim(slice.values.offset ? slice.values.width : root.getValueDim()),
      compute(getComputeType(root.getQuery().getType().getElementType())),
      tracksComplement(root.getQuery().getType().getElementType().isF32() ||
                       root.getQuery().getType().getElementType().isF64()),
      axis(root.getAxis()) {
  // One constant for all tokens is a decay of the head; so is the stabilizer's.
  if (axis == DecayAxis::Constant || (!axis && root.getStabilizer() == Stabilizer::Running))
    axis = DecayAxis::Head;
}

//===----------------------------------------------------------------------===//
// Small pieces
//===----------------------------------------------------------------------===//

Value AttentionProgram::zero() { return arith::ConstantIndexOp::create(builder, loc, 0); }

Value AttentionProgram::mask(Value tile, Value rows, double value) {
  if (!rows)
    return tile;
  Value valid = tile::ValidOp::create(builder, loc, RankedTensorType::get({tileLength, 1}, builder.getI1Type()), rows);
  return buildMap(builder, loc, {tile, valid}, shapeOf(tile), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::SelectOp::create(b, l, v[1], v[0], buildConstant(b, l, compute, value));
  });
}

Value AttentionProgram::dot(Value a, Value b, Value acc, bool transposeA, bool transposeB) {
  auto type = RankedTensorType::get({shapeOf(a)[transposeA], shapeOf(b)[!transposeB]}, compute);
  return tile::DotOp::create(builder, loc, type, a, b, acc, transposeA, transposeB);
}

Value AttentionProgram::multiply(Value a, Value b) { return tile::buildProduct(builder, loc, a, b); }

Value AttentionProgram::scan(ReduceKind kind, Value tile, Value init, bool exclusive, bool reverse) {
  if (isStep && exclusive)
    return init;
  if (isStep)
    return buildMap(builder, loc, {tile, init}, shapeOf(tile), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
      return tile::buildCombine(b, l, kind, v[0], v[1]);
    });
  return tile::ScanOp::create(builder, loc, tile.getType(), tile, init, kind, exclusive, reverse);
}

Value AttentionProgram::reduce(ReduceKind kind, Value tile, int64_t dim) {
  SmallVector<int64_t> shape(shapeOf(tile));
  shape[dim] = 1;
  return tile::ReduceOp::create(builder, loc, RankedTensorType::get(shape, compute), tile, kind, dim);
}

Value AttentionProgram::lastRow(Value tile) {
  if (isStep)
    return tile;
  auto shape = shapeOf(tile);
  SmallVector<OpFoldResult> offsets{builder.getIndexAttr(shape[0] - 1), builder.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes{builder.getIndexAttr(1), builder.getIndexAttr(shape[1])};
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, tile, offsets, sizes, strides);
}

/// [1, 1] as [C, 1].
Value AttentionProgram::repeatRow(Value tile) {
  return buildMap(builder, loc, {tile}, {tileLength, 1}, [](OpBuilder &, Location, ValueRange v) { return v[0]; });
}

Decay AttentionProgram::buildTotal(Decay decay) {
  return {reduce(ReduceKind::Mul, decay.factor, 0),
          tracksComplement ? reduce(ReduceKind::ProbOr, decay.complement, 0) : Value()};
}

SmallVector<int64_t> AttentionProgram::getTotalShape() {
  if (!root.getAnyDecay())
    return {};
  if (axis == DecayAxis::Key)
    return {1, keyDim};
  return {1, axis == DecayAxis::Value ? valueDim : 1};
}

//===----------------------------------------------------------------------===//
// What a tile's tokens bring into the state
//===----------------------------------------------------------------------===//

/// The slice that a decay is of, if it has channels.
const ChannelSlice &AttentionProgram::getDecaySlice() const {
  static const ChannelSlice all;
  return axis == DecayAxis::Key ? slice.keys : axis == DecayAxis::Value ? slice.values : all;
}

Decay AttentionProgram::buildGivenDecay(TileReader &reader) {
  Value given = root.getAnyDecay();
  if (!given)
    return {};
  auto fromTile = [&](Value tile, SmallVector<int64_t> shape) -> Decay {
    auto map = buildMap(builder, loc, tile, shape, {compute, compute},
                        [&](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                          Decay decay =
                              root.getLogDecay() ? buildDecayFromLog(b, l, v[0]) : buildDecayFromFactor(b, l, v[0]);
                          return {decay.factor, decay.complement};
                        });
    return {map.getResult(0), map.getResult(1)};
  };
  Decay decay;
  if (root.getAxis() == DecayAxis::Constant) {
    decay = fromTile(reader.readHeadScalar(given), {tileLength, 1});
  } else if (reader.hasComplement(given)) {
    SmallVector<Value> pair = reader.readAll(given, getDecaySlice());
    decay = {pair[0], pair[1]};
  } else {
    Value tile = reader.read(given, getDecaySlice());
    decay = fromTile(tile, llvm::to_vector(shapeOf(tile)));
  }
  return decay;
}

/// [C, 1] or [1, 1]: the maxima that are subtracted, which no -inf is.
Value AttentionProgram::makeFinite(Value max) {
  return buildMap(builder, loc, {max}, shapeOf(max),
                  [](OpBuilder &b, Location l, ValueRange v) { return buildFiniteMax(b, l, v[0]); });
}

/// The keys of a tile from their logits, those of the slice from `part`; for `running` also the maximum after the tile
/// and the decay that the growth of the maximum is. Where a maximum is subtracted, keys behind the end are zero because
/// theirs is infinite: one number a row is masked, not one an element.
Value AttentionProgram::buildKeys(Value logits, Value part, Value rows, KeyTiles &tiles, Value max, Decay &stabilizer) {
  auto subtractExp = [&](Value from, Value what) {
    return buildMap(builder, loc, {from, what}, shapeOf(from), [](OpBuilder &b, Location l, ValueRange v) -> Value {
      Value difference = arith::SubFOp::create(b, l, v[0], v[1]);
      return math::ExpOp::create(b, l, difference);
    });
  };
  constexpr double kMinusInf = -std::numeric_limits<double>::infinity();
  switch (root.getStabilizer()) {
  case Stabilizer::None:
    return mask(part, rows, 0);
  case Stabilizer::Token:
    return mask(subtractExp(part, makeFinite(reduce(ReduceKind::Max, logits, 1))), rows, 0);
  case Stabilizer::Sequence:
    tiles.nextMax = max;
    return subtractExp(part, mask(repeatRow(makeFinite(max)), rows, -kMinusInf));
  case Stabilizer::Running:
    break;
  }
  Value rowMax = reduce(ReduceKind::Max, mask(logits, rows, kMinusInf), 1);
  Value running = scan(ReduceKind::Max, rowMax, max, /*exclusive=*/false, /*reverse=*/false);
  Value before = scan(ReduceKind::Max, rowMax, max, /*exclusive=*/true, /*reverse=*/false);
  Value subtracted = makeFinite(running);
  auto map = buildMap(builder, loc, {before, subtracted}, shapeOf(running), {compute, compute},
                      [](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                        Value growth = arith::SubFOp::create(b, l, v[0], v[1]);
                        Decay decay = buildDecayFromLog(b, l, growth);
                        return {decay.factor, decay.complement};
                      });
  stabilizer = {map.getResult(0), map.getResult(1)};
  tiles.nextMax = lastRow(running);
  return subtractExp(part, mask(subtracted, rows, -kMinusInf));
}

/// The decays of the tokens, one behind the end.
Decay AttentionProgram::combineDecays(Decay given, Decay stabilizer, Value rows) {
  if (!given.factor)
    return stabilizer;
  Decay masked{mask(given.factor, rows, 1), mask(given.complement, rows, 0)};
  if (!stabilizer.factor)
    return masked;
  if (tracksComplement || !rows) {
    auto map = buildMap(builder, loc, {masked.factor, masked.complement, stabilizer.factor, stabilizer.complement},
                        shapeOf(given.factor), {compute, compute},
                        [](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                          Decay both = buildProduct(b, l, {v[0], v[1]}, {v[2], v[3]});
                          return {both.factor, both.complement};
                        });
    return {map.getResult(0), map.getResult(1)};
  }
  // f a + b with two numbers a row: what masks and the stabilizer do to an element is one instruction.
  Value valid = tile::ValidOp::create(builder, loc, RankedTensorType::get({tileLength, 1}, builder.getI1Type()), rows);
  auto numbers = buildMap(builder, loc, {stabilizer.factor, valid}, shapeOf(stabilizer.factor), {compute, compute},
                          [&](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                            Value none = buildConstant(b, l, compute, 0), one = buildConstant(b, l, compute, 1);
                            return {arith::SelectOp::create(b, l, v[1], v[0], none),
                                    arith::SelectOp::create(b, l, v[1], none, one)};
                          });
  return {buildMap(builder, loc, {given.factor, numbers.getResult(0), numbers.getResult(1)}, shapeOf(given.factor),
                   [](OpBuilder &b, Location l, ValueRange v) -> Value {
                     return arith::AddFOp::create(b, l, arith::MulFOp::create(b, l, v[0], v[1]), v[2]);
                   }),
          Value()};
}

KeyTiles AttentionProgram::buildKeyTiles(TileReader &reader, Value rows, Value max) {
  KeyTiles tiles;
  Decay stabilizer;
  Value logits = reader.read(root.getKey()), part = reader.read(root.getKey(), slice.keys);
  tiles.key = buildKeys(logits, part, rows, tiles, max, stabilizer);
  tiles.value = reader.read(root.getValue(), slice.values);
  Decay given = buildGivenDecay(reader);
  tiles.decay = combineDecays(given, stabilizer, rows);
  if (isStep)
    tiles.total = {tiles.decay.factor, tracksComplement ? tiles.decay.complement : Value()};
  if (isStep || !tiles.decay.factor)
    return tiles;
  tiles.fromStart = scan(ReduceKind::Mul, tiles.decay.factor, Value(), /*exclusive=*/false, /*reverse=*/false);
  tiles.toEnd = scan(ReduceKind::Mul, tiles.decay.factor, Value(), /*exclusive=*/true, /*reverse=*/true);
  tiles.total = {lastRow(tiles.fromStart),
                 tracksComplement ? reduce(ReduceKind::ProbOr, tiles.decay.complement, 0) : Value()};
  if (given.factor && !rows)
    tiles.givenTotal = stabilizer.factor ? buildTotal(given) : tiles.total;
  return tiles;
}

/// S times the decay G of its rows or columns. Near G = 1 a product would round the same way in each tile, and the
/// error would grow with the sequence; so where 1 - G is known, G is taken as the sum of its rounded value and the
/// rest.
Value AttentionProgram::scaleState(Value state, Decay total) {
  if (!total.complement) {
    Value factor = total.factor;
    if (axis == DecayAxis::Key)
      factor = tile::TransposeOp::create(builder, loc, RankedTensorType::get({keyDim, 1}, compute), factor);
    return multiply(state, factor);
  }
  auto split = buildMap(builder, loc, {total.factor, total.complement}, shapeOf(total.factor), {compute, compute},
                        [](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                          Type type = v[0].getType();
                          Value one = buildConstant(b, l, type, 1), half = buildConstant(b, l, type, 0.5);
                          Value rounded = arith::SubFOp::create(b, l, one, v[1]);
                          Value exact = arith::SubFOp::create(b, l, one, rounded);
                          Value rest = arith::SubFOp::create(b, l, exact, v[1]);
                          Value isNearOne = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OLT, v[1], half);
                          Value zero = buildConstant(b, l, type, 0);
                          return {arith::SelectOp::create(b, l, isNearOne, rounded, v[0]),
                                  arith::SelectOp::create(b, l, isNearOne, rest, zero)};
                        });
  SmallVector<Value> inputs{state, split.getResult(0), split.getResult(1)};
  if (axis == DecayAxis::Key)
    for (Value &part : MutableArrayRef<Value>(inputs).drop_front())
      part = tile::TransposeOp::create(builder, loc, RankedTensorType::get({keyDim, 1}, compute), part);
  return buildMap(builder, loc, inputs, shapeOf(state), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value rest = arith::MulFOp::create(b, l, v[0], v[2]);
    Value main = arith::MulFOp::create(b, l, v[0], v[1]);
    return arith::AddFOp::create(b, l, main, rest);
  });
}

void AttentionProgram::buildNextState(const KeyTiles &tiles, const Carried &carried, Carried &next) {
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
  // Kahan's sum: like terms, tile after tile, would all be rounded to the same side.
  auto sum = buildMap(builder, loc, {state, added}, shapeOf(state), {compute, compute},
                      [](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                        Value total = arith::AddFOp::create(b, l, v[0], v[1]);
                        Value kept = arith::SubFOp::create(b, l, total, v[0]);
                        return {total, arith::SubFOp::create(b, l, v[1], kept)};
                      });
  next.state = sum.getResult(0);
  next.lost = sum.getResult(1);
}

//===----------------------------------------------------------------------===//
// What a tile's queries read
//===----------------------------------------------------------------------===//

/// Whether features are at most one in size.
static bool isBounded(Value features) {
  auto map = features.getDefiningOp<TileFormInterface>();
  return map && map.isBounded();
}

/// Scores within the tile, zero above the diagonal; without the decay where that is per value channel.
Value AttentionProgram::buildScores(const KeyTiles &tiles, Value query) {
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
  return buildMap(builder, loc, {scores, decays}, type.getShape(), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value zero = buildConstant(b, l, v[0].getType(), 0);
    Value isNone = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OEQ, v[1], zero);
    return arith::SelectOp::create(b, l, isNone, zero, arith::MulFOp::create(b, l, v[0], v[1]));
  });
}

Value AttentionProgram::buildOutput(TileReader &reader, const KeyTiles &tiles, Value state) {
  Value raw = reader.read(root.getQuery(), slice.keys);
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

void AttentionProgram::buildConsumers(TileReader &reader, Value result, Value output, ValueRange indices, Value rows) {
  Value tensor = root.getOutput();
  for (TileFormInterface consumer : fusion.consumers) {
    result = reader.computeConsumer(consumer, tensor, result);
    tensor = consumer->getResult(0);
  }
  result = convertTile(builder, loc, result, cast<MemRefType>(output.getType()).getElementType());
  tile::StoreOp::create(builder, loc, result, output, indices, rows, ArrayRef<int64_t>{1, 3});
}

Value AttentionProgram::addUp(ValueRange tiles) {
  Value sum = tiles.front();
  for (Value part : tiles.drop_front())
    sum = buildMap(builder, loc, {sum, part}, shapeOf(sum), [](OpBuilder &b, Location l, ValueRange v) -> Value {
      return arith::AddFOp::create(b, l, v[0], v[1]);
    });
  return sum;
}

void AttentionProgram::buildShare(Value part, Value batch, Value queryHead, Value token, Value rows, Value output,
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

void AttentionProgram::combineInCluster(tile::WalkOp walk, TileReader &reader) {
  // What is made of other rows' numbers (softmax), of maps or of products is the elementwise role's, which would wait
  // for a role that waits for it.
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
void AttentionProgram::buildOutputs(const KeyTiles &tiles, TileReader &keyReader, Value batch, Value head, Value token,
                                    Value rows, Value state, Value output, Value onlyHead, Value firstHead,
                                    OpBuilder::InsertPoint prologue) {
  int64_t group = root.getNumQueryHeads() / root.getNumHeads();
  Value zero = this->zero();
  auto buildHead = [&](TileReader &reader, Value queryHead) {
    Value result = buildOutput(reader, tiles, state);
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
// The loop and its states
//===----------------------------------------------------------------------===//

Carried AttentionProgram::buildEmpty() {
  Carried carried;
  carried.state = buildSplat(builder, loc, {keyDim, valueDim}, compute, 0);
  if (tracksComplement)
    carried.lost = buildSplat(builder, loc, {keyDim, valueDim}, compute, 0);
  if (root.getStabilizer() == Stabilizer::Running)
    carried.max = buildSplat(builder, loc, {1, 1}, compute, -std::numeric_limits<double>::infinity());
  if (SmallVector<int64_t> shape = getTotalShape(); !shape.empty())
    carried.total = {buildSplat(builder, loc, shape, compute, 1),
                     tracksComplement ? buildSplat(builder, loc, shape, compute, 0) : Value()};
  return carried;
}

/// The entry [b, h] of an array [B, H] as a tile.
static Value loadScalar(OpBuilder &builder, Location loc, Value array, Value batch, Value head) {
  auto type = RankedTensorType::get({1, 1}, cast<MemRefType>(array.getType()).getElementType());
  return tile::LoadOp::create(builder, loc, type, array, ValueRange{batch, head}, Value(), ArrayRef<int64_t>{-1, -1});
}

Carried AttentionProgram::buildInitial(Value batch, Value head, Value sequenceMax) {
  Carried carried = buildEmpty();
  carried.total = {};
  if (root.getInitialState()) {
    Value array = arrays.lookup(root.getInitialState());
    auto type = RankedTensorType::get({keyDim, valueDim}, cast<MemRefType>(array.getType()).getElementType());
    carried.state =
        tile::LoadOp::create(builder, loc, type, array, ValueRange{batch, head, getFirstKey(), getFirstValue()},
                             getKeyCount(), getValueCount(), ArrayRef<int64_t>{2, 3});
    carried.state = convertTile(builder, loc, carried.state, compute);
  }
  Value initialMax;
  if (root.getInitialMax())
    initialMax = loadScalar(builder, loc, arrays.lookup(root.getInitialMax()), batch, head);
  if (root.getStabilizer() == Stabilizer::Running && initialMax)
    carried.max = initialMax;
  if (root.getStabilizer() != Stabilizer::Sequence)
    return carried;
  carried.max = sequenceMax;
  if (initialMax)
    carried.state = buildMap(builder, loc, {carried.state, initialMax, makeFinite(sequenceMax)}, shapeOf(carried.state),
                             [](OpBuilder &b, Location l, ValueRange v) -> Value {
                               Value growth = arith::SubFOp::create(b, l, v[1], v[2]);
                               Value factor = math::ExpOp::create(b, l, growth);
                               return arith::MulFOp::create(b, l, v[0], factor);
                             });
  return carried;
}

Value AttentionProgram::buildSequenceMax(Value batch, Value head, Value tokens) {
  constexpr double kMinusInf = -std::numeric_limits<double>::infinity();
  Value initial = root.getInitialMax() ? loadScalar(builder, loc, arrays.lookup(root.getInitialMax()), batch, head)
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

Carried AttentionProgram::buildStep(Value batch, Value head, const Carried &initial, Value output, Value queryHead) {
  isStep = true;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  OpBuilder::InsertPoint here = builder.saveInsertionPoint();
  TileReader reader(builder, fusion, arrays, tileLength, batch, head, here);
  reader.moveTo(zero, Value());
  KeyTiles tiles = buildKeyTiles(reader, /*rows=*/Value(), initial.max);
  auto toColumn = [&](Value row) -> Value {
    return tile::TransposeOp::create(builder, loc, RankedTensorType::get({shapeOf(row)[1], 1}, compute), row);
  };
  Carried next;
  next.max = initial.max ? tiles.nextMax : Value();
  Value state = tiles.total.factor ? scaleState(initial.state, tiles.total) : initial.state;
  next.state = buildMap(builder, loc, {state, toColumn(tiles.key), tiles.value}, shapeOf(state),
                        [](OpBuilder &b, Location l, ValueRange v) -> Value {
                          Value added = arith::MulFOp::create(b, l, v[1], v[2]);
                          return arith::AddFOp::create(b, l, v[0], added);
                        });
  TileReader queryReader(builder, fusion, arrays, tileLength, batch, queryHead ? queryHead : head, here);
  queryReader.moveTo(zero, Value());
  TileReader &outputs = queryHead ? queryReader : reader;
  Value raw = outputs.read(root.getQuery());
  Value query = buildMap(builder, loc, {raw}, shapeOf(raw), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::MulFOp::create(b, l, v[0], buildConstant(b, l, compute, root.getEffectiveScale()));
  });
  Value read = reduce(ReduceKind::Add, multiply(next.state, toColumn(query)), 0);
  buildConsumers(outputs, read, output, {batch, zero, queryHead ? queryHead : head, zero}, /*rows=*/Value());
  return next;
}

/// The values of `carried` that are there, in a fixed order, and back.
static SmallVector<Value> pack(const Carried &carried) {
  SmallVector<Value> values;
  for (Value value : {carried.state, carried.lost, carried.max, carried.total.factor, carried.total.complement})
    if (value)
      values.push_back(value);
  return values;
}

static Carried unpack(const Carried &like, ValueRange values) {
  auto take = [&](Value present) {
    if (!present)
      return Value();
    Value value = values.front();
    values = values.drop_front();
    return value;
  };
  Carried carried;
  carried.state = take(like.state);
  carried.lost = take(like.lost);
  carried.max = take(like.max);
  carried.total.factor = take(like.total.factor);
  carried.total.complement = take(like.total.complement);
  return carried;
}

Carried AttentionProgram::buildLoop(Value batch, Value head, Value begin, Value end, Carried initial, Value output,
                                    Value queryHead, Value firstHead) {
  auto walk = tile::WalkOp::create(builder, loc, begin, end, tileLength, /*reverse=*/false, pack(initial));
  OpBuilder::InsertionGuard guard(builder);
  OpBuilder::InsertPoint prologue(walk->getBlock(), Block::iterator(walk));
  TileReader reader(builder, fusion, arrays, tileLength, batch, head, prologue);
  builder.setInsertionPointToStart(walk.getBody());
  Carried carried = unpack(initial, walk.getRegionIterArgs());
  Value token = walk.getToken(), rows = walk.getRows();
  reader.moveTo(token, rows);

  // What is behind the end changes the state alone, and that at the end. Without outputs, it is a part of a segment,
  // which has whole tiles.
  bool isStateWanted = output && (root.getFinalState() || root.getFinalMax());
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
  tile::YieldOp::create(builder, loc, pack(next));
  return unpack(initial, walk.getResults());
}

void AttentionProgram::buildSums(Value batch, Value queryHead, Value begin, Value end, Value parts, Value output) {
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

Carried AttentionProgram::buildMerge(Carried earlier, Carried later) {
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
