//===- TileReader.cpp - Tiles of the tensors that a kernel works on -------===//

#include "passes/tiled/TileReader.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace fgla;

Value fgla::convertTile(OpBuilder &builder, Location loc, Value tile, Type element) {
  Type from = cast<RankedTensorType>(tile.getType()).getElementType();
  if (from == element)
    return tile;
  bool widens = from.getIntOrFloatBitWidth() < element.getIntOrFloatBitWidth();
  return tile::buildMap(builder, loc, tile, tile::shapeOf(tile), element,
                        [&](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                          if (widens)
                            return {arith::ExtFOp::create(b, l, element, v[0])};
                          return {arith::TruncFOp::create(b, l, element, v[0])};
                        })
      .getResult(0);
}

void TileReader::moveTo(Value newToken, Value newRows) {
  token = newToken;
  rows = newRows;
  tiles.clear();
}

bool TileReader::hasComplement(Value tensor) const {
  auto op = tensor.getDefiningOp<TileFormInterface>();
  return op && fusion.producers.contains(op) && op.hasComplement();
}

SmallVector<Value> TileReader::readAll(Value tensor, const ChannelSlice &slice) {
  SmallVector<Value> result = readWhole(tensor);
  if (slice.offset)
    for (Value &tile : result)
      tile = cut(tile, slice);
  return result;
}

/// What the slice leaves unused of wide tiles is dead code.
Value TileReader::cut(Value tile, const ChannelSlice &slice) {
  if (tile::shapeOf(tile)[1] == 1)
    return tile; // one number for all channels
  auto [known, isNew] = slices.try_emplace({tile, slice.offset});
  if (!isNew)
    return known->second;
  Operation *op = tile.getDefiningOp();
  Location loc = tile.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  auto sliced = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return RankedTensorType::get({type.getDimSize(0), slice.width}, type.getElementType());
  };
  Value result;
  if (auto load = dyn_cast<tile::LoadOp>(op); load && load.getDims()[1] >= 0) {
    builder.setInsertionPointAfter(op);
    SmallVector<Value> indices(load.getIndices());
    Value &column = indices[load.getDims()[1]];
    column = arith::AddIOp::create(builder, loc, column, slice.offset);
    result = tile::LoadOp::create(builder, loc, sliced(tile), load.getSource(), indices, load.getRows(), slice.count,
                                  load.getDims());
  } else if (auto map = dyn_cast<tile::MapOp>(op)) {
    IRMapping mapping;
    for (Value input : map.getInputs())
      mapping.map(input, cut(input, slice));
    builder.setInsertionPointAfter(op);
    Operation *copy = builder.clone(*op, mapping);
    for (auto [old, created] : llvm::zip_equal(op->getResults(), copy->getResults())) {
      created.setType(sliced(old));
      slices[{old, slice.offset}] = created;
    }
    result = copy->getResult(cast<OpResult>(tile).getResultNumber());
  } else if (auto dot = dyn_cast<tile::DotOp>(op); dot && !dot.getAcc() && !dot.getTransposeB()) {
    Value b = cut(dot.getB(), slice);
    builder.setInsertionPointAfter(op);
    result = tile::DotOp::create(builder, loc, sliced(tile), dot.getA(), b, Value(), dot.getTransposeA(),
                                 /*transpose_b=*/false);
  } else {
    builder.setInsertionPointAfter(op);
    SmallVector<OpFoldResult> offsets{builder.getIndexAttr(0), slice.offset};
    SmallVector<OpFoldResult> sizes{builder.getIndexAttr(tile::shapeOf(tile)[0]), builder.getIndexAttr(slice.width)};
    SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
    result = tensor::ExtractSliceOp::create(builder, loc, sliced(tile), tile, offsets, sizes, strides);
  }
  return slices[{tile, slice.offset}] = result;
}

SmallVector<Value> TileReader::readWhole(Value tensor) {
  auto [known, isNew] = tiles.try_emplace(tensor);
  if (!isNew)
    return known->second;
  SmallVector<Value> result;
  if (Operation *op = tensor.getDefiningOp(); op && fusion.producers.contains(op)) {
    result = computeTileForm(cast<TileFormInterface>(op), Value(), Value());
  } else {
    auto type = cast<RankedTensorType>(tensor.getType());
    Location loc = fusion.root.getLoc();
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    auto tileType = RankedTensorType::get({tileLength, type.getDimSize(3)}, type.getElementType());
    Value tile = tile::LoadOp::create(builder, loc, tileType, arrays.lookup(tensor),
                                      ValueRange{batch, token, head, zero}, rows, ArrayRef<int64_t>{1, 3});
    result = {convertTile(builder, loc, tile, getComputeType(type.getElementType()))};
  }
  tiles[tensor] = result;
  return result;
}

Value TileReader::loadInvariant(Value tensor, ArrayRef<int64_t> shape, bool startsWithHead, ArrayRef<int64_t> dims) {
  Value &known = parameters[tensor];
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(builder);
  builder.restoreInsertionPoint(prologue);
  Location loc = fusion.root.getLoc();
  auto type = cast<RankedTensorType>(tensor.getType());
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  SmallVector<Value> indices(type.getRank(), zero);
  if (startsWithHead)
    indices[0] = head;
  auto tileType = RankedTensorType::get(shape, type.getElementType());
  Value tile = tile::LoadOp::create(builder, loc, tileType, arrays.lookup(tensor), indices, Value(), dims);
  return known = convertTile(builder, loc, tile, getComputeType(type.getElementType()));
}

Value TileReader::readParameter(Value tensor) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(tensor.getType()).getShape();
  int64_t rank = shape.size();
  if (rank == 3)
    return loadInvariant(tensor, shape.drop_front(), /*startsWithHead=*/true, {1, 2});
  return loadInvariant(tensor, {1, shape.back()}, /*startsWithHead=*/rank == 2, {-1, rank - 1});
}

Value TileReader::readHeadScalar(Value tensor) {
  return loadInvariant(tensor, {1, 1}, /*startsWithHead=*/true, {-1, -1});
}

Value TileReader::computeConsumer(TileFormInterface consumer, Value value, Value tile) {
  return computeTileForm(consumer, value, tile).front();
}

SmallVector<Value> TileReader::computeTileForm(TileFormInterface op, Value given, Value givenTile) {
  SmallVector<Value> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    if (operand.get() == given)
      operands.push_back(givenTile);
    else if (op.isTokenOperand(operand.getOperandNumber()))
      operands.push_back(read(operand.get()));
    else
      operands.push_back(readParameter(operand.get()));
  }
  return op.buildTileForm(builder, operands);
}
