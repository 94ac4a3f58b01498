//===- LowerToReferenceElementwise.cpp - Maps, gates, norms, in full ------===//

#include "dialect/fgla/Expressions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/graph/IndexNotation.h"
#include "passes/graph/LowerToReference.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The sum, or with MaximumFOp the maximum, of the last dim of `x [B, T, H, D]`.
template <typename CombineOp> static Value reduceChannels(OpBuilder &builder, Location loc, Value x, double neutral) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.pop_back();
  Type compute = getComputeType(cast<RankedTensorType>(x.getType()).getElementType());
  Value init = buildFill(builder, loc, sizes, compute, neutral);
  return buildGeneric(builder, loc, "bthd->bth", x, init, [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return CombineOp::create(b, l, v[0], v[1]);
  });
}

/// A tensor like `x`, of another element type, to write to.
static Value emptyLike(OpBuilder &builder, Location loc, Value x, Type element) {
  return buildEmpty(builder, loc, tensor::getMixedSizes(builder, loc, x), element);
}

//===----------------------------------------------------------------------===//
// FeatureMapOp
//===----------------------------------------------------------------------===//

/// x W_h, for each head.
static Value buildProjection(OpBuilder &builder, Location loc, Value x, Value weight, Type compute) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.back() = tensor::getMixedSize(builder, loc, weight, 2);
  Value zero = buildFill(builder, loc, sizes, compute, 0);
  return buildGeneric(builder, loc, "bthi,hid->bthd", {x, weight}, zero,
                      [](OpBuilder &b, Location l, ValueRange v) -> Value {
                        return arith::AddFOp::create(b, l, v[2], arith::MulFOp::create(b, l, v[0], v[1]));
                      });
}

/// exp(x - max_d x), in elements of `element`.
static Value buildSafeExp(OpBuilder &builder, Location loc, Value x, Type element) {
  Value max = reduceChannels<arith::MaximumFOp>(builder, loc, x, -kInfinity);
  return buildGeneric(builder, loc, "bthd,bth->bthd", {x, max}, emptyLike(builder, loc, x, element),
                      [](OpBuilder &b, Location l, ValueRange v) { return buildExpBelow(b, l, v[0], v[1]); });
}

/// exp(x - max_d x) / sum_d exp(x - max_d x)
static Value buildSoftmax(OpBuilder &builder, Location loc, Value x, Type compute, Type element) {
  Value exp = buildSafeExp(builder, loc, x, compute);
  Value sum = reduceChannels<arith::AddFOp>(builder, loc, exp, 0);
  return buildGeneric(builder, loc, "bthd,bth->bthd", {exp, sum}, emptyLike(builder, loc, x, element),
                      [](OpBuilder &b, Location l, ValueRange v) -> Value {
                        return arith::DivFOp::create(b, l, v[0], buildSoftmaxSum(b, l, v[1]));
                      });
}

/// [softmax(x), softmax(-x)]
static Value buildHedgehog(OpBuilder &builder, Location loc, Value x, Type compute, Type element) {
  Value negative =
      buildGeneric(builder, loc, "bthd->bthd", x, emptyLike(builder, loc, x, compute),
                   [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::NegFOp::create(b, l, v[0]); });
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  int64_t dim = cast<RankedTensorType>(x.getType()).getDimSize(3);
  SmallVector<OpFoldResult> both = sizes;
  both.back() = builder.getIndexAttr(2 * dim);
  SmallVector<OpFoldResult> offsets(4, builder.getIndexAttr(0)), strides(4, builder.getIndexAttr(1));
  Value result = buildEmpty(builder, loc, both, element);
  for (Value half : {x, negative}) {
    Value softmax = buildSoftmax(builder, loc, half, compute, element);
    result = tensor::InsertSliceOp::create(builder, loc, softmax, result, offsets, sizes, strides);
    offsets.back() = builder.getIndexAttr(dim);
  }
  return result;
}

SmallVector<Value> graph::buildReference(OpBuilder &builder, FeatureMapOp op) {
  Location loc = op.getLoc();
  Type element = op.getOutput().getType().getElementType(), compute = getComputeType(element);
  Value x = op.getInput();
  if (op.getWeight())
    x = buildProjection(builder, loc, x, op.getWeight(), compute);
  Value result;
  if (op.getKind() == FeatureKind::SafeExp)
    result = buildSafeExp(builder, loc, x, element);
  else if (op.getKind() == FeatureKind::Softmax)
    result = buildSoftmax(builder, loc, x, compute, element);
  else if (op.getKind() == FeatureKind::Hedgehog)
    result = buildHedgehog(builder, loc, x, compute, element);
  else
    result = buildGeneric(builder, loc, "bthd->bthd", x, emptyLike(builder, loc, x, element),
                          [&](OpBuilder &b, Location l, ValueRange v) {
                            return op.getKind() ? buildFeature(b, l, *op.getKind(), v[0])
                                                : inlineExpression(b, op.getExpression(), v.take_front());
                          });
  return {castTensor(builder, loc, result, op.getOutput().getType())};
}

//===----------------------------------------------------------------------===//
// GateOp
//===----------------------------------------------------------------------===//

SmallVector<Value> graph::buildReference(OpBuilder &builder, GateOp op) {
  Location loc = op.getLoc();
  std::string notation;
  for (size_t i = 0; i < op.getInputs().size(); ++i)
    notation += i ? ",bthd" : "bthd";
  Value init = emptyLike(builder, loc, op.getInputs().front(), op.getOutput().getType().getElementType());
  Value result =
      buildGeneric(builder, loc, notation + "->bthd", op.getInputs(), init,
                   [&](OpBuilder &b, Location l, ValueRange v) { return buildGateResult(b, l, op, v.drop_back()); });
  return {castTensor(builder, loc, result, op.getOutput().getType())};
}

//===----------------------------------------------------------------------===//
// NormOp
//===----------------------------------------------------------------------===//

/// (sum_d x) / D
static Value buildMean(OpBuilder &builder, Location loc, Value x) {
  Value sum = reduceChannels<arith::AddFOp>(builder, loc, x, 0);
  Type compute = cast<RankedTensorType>(sum.getType()).getElementType();
  double dim = cast<RankedTensorType>(x.getType()).getDimSize(3);
  return buildGeneric(builder, loc, "bth->bth", sum, emptyLike(builder, loc, sum, compute),
                      [&](OpBuilder &b, Location l, ValueRange v) -> Value {
                        return arith::DivFOp::create(b, l, v[0], buildConstant(b, l, compute, dim));
                      });
}

SmallVector<Value> graph::buildReference(OpBuilder &builder, NormOp op) {
  Location loc = op.getLoc();
  Type element = op.getInput().getType().getElementType(), compute = getComputeType(element);
  Value x = op.getInput();
  if (op.getKind() == NormKind::Layer)
    x = buildGeneric(
        builder, loc, "bthd,bth->bthd", {x, buildMean(builder, loc, x)}, emptyLike(builder, loc, x, compute),
        [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::SubFOp::create(b, l, v[0], v[1]); });
  Value square = buildGeneric(
      builder, loc, "bthd->bthd", x, emptyLike(builder, loc, x, compute),
      [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::MulFOp::create(b, l, v[0], v[0]); });

  std::string notation = "bthd,bth";
  SmallVector<Value> inputs{x, buildMean(builder, loc, square)};
  for (Value parameter : {op.getWeight(), op.getBias()}) {
    if (!parameter)
      continue;
    inputs.push_back(parameter);
    notation += cast<RankedTensorType>(parameter.getType()).getRank() == 2 ? ",hd" : ",d";
  }
  Value result = buildGeneric(builder, loc, notation + "->bthd", inputs, emptyLike(builder, loc, x, element),
                              [&](OpBuilder &b, Location l, ValueRange v) -> Value {
                                Value eps = buildConstant(b, l, compute, op.getEps().convertToDouble());
                                Value root = math::SqrtOp::create(b, l, arith::AddFOp::create(b, l, v[1], eps));
                                Value y = arith::DivFOp::create(b, l, v[0], root);
                                unsigned next = 2;
                                if (op.getWeight())
                                  y = arith::MulFOp::create(b, l, y, v[next++]);
                                if (op.getBias())
                                  y = arith::AddFOp::create(b, l, y, v[next]);
                                return y;
                              });
  return {castTensor(builder, loc, result, op.getOutput().getType())};
}

//===----------------------------------------------------------------------===//
// OutputGateOp
//===----------------------------------------------------------------------===//

SmallVector<Value> graph::buildReference(OpBuilder &builder, OutputGateOp op) {
  Location loc = op.getLoc();
  Value init = emptyLike(builder, loc, op.getInput(), op.getOutput().getType().getElementType());
  Value result = buildGeneric(builder, loc, "bthd,bthd->bthd", {op.getInput(), op.getGate()}, init,
                              [](OpBuilder &b, Location l, ValueRange v) -> Value {
                                return arith::MulFOp::create(b, l, v[0], buildSilu(b, l, v[1]));
                              });
  return {castTensor(builder, loc, result, op.getOutput().getType())};
}

SmallVector<Value> graph::buildElementwiseReference(OpBuilder &builder, Operation *op) {
  return llvm::TypeSwitch<Operation *, SmallVector<Value>>(op).Case<FeatureMapOp, GateOp, NormOp, OutputGateOp>(
      [&](auto concrete) { return buildReference(builder, concrete); });
}
