//===- AttentionTiles.cpp - What programs of attention have in common -----===//

#include "passes/tiled/programs/AttentionTiles.h"
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

AttentionTiles::AttentionTiles(OpBuilder &builder, Fusion &fusion, const IRMapping &arrays, int64_t tileLength,
                               const StateSlice &slice, bool isOneToken)
    : builder(builder), fusion(fusion), arrays(arrays), root(cast<RecurrenceInterface>(fusion.root.getOperation())),
      loc(root.getLoc()), tileLength(tileLength), slice(slice), isOneToken(isOneToken),
      keyDim(slice.keys.offset ? slice.keys.width : root.getKeyDim()),
      valueDim(slice.values.offset ? slice.values.width : root.getValueDim()),
      compute(getComputeType(root.getQuery().getType().getElementType())),
      tracksComplement(root.getQuery().getType().getElementType().isF32() ||
                       root.getQuery().getType().getElementType().isF64()),
      axis(root.getAxis()) {
  // One constant for all tokens is a decay of the head; so is the stabilizer's.
  if (axis == DecayAxis::Constant || (!axis && root.getStabilizer() == Stabilizer::Running))
    axis = DecayAxis::Head;
}

SmallVector<Value> Carried::pack() const {
  SmallVector<Value> values{state, lost, max, total.factor, total.complement};
  llvm::erase(values, Value());
  return values;
}

Carried Carried::unpack(const Carried &like, ValueRange values) {
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

//===----------------------------------------------------------------------===//
// Small pieces
//===----------------------------------------------------------------------===//

Value AttentionTiles::zero() { return arith::ConstantIndexOp::create(builder, loc, 0); }

Value AttentionTiles::mask(Value tile, Value rows, double value) {
  if (!rows)
    return tile;
  Value valid = tile::ValidOp::create(builder, loc, RankedTensorType::get({tileLength, 1}, builder.getI1Type()), rows);
  return buildMap(builder, loc, {tile, valid}, shapeOf(tile), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::SelectOp::create(b, l, v[1], v[0], buildConstant(b, l, compute, value));
  });
}

Value AttentionTiles::dot(Value a, Value b, Value acc, bool transposeA, bool transposeB) {
  auto type = RankedTensorType::get({shapeOf(a)[transposeA], shapeOf(b)[!transposeB]}, compute);
  return tile::DotOp::create(builder, loc, type, a, b, acc, transposeA, transposeB);
}

Value AttentionTiles::multiply(Value a, Value b) { return tile::buildProduct(builder, loc, a, b); }

Value AttentionTiles::scan(ReduceKind kind, Value tile, Value init, bool exclusive, bool reverse) {
  if (isOneToken && exclusive)
    return init;
  if (isOneToken)
    return buildMap(builder, loc, {tile, init}, shapeOf(tile), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
      return tile::buildCombine(b, l, kind, v[0], v[1]);
    });
  return tile::ScanOp::create(builder, loc, tile.getType(), tile, init, kind, exclusive, reverse);
}

Value AttentionTiles::reduce(ReduceKind kind, Value tile, int64_t dim) {
  SmallVector<int64_t> shape(shapeOf(tile));
  shape[dim] = 1;
  return tile::ReduceOp::create(builder, loc, RankedTensorType::get(shape, compute), tile, kind, dim);
}

Value AttentionTiles::lastRow(Value tile) {
  if (isOneToken)
    return tile;
  auto shape = shapeOf(tile);
  SmallVector<OpFoldResult> offsets{builder.getIndexAttr(shape[0] - 1), builder.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes{builder.getIndexAttr(1), builder.getIndexAttr(shape[1])};
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, tile, offsets, sizes, strides);
}

/// [1, 1] as [C, 1].
Value AttentionTiles::repeatRow(Value tile) {
  return buildMap(builder, loc, {tile}, {tileLength, 1}, [](OpBuilder &, Location, ValueRange v) { return v[0]; });
}

Decay AttentionTiles::buildTotal(Decay decay) {
  return {reduce(ReduceKind::Mul, decay.factor, 0),
          tracksComplement ? reduce(ReduceKind::ProbOr, decay.complement, 0) : Value()};
}

SmallVector<int64_t> AttentionTiles::getTotalShape() {
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
const ChannelSlice &AttentionTiles::getDecaySlice() const {
  static const ChannelSlice all;
  return axis == DecayAxis::Key ? slice.keys : axis == DecayAxis::Value ? slice.values : all;
}

Decay AttentionTiles::buildGivenDecay(TileReader &reader) {
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
Value AttentionTiles::makeFinite(Value max) {
  return buildMap(builder, loc, {max}, shapeOf(max),
                  [](OpBuilder &b, Location l, ValueRange v) { return buildFiniteMax(b, l, v[0]); });
}

/// The keys of a tile from their logits, those of the slice from `part`; for `running` also the maximum after the tile
/// and the decay that the growth of the maximum is. Where a maximum is subtracted, keys after the end are zero because
/// theirs is infinite: one number a row is masked, not one an element.
Value AttentionTiles::buildKeys(Value logits, Value part, Value rows, KeyTiles &tiles, Value max, Decay &stabilizer) {
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

/// The decays of the tokens, one after the end.
Decay AttentionTiles::combineDecays(Decay given, Decay stabilizer, Value rows) {
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

KeyTiles AttentionTiles::buildKeyTiles(TileReader &reader, Value rows, Value max) {
  KeyTiles tiles;
  Decay stabilizer;
  Value logits = reader.read(root.getKey()), part = reader.read(root.getKey(), slice.keys);
  tiles.key = buildKeys(logits, part, rows, tiles, max, stabilizer);
  tiles.value = reader.read(root.getValue(), slice.values);
  Decay given = buildGivenDecay(reader);
  tiles.decay = combineDecays(given, stabilizer, rows);
  if (isOneToken)
    tiles.total = {tiles.decay.factor, tracksComplement ? tiles.decay.complement : Value()};
  if (isOneToken || !tiles.decay.factor)
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
Value AttentionTiles::scaleState(Value state, Decay total) {
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

/// Kahan's sum: like terms, tile after tile, would all be rounded to the same side.
void AttentionTiles::addCompensated(Value state, Value added, Carried &next) {
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
// States
//===----------------------------------------------------------------------===//

Carried AttentionTiles::buildEmpty() {
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
Value AttentionTiles::loadScalar(Value array, Value batch, Value head) {
  auto type = RankedTensorType::get({1, 1}, cast<MemRefType>(array.getType()).getElementType());
  return tile::LoadOp::create(builder, loc, type, array, ValueRange{batch, head}, Value(), ArrayRef<int64_t>{-1, -1});
}

Carried AttentionTiles::buildInitial(Value batch, Value head, Value sequenceMax) {
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
    initialMax = loadScalar(arrays.lookup(root.getInitialMax()), batch, head);
  if (root.getStabilizer() == Stabilizer::Running && initialMax)
    carried.max = initialMax;
  if (root.getStabilizer() != Stabilizer::Sequence)
    return carried;
  carried.max = sequenceMax;
  if (initialMax)
    carried.state = relateToSequence(carried.state, initialMax, sequenceMax);
  return carried;
}

Value AttentionTiles::relateToSequence(Value state, Value initialMax, Value sequenceMax) {
  return buildMap(builder, loc, {state, initialMax, makeFinite(sequenceMax)}, shapeOf(state),
                  [](OpBuilder &b, Location l, ValueRange v) -> Value {
                    Value growth = arith::SubFOp::create(b, l, v[1], v[2]);
                    Value factor = math::ExpOp::create(b, l, growth);
                    return arith::MulFOp::create(b, l, v[0], factor);
                  });
}

//===----------------------------------------------------------------------===//
// What consumes outputs
//===----------------------------------------------------------------------===//

void AttentionTiles::buildConsumers(TileReader &reader, Value result, Value output, ValueRange indices, Value rows) {
  Value tensor = fusion.root.getFusedResult();
  for (TileFormInterface consumer : fusion.consumers) {
    result = reader.computeConsumer(consumer, tensor, result);
    tensor = consumer->getResult(0);
  }
  result = convertTile(builder, loc, result, cast<MemRefType>(output.getType()).getElementType());
  tile::StoreOp::create(builder, loc, result, output, indices, rows, ArrayRef<int64_t>{1, 3});
}
