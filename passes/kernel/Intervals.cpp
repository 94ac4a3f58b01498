//===- Intervals.cpp - Interval arithmetic on the ops of scalars -------------===//

#include "passes/kernel/Intervals.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using fgla::kernel::Interval;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// An end that is no number, infinity less infinity or times zero, is any number.
static Interval makeInterval(double least, double most) {
  return {std::isnan(least) ? -kInfinity : least, std::isnan(most) ? kInfinity : most};
}

static Interval multiply(Interval a, Interval b) {
  double ends[] = {a.least * b.least, a.least * b.most, a.most * b.least, a.most * b.most};
  if (llvm::any_of(ends, [](double end) { return std::isnan(end); }))
    return a.least >= 0 && b.least >= 0 ? Interval{0, kInfinity} : Interval();
  return {*llvm::min_element(ends), *llvm::max_element(ends)};
}

static Interval divide(Interval a, Interval b) {
  if (b.least < 0 || (b.least == 0 && a.least < 0))
    return {};
  if (b.least == 0) // 0 / 0 is no number
    return {0, kInfinity};
  return multiply(a, {1 / b.most, 1 / b.least});
}

/// Of a function that grows with its operand.
static Interval apply(Interval x, double (*function)(double)) {
  return makeInterval(function(x.least), function(x.most));
}

static Interval unite(Interval a, Interval b) { return {std::min(a.least, b.least), std::max(a.most, b.most)}; }

static Interval getIntervalOfUnary(Operation *op, Interval x) {
  if (isa<arith::NegFOp>(op))
    return {-x.most, -x.least};
  if (isa<math::AbsFOp>(op))
    return {x.least >= 0 ? x.least : x.most <= 0 ? -x.most : 0, std::max(std::abs(x.least), std::abs(x.most))};
  if (isa<math::ExpOp>(op))
    return apply(x, std::exp);
  if (isa<math::Exp2Op>(op))
    return apply(x, std::exp2);
  if (isa<math::ExpM1Op>(op))
    return apply(x, std::expm1);
  if (isa<math::LogOp>(op))
    return apply({std::max(x.least, 0.0), x.most}, std::log);
  if (isa<math::Log1pOp>(op))
    return apply({std::max(x.least, -1.0), x.most}, std::log1p);
  if (isa<math::TanhOp>(op))
    return apply(x, std::tanh);
  if (isa<math::ErfOp>(op))
    return apply(x, std::erf);
  if (isa<math::SqrtOp>(op))
    return apply({std::max(x.least, 0.0), x.most}, std::sqrt);
  if (isa<math::RsqrtOp>(op))
    return {0, kInfinity};
  if (isa<math::SinOp, math::CosOp>(op))
    return {-1, 1};
  return {};
}

static Interval getIntervalOfBinary(Operation *op, Interval a, Interval b) {
  if (isa<arith::AddFOp>(op))
    return makeInterval(a.least + b.least, a.most + b.most);
  if (isa<arith::SubFOp>(op))
    return makeInterval(a.least - b.most, a.most - b.least);
  if (isa<arith::MulFOp>(op)) {
    bool isSquare = op->getOperand(0) == op->getOperand(1);
    Interval product = multiply(a, b);
    return isSquare ? Interval{std::max(product.least, 0.0), product.most} : product;
  }
  if (isa<arith::DivFOp>(op))
    return divide(a, b);
  if (isa<arith::MaximumFOp>(op))
    return {std::max(a.least, b.least), std::max(a.most, b.most)};
  if (isa<arith::MinimumFOp>(op))
    return {std::min(a.least, b.least), std::min(a.most, b.most)};
  if (isa<math::PowFOp>(op) && a.least >= 0)
    return {0, kInfinity};
  return {};
}

Interval fgla::kernel::getInterval(Value value, int steps) {
  FloatAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return makeInterval(constant.getValueAsDouble(), constant.getValueAsDouble());
  Operation *op = value.getDefiningOp();
  if (!op || steps == 0)
    return {};
  auto intervalOf = [&](unsigned operand) { return getInterval(op->getOperand(operand), steps - 1); };
  if (isa<arith::SelectOp>(op))
    return unite(intervalOf(1), intervalOf(2));
  if (op->getNumOperands() == 2)
    return getIntervalOfBinary(op, intervalOf(0), intervalOf(1));
  return op->getNumOperands() == 1 ? getIntervalOfUnary(op, intervalOf(0)) : Interval();
}
