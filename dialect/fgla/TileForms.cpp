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

/// exp(x - max), where `max` is of the row, [C, 1].
static Value buildExpOfDifference(OpBuilder &builder, Location loc, Value x, Value max) {
  return buildMap(builder, loc, {x, max}, shapeOf(x), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return math::ExpOp::create(b, l, arith::SubFOp::create(b, l, v[0], v[1]));
  });
}

static Value buildRowMax(OpBuilder &builder, Location loc, Value x) {
  Value max = reduceRows(builder, loc, tile::ReduceKind::Max, x);
  return buildMap(builder, loc, {max}, shapeOf(max),
                  [](OpBuilder &b, Location l, ValueRange v) { return buildFiniteMax(b, l, v[0]); });
}

/// exp(x - max_d x): at most one, whatever x.
static Value buildSafeExp(OpBuilder &builder, Location loc, Value x) {
  return buildExpOfDifference(builder, loc, x, buildRowMax(builder, loc, x));
}

/// One over the sum of a row of exponentials: one division a row.
static Value buildInverseSum(OpBuilder &builder, Location loc, Value exp) {
  Value sum = reduceRows(builder, loc, tile::ReduceKind::Add, exp);
  return buildMap(builder, loc, {sum}, shapeOf(sum), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value bounded = buildSoftmaxSum(b, l, v[0]);
    return arith::DivFOp::create(b, l, buildConstant(b, l, bounded.getType(), 1), bounded);
  });
}

static Value buildSoftmax(OpBuilder &builder, Location loc, Value x) {
  Value exp = buildSafeExp(builder, loc, x);
  return tile::buildProduct(builder, loc, exp, buildInverseSum(builder, loc, exp));
}

/// Two tiles, or two numbers for each of their rows, side by side, [C, 2 D].
static Value putSideBySide(OpBuilder &builder, Location loc, ValueRange halves, ArrayRef<int64_t> shape) {
  Value both = tensor::EmptyOp::create(builder, loc, {shape[0], 2 * shape[1]}, elementOf(halves[0]));
  for (auto [position, half] : llvm::enumerate(halves)) {
    Value wide = shapeOf(half) == shape ? half
                                        : buildMap(builder, loc, {half}, shape,
                                                   [](OpBuilder &, Location, ValueRange v) -> Value { return v[0]; });
    SmallVector<OpFoldResult> offsets{builder.getIndexAttr(0), builder.getIndexAttr(position * shape[1])};
    SmallVector<OpFoldResult> sizes{builder.getIndexAttr(shape[0]), builder.getIndexAttr(shape[1])};
    SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
    both = tensor::InsertSliceOp::create(builder, loc, wide, both, offsets, sizes, strides);
  }
  return both;
}

/// [softmax(x), softmax(-x)], one beside the other: one exponential of what is chosen between, not a choice between two
/// exponentials.
static Value buildHedgehog(OpBuilder &builder, Location loc, Value x) {
  Value negative = buildMap(builder, loc, {x}, shapeOf(x), [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::NegFOp::create(b, l, v[0]);
  });
  SmallVector<Value> halves{x, negative}, maxima, inverses;
  for (Value half : halves) {
    maxima.push_back(buildRowMax(builder, loc, half));
    inverses.push_back(buildInverseSum(builder, loc, buildExpOfDifference(builder, loc, half, maxima.back())));
  }
  auto sideBySide = [&](ValueRange tiles) { return putSideBySide(builder, loc, tiles, shapeOf(x)); };
  return tile::buildProduct(builder, loc, buildExpOfDifference(builder, loc, sideBySide(halves), sideBySide(maxima)),
                            sideBySide(inverses));
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

/// Half of x less the mean of its row: neither the sum nor a difference overflows where x does not.
static Value subtractMean(OpBuilder &builder, Location loc, Value x) {
  double share = 0.5 / shapeOf(x)[1];
  auto scaleBy = [&](OpBuilder &b, Location l, Value value, double factor) -> Value {
    return arith::MulFOp::create(b, l, value, buildConstant(b, l, value.getType(), factor));
  };
  Value shares = buildMap(builder, loc, {x}, shapeOf(x),
                          [&](OpBuilder &b, Location l, ValueRange v) { return scaleBy(b, l, v[0], share); });
  Value half = reduceRows(builder, loc, tile::ReduceKind::Add, shares);
  return buildMap(builder, loc, {x, half}, shapeOf(x), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::SubFOp::create(b, l, scaleBy(b, l, v[0], 0.5), v[1]);
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

SmallVector<Value> NormOp::buildTileForm(OpBuilder &builder, ValueRange tiles) {
  Location loc = getLoc();
  double eps = getEps().convertToDouble();
  Value x = tiles[0];
  if (getKind() == NormKind::Layer) {
    x = subtractMean(builder, loc, x);
    eps /= 4; // of halves
  }
  Value inverse = buildInverseRMS(builder, loc, x, eps);
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
  // What e^-z leaves of a z below -88 is under every 16-bit float that matters beside others.
  bool isNarrow = cast<RankedTensorType>(getGate().getType()).getElementTypeBitWidth() == 16;
  return {buildMap(builder, getLoc(), tiles, shapeOf(tiles[0]), [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    if (!isNarrow)
      return arith::MulFOp::create(b, l, v[0], buildSilu(b, l, v[1]));
    Value one = buildConstant(b, l, v[1].getType(), 1),
          exp = math::ExpOp::create(b, l, arith::NegFOp::create(b, l, v[1]));
    Value silu = arith::DivFOp::create(b, l, v[1], arith::AddFOp::create(b, l, one, exp));
    return arith::MulFOp::create(b, l, v[0], silu);
  })};
}
