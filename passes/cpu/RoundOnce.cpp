//===- RoundOnce.cpp - Conversions to 16 bits from more than f32 ----------===//

#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_ROUNDONCE
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;
using arith::CmpFPredicate, arith::CmpIPredicate;

/// `type` with other elements.
static Type withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.cloneWith(std::nullopt, element)) : element;
}

static Value constant(OpBuilder &b, Location loc, Type type, int64_t value) {
  TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, cast<Attribute>(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

/// By way of f32, rounded to odd: of the two neighbours the one whose last bit is set, which is on no border of the
/// narrower type and on the right side of all of them.
static Value truncateFloat(OpBuilder &b, Location loc, Value x, Type type) {
  Type f32 = withElement(x.getType(), b.getF32Type()), i32 = withElement(x.getType(), b.getI32Type());
  Value nearest = arith::TruncFOp::create(b, loc, f32, x), back = arith::ExtFOp::create(b, loc, x.getType(), nearest);
  Value isInexact = arith::CmpFOp::create(b, loc, CmpFPredicate::ONE, back, x);
  Value isLarger = arith::CmpFOp::create(b, loc, CmpFPredicate::OGT, math::AbsFOp::create(b, loc, back),
                                         math::AbsFOp::create(b, loc, x));
  Value bits = arith::BitcastOp::create(b, loc, i32, nearest), one = constant(b, loc, i32, 1);
  Value last = arith::AndIOp::create(b, loc, bits, one);
  Value isEven = arith::CmpIOp::create(b, loc, CmpIPredicate::eq, last, constant(b, loc, i32, 0));
  Value other = arith::SelectOp::create(b, loc, isLarger, arith::SubIOp::create(b, loc, bits, one),
                                        arith::AddIOp::create(b, loc, bits, one));
  Value isMoved = arith::AndIOp::create(b, loc, isInexact, isEven);
  Value odd = arith::SelectOp::create(b, loc, isMoved, other, bits);
  return arith::TruncFOp::create(b, loc, type, arith::BitcastOp::create(b, loc, f32, odd));
}

/// By way of f64, into which 32 bits fit. Of 64 bits the lowest eleven are made one, where f64 would round.
static Value convertInteger(OpBuilder &b, Location loc, Value x, Type type, bool isSigned) {
  Type integer = x.getType(), f64 = withElement(integer, b.getF64Type());
  if (getElementTypeOrSelf(integer).isInteger(64)) {
    constexpr int64_t low = (1 << 11) - 1;
    auto c = [&](int64_t value) { return constant(b, loc, integer, value); };
    Value isInexact = arith::CmpIOp::create(b, loc, CmpIPredicate::ne, arith::AndIOp::create(b, loc, x, c(low)), c(0));
    Value sticky = arith::SelectOp::create(b, loc, isInexact, c(low + 1), c(0));
    Value shorter = arith::OrIOp::create(b, loc, arith::AndIOp::create(b, loc, x, c(~low)), sticky);
    Value high =
        isSigned ? Value(arith::ShRSIOp::create(b, loc, x, c(53))) : Value(arith::ShRUIOp::create(b, loc, x, c(53)));
    // 0 and -1: numbers of 53 bits.
    Value isLong = arith::CmpIOp::create(b, loc, CmpIPredicate::ugt, arith::AddIOp::create(b, loc, high, c(isSigned)),
                                         c(isSigned));
    x = arith::SelectOp::create(b, loc, isLong, shorter, x);
  }
  Value wide =
      isSigned ? Value(arith::SIToFPOp::create(b, loc, f64, x)) : Value(arith::UIToFPOp::create(b, loc, f64, x));
  return truncateFloat(b, loc, wide, type);
}

namespace {
struct RoundOnce : fgla::cpu::impl::RoundOnceBase<RoundOnce> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (!isa<arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp>(op))
        return;
      Value x = op->getOperand(0);
      Type from = getElementTypeOrSelf(x.getType()), type = op->getResult(0).getType(), to = getElementTypeOrSelf(type);
      OpBuilder b(op);
      Value result;
      if (isa<arith::TruncFOp>(op) && from.isF64() && (to.isF16() || to.isBF16()))
        result = truncateFloat(b, op->getLoc(), x, type);
      // An integer that f32 rounds is infinite in f16.
      else if (isa<IntegerType>(from) && from.getIntOrFloatBitWidth() >= 32 && to.isBF16())
        result = convertInteger(b, op->getLoc(), x, type, isa<arith::SIToFPOp>(op));
      else
        return;
      op->getResult(0).replaceAllUsesWith(result);
      op->erase();
    });
  }
};
} // namespace
