//===- LowerLaunches.cpp - Launches become calls --------------------------===//

#include "dialect/tile/Tile.h"
#include "passes/host/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::host {
#define GEN_PASS_DEF_LOWERLAUNCHES
#include "passes/host/Passes.h.inc"
} // namespace fgla::host

using namespace mlir;

namespace {
struct LowerLaunches : fgla::host::impl::LowerLaunchesBase<LowerLaunches> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](fgla::tile::LaunchOp launch) {
      if (!launch.getResults().empty()) {
        launch.emitOpError("must be on memrefs to become a call, got results of ") << launch.getResultTypes();
        return WalkResult::interrupt();
      }
      OpBuilder builder(launch);
      SmallVector<Value> operands(launch.getInputs());
      llvm::append_range(operands, launch.getOutputs());
      func::CallOp::create(builder, launch.getLoc(), launch.getKernel(), TypeRange(), operands);
      launch.erase();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
