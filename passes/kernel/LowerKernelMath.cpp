//===- LowerKernelMath.cpp - Functions of the special function unit -------===//
//
// The unit computes 2^x, 1/x and 1/sqrt x to about 2^-22 of the result, log2 x to about 2^-22; what is below 2^-126 is
// zero. What is small where a function of the unit is near one is a polynomial (log1p, expm1, tanh). The rest becomes
// these by upstream's expansions and polynomials.
//
// The unit's argument is rounded to f32: of 2^100 that costs 2^-18 of the result. Kernels on arrays of f32
// (fgla::kPreciseAttrName) have the argument in two parts. Others have short polynomials, exact to 2^-15 where they
// end: their arrays have 8 or 11 bits.
//
//===----------------------------------------------------------------------===//

#include "dialect/fgla/Attributes.h"
#include "dialect/tile/Diagnostics.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/kernel/Code.h"
#include "passes/kernel/Passes.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

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
  Value divide(Value a, Value b) {
    Value inverse = reciprocal(b);
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
  /// e^-|y|, from 0 to 1.
  static bool isFractionOfOne(Value x) {
    auto exp = x.getDefiningOp<math::ExpOp>();
    auto minus = exp ? exp.getOperand().getDefiningOp<arith::NegFOp>() : arith::NegFOp();
    return minus && minus.getOperand().getDefiningOp<math::AbsFOp>();
  }
  /// log(1 + x) = 2 artanh s with s = x / (2 + x), a series in s^2 <= 1/7 that is exact to 2^-23 where it is used; far
  /// from x = 0 the logarithm is no small number.
  Value log1p(Value x) {
    constexpr double kSmall = 0x1p-7; // x^2 / 3 of the result is left out
    // That of a softplus: the minimax polynomial of log(1 + x) / x, to 2^-14 of it.
    if (!isPrecise && isFractionOfOne(x))
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
  Value tanh(Value x) {
    constexpr double kMost = 20; // of 2 x
    Value twice = add(x, x);
    twice = arith::MinimumFOp::create(builder, code.loc, twice, code.f32(kMost));
    twice = arith::MaximumFOp::create(builder, code.loc, twice, code.f32(-kMost));
    Value minusOne = expm1(twice);
    return divide(minusOne, add(minusOne, code.f32(2)));
  }

  OpBuilder builder;
  Code code;
  Type f32;
  bool isPrecise;
};
} // namespace

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
    return f.tanh(x);
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
