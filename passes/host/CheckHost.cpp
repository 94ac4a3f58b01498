//===- CheckHost.cpp - What is computed outside of kernels ----------------===//

#include "dialect/fgla/FGLA.h"
#include "dialect/tile/Tile.h"
#include "passes/Symbols.h"
#include "passes/Targets.h"
#include "passes/host/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::host {
#define GEN_PASS_DEF_CHECKHOST
#include "passes/host/Passes.h.inc"
} // namespace fgla::host

using namespace mlir;

/// Whether `op` works on the values of a tensor.
static bool computes(Operation *op) {
  if (isa<fgla::tile::LaunchOp, func::ReturnOp, func::CallOp, scf::IfOp, scf::YieldOp, tensor::CastOp,
          tensor::CollapseShapeOp, tensor::DimOp, tensor::EmptyOp, tensor::ExpandShapeOp>(op))
    return false;
  return llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>) ||
         llvm::any_of(op->getResultTypes(), llvm::IsaPred<TensorType>);
}

/// "operator 'MatMul' (node 'x'): " or "'fgla.block': ", where an op was made of such a thing, which its location
/// names.
static std::string describeOrigin(Location loc) {
  std::string text;
  loc->walk([&](Location part) {
    auto named = dyn_cast<NameLoc>(part);
    if (!named)
      return WalkResult::advance();
    text = named.getName().str() + ": ";
    return WalkResult::interrupt();
  });
  return text;
}

namespace {
struct CheckHost : fgla::host::impl::CheckHostBase<CheckHost> {
  void runOnOperation() override {
    fgla::TargetAttr target = fgla::getTarget(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function->hasAttr(fgla::kShapeFunctionAttrName))
        continue;
      WalkResult result = function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (!computes(op))
          return WalkResult::advance();
        op->emitError()
            << describeOrigin(op->getLoc()) << "'" << op->getName() << "' is outside of a kernel; target '"
            << (target ? target.getName() : "gpu")
            << "' runs kernels only: an 'fgla.attention' with the maps, gates, norm and output gate that are "
               "used there alone, and reshapes around it";
        return WalkResult::interrupt();
      });
      if (result.wasInterrupted())
        return signalPassFailure();
    }
  }
};
} // namespace
