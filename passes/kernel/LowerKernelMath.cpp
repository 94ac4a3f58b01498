//===- LowerKernelMath.cpp - Functions of the special function unit -------===//
//
// The unit computes 2^x, 1/x and 1/sqrt x to about 2^-22 of the result, log2 x to about 2^-22, sin x and cos x within a
// turn to 2^-20; what is below 2^-126 is zero. What is small where a function of the unit is near one is a polynomial
// (log1p, expm1, tanh). The rest becomes these by upstream's expansions and polynomials.
//
// The unit's argument is rounded to f32: of 2^100 that costs 2^-18 of the result. Kernels on arrays of f32
// (fgla::kPreciseAttrName) have the argument in two parts. Others have short polynomials, exact to 2^-14 where they
// end: their arrays have 8 or 11 bits. Which form is exact enough follows from what an operand can be (Intervals.h) and
// from what becomes of the result.
//
//===----------------------------------------------------------------------===//

#include "dialect/fgla/Attributes.h"
#include "dialect/tile/Diagnostics.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/kernel/Code.h"
#include "passes/kernel/Intervals.h"
#include "passes/kernel/Passes.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

namespace fgla::kernel {
#define GEN_PASS_DEF_LOWERKERNELMATH
#include "passes/kernel/Passes.h.inc"
} // namespace fgla::kernel

using namespace mlir;
using namespace fgla::kernel;

namespace {
/// The instructions, and what is made of them.
class Functions {
public:
  explicit Functions(Operation *op)
      : builder(op), code(builder, op->getLoc()), f32(builder.getF32Type()),
        isPrecise(op->getParentOfType<LLVM::LLVMFuncOp>()->hasAttr(fgla::kPreciseAttrName)) {}

  Value exp2(Value x) { return code.intrinsic("llvm.nvvm.ex2.approx.ftz.f", f32, x); }
  /// e^x c, where c is 1 or a positive constant. Of e^(a - b) the difference comes first: a log2 e - b log2 e is as
  /// wrong as a and b are large.
  Value exp(Value x, double c = 1) {
    constexpr double kLog2E = llvm::numbers::log2e;
    if (isPrecise)
      return preciseExp(x, c);
    if (c == 1)
      return exp2(code.mulF(x, code.f32(kLog2E)));
    return exp2(math::FmaOp::create(builder, code.loc, x, code.f32(kLog2E), code.f32(std::log2(c))));
  }
  /// With x log2 e = high + low, high rounded: 2^high c (1 + low ln 2).
  Value preciseExp(Value x, double c) {
    constexpr double kLog2E = llvm::numbers::log2e, kMost = 200; // beyond, the result is zero or infinite
    constexpr auto kHigh = static_cast<float>(kLog2E);
    x = arith::MaximumFOp::create(builder, code.loc, x, code.f32(-kMost));
    x = arith::MinimumFOp::create(builder, code.loc, x, code.f32(kMost));
    // No flags: neither is what it is for if it becomes part of another operation.
    Value high = arith::MulFOp::create(builder, code.loc, x, code.f32(kHigh));
    Value minusHigh = arith::NegFOp::create(builder, code.loc, high);
    Value low = math::FmaOp::create(builder, code.loc, x, code.f32(kHigh), minusHigh);
    low = math::FmaOp::create(builder, code.loc, x, code.f32(kLog2E - kHigh), low);
    Value rest = math::FmaOp::create(builder, code.loc, low, code.f32(c * llvm::numbers::ln2), code.f32(c));
    return arith::MulFOp::create(builder, code.loc, exp2(high), rest);
  }
  Value log2(Value x) { return code.intrinsic("llvm.nvvm.lg2.approx.ftz.f", f32, x); }
  Value log(Value x) { return code.mulF(log2(x), code.f32(llvm::numbers::ln2)); }
  Value reciprocal(Value x) { return NVVM::RcpApproxFtzF32Op::create(builder, code.loc, f32, x); }
  Value rsqrt(Value x) { return code.intrinsic("llvm.nvvm.rsqrt.approx.ftz.f", f32, x); }
  Value sqrt(Value x) { return code.intrinsic("llvm.nvvm.sqrt.approx.ftz.f", f32, x); }
  /// By a root: its inverse is a function of the unit, too.
  Value divide(Value a, Value b) {
    auto root = b.getDefiningOp<math::SqrtOp>();
    Value inverse = root ? rsqrt(root.getOperand()) : reciprocal(b);
    return matchPattern(a, m_OneFloat()) ? inverse : code.mulF(a, inverse);
  }

  /// c[0] + c[1] x + ..., by Horner's rule.
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = code.f32(coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      sum = math::FmaOp::create(builder, code.loc, sum, x, code.f32(c));
    return sum;
  }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, code.loc, a, b); }
  /// |x| < bound
  Value isBelow(Value x, double bound) {
    Value size = math::AbsFOp::create(builder, code.loc, x);
    return arith::CmpFOp::create(builder, code.loc, arith::CmpFPredicate::OLT, size, code.f32(bound));
  }
  Value isBetween(double low, Value x, double high) {
    auto compare = [&](arith::CmpFPredicate predicate, double bound) -> Value {
      return arith::CmpFOp::create(builder, code.loc, predicate, x, code.f32(bound));
    };
    Value isAbove = compare(arith::CmpFPredicate::OGT, low), isBelow = compare(arith::CmpFPredicate::OLT, high);
    return arith::AndIOp::create(builder, code.loc, isAbove, isBelow);
  }
  /// log(1 + x) = 2 artanh s with s = x / (2 + x), a series in s^2 <= 1/7 that is exact to 2^-23 where it is used; far
  /// from x = 0 the logarithm is no small number.
  Value log1p(Value x) {
    constexpr double kSmall = 0x1p-7; // x^2 / 3 of the result is left out
    // That of a softplus, e^-|y|: the minimax polynomial of log(1 + x) / x, to 2^-14 of it.
    if (!isPrecise && getInterval(x).isWithin(0, 1))
      return code.mulF(x, polynomial(x, {0.99994328, -0.4969778, 0.30630089, -0.15742713, 0.041347262}));
    if (!isPrecise) {
      Value series = math::FmaOp::create(builder, code.loc, code.mulF(x, code.f32(-0.5)), x, x);
      return code.select(isBelow(x, kSmall), series, log(add(x, code.f32(1))));
    }
    Value s = divide(x, add(x, code.f32(2)));
    Value series = polynomial(code.mulF(s, s), {2, 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13});
    return code.select(isBetween(-0.5, x, 1.125), code.mulF(s, series), log(add(x, code.f32(1))));
  }
  /// e^x - 1, by Taylor's series where that is small.
  Value expm1(Value x) {
    constexpr double kSmall = 0x1p-6; // x^3 / 24 is left out
    if (!isPrecise) {
      Value series = code.mulF(x, polynomial(x, {1, 1. / 2, 1. / 6}));
      return code.select(isBelow(x, kSmall), series, add(exp(x), code.f32(-1)));
    }
    SmallVector<double> inverseFactorials{1};
    for (int n = 2; n <= 8; ++n)
      inverseFactorials.push_back(inverseFactorials.back() / n);
    Value series = code.mulF(x, polynomial(x, inverseFactorials));
    return code.select(isBetween(-0.5, x, 0.5), series, add(exp(x), code.f32(-1)));
  }
  /// (e^2x - 1) / (e^2x + 1), of an x that is so small or large as makes no difference.
  Value preciseTanh(Value x) {
    constexpr double kMost = 20; // of 2 x
    Value twice = add(x, x);
    twice = arith::MinimumFOp::create(builder, code.loc, twice, code.f32(kMost));
    twice = arith::MaximumFOp::create(builder, code.loc, twice, code.f32(-kMost));
    Value minusOne = expm1(twice);
    return divide(minusOne, add(minusOne, code.f32(2)));
  }
  /// 1 - 2 / (1 + e^2x), to 2^-22 whatever x; where that is small, x - x^3 / 3.
  Value tanh(Value x, bool isBesideConstant) {
    constexpr double kSmall = 0x1p-6;
    if (isPrecise)
      return preciseTanh(x);
    Value power = exp2(code.mulF(x, code.f32(2 * llvm::numbers::log2e)));
    Value inverse = reciprocal(add(power, code.f32(1)));
    Value result = math::FmaOp::create(builder, code.loc, inverse, code.f32(-2), code.f32(1));
    if (isBesideConstant)
      return result;
    Value series = code.mulF(x, polynomial(code.mulF(x, x), {1, -1. / 3}));
    return code.select(isBelow(x, kSmall), series, result);
  }
  /// 1 - 2^-p(|x|), p minimax, to 2^-20 of the result, with x's sign; where that is small, 2 / sqrt(pi) (x - x^3 / 3).
  Value erf(Value x, bool isBesideConstant) {
    constexpr double kSmall = 0x1p-6, kSlope = 2 * llvm::numbers::inv_sqrtpi;
    Value size = math::AbsFOp::create(builder, code.loc, x);
    Value power =
        code.mulF(size, polynomial(size, {-1.62790821, -0.918376458, -0.148937037, 0.0297973463, -0.00299612378}));
    Value rest = arith::SubFOp::create(builder, code.loc, code.f32(1), exp2(power));
    Value result = math::CopySignOp::create(builder, code.loc, rest, x);
    if (isBesideConstant)
      return result;
    Value series = code.mulF(x, polynomial(code.mulF(x, x), {kSlope, -kSlope / 3}));
    return code.select(isBelow(x, kSmall), series, result);
  }
  /// What is left of x after whole turns: their number is what rounding at 1.5 x 2^23 makes it.
  Value reduceToTurn(Value x) {
    constexpr double kTurn = 2 * llvm::numbers::pi, kRounds = 0x1.8p23;
    constexpr auto kHigh = static_cast<float>(kTurn);
    Value shifted = math::FmaOp::create(builder, code.loc, x, code.f32(1 / kTurn), code.f32(kRounds));
    Value turns = arith::SubFOp::create(builder, code.loc, shifted, code.f32(kRounds));
    Value rest = math::FmaOp::create(builder, code.loc, turns, code.f32(-kHigh), x);
    return math::FmaOp::create(builder, code.loc, turns, code.f32(kHigh - kTurn), rest);
  }
  Value sin(Value x, bool isBesideConstant) {
    constexpr double kSmall = 0x1p-6; // x^3 / 6 is left out
    Value turn = getInterval(x).isWithin(-llvm::numbers::pi, llvm::numbers::pi) ? x : reduceToTurn(x);
    Value result = code.intrinsic("llvm.nvvm.sin.approx.ftz.f", f32, turn);
    return isBesideConstant ? result : code.select(isBelow(x, kSmall), x, result);
  }
  Value cos(Value x) {
    Value turn = getInterval(x).isWithin(-llvm::numbers::pi, llvm::numbers::pi) ? x : reduceToTurn(x);
    return code.intrinsic("llvm.nvvm.cos.approx.ftz.f", f32, turn);
  }
  /// x - n y. The quotient's rounding can make n one too large or too small.
  Value remainder(Value x, Value y) {
    Value n = math::TruncOp::create(builder, code.loc, code.mulF(x, reciprocal(y)));
    Value rest = math::FmaOp::create(builder, code.loc, arith::NegFOp::create(builder, code.loc, n), y, x);
    Value size = math::AbsFOp::create(builder, code.loc, y), step = math::CopySignOp::create(builder, code.loc, y, x);
    auto compare = [&](arith::CmpFPredicate predicate, Value a, Value b) -> Value {
      return arith::CmpFOp::create(builder, code.loc, predicate, a, b);
    };
    Value isFar = compare(arith::CmpFPredicate::OGE, math::AbsFOp::create(builder, code.loc, rest), size);
    Value isBeyond = compare(arith::CmpFPredicate::UNE, math::CopySignOp::create(builder, code.loc, rest, x), rest);
    Value nearer = arith::SubFOp::create(builder, code.loc, rest, step);
    rest = code.select(isBeyond, add(rest, step), code.select(isFar, nearer, rest));
    Value isInfinite = compare(arith::CmpFPredicate::OEQ, size, code.f32(std::numeric_limits<double>::infinity()));
    return code.select(isInfinite, x, rest);
  }
  /// x^y of an x that is not negative, 2^(y log2 x), which is one where the product is none: 0^0, 1^infinity.
  Value power(Value x, Value y) {
    Value result = exp2(code.mulF(y, log2(x)));
    Interval ofX = getInterval(x), ofY = getInterval(y);
    auto isEqual = [&](Value value, double constant) -> Value {
      return arith::CmpFOp::create(builder, code.loc, arith::CmpFPredicate::OEQ, value, code.f32(constant));
    };
    if (!ofX.isWithin(0x1p-126, 0x1p127))
      result = code.select(isEqual(y, 0), code.f32(1), result);
    if (!ofY.isWithin(-0x1p127, 0x1p127))
      result = code.select(isEqual(x, 1), code.f32(1), result);
    return result;
  }

  OpBuilder builder;
  Code code;
  Type f32;
  bool isPrecise;
};
} // namespace

/// Whether `value`, of which the rest of an expression has `scale` times, only ever stands beside constants that are no
/// smaller: then an error of 2^-22 is no more than rounding's.
static bool isBesideConstant(Value value, double scale = 1) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    if (isa<arith::NegFOp>(user))
      return isBesideConstant(user->getResult(0), scale);
    if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(user))
      return false;
    FloatAttr constant;
    bool hasConstant = matchPattern(user->getOperand(0), m_Constant(&constant)) ||
                       matchPattern(user->getOperand(1), m_Constant(&constant));
    double size = hasConstant ? std::abs(constant.getValueAsDouble()) : 0;
    if (isa<arith::MulFOp>(user))
      return hasConstant && isBesideConstant(user->getResult(0), scale * size);
    return hasConstant ? size >= scale : isBesideConstant(user->getResult(0), scale);
  });
}

/// The replacement of an op on f32, or null.
static Value lower(Operation *op) {
  if (op->getNumOperands() == 0 || op->getNumResults() != 1 || !op->getResult(0).getType().isF32())
    return {};
  Functions f(op);
  Value x = op->getOperand(0);
  if (auto product = dyn_cast<arith::MulFOp>(op)) {
    FloatAttr factor;
    auto exp = x.getDefiningOp<math::ExpOp>();
    if (exp && exp->hasOneUse() && matchPattern(product.getRhs(), m_Constant(&factor)) && factor.getValueAsDouble() > 0)
      return f.exp(exp.getOperand(), factor.getValueAsDouble());
    return {};
  }
  if (isa<math::ExpOp>(op))
    return f.exp(x);
  if (isa<math::Exp2Op>(op))
    return f.exp2(x);
  if (isa<math::LogOp>(op))
    return f.log(x);
  if (isa<math::Log2Op>(op))
    return f.log2(x);
  if (isa<math::Log10Op>(op))
    return f.code.mulF(f.log2(x), f.code.f32(llvm::numbers::ln2 / llvm::numbers::ln10));
  if (isa<math::Log1pOp>(op))
    return f.log1p(x);
  if (isa<math::ExpM1Op>(op))
    return f.expm1(x);
  if (isa<math::TanhOp>(op))
    return f.tanh(x, isBesideConstant(op->getResult(0)));
  if (isa<math::ErfOp>(op) && !f.isPrecise)
    return f.erf(x, isBesideConstant(op->getResult(0)));
  if (isa<math::SinOp>(op) && !f.isPrecise)
    return f.sin(x, isBesideConstant(op->getResult(0)));
  if (isa<arith::RemFOp>(op) && !f.isPrecise)
    return f.remainder(x, op->getOperand(1));
  if (isa<math::CosOp>(op) && !f.isPrecise)
    return f.cos(x);
  if (isa<math::PowFOp>(op) && !f.isPrecise && getInterval(x).least >= 0)
    return f.power(x, op->getOperand(1));
  if (isa<math::SqrtOp>(op))
    return f.sqrt(x);
  if (isa<math::RsqrtOp>(op))
    return f.rsqrt(x);
  if (isa<arith::DivFOp>(op))
    return f.divide(x, op->getOperand(1));
  return {};
}

/// Whether an instruction or a few are the op, so that no function of a library is.
static bool hasInstructions(Operation *op) {
  return isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp, math::FloorOp, math::FmaOp, math::TruncOp,
             math::RoundEvenOp, math::IsNaNOp, math::IsInfOp, math::IsFiniteOp, math::ClampFOp,
             math::CountLeadingZerosOp, math::CountTrailingZerosOp, math::CtPopOp>(op);
}

/// Whether `lower` makes the op of `name` from the unit's functions.
static bool hasFunction(StringRef name) {
  return llvm::is_contained(
      {math::ExpOp::getOperationName(), math::Exp2Op::getOperationName(), math::LogOp::getOperationName(),
       math::Log2Op::getOperationName(), math::Log1pOp::getOperationName(), math::ExpM1Op::getOperationName(),
       math::TanhOp::getOperationName(), math::SqrtOp::getOperationName(), math::RsqrtOp::getOperationName()},
      name);
}

namespace {
struct LowerKernelMath : fgla::kernel::impl::LowerKernelMathBase<LowerKernelMath> {
  void runOnOperation() override {
    lowerAll();
    if (failed(expandOthers()))
      return signalPassFailure();
    lowerAll();
    WalkResult result = getOperation()->walk([](Operation *op) {
      if (!isa<math::MathDialect>(op->getDialect()) || hasInstructions(op))
        return WalkResult::advance();
      fgla::emitNamedError(op) << "on " << op->getOperand(0).getType() << " has no GPU code yet";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  void lowerAll() {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) { ops.push_back(op); });
    // From users to what they use: a product with an exponential takes it along.
    for (Operation *op : llvm::reverse(ops))
      if (Value replacement = lower(op)) {
        op->getResult(0).replaceAllUsesWith(replacement);
        op->erase();
      }
  }

  /// What the unit has no function for, if there is any.
  LogicalResult expandOthers() {
    SmallVector<Operation *> others;
    getOperation()->walk([&](Operation *op) {
      if (isa<math::MathDialect>(op->getDialect()) && !hasInstructions(op))
        others.push_back(op);
    });
    if (others.empty())
      return success();
    RewritePatternSet patterns(&getContext());
    math::populateExpansionPatterns(
        patterns, {"sinh", "cosh", "tan", "asinh", "acosh", "atanh", "fpowi", "ipowi", "powf", "round", "rsqrt"});
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) { return !hasFunction(name); });
    // Only these and what becomes of them: what is tuned elsewhere stays.
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
    config.enableConstantCSE(false);
    return applyOpPatternsGreedily(others, std::move(patterns), config);
  }
};
} // namespace
