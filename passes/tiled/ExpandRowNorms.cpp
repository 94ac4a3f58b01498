//===- ExpandRowNorms.cpp - Lengths of rows by their largest element ------===//

#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/tiled/Passes.h"
#include <limits>

namespace fgla {
#define GEN_PASS_DEF_EXPANDROWNORMS
#include "passes/tiled/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;
using tile::buildMap;
using tile::ReduceKind;

/// max |x| sqrt(sum (x / max |x|)^2)
static Value expand(OpBuilder &builder, tile::RowNormOp op) {
  Location loc = op.getLoc();
  Value x = op.getInput();
  Type element = op.getInput().getType().getElementType();
  auto constant = [&](OpBuilder &b, double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(element, value));
  };
  Value abs = buildMap(builder, loc, {x}, tile::shapeOf(x), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return math::AbsFOp::create(b, l, v[0]);
  });
  Type rowType = op.getResult().getType();
  Value largest = tile::ReduceOp::create(builder, loc, rowType, abs, ReduceKind::Max, 1);
  Value inverse =
      buildMap(builder, loc, {largest}, tile::shapeOf(largest), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
        Value least = constant(b, std::numeric_limits<float>::min());
        return arith::DivFOp::create(b, l, constant(b, 1), arith::MaximumFOp::create(b, l, v[0], least));
      });
  Value scaled = tile::buildProduct(builder, loc, x, inverse);
  Value squares = tile::buildProduct(builder, loc, scaled, scaled);
  Value sum = tile::ReduceOp::create(builder, loc, rowType, squares, ReduceKind::Add, 1);
  return buildMap(builder, loc, {sum, largest}, tile::shapeOf(sum),
                  [](OpBuilder &b, Location l, ValueRange v) -> Value {
                    return arith::MulFOp::create(b, l, math::SqrtOp::create(b, l, v[0]), v[1]);
                  });
}

namespace {
struct ExpandRowNorms : fgla::impl::ExpandRowNormsBase<ExpandRowNorms> {
  void runOnOperation() override {
    getOperation()->walk([](tile::RowNormOp op) {
      OpBuilder builder(op);
      op.replaceAllUsesWith(expand(builder, op));
      op.erase();
    });
  }
};
} // namespace
