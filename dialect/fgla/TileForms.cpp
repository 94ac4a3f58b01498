//===- TileForms.cpp - How maps, gates and norms compute a tile -----------===//

#include "dialect/fgla/Expressions.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;
using namespace fgla;
using tile::buildMap;
using tile::shapeOf;

static Type elementOf(Value tile) { return cast<RankedTensorType>(tile.getType()).getElementType(); }

/// A reduction over the channels, [C, D] to [C, 1].
static Value reduceRows(OpBuilder &builder, Location loc, tile::ReduceKind kind, Value tile) {
  auto type = RankedTensorType::get({shapeOf(tile)[0], 1}, elementOf(tile));
  return tile::ReduceOp::create(builder, loc, type, tile, kind, 1);
}

//===----------------------------------------------------------------------===//
// FeatureMapOp
//===----------------------------------------------------------------------===//

/// exp(x - max_d x): at most one, whatever x.
static Value buildSafeExp(OpBuilder &builder, Location loc, Value x) {
  Value max = reduceRows(builder, loc, tile::ReduceKind::Max, x);
  max = buildMap(builder, loc, {max}, shapeOf(max),
                 [](OpBuilder &b, Location l, ValueRange v) { return buildFiniteMax(b, l, v[0]); });
  return buildMap(builder, loc, {x, max}, shapeOf(x), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value difference = arith::SubFOp::create(b, l, v[0], v[1]);
    return math::ExpOp::create(b, l, difference);
  });
}

static Value buildSoftmax(OpBuilder &builder, Location loc, Value x) {
  Value exp = buildSafeExp(builder, loc, x);
  Value sum = reduceRows(builder, loc, tile::ReduceKind::Add, exp);
  sum = buildMap(builder, loc, {sum}, shapeOf(sum),
                 [](OpBuilder &b, Location l, ValueRange v) { return buildSoftmaxSum(b, l, v[0]); });
  return buildMap(builder, loc, {exp, sum}, shapeOf(x), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::DivFOp::create(b, l, v[0], v[1]);
  });
}

/// [softmax(x), softmax(-x)], one beside the other.
static Value buildHedgehog(OpBuilder &builder, Location loc, Value x) {
  Value negative = buildMap(builder, loc, {x}, shapeOf(x), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::NegFOp::create(b, l, v[0]);
  });
  auto shape = shapeOf(x);
  Value both = tensor::EmptyOp::create(builder, loc, {shape[0], 2 * shape[1]}, elementOf(x));
  for (auto [position, half] :
       llvm::enumerate(SmallVector<Value>{buildSoftmax(builder, loc, x), buildSoftmax(builder, loc, negative)})) {
    SmallVector<OpFoldResult> offsets{builder.getIndexAttr(0), builder.getIndexAttr(position * shape[1])};
    SmallVector<OpFoldResult> sizes{builder.getIndexAttr(shape[0]), builder.getIndexAttr(shape[1])};
    SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
    both = tensor::InsertSliceOp::create(builder, loc, half, both, offsets, sizes, strides);
  }
  return both;
}

/// Exponentials below a maximum, and shares of a sum.
bool FeatureMapOp::isBounded() {
  auto kind = getKind();
  return kind == FeatureKind::SafeExp || kind == FeatureKind::Softmax || kind == FeatureKind::Hedgehog;
}

bool FeatureMapOp::hasHalves() { return getKind() == FeatureKind::Hedgehog; }

SmallVector<Value> FeatureMapOp::buildTileForm(OpBuilder &builder, ValueRange tiles) {
  Location loc = getLoc();
  Value x = tiles[0];
  if (getWeight()) {
    auto type = RankedTensorType::get({shapeOf(x)[0], shapeOf(tiles[1])[1]}, elementOf(x));
    x = tile::DotOp::create(builder, loc, type, x, tiles[1], /*acc=*/Value());
  }
  if (!getKind())
    return {buildMap(builder, loc, {x}, shapeOf(x),
                     [&](OpBuilder &b, Location, ValueRange v) { return inlineExpression(b, getExpression(), v); })};
  switch (*getKind()) {
  case FeatureKind::Identity:
    return {x};
  case FeatureKind::SafeExp:
    return {buildSafeExp(builder, loc, x)};
  case FeatureKind::Softmax:
    return {buildSoftmax(builder, loc, x)};
  case FeatureKind::Hedgehog:
    return {buildHedgehog(builder, loc, x)};
  default:
    return {buildMap(builder, loc, {x}, shapeOf(x),
                     [&](OpBuilder &b, Location l, ValueRange v) { return buildFeature(b, l, *getKind(), v[0]); })};
  }
}

//===----------------------------------------------------------------------===//
// GateOp
//===----------------------------------------------------------------------===//

bool GateOp::hasComplement() { return true; }

SmallVector<Value> GateOp::buildTileForm(OpBuilder &builder, ValueRange tiles) {
  Type element = elementOf(tiles[0]);
  // 16-bit storage has no use for an accurate 1 - f.
  Type storage = cast<RankedTensorType>(getInputs()[0].getType()).getElementType();
  bool factorAlone = getKind() && storage.getIntOrFloatBitWidth() == 16;
  tile::MapOp map = buildMap(builder, getLoc(), tiles, shapeOf(tiles[0]), {element, element},
                             [&](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                               Decay decay = factorAlone
                                                 ? buildDecayFromFactor(b, l, buildGateFactor(b, l, *getKind(), v))
                                                 : buildGateExpression(b, l, *this, v);
                               return {decay.factor, decay.complement};
                             });
  return map.getResults();
}

//===----------------------------------------------------------------------===//
// NormOp
//===----------------------------------------------------------------------===//

/// 1 / max(max |x|, sqrt(eps)) for each row, [C, 1]: times this, no row has a square that overflows, or one that
/// vanishes beside ε.
static Value buildRowScale(OpBuilder &builder, Location loc, Value x, double eps) {
  Value abs = buildMap(builder, loc, {x}, shapeOf(x), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return math::AbsFOp::create(b, l, v[0]);
  });
  Value max = reduceRows(builder, loc, tile::ReduceKind::Max, abs);
  return buildMap(builder, loc, {max}, shapeOf(max), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value size = arith::MaximumFOp::create(b, l, v[0], buildConstant(b, l, v[0].getType(), std::sqrt(eps)));
    return arith::DivFOp::create(b, l, buildConstant(b, l, size.getType(), 1), size);
  });
}

/// x less the mean of its row.
static Value subtractMean(OpBuilder &builder, Location loc, Value x) {
  Value sum = reduceRows(builder, loc, tile::ReduceKind::Add, x);
  return buildMap(builder, loc, {x, sum}, shapeOf(x), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value mean = arith::MulFOp::create(b, l, v[1], buildConstant(b, l, v[1].getType(), 1.0 / shapeOf(x)[1]));
    return arith::SubFOp::create(b, l, v[0], mean);
  });
}

/// x / sqrt(mean x^2 + eps) without the division: the rows' inverse. n is the row's length; the larger of n / sqrt(D)
/// and sqrt(eps) is taken out, so that no square overflows, and none vanishes beside the other.
static Value buildInverseRMS(OpBuilder &builder, Location loc, Value x, double eps) {
  auto type = RankedTensorType::get({shapeOf(x)[0], 1}, elementOf(x));
  Value length = tile::RowNormOp::create(builder, loc, type, x);
  double dim = shapeOf(x)[1];
  return buildMap(builder, loc, {length}, shapeOf(length), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    Type scalar = v[0].getType();
    auto constant = [&](double value) { return buildConstant(b, l, scalar, value); };
    Value one = constant(1), rootEps = constant(std::sqrt(eps));
    Value rms = arith::MulFOp::create(b, l, v[0], constant(1 / std::sqrt(dim)));
    Value size = arith::MaximumFOp::create(b, l, rms, rootEps);
    Value inverseSize = arith::DivFOp::create(b, l, one, size);
    Value first = arith::MulFOp::create(b, l, rms, inverseSize),
          second = arith::MulFOp::create(b, l, rootEps, inverseSize);
    Value sum = arith::AddFOp::create(b, l, arith::MulFOp::create(b, l, first, first),
                                      arith::MulFOp::create(b, l, second, second));
    return arith::MulFOp::create(b, l, inverseSize, arith::DivFOp::create(b, l, one, math::SqrtOp::create(b, l, sum)));
  });
}

/// The inverse standard deviation of rows without a mean, which were scaled by `scale`.
static Value buildInverseDeviation(OpBuilder &builder, Location loc, Value x, Value scale, double eps) {
  int64_t dim = shapeOf(x)[1];
  Value square = tile::buildProduct(builder, loc, x, x);
  Value sum = reduceRows(builder, loc, tile::ReduceKind::Add, square);
  return buildMap(builder, loc, {sum, scale}, shapeOf(sum), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    Type type = v[0].getType();
    Value mean = arith::MulFOp::create(b, l, v[0], buildConstant(b, l, type, 1.0 / dim));
    Value rootEps = arith::MulFOp::create(b, l, v[1], buildConstant(b, l, type, std::sqrt(eps)));
    Value inside = arith::AddFOp::create(b, l, mean, arith::MulFOp::create(b, l, rootEps, rootEps));
    Value root = math::SqrtOp::create(b, l, inside);
    return arith::DivFOp::create(b, l, buildConstant(b, l, type, 1), root);
  });
}

SmallVector<Value> NormOp::buildTileForm(OpBuilder &builder, ValueRange tiles) {
  Location loc = getLoc();
  double eps = getEps().convertToDouble();
  Value x = tiles[0], inverse;
  if (getKind() == NormKind::Layer) {
    Value scale = buildRowScale(builder, loc, x, eps);
    x = subtractMean(builder, loc, tile::buildProduct(builder, loc, x, scale));
    inverse = buildInverseDeviation(builder, loc, x, scale, eps);
  } else {
    inverse = buildInverseRMS(builder, loc, x, eps);
  }
  SmallVector<Value> inputs{x, inverse};
  llvm::append_range(inputs, tiles.drop_front());
  return {buildMap(builder, loc, inputs, shapeOf(x), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value y = arith::MulFOp::create(b, l, v[0], v[1]);
    unsigned next = 2;
    if (getWeight())
      y = arith::MulFOp::create(b, l, y, v[next++]);
    if (getBias())
      y = arith::AddFOp::create(b, l, y, v[next]);
    return y;
  })};
}

//===----------------------------------------------------------------------===//
// OutputGateOp
//===----------------------------------------------------------------------===//

SmallVector<Value> OutputGateOp::buildTileForm(OpBuilder &builder, ValueRange tiles) {
  return {buildMap(builder, getLoc(), tiles, shapeOf(tiles[0]), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::MulFOp::create(b, l, v[0], buildSilu(b, l, v[1]));
  })};
}
