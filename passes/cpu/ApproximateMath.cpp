//===- ApproximateMath.cpp - Functions of vectors as polynomials ----------===//

#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

/// sin and cos: x = n pi / 2 + r with |r| <= pi / 4, and n mod 4 says which series of r it is, and its sign. pi / 2 in
/// three parts is enough where n has at most 17 bits (within 2 ulp); for what is farther out, or no number, the math
/// library is asked, number by number. It has arguments of f64, which need no other care than f32's.
template <typename OpTy> struct ApproximateSinCos : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto vector = dyn_cast<VectorType>(op.getType());
    if (!getElementTypeOrSelf(op.getType()).isF32() || (vector && (vector.getRank() != 1 || vector.isScalable())))
      return rewriter.notifyMatchFailure(op, "neither f32 nor a vector of it");
    Location loc = op.getLoc();
    FloatBuilder b(rewriter, loc, op.getType());
    Value x = op.getOperand();
    constexpr double kFar = 1e5;
    Value isFar = b.compare(arith::CmpFPredicate::UGT, math::AbsFOp::create(rewriter, loc, x), b.constant(kFar));
    if (vector)
      isFar = vector::ReductionOp::create(rewriter, loc, vector::CombiningKind::OR, isFar);
    auto choice = scf::IfOp::create(rewriter, loc, op.getType(), isFar, /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(choice.thenBlock());
      scf::YieldOp::create(rewriter, loc, callLibrary(rewriter, loc, x));
      rewriter.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(rewriter, loc, compute(b, x));
    }
    rewriter.replaceOp(op, choice.getResult(0));
    return success();
  }

private:
  static Value callLibrary(OpBuilder &builder, Location loc, Value x) {
    auto call = [&](OpBuilder &b, Value number) -> Value {
      Value wide = arith::ExtFOp::create(b, loc, b.getF64Type(), number);
      return arith::TruncFOp::create(b, loc, b.getF32Type(), OpTy::create(b, loc, wide).getResult());
    };
    auto type = dyn_cast<VectorType>(x.getType());
    if (!type)
      return call(builder, x);
    auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value).getResult(); };
    auto lanes = scf::ForOp::create(builder, loc, index(0), index(type.getNumElements()), index(1), x,
                                    [&](OpBuilder &b, Location, Value lane, ValueRange carried) {
                                      Value y = call(b, vector::ExtractOp::create(b, loc, x, lane));
                                      y = vector::InsertOp::create(b, loc, y, carried.front(), lane);
                                      scf::YieldOp::create(b, loc, y);
                                    });
    return lanes.getResult(0);
  }

  static Value compute(FloatBuilder &b, Value x) {
    OpBuilder &builder = b.builder;
    Location loc = b.loc;
    constexpr double kTwoOverPi = 0.63661977236758134;
    Value n = math::RoundEvenOp::create(builder, loc, b.mul(x, b.constant(kTwoOverPi)));
    Value r = x;
    for (double part : {1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15})
      r = b.fma(n, b.constant(-part), r);
    Value square = b.mul(r, r);
    SmallVector<double> sine, cosine; // of r / r and of r, in powers of the square
    for (auto [i, coefficient] : llvm::enumerate(inverseFactorials(0, 11)))
      (i % 2 ? sine : cosine).push_back(i % 4 < 2 ? coefficient : -coefficient);
    Value sin = b.mul(r, b.polynomial(square, sine)), cos = b.polynomial(square, cosine);

    Value quadrant = arith::FPToSIOp::create(builder, loc, b.integerType(), n);
    if (std::is_same_v<OpTy, math::CosOp>)
      quadrant = arith::AddIOp::create(builder, loc, quadrant, b.constant(1));
    Value half = arith::AndIOp::create(builder, loc, quadrant, b.constant(1));
    Value isOdd = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, half, b.constant(0));
    Value second = arith::AndIOp::create(builder, loc, quadrant, b.constant(2));
    Value sign = arith::ShLIOp::create(builder, loc, second, b.constant(30));
    Value bits = arith::BitcastOp::create(builder, loc, b.integerType(), b.select(isOdd, cos, sin));
    return arith::BitcastOp::create(builder, loc, b.type, arith::XOrIOp::create(builder, loc, bits, sign));
  }
};

/// log and log2: x = 2^e m with m from sqrt(1/2) to sqrt(2), f = m - 1, and log(1 + f) = 2 artanh(s) with s = f / (2 +
/// f), written as f less a small part. What is too small to have its exponent in full is scaled first.
template <typename OpTy> struct ApproximateLog : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    Location loc = op.getLoc();
    FloatBuilder b(rewriter, loc, op.getType());
    constexpr double kInfinity = std::numeric_limits<double>::infinity(),
                     kNaN = std::numeric_limits<double>::quiet_NaN();
    constexpr int32_t kRootHalf = 0x3f3504f3, kMantissa = 0x7fffff;
    constexpr double kScale = 1 << 24;
    Value x = op.getOperand(), zero = b.constant(0.0), one = b.constant(1.0);
    Value isSmall = b.compare(arith::CmpFPredicate::OLT, x, b.constant(std::numeric_limits<float>::min()));
    Value scaled = b.select(isSmall, b.mul(x, b.constant(kScale)), x);
    Value bits = arith::BitcastOp::create(rewriter, loc, b.integerType(), scaled);
    Value above = arith::SubIOp::create(rewriter, loc, bits, b.constant(kRootHalf));
    Value exponent = arith::SIToFPOp::create(rewriter, loc, op.getType(),
                                             arith::ShRSIOp::create(rewriter, loc, above, b.constant(23)));
    exponent = arith::SubFOp::create(rewriter, loc, exponent, b.select(isSmall, b.constant(24.0), zero));
    Value mantissa = arith::AndIOp::create(rewriter, loc, above, b.constant(kMantissa));
    mantissa = arith::AddIOp::create(rewriter, loc, mantissa, b.constant(kRootHalf));
    Value m = arith::BitcastOp::create(rewriter, loc, op.getType(), mantissa);

    Value f = arith::SubFOp::create(rewriter, loc, m, one);
    Value s = arith::DivFOp::create(rewriter, loc, f, arith::AddFOp::create(rewriter, loc, f, b.constant(2.0)));
    Value square = b.mul(s, s), half = b.mul(b.constant(0.5), b.mul(f, f));
    Value tail = b.mul(square, b.polynomial(square, {2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11}));
    // log(1 + f) = f + rest
    Value rest = b.fma(s, arith::AddFOp::create(rewriter, loc, half, tail), arith::NegFOp::create(rewriter, loc, half));
    Value result = combine(b, exponent, f, rest);

    result = b.select(b.compare(arith::CmpFPredicate::OEQ, x, zero), b.constant(-kInfinity), result);
    result = b.select(b.compare(arith::CmpFPredicate::ULT, x, zero), b.constant(kNaN), result);
    rewriter.replaceOp(op, b.select(b.compare(arith::CmpFPredicate::OEQ, x, b.constant(kInfinity)), x, result));
    return success();
  }

private:
  /// The logarithm of 2^exponent (1 + f).
  static Value combine(FloatBuilder &b, Value exponent, Value f, Value rest) {
    // Two numbers each, of which the first has few bits: its products are exact.
    constexpr double kLog2High = 0.693359375, kLog2Low = -2.12194440e-4, kLog2EHigh = 1.4423828125,
                     kLog2ELow = 3.1222838896e-4;
    auto add = [&](Value l, Value r) -> Value { return arith::AddFOp::create(b.builder, b.loc, l, r); };
    if (std::is_same_v<OpTy, math::LogOp>)
      return b.fma(exponent, b.constant(kLog2High), add(f, b.fma(exponent, b.constant(kLog2Low), rest)));
    Value low = b.fma(add(f, rest), b.constant(kLog2ELow), b.mul(rest, b.constant(kLog2EHigh)));
    return add(exponent, b.fma(f, b.constant(kLog2EHigh), low));
  }
};

/// What is computed by upstream's polynomials. The others (atan is 40 ulp off, cbrt of infinity no number, and neither
/// knows small arguments) are left to the math library, as f64 is.
bool hasPolynomial(StringRef name) {
  return llvm::is_contained({math::TanhOp::getOperationName(), math::Log1pOp::getOperationName(),
                             math::ErfOp::getOperationName(), math::ErfcOp::getOperationName()},
                            name);
}

/// What is computed in f32 for narrower types.
bool isWidened(StringRef name) {
  return hasPolynomial(name) || llvm::is_contained({math::ExpOp::getOperationName(), math::ExpM1Op::getOperationName(),
                                                    math::LogOp::getOperationName(), math::Log2Op::getOperationName(),
                                                    math::SinOp::getOperationName(), math::CosOp::getOperationName()},
                                                   name);
}

struct ApproximateMath : fgla::cpu::impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ApproximateExp, ApproximateExpM1, ApproximateLog<math::LogOp>, ApproximateLog<math::Log2Op>,
                 ApproximateSinCos<math::SinOp>, ApproximateSinCos<math::CosOp>>(&getContext());
    populateMathF32ExpansionPatterns(patterns, isWidened);
    populateMathPolynomialApproximationPatterns(patterns, hasPolynomial);
    // The folder would undo nothing here and costs time on long bodies.
    GreedyRewriteConfig config;
    config.enableFolding(false).setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
