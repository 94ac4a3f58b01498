//===- LowerKernelMath.cpp - Functions of the special function unit -------===//
//
// The unit computes 2^x, log2 x, 1/x and 1/sqrt x to about 2^-22 of the result; what is below 2^-126 is zero.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/kernel/Code.h"
#include "passes/kernel/Passes.h"
#include "llvm/Support/MathExtras.h"

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
  Value exp(Value x) { return exp2(code.mulF(x, code.f32(llvm::numbers::log2e))); }
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
    for (Operation *op : ops)
      if (Value replacement = lower(op)) {
        op->getResult(0).replaceAllUsesWith(replacement);
        op->erase();
      }
  }
};
} // namespace
