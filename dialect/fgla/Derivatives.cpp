//===- Derivatives.cpp - Gradients of expressions -------------------------===//

#include "dialect/fgla/Derivatives.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace fgla;

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

namespace {
/// A scalar with operators, so that derivatives read as on paper. What folds is folded.
struct Scalar {
  OpBuilder *builder;
  Location loc;
  Value value;

  template <typename OpTy> Scalar apply() const { return {builder, loc, builder->createOrFold<OpTy>(loc, value)}; }
  template <typename OpTy> Scalar apply(Scalar other) const {
    return {builder, loc, builder->createOrFold<OpTy>(loc, value, other.value)};
  }
  Scalar constant(double number) const {
    return {builder, loc, arith::ConstantOp::create(*builder, loc, builder->getFloatAttr(value.getType(), number))};
  }
};
} // namespace

static Scalar operator+(Scalar a, Scalar b) { return a.apply<arith::AddFOp>(b); }
static Scalar operator-(Scalar a, Scalar b) { return a.apply<arith::SubFOp>(b); }
static Scalar operator*(Scalar a, Scalar b) { return a.apply<arith::MulFOp>(b); }
static Scalar operator/(Scalar a, Scalar b) { return a.apply<arith::DivFOp>(b); }
static Scalar operator-(Scalar a) { return a.apply<arith::NegFOp>(); }
static Scalar operator+(double a, Scalar b) { return b.constant(a) + b; }
static Scalar operator-(double a, Scalar b) { return b.constant(a) - b; }
static Scalar operator-(Scalar a, double b) { return a - a.constant(b); }
static Scalar operator*(double a, Scalar b) { return b.constant(a) * b; }
static Scalar operator/(double a, Scalar b) { return b.constant(a) / b; }

template <typename OpTy> static Scalar call(Scalar a) { return a.apply<OpTy>(); }
static Scalar abs(Scalar a) { return call<math::AbsFOp>(a); }
static Scalar exp(Scalar a) { return call<math::ExpOp>(a); }
static Scalar sqrt(Scalar a) { return call<math::SqrtOp>(a); }
static Scalar max(Scalar a, Scalar b) { return a.apply<arith::MaximumFOp>(b); }
static Scalar copySign(Scalar a, Scalar b) { return a.apply<math::CopySignOp>(b); }

static Value compare(arith::CmpFPredicate predicate, Scalar a, Scalar b) {
  return arith::CmpFOp::create(*a.builder, a.loc, predicate, a.value, b.value);
}
static Scalar select(Value condition, Scalar a, Scalar b) {
  return {a.builder, a.loc, a.builder->createOrFold<arith::SelectOp>(a.loc, condition, a.value, b.value)};
}

/// 1 - tanh(x)^2 = 4 e / (1 + e)^2 with e = exp(-2 |x|): the difference would lose all digits where tanh x is near one.
static Scalar squaredSech(Scalar x) {
  Scalar e = exp(-2.0 * abs(x)), inverse = 1.0 / (1.0 + e);
  return 4.0 * (e * (inverse * inverse));
}

namespace {
/// dy/dx of y = f(x).
struct UnaryRule {
  StringLiteral op;
  Scalar (*derivative)(Scalar x, Scalar y);
};
} // namespace

static constexpr double kLn2 = 0.693147180559945309417, kLn10 = 2.30258509299404568402;
static constexpr double kTwoOverRootPi = 1.12837916709551257390;

/// Where a formula has a choice, it is the one that keeps its digits and does not overflow before the result does.
static const UnaryRule unaryRules[] = {
    {arith::NegFOp::getOperationName(), [](Scalar x, Scalar) { return x.constant(-1); }},
    // At zero, from the right.
    {math::AbsFOp::getOperationName(),
     [](Scalar x, Scalar) {
       Value notBelow = compare(arith::CmpFPredicate::OGE, x, x.constant(0));
       return select(notBelow, x.constant(1), x.constant(-1));
     }},
    {math::ExpOp::getOperationName(), [](Scalar, Scalar y) { return y; }},
    {math::Exp2Op::getOperationName(), [](Scalar, Scalar y) { return kLn2 * y; }},
    {math::ExpM1Op::getOperationName(), [](Scalar x, Scalar) { return exp(x); }},
    {math::LogOp::getOperationName(), [](Scalar x, Scalar) { return 1.0 / x; }},
    {math::Log2Op::getOperationName(), [](Scalar x, Scalar) { return (1 / kLn2) / x; }},
    {math::Log10Op::getOperationName(), [](Scalar x, Scalar) { return (1 / kLn10) / x; }},
    {math::Log1pOp::getOperationName(), [](Scalar x, Scalar) { return 1.0 / (1.0 + x); }},
    {math::SqrtOp::getOperationName(), [](Scalar, Scalar y) { return 0.5 / y; }},
    {math::RsqrtOp::getOperationName(), [](Scalar x, Scalar y) { return -0.5 * (y / x); }},
    {math::CbrtOp::getOperationName(), [](Scalar, Scalar y) { return (1.0 / 3.0) / (y * y); }},
    {math::SinOp::getOperationName(), [](Scalar x, Scalar) { return call<math::CosOp>(x); }},
    {math::CosOp::getOperationName(), [](Scalar x, Scalar) { return -call<math::SinOp>(x); }},
    {math::TanOp::getOperationName(), [](Scalar, Scalar y) { return 1.0 + y * y; }},
    {math::AsinOp::getOperationName(), [](Scalar x, Scalar) { return 1.0 / sqrt((1.0 - x) * (1.0 + x)); }},
    {math::AcosOp::getOperationName(), [](Scalar x, Scalar) { return -1.0 / sqrt((1.0 - x) * (1.0 + x)); }},
    {math::AtanOp::getOperationName(), [](Scalar x, Scalar) { return 1.0 / (1.0 + x * x); }},
    {math::SinhOp::getOperationName(), [](Scalar x, Scalar) { return call<math::CoshOp>(x); }},
    {math::CoshOp::getOperationName(), [](Scalar x, Scalar) { return call<math::SinhOp>(x); }},
    {math::TanhOp::getOperationName(), [](Scalar x, Scalar) { return squaredSech(x); }},
    {math::AsinhOp::getOperationName(), [](Scalar x, Scalar) { return 1.0 / sqrt(1.0 + x * x); }},
    {math::AcoshOp::getOperationName(), [](Scalar x, Scalar) { return 1.0 / (sqrt(x - 1.0) * sqrt(1.0 + x)); }},
    {math::AtanhOp::getOperationName(), [](Scalar x, Scalar) { return 1.0 / ((1.0 - x) * (1.0 + x)); }},
    {math::ErfOp::getOperationName(), [](Scalar x, Scalar) { return kTwoOverRootPi * exp(-(x * x)); }},
    {math::ErfcOp::getOperationName(), [](Scalar x, Scalar) { return -kTwoOverRootPi * exp(-(x * x)); }},
};

/// Constant between their steps.
static bool isStep(Operation *op) {
  return isa<math::CeilOp, math::FloorOp, math::RoundOp, math::RoundEvenOp, math::TruncOp>(op);
}

/// Questions about a number, whose answers are constant between their steps.
static bool isQuestion(Operation *op) {
  return isa<arith::CmpFOp, arith::FPToSIOp, arith::FPToUIOp, math::IsFiniteOp, math::IsInfOp, math::IsNaNOp,
             math::IsNormalOp>(op);
}

//===----------------------------------------------------------------------===//
// Reverse mode
//===----------------------------------------------------------------------===//

namespace {
/// A cotangent that counts where `mask` is true (everywhere without one). The mask is applied at the end, after the
/// products: what an expression has in the branch that is not taken, an infinite derivative say, makes no NaN.
struct Cotangent {
  Value value, mask;
};

class ScalarAdjoint {
public:
  ScalarAdjoint(OpBuilder &builder, Type type) : builder(builder), type(type) {}

  FailureOr<SmallVector<Value>> build(ValueRange outputs, ValueRange cotangents, ValueRange inputs);

private:
  LogicalResult visit(Operation *op, Cotangent given);
  /// Ops of more than one operand.
  LogicalResult visitOther(Operation *op, Cotangent given);
  void visitSincos(math::SincosOp op);
  void visitAtan2(math::Atan2Op op, Cotangent given);
  void visitPower(math::PowFOp op, Cotangent given);

  bool isActive(Value value) const { return dependence.values.contains(value); }
  void add(Value to, Value contribution, Value mask);
  void add(Value to, Scalar contribution, Cotangent given) { add(to, contribution.value, given.mask); }
  /// The cotangent goes on to `to` where `condition` (or, with `unless`, where not).
  void addWhere(Value to, Cotangent given, Value condition, bool unless = false);
  Value materialize(Cotangent cotangent);

  /// A number of the expression, in the type of the cotangents.
  Scalar primal(Value value);
  Scalar wrap(Value value) { return {&builder, value.getLoc(), value}; }

  OpBuilder &builder;
  Type type;
  Dependence dependence;
  llvm::DenseMap<Value, Cotangent> cotangents;
};
} // namespace

Dependence fgla::findDependence(ValueRange outputs, ValueRange inputs,
                                llvm::function_ref<bool(Operation *)> isConstant) {
  Dependence result;
  result.values.insert(inputs.begin(), inputs.end());
  SmallVector<Value> rest(outputs);
  SmallVector<Operation *> before;
  llvm::DenseSet<Operation *> seen;
  while (!rest.empty()) {
    Value value = rest.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || llvm::is_contained(inputs, value) || !seen.insert(op).second)
      continue;
    before.push_back(op);
    llvm::append_range(rest, op->getOperands());
  }
  Block *block = outputs.front().getParentBlock();
  llvm::erase_if(before, [&](Operation *op) { return op->getBlock() != block; });
  llvm::sort(before, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : before) {
    if (isConstant(op) ||
        llvm::none_of(op->getOperands(), [&](Value operand) { return result.values.contains(operand); }))
      continue;
    result.ops.push_back(op);
    result.values.insert(op->result_begin(), op->result_end());
  }
  return result;
}

static Value convert(OpBuilder &builder, Location loc, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, value);
  return arith::TruncFOp::create(builder, loc, type, value);
}

Scalar ScalarAdjoint::primal(Value value) { return wrap(convert(builder, value.getLoc(), value, type)); }

Value ScalarAdjoint::materialize(Cotangent cotangent) {
  if (!cotangent.mask)
    return cotangent.value;
  Scalar value = wrap(cotangent.value);
  return select(cotangent.mask, value, value.constant(0)).value;
}

void ScalarAdjoint::add(Value to, Value contribution, Value mask) {
  if (!isActive(to))
    return;
  auto [entry, isNew] = cotangents.try_emplace(to, Cotangent{contribution, mask});
  Cotangent &sum = entry->second;
  if (isNew)
    return;
  if (sum.mask == mask)
    sum.value = (wrap(sum.value) + wrap(contribution)).value;
  else
    sum = {(wrap(materialize(sum)) + wrap(materialize({contribution, mask}))).value, {}};
}

void ScalarAdjoint::addWhere(Value to, Cotangent given, Value condition, bool unless) {
  if (!isActive(to))
    return;
  Location loc = condition.getLoc();
  if (unless) {
    Value yes = arith::ConstantOp::create(builder, loc, builder.getBoolAttr(true));
    condition = builder.createOrFold<arith::XOrIOp>(loc, condition, yes);
  }
  if (given.mask)
    condition = builder.createOrFold<arith::AndIOp>(loc, given.mask, condition);
  add(to, given.value, condition);
}

FailureOr<SmallVector<Value>> ScalarAdjoint::build(ValueRange outputs, ValueRange given, ValueRange inputs) {
  dependence = findDependence(outputs, inputs, [](Operation *op) { return isStep(op) || isQuestion(op); });
  for (auto [output, cotangent] : llvm::zip_equal(outputs, given))
    add(output, cotangent, {});
  for (Operation *op : llvm::reverse(dependence.ops)) {
    // A number that comes back from an integer has lost its way.
    if (!llvm::all_of(op->getResultTypes(), llvm::IsaPred<FloatType>))
      return op->emitError() << "'" << op->getName() << "' has no derivative";
    if (auto both = dyn_cast<math::SincosOp>(op)) {
      visitSincos(both);
      continue;
    }
    auto found = cotangents.find(op->getResult(0));
    if (found != cotangents.end() && failed(visit(op, found->second)))
      return failure();
  }
  SmallVector<Value> results;
  for (Value input : inputs) {
    auto found = cotangents.find(input);
    results.push_back(found == cotangents.end() ? Value() : materialize(found->second));
  }
  return results;
}

LogicalResult ScalarAdjoint::visit(Operation *op, Cotangent given) {
  const auto *rule =
      llvm::find_if(unaryRules, [&](const UnaryRule &r) { return op->getName().getStringRef() == r.op; });
  if (rule == std::end(unaryRules))
    return visitOther(op, given);
  Scalar slope = rule->derivative(primal(op->getOperand(0)), primal(op->getResult(0)));
  add(op->getOperand(0), wrap(given.value) * slope, given);
  return success();
}

LogicalResult ScalarAdjoint::visitOther(Operation *op, Cotangent given) {
  Scalar g = wrap(given.value);
  auto x = [&](unsigned operand) { return primal(op->getOperand(operand)); };
  auto flow = [&](unsigned operand, Scalar contribution) { add(op->getOperand(operand), contribution, given); };
  auto needs = [&](unsigned operand) { return isActive(op->getOperand(operand)); };
  // Of equal operands the first one counts as the larger.
  auto choose = [&](bool larger) {
    Value first = compare(arith::CmpFPredicate::OGE, x(0), x(1));
    addWhere(op->getOperand(0), given, first, !larger);
    addWhere(op->getOperand(1), given, first, larger);
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<arith::AddFOp>([&](auto) {
        flow(0, g);
        flow(1, g);
        return success();
      })
      .Case<arith::SubFOp>([&](auto) {
        flow(0, g);
        if (needs(1))
          flow(1, -g);
        return success();
      })
      .Case<arith::MulFOp>([&](auto) {
        if (needs(0))
          flow(0, g * x(1));
        if (needs(1))
          flow(1, g * x(0));
        return success();
      })
      .Case<arith::DivFOp>([&](auto) {
        Scalar quotient = g / x(1);
        flow(0, quotient);
        if (needs(1))
          flow(1, -(quotient * primal(op->getResult(0))));
        return success();
      })
      .Case<arith::RemFOp>([&](auto) { // a - b trunc(a / b)
        flow(0, g);
        if (needs(1))
          flow(1, -(g * call<math::TruncOp>(x(0) / x(1))));
        return success();
      })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto) {
        choose(/*larger=*/true);
        return success();
      })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto) {
        choose(/*larger=*/false);
        return success();
      })
      .Case<arith::SelectOp>([&](arith::SelectOp choice) {
        addWhere(choice.getTrueValue(), given, choice.getCondition());
        addWhere(choice.getFalseValue(), given, choice.getCondition(), /*unless=*/true);
        return success();
      })
      .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { // cotangents keep their type
        flow(0, g);
        return success();
      })
      .Case<math::FmaOp>([&](auto) {
        if (needs(0))
          flow(0, g * x(1));
        if (needs(1))
          flow(1, g * x(0));
        flow(2, g);
        return success();
      })
      .Case<math::ClampFOp>([&](auto) { // min(max(value, least), most)
        Value isBelow = compare(arith::CmpFPredicate::OLT, x(0), x(1));
        Value isAbove = compare(arith::CmpFPredicate::OGE, x(0), x(2));
        addWhere(op->getOperand(1), given, isBelow);
        addWhere(op->getOperand(2), given, isAbove);
        addWhere(op->getOperand(0), given, builder.createOrFold<arith::OrIOp>(op->getLoc(), isBelow, isAbove),
                 /*unless=*/true);
        return success();
      })
      .Case<math::CopySignOp>([&](auto) {
        flow(0, g * (copySign(g.constant(1), x(0)) * copySign(g.constant(1), x(1))));
        return success();
      })
      .Case<math::Atan2Op>([&](math::Atan2Op angle) {
        visitAtan2(angle, given);
        return success();
      })
      .Case<math::PowFOp>([&](math::PowFOp power) {
        visitPower(power, given);
        return success();
      })
      .Case<math::FPowIOp>([&](math::FPowIOp power) { // n x^(n - 1)
        Location loc = op->getLoc();
        Type integer = power.getRhs().getType();
        Value one = arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(integer, 1));
        Value less = builder.createOrFold<arith::SubIOp>(loc, power.getRhs(), one);
        Value count = builder.createOrFold<arith::SIToFPOp>(loc, type, power.getRhs());
        Value factor = math::FPowIOp::create(builder, loc, x(0).value, less);
        flow(0, g * (wrap(count) * wrap(factor)));
        return success();
      })
      .Default([](Operation *other) { return other->emitError() << "'" << other->getName() << "' has no derivative"; });
}

void ScalarAdjoint::visitSincos(math::SincosOp op) {
  Value results[] = {op.getSin(), op.getCos()};
  for (unsigned i : {0u, 1u}) {
    auto found = cotangents.find(results[i]);
    if (found == cotangents.end())
      continue;
    Cotangent given = found->second;
    Scalar slope = primal(results[1 - i]);
    add(op.getOperand(), wrap(given.value) * (i == 0 ? slope : -slope), given);
  }
}

/// d atan2(y, x) = (x dy - y dx) / (x^2 + y^2), with both divided by the larger one first, so that no square overflows.
void ScalarAdjoint::visitAtan2(math::Atan2Op op, Cotangent given) {
  Scalar g = wrap(given.value), y = primal(op.getLhs()), x = primal(op.getRhs());
  Scalar size = max(abs(x), abs(y)), a = x / size, b = y / size;
  Scalar scaled = g / (size * (a * a + b * b));
  add(op.getLhs(), scaled * a, given);
  add(op.getRhs(), -(scaled * b), given);
}

/// x^y: y x^(y - 1) and log(x) x^y, which is zero for x = 0.
void ScalarAdjoint::visitPower(math::PowFOp op, Cotangent given) {
  Scalar g = wrap(given.value), x = primal(op.getLhs()), y = primal(op.getRhs());
  if (isActive(op.getLhs()))
    add(op.getLhs(), g * (y * x.apply<math::PowFOp>(y - 1.0)), given);
  if (!isActive(op.getRhs()))
    return;
  Scalar slope = call<math::LogOp>(x) * primal(op.getResult());
  Value notZero = compare(arith::CmpFPredicate::UNE, x, x.constant(0));
  addWhere(op.getRhs(), {(g * slope).value, given.mask}, notZero);
}

FailureOr<SmallVector<Value>> fgla::buildScalarAdjoint(OpBuilder &builder, ValueRange outputs, ValueRange cotangents,
                                                       ValueRange inputs) {
  return ScalarAdjoint(builder, cotangents.front().getType()).build(outputs, cotangents, inputs);
}

FailureOr<SmallVector<Value>> fgla::buildScalarAdjoint(OpBuilder &builder, Value output, Value cotangent,
                                                       ValueRange inputs) {
  return buildScalarAdjoint(builder, ValueRange(output), ValueRange(cotangent), inputs);
}
