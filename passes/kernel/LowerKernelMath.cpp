//===- LowerKernelMath.cpp - Functions of the special function unit -------===//
//
// The unit computes 2^x, log2 x, 1/x and 1/sqrt x to about 2^-22 of the result; what is below 2^-126 is zero.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Math/IR/Math.h"
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
  explicit Functions(Operation *op) : builder(op), code(builder, op->getLoc()), f32(builder.getF32Type()) {}

  Value exp2(Value x) { return code.intrinsic("llvm.nvvm.ex2.approx.ftz.f", f32, x); }
  /// e^x c, where c is 1 or a positive constant. Of e^(a - b), often one b serves a whole row: b log2 e is one value,
  /// and what is left for each element is a multiply-add.
  Value exp(Value x, double c = 1) {
    constexpr double kLog2E = llvm::numbers::log2e;
    auto difference = x.getDefiningOp<arith::SubFOp>();
    if (!difference && c == 1)
      return exp2(code.mulF(x, code.f32(kLog2E)));
    Value a = difference ? difference.getLhs() : x;
    Value rest = code.f32(std::log2(c));
    if (difference)
      rest = c == 1 ? code.mulF(difference.getRhs(), code.f32(-kLog2E))
                    : Value(math::FmaOp::create(builder, code.loc, difference.getRhs(), code.f32(-kLog2E), rest));
    return exp2(math::FmaOp::create(builder, code.loc, a, code.f32(kLog2E), rest));
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

  OpBuilder builder;
  Code code;
  Type f32;
};
} // namespace

/// The replacement of an op on f32, or null.
static Value lower(Operation *op) {
  if (op->getNumResults() != 1 || !op->getResult(0).getType().isF32())
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
  if (isa<math::SqrtOp>(op))
    return f.sqrt(x);
  if (isa<math::RsqrtOp>(op))
    return f.rsqrt(x);
  if (isa<arith::DivFOp>(op))
    return f.divide(x, op->getOperand(1));
  return {};
}

namespace {
struct LowerKernelMath : fgla::kernel::impl::LowerKernelMathBase<LowerKernelMath> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) { ops.push_back(op); });
    // From users to what they use: a product with an exponential takes it along.
    for (Operation *op : llvm::reverse(ops))
      if (Value replacement = lower(op)) {
        op->getResult(0).replaceAllUsesWith(replacement);
        op->erase();
      }
  }
};
} // namespace
