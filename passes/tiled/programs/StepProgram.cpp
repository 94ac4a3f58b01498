//===- StepProgram.cpp - Attention on one token ---------------------------===//

#include "passes/tiled/programs/StepProgram.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace fgla;
using tile::buildMap;
using tile::ReduceKind;
using tile::shapeOf;

Carried StepProgram::buildStep(Value batch, Value head, const Carried &initial, Value output, Value queryHead) {
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
