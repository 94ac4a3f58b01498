//===- TileDialect.cpp - Registration and helpers of fgla_tile ------------===//

#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fgla::tile;

#include "dialect/tile/TileDialect.cpp.inc"
#include "dialect/tile/TileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/tile/TileAttrs.cpp.inc"

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/tile/TileAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/tile/TileOps.cpp.inc"
      >();
}

Value fgla::tile::buildNeutral(OpBuilder &builder, Location loc, ReduceKind kind, Type type) {
  auto floatType = cast<FloatType>(type);
  APFloat value = kind == ReduceKind::Max   ? APFloat::getInf(floatType.getFloatSemantics(), /*Negative=*/true)
                  : kind == ReduceKind::Mul ? APFloat(floatType.getFloatSemantics(), 1)
                                            : APFloat::getZero(floatType.getFloatSemantics());
  return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, value));
}

Value fgla::tile::buildCombine(OpBuilder &builder, Location loc, ReduceKind kind, Value a, Value b) {
  switch (kind) {
  case ReduceKind::Add:
    return arith::AddFOp::create(builder, loc, a, b);
  case ReduceKind::Mul:
    return arith::MulFOp::create(builder, loc, a, b);
  case ReduceKind::Max:
    return arith::MaximumFOp::create(builder, loc, a, b);
  case ReduceKind::ProbOr: {
    // Of a and b in [0, 1] at least half of a + b is left. The same bits for (b, a): threads that combine with each
    // other have one result.
    Value sum = arith::AddFOp::create(builder, loc, a, b);
    Value product = arith::MulFOp::create(builder, loc, a, b);
    return arith::SubFOp::create(builder, loc, sum, product);
  }
  }
  llvm_unreachable("all kinds are handled");
}

MapOp fgla::tile::buildMap(OpBuilder &builder, Location loc, ValueRange inputs, ArrayRef<int64_t> shape,
                           TypeRange elements, MapBody body) {
  SmallVector<Type> types =
      llvm::map_to_vector(elements, [&](Type element) -> Type { return RankedTensorType::get(shape, element); });
  auto map = MapOp::create(builder, loc, types, inputs);
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&map.getBody());
  for (Value input : inputs)
    block->addArgument(cast<RankedTensorType>(input.getType()).getElementType(), loc);
  SmallVector<Value> results = body(builder, loc, block->getArguments());
  YieldOp::create(builder, loc, results);
  return map;
}

Value fgla::tile::buildMap(OpBuilder &builder, Location loc, ValueRange inputs, ArrayRef<int64_t> shape,
                           function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  Type element = cast<RankedTensorType>(inputs.front().getType()).getElementType();
  return buildMap(
             builder, loc, inputs, shape, TypeRange(element),
             [&](OpBuilder &b, Location l, ValueRange scalars) -> SmallVector<Value> { return {body(b, l, scalars)}; })
      .getResult(0);
}

Value fgla::tile::buildProduct(OpBuilder &builder, Location loc, Value a, Value b) {
  return buildMap(builder, loc, {a, b}, shapeOf(a), [](OpBuilder &nested, Location l, ValueRange v) -> Value {
    return arith::MulFOp::create(nested, l, v[0], v[1]);
  });
}

Value fgla::tile::buildSplat(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, Type element, double value) {
  return buildMap(builder, loc, ValueRange(), shape, TypeRange(element),
                  [&](OpBuilder &b, Location l, ValueRange) -> SmallVector<Value> {
                    return {arith::ConstantOp::create(b, l, b.getFloatAttr(element, value))};
                  })
      .getResult(0);
}
