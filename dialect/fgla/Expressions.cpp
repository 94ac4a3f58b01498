//===- Expressions.cpp - The scalar formulas of named maps and gates ------===//

#include "dialect/fgla/Expressions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace fgla;

namespace {
/// Writes formulas about as short as on paper.
class Formula {
public:
  Formula(OpBuilder &builder, Location loc, Type type) : builder(builder), loc(loc), type(type) {}

  Value constant(double value) { return buildConstant(builder, loc, type, value); }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value sub(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b); }
  Value mul(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b); }
  Value div(Value a, Value b) { return arith::DivFOp::create(builder, loc, a, b); }
  Value neg(Value a) { return arith::NegFOp::create(builder, loc, a); }
  Value abs(Value a) { return math::AbsFOp::create(builder, loc, a); }
  Value min(Value a, Value b) { return arith::MinimumFOp::create(builder, loc, a, b); }
  Value max(Value a, Value b) { return arith::MaximumFOp::create(builder, loc, a, b); }
  Value exp(Value a) { return math::ExpOp::create(builder, loc, a); }
  Value expm1(Value a) { return math::ExpM1Op::create(builder, loc, a); }
  Value log1p(Value a) { return math::Log1pOp::create(builder, loc, a); }
  Value select(Value condition, Value a, Value b) { return arith::SelectOp::create(builder, loc, condition, a, b); }
  Value less(Value a, Value b) { return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, a, b); }

  Value lessOrEqual(Value a, Value b) { return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLE, a, b); }

  /// log sigmoid(z) = min(z, 0) - log(1 + e^(-|z|))
  Value logSigmoid(Value z) { return sub(min(z, constant(0)), log1p(exp(neg(abs(z))))); }
  /// log(e^a + e^b)
  Value logAddExp(Value a, Value b) { return add(max(a, b), log1p(exp(neg(abs(sub(a, b)))))); }

private:
  OpBuilder &builder;
  Location loc;
  Type type;
};
} // namespace

Value fgla::buildConstant(OpBuilder &builder, Location loc, Type type, double value) {
  return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, value));
}

Value fgla::buildFiniteMax(OpBuilder &builder, Location loc, Value max) {
  APFloat lowest = APFloat::getLargest(cast<FloatType>(max.getType()).getFloatSemantics(), /*Negative=*/true);
  Value bound = arith::ConstantOp::create(builder, loc, builder.getFloatAttr(max.getType(), lowest));
  return arith::MaximumFOp::create(builder, loc, max, bound);
}

Value fgla::buildExpBelow(OpBuilder &builder, Location loc, Value x, Value max) {
  Formula f(builder, loc, x.getType());
  return f.exp(f.sub(x, buildFiniteMax(builder, loc, max)));
}

Value fgla::buildSoftmaxSum(OpBuilder &builder, Location loc, Value sum) {
  Formula f(builder, loc, sum.getType());
  return f.max(sum, f.constant(1));
}

Value fgla::buildCountedMax(OpBuilder &builder, Location loc, Value max) {
  Formula f(builder, loc, max.getType());
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return f.select(f.less(max, f.constant(kInfinity)), max, f.constant(-kInfinity));
}

bool fgla::isElementwise(FeatureKind kind) {
  return kind != FeatureKind::SafeExp && kind != FeatureKind::Softmax && kind != FeatureKind::Hedgehog;
}

Value fgla::buildFeature(OpBuilder &builder, Location loc, FeatureKind kind, Value x) {
  Formula f(builder, loc, x.getType());
  Value zero = f.constant(0);
  switch (kind) {
  case FeatureKind::Identity:
    return x;
  case FeatureKind::ReLU: // a choice, not a maximum: its derivative at zero is zero, as everywhere
    return f.select(f.lessOrEqual(x, zero), zero, x);
  case FeatureKind::Elu1: // 1 + x above zero, e^x below: e^min(x, 0) + max(x, 0)
    return f.add(f.exp(f.min(x, zero)), f.max(x, zero));
  case FeatureKind::Exp:
    return f.exp(x);
  case FeatureKind::SafeExp:
  case FeatureKind::Softmax:
  case FeatureKind::Hedgehog:
    break;
  }
  llvm_unreachable("not an elementwise map");
}

Decay fgla::buildSigmoid(OpBuilder &builder, Location loc, Value z) {
  Formula f(builder, loc, z.getType());
  Value one = f.constant(1), small = f.exp(f.neg(f.abs(z)));
  Value larger = f.div(one, f.add(one, small)), smaller = f.mul(small, larger);
  Value negative = f.less(z, f.constant(0));
  return {f.select(negative, smaller, larger), f.select(negative, larger, smaller)};
}

Decay fgla::buildGate(OpBuilder &builder, Location loc, GateKind kind, ValueRange inputs) {
  Decay g = buildSigmoid(builder, loc, inputs[0]);
  if (kind == GateKind::Sigmoid)
    return g;
  Formula f(builder, loc, inputs[0].getType());
  Decay r = buildSigmoid(builder, loc, inputs[1]);
  Value two = f.constant(2);
  Value factor = f.mul(g.factor, f.add(g.factor, f.mul(two, f.mul(r.factor, g.complement))));
  Value complement = f.mul(g.complement, f.add(g.complement, f.mul(two, f.mul(r.complement, g.factor))));
  return {factor, complement};
}

Value fgla::buildGateFactor(OpBuilder &builder, Location loc, GateKind kind, ValueRange inputs) {
  Formula f(builder, loc, inputs[0].getType());
  Value one = f.constant(1);
  if (kind == GateKind::Sigmoid)
    return f.div(one, f.add(one, f.exp(f.neg(inputs[0]))));
  auto inverseExp = [&](Value z, double least) { return f.exp(f.neg(f.max(z, f.constant(least)))); };
  // The least arguments keep the numerator finite. Where the denominator overflows, f is under 1e-18 and becomes zero.
  Value x = inverseExp(inputs[0], -86), onePlusX = f.add(one, x);
  Value onePlusY = f.add(one, inverseExp(inputs[1], -43)); // below, r < 1e-18 adds nothing to f
  Value denominator = f.mul(onePlusY, f.mul(onePlusX, onePlusX));
  return f.mul(f.add(onePlusY, f.mul(f.constant(2), x)), f.div(one, denominator));
}

Value fgla::buildLogGate(OpBuilder &builder, Location loc, GateKind kind, ValueRange inputs) {
  Formula f(builder, loc, inputs[0].getType());
  Value logG = f.logSigmoid(inputs[0]);
  if (kind == GateKind::Sigmoid)
    return logG;
  // log f = log g + log(g + 2 r (1 - g)) as a sum of exponentials; near f = 1 its terms cancel, and log(1 - (1 - f)) is
  // accurate.
  Value logNotG = f.logSigmoid(f.neg(inputs[0])), logR = f.logSigmoid(inputs[1]);
  // (Where both gates are shut for good, the finite one of two is subtracted from -inf.)
  Value second = buildFiniteMax(builder, loc, f.add(f.constant(std::log(2.0)), f.add(logR, logNotG)));
  Value logF = f.add(logG, f.logAddExp(logG, second));
  Value complement = buildGate(builder, loc, kind, inputs).complement;
  Value half = f.constant(0.5);
  Value nearOne = f.log1p(f.neg(f.min(complement, half)));
  return f.select(f.less(complement, half), nearOne, logF);
}

Decay fgla::buildDecayFromLog(OpBuilder &builder, Location loc, Value logDecay) {
  Formula f(builder, loc, logDecay.getType());
  return {f.exp(logDecay), f.neg(f.expm1(logDecay))};
}

Decay fgla::buildDecayFromFactor(OpBuilder &builder, Location loc, Value factor) {
  Formula f(builder, loc, factor.getType());
  return {factor, f.sub(f.constant(1), factor)};
}

Decay fgla::buildProduct(OpBuilder &builder, Location loc, Decay a, Decay b) {
  Formula f(builder, loc, a.factor.getType());
  return {f.mul(a.factor, b.factor), f.add(a.complement, f.mul(a.factor, b.complement))};
}

Value fgla::buildSilu(OpBuilder &builder, Location loc, Value z) {
  return arith::MulFOp::create(builder, loc, z, buildSigmoid(builder, loc, z).factor);
}

Value fgla::inlineExpression(OpBuilder &builder, Region &region, ValueRange arguments) {
  Block &block = region.front();
  IRMapping mapping;
  mapping.map(block.getArguments(), arguments);
  for (Operation &op : block.without_terminator())
    builder.clone(op, mapping);
  return mapping.lookupOrDefault(cast<YieldOp>(block.getTerminator()).getValue());
}

Value fgla::buildGateResult(OpBuilder &builder, Location loc, GateOp gate, ValueRange inputs) {
  if (!gate.getKind())
    return inlineExpression(builder, gate.getExpression(), inputs);
  if (gate.getLog())
    return buildLogGate(builder, loc, *gate.getKind(), inputs);
  return buildGate(builder, loc, *gate.getKind(), inputs).factor;
}

Decay fgla::buildGateExpression(OpBuilder &builder, Location loc, GateOp gate, ValueRange inputs) {
  if (std::optional<GateKind> kind = gate.getKind())
    return buildGate(builder, loc, *kind, inputs);
  Value yielded = inlineExpression(builder, gate.getExpression(), inputs);
  return gate.getLog() ? buildDecayFromLog(builder, loc, yielded) : buildDecayFromFactor(builder, loc, yielded);
}
