//===- ApproximateMath.cpp - Functions of vectors as polynomials ----------===//

#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;

namespace {
/// Arithmetic on vectors or scalars of one float type.
class FloatBuilder {
public:
  FloatBuilder(OpBuilder &builder, Location loc, Type type) : builder(builder), loc(loc), type(type) {}

  Value constant(double value) { return splat(builder.getFloatAttr(getElementTypeOrSelf(type), value), type); }
  Value constant(int32_t value) { return splat(builder.getI32IntegerAttr(value), integerType()); }
  Value mul(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b); }
  Value fma(Value a, Value b, Value c) { return math::FmaOp::create(builder, loc, a, b, c); }
  Value select(Value condition, Value a, Value b) { return arith::SelectOp::create(builder, loc, condition, a, b); }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, predicate, a, b);
  }
  /// The polynomial c[0] + c[1] x + …, by Horner's rule.
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = constant(coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, constant(c));
    return sum;
  }
  Type integerType() {
    if (auto vector = dyn_cast<VectorType>(type))
      return VectorType::get(vector.getShape(), builder.getI32Type());
    return builder.getI32Type();
  }

  OpBuilder &builder;
  Location loc;
  Type type;

private:
  Value splat(TypedAttr attr, Type type) {
    if (auto vector = dyn_cast<VectorType>(type))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return arith::ConstantOp::create(builder, loc, attr);
  }
};
} // namespace

/// 1 / n! from `first` on, `count` of them.
static SmallVector<double> inverseFactorials(int first, int count) {
  SmallVector<double> result;
  double factorial = 1;
  for (int n = 1; n < first + count; ++n) {
    factorial *= n;
    if (n >= first)
      result.push_back(1 / factorial);
  }
  if (first == 0)
    result.insert(result.begin(), 1.0);
  return result;
}

namespace {
/// e^x = 2^n e^r with n = round(x / log 2), |r| <= log(2) / 2, and 2^n made in the exponent. Within 2 ulp from -87.3
/// to 88.7; zero below (f32 has no normal numbers there), infinity above.
struct ApproximateExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    FloatBuilder b(rewriter, op.getLoc(), op.getType());
    constexpr double kLog2E = 1.4426950408889634, kLowest = -87.33, kHighest = 88.72;
    constexpr double kLog2High = 0.693359375,
                     kLog2Low = -2.12194440e-4; // the high part has 9 bits: n times it is exact
    Value x = op.getOperand();
    Value n = math::RoundEvenOp::create(rewriter, op.getLoc(), b.mul(x, b.constant(kLog2E)));
    Value r = b.fma(n, b.constant(-kLog2High), x);
    r = b.fma(n, b.constant(-kLog2Low), r);
    Value power = b.polynomial(r, inverseFactorials(0, 8));
    // n goes into the exponent of the polynomial's value, since 2^128 alone would overflow where the product does not.
    Value bits = arith::BitcastOp::create(rewriter, op.getLoc(), b.integerType(), power);
    Value exponent = arith::FPToSIOp::create(rewriter, op.getLoc(), b.integerType(), n);
    Value shifted = arith::ShLIOp::create(rewriter, op.getLoc(), exponent, b.constant(23));
    Value scaled = arith::AddIOp::create(rewriter, op.getLoc(), bits, shifted);
    Value result = arith::BitcastOp::create(rewriter, op.getLoc(), op.getType(), scaled);
    Value low = b.compare(arith::CmpFPredicate::OLT, x, b.constant(kLowest));
    Value high = b.compare(arith::CmpFPredicate::OGT, x, b.constant(kHighest));
    result = b.select(low, b.constant(0.0), result);
    result = b.select(high, b.constant(std::numeric_limits<double>::infinity()), result);
    Value isNaN = b.compare(arith::CmpFPredicate::UNO, x, x);
    rewriter.replaceOp(op, b.select(isNaN, x, result));
    return success();
  }
};

/// e^x - 1: its series near zero, where the difference would cancel. Also for f64, of which upstream's lowering makes
/// the difference.
struct ApproximateExpM1 : OpRewritePattern<math::ExpM1Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpM1Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isF32() && !element.isF64())
      return rewriter.notifyMatchFailure(op, "neither f32 nor f64");
    FloatBuilder b(rewriter, op.getLoc(), op.getType());
    Value x = op.getOperand();
    // The first term left out, 0.5^n / (n + 1)!, is below half an ulp.
    int terms = element.isF32() ? 9 : 16;
    Value series = b.mul(x, b.polynomial(x, inverseFactorials(1, terms)));
    Value exp = math::ExpOp::create(rewriter, op.getLoc(), x);
    Value difference = arith::SubFOp::create(rewriter, op.getLoc(), exp, b.constant(1.0));
    Value isSmall =
        b.compare(arith::CmpFPredicate::OLT, math::AbsFOp::create(rewriter, op.getLoc(), x), b.constant(0.5));
    rewriter.replaceOp(op, b.select(isSmall, series, difference));
    return success();
  }
};

struct ApproximateMath : fgla::cpu::impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ApproximateExp, ApproximateExpM1>(&getContext(), /*benefit=*/2);
    populateMathPolynomialApproximationPatterns(patterns);
    // The folder would undo nothing here and costs time on long bodies.
    GreedyRewriteConfig config;
    config.enableFolding(false).setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
