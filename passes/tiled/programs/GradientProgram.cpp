//===- GradientProgram.cpp - The gradients of an attention, tile by tile --===//

#include "passes/tiled/programs/GradientProgram.h"
#include "dialect/fgla/Derivatives.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace fgla;
using tile::buildSplat;
using tile::shapeOf;

/// The program differentiates what it has written itself, and that has derivatives.
static SmallVector<Value> differentiate(OpBuilder &builder, ValueRange outputs, ValueRange given, ValueRange inputs) {
  FailureOr<SmallVector<Value>> made = buildTileAdjoint(builder, outputs, given, inputs);
  assert(succeeded(made) && "a tile program has derivatives");
  return *made;
}

/// Values that several parts of a turn depend on.
class GradientProgram::Sums {
public:
  explicit Sums(GradientProgram &program) : program(program) {}

  /// Of `outputs`, which are given `given`, for all values here; returns what is for `others`.
  SmallVector<Value> add(ValueRange outputs, ValueRange given, ValueRange others = {}) {
    SmallVector<Value> inputs(values);
    llvm::append_range(inputs, others);
    SmallVector<Value> made = differentiate(program.builder, outputs, given, inputs);
    for (auto [i, sum] : llvm::enumerate(sums))
      if (made[i])
        sum = sum ? program.addUp({sum, made[i]}) : made[i];
    return SmallVector<Value>(llvm::drop_begin(made, values.size()));
  }

  SmallVector<Value> values, sums;

private:
  GradientProgram &program;
};

//===----------------------------------------------------------------------===//
// Forward: what tiles start from
//===----------------------------------------------------------------------===//

GradientProgram::Starts GradientProgram::buildStarts(Value tokens, Value sequenceMax) {
  Value length = arith::ConstantIndexOp::create(builder, loc, tileLength);
  Value count = arith::CeilDivSIOp::create(builder, loc, tokens, length);
  Starts starts;
  starts.states = memref::AllocOp::create(
      builder, loc, MemRefType::get({ShapedType::kDynamic, keyDim, valueDim}, compute), ValueRange{count});
  Carried initial = buildInitial(batch, head, sequenceMax);
  if (root.getStabilizer() == Stabilizer::Running)
    starts.maxima =
        memref::AllocOp::create(builder, loc, MemRefType::get({ShapedType::kDynamic}, compute), ValueRange{count});
  auto walk = tile::WalkOp::create(builder, loc, zero(), tokens, tileLength, /*reverse=*/false, initial.pack());
  OpBuilder::InsertionGuard guard(builder);
  TileReader reader(builder, fusion, arrays, tileLength, batch, head,
                    OpBuilder::InsertPoint(walk->getBlock(), Block::iterator(walk)));
  builder.setInsertionPointToStart(walk.getBody());
  Carried carried = Carried::unpack(initial, walk.getRegionIterArgs());
  tile::StoreOp::create(builder, loc, carried.state, starts.states, ValueRange{walk.getTurn(), zero(), zero()}, Value(),
                        ArrayRef<int64_t>{1, 2});
  if (starts.maxima)
    tile::StoreOp::create(builder, loc, carried.max, starts.maxima, ValueRange{walk.getTurn()}, Value(),
                          ArrayRef<int64_t>{-1, -1});
  reader.moveTo(walk.getToken(), walk.getRows());
  // Nothing reads the state after the last tile.
  KeyTiles tiles = buildKeyTiles(reader, /*rows=*/Value(), carried.max);
  Carried next;
  buildNextState(tiles, carried, next);
  next.max = carried.max ? tiles.nextMax : Value();
  tile::YieldOp::create(builder, loc, next.pack());
  return starts;
}

Carried GradientProgram::loadStart(const Starts &starts, Value number, Value sequenceMax) {
  Carried start;
  start.state = tile::LoadOp::create(builder, loc, RankedTensorType::get({keyDim, valueDim}, compute), starts.states,
                                     ValueRange{number, zero(), zero()}, Value(), ArrayRef<int64_t>{1, 2});
  start.max = sequenceMax;
  if (starts.maxima)
    start.max = tile::LoadOp::create(builder, loc, RankedTensorType::get({1, 1}, compute), starts.maxima,
                                     ValueRange{number}, Value(), ArrayRef<int64_t>{-1, -1});
  return start;
}

//===----------------------------------------------------------------------===//
// Back: one tile
//===----------------------------------------------------------------------===//

/// Through the state after the tile. What its gradient gives that before the tile goes on from turn to turn, and is as
/// exact as a state (`buildEarlierGrad`).
void GradientProgram::addState(const KeyTiles &tiles, Value state, Value grad, Sums &sums) {
  KeyTiles plain = tiles;
  plain.total.complement = {};
  Carried before, after;
  before.state = state;
  buildNextState(plain, before, after);
  sums.add(after.state, grad);
}

void GradientProgram::addOutput(TileReader &reader, Value queryHead, const KeyTiles &tiles, Value state, Sums &sums) {
  // Rows after the end are given nothing. They must be numbers, or that would be nothing times no number.
  Value query = mask(reader.read(root.getQuery()), rows, 0);
  Value output = buildOutput(query, tiles, state);
  Value made = sums.add(output, reader.read(op.getOutputGrad()), query).front();
  storeTokens(made, gradients.query, queryHead);
}

/// Through the outputs of all query heads that read this key/value head.
void GradientProgram::addOutputs(const KeyTiles &tiles, TileReader &keyReader, Value state, Sums &sums,
                                 OpBuilder::InsertPoint prologue) {
  int64_t group = root.getNumQueryHeads() / root.getNumHeads();
  if (group == 1)
    return addOutput(keyReader, head, tiles, state, sums);
  Value size = arith::ConstantIndexOp::create(builder, loc, group);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value first = arith::MulIOp::create(builder, loc, head, size);
  for (auto [value, sum] : llvm::zip_equal(sums.values, sums.sums))
    if (!sum)
      sum = buildSplat(builder, loc, shapeOf(value), compute, 0);
  auto loop = scf::ForOp::create(builder, loc, zero(), size, one, sums.sums);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value queryHead = arith::AddIOp::create(builder, loc, first, loop.getInductionVar());
  // Parameters of a query head are loaded where the head is known, in front of what uses them.
  Operation *anchor = queryHead.getDefiningOp();
  OpBuilder::InsertPoint inLoop(anchor->getBlock(), std::next(Block::iterator(anchor)));
  TileReader reader(builder, fusion, arrays, tileLength, batch, queryHead, inLoop);
  reader.moveTo(token, rows);
  sums.sums.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  addOutput(reader, queryHead, tiles, state, sums);
  scf::YieldOp::create(builder, loc, sums.sums);
  sums.sums.assign(loop.getResults().begin(), loop.getResults().end());
}

/// The gradient of the state before the tile: that of the state after it, decayed as the state is, and what outputs
/// have `added`.
Carried GradientProgram::buildEarlierGrad(const KeyTiles &tiles, const Carried &carried, Value added) {
  Carried earlier;
  Value decayed = tiles.total.factor ? scaleState(carried.state, tiles.total) : carried.state;
  if (!carried.lost) {
    earlier.state = added ? addUp({decayed, added}) : decayed;
    return earlier;
  }
  Value lost = tiles.total.factor ? scaleState(carried.lost, tiles.total) : carried.lost;
  addCompensated(decayed, added ? addUp({lost, added}) : lost, earlier);
  return earlier;
}

/// The tile of the decay as it is given to the attention, which `tiles` are computed from; null without one.
Value GradientProgram::readGivenDecay(TileReader &reader) {
  Value given = root.getAnyDecay();
  if (!given)
    return {};
  return root.getAxis() == DecayAxis::Constant ? reader.readHeadScalar(given) : reader.readAll(given).front();
}

/// From what a tile is computed with to what the attention is given. Returns the sum over the tile of the gradient of a
/// decay that is one number a head; null otherwise.
Value GradientProgram::storeOperands(TileReader &reader, const KeyTiles &tiles, const Sums &sums) {
  Value logits = reader.read(root.getKey()), decay = readGivenDecay(reader);
  SmallVector<Value> inputs{logits}, outputs, given;
  if (decay)
    inputs.push_back(decay);
  for (auto [value, sum] : llvm::zip_equal(sums.values, sums.sums)) {
    if (value == tiles.value)
      storeTokens(sum, gradients.value, head);
    if (value == tiles.value || !sum)
      continue;
    outputs.push_back(value);
    given.push_back(sum);
  }
  SmallVector<Value> made = differentiate(builder, outputs, given, inputs);
  for (auto [gradient, input] : llvm::zip_equal(made, inputs))
    if (!gradient)
      gradient = buildSplat(builder, loc, shapeOf(input), compute, 0);
  storeTokens(made.front(), gradients.key, head);
  if (!decay)
    return {};
  Value ofDecay = made[1];
  if (root.getLogDecay() && reader.hasComplement(root.getAnyDecay())) // the gate's tile is the factor
    ofDecay = multiply(ofDecay, decay);
  if (root.getAxis() == DecayAxis::Constant)
    return ofDecay;
  storeTokens(ofDecay, gradients.decay, head);
  return {};
}

void GradientProgram::storeTokens(Value tile, Value array, Value atHead) {
  if (!array)
    return;
  tile = convertTile(builder, loc, tile, cast<MemRefType>(array.getType()).getElementType());
  tile::StoreOp::create(builder, loc, tile, array, ValueRange{batch, token, atHead, zero()}, rows,
                        ArrayRef<int64_t>{1, 3});
}

//===----------------------------------------------------------------------===//
// Back: all tiles
//===----------------------------------------------------------------------===//

/// The gradient of the state after the last token.
Carried GradientProgram::buildFinalGrad() {
  Carried grad;
  grad.state = buildSplat(builder, loc, {keyDim, valueDim}, compute, 0);
  if (tracksComplement)
    grad.lost = grad.state;
  if (Value given = op.getFinalStateGrad()) {
    Value array = arrays.lookup(given);
    auto type = RankedTensorType::get({keyDim, valueDim}, cast<MemRefType>(array.getType()).getElementType());
    Value tile = tile::LoadOp::create(builder, loc, type, array, ValueRange{batch, head, zero(), zero()}, Value(),
                                      ArrayRef<int64_t>{2, 3});
    grad.state = convertTile(builder, loc, tile, compute);
  }
  return grad;
}

void GradientProgram::buildTurn(tile::WalkOp walk, const Starts &starts, Value sequenceMax, const Carried &like,
                                OpBuilder::InsertPoint prologue) {
  token = walk.getToken();
  rows = walk.getRows();
  Carried carried = Carried::unpack(like, walk.getRegionIterArgs());
  Value length = arith::ConstantIndexOp::create(builder, loc, tileLength);
  Carried start = loadStart(starts, arith::DivUIOp::create(builder, loc, token, length), sequenceMax);
  TileReader reader(builder, fusion, arrays, tileLength, batch, head, prologue);
  reader.moveTo(token, rows);
  // Tokens after the end leave the state as it is.
  KeyTiles tiles = buildKeyTiles(reader, rows, start.max);
  Sums sums(*this);
  for (Value value :
       {tiles.key, tiles.value, tiles.decay.factor, tiles.fromStart, tiles.toEnd, tiles.total.factor, start.state})
    if (value)
      sums.values.push_back(value);
  sums.sums.resize(sums.values.size());
  // The state is the last, and gets what the outputs give.
  sums.values.pop_back();
  sums.sums.pop_back();
  addState(tiles, start.state, carried.state, sums);
  sums.values.push_back(start.state);
  sums.sums.push_back(Value());
  if (op.getOutputGrad())
    addOutputs(tiles, reader, start.state, sums, prologue);
  Value added = sums.sums.pop_back_val();
  sums.values.pop_back();
  SmallVector<Value> next = buildEarlierGrad(tiles, carried, added).pack();
  if (Value ofDecay = storeOperands(reader, tiles, sums))
    next.push_back(addUp({walk.getRegionIterArgs().back(), ofDecay}));
  tile::YieldOp::create(builder, loc, next);
}

void GradientProgram::build(Value ofBatch, Value ofHead, Value tokens) {
  batch = ofBatch;
  head = ofHead;
  Value sequenceMax = root.getStabilizer() == Stabilizer::Sequence ? buildSequenceMax(batch, head, tokens) : Value();
  Starts starts = buildStarts(tokens, sequenceMax);
  Carried last = buildFinalGrad();
  SmallVector<Value> carried = last.pack();
  bool isConstant = root.getAxis() == DecayAxis::Constant;
  if (isConstant)
    carried.push_back(buildSplat(builder, loc, {1, 1}, compute, 0));
  auto walk = tile::WalkOp::create(builder, loc, zero(), tokens, tileLength, /*reverse=*/true, carried);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(walk.getBody());
    buildTurn(walk, starts, sequenceMax, last, OpBuilder::InsertPoint(walk->getBlock(), Block::iterator(walk)));
  }
  if (gradients.decayOfBatch)
    tile::StoreOp::create(builder, loc, walk.getResults().back(), gradients.decayOfBatch, ValueRange{batch, head},
                          Value(), ArrayRef<int64_t>{-1, -1});
  if (!gradients.initialState)
    return;
  Value first = walk.getResult(0);
  if (sequenceMax && root.getInitialMax()) // linear, so its gradient is it again
    first = relateToSequence(first, loadScalar(arrays.lookup(root.getInitialMax()), batch, head), sequenceMax);
  first = convertTile(builder, loc, first, cast<MemRefType>(gradients.initialState.getType()).getElementType());
  tile::StoreOp::create(builder, loc, first, gradients.initialState, ValueRange{batch, head, zero(), zero()}, Value(),
                        ArrayRef<int64_t>{2, 3});
}
