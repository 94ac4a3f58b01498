//===- LowerTiles.cpp - Kernels on tiles become loops over vectors --------===//

#include "dialect/fgla/FGLA.h"
#include "passes/Targets.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/TileLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_LOWERTILES
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;
using namespace fgla::cpu;
namespace tile = fgla::tile;

namespace {
/// The number of threads that OpenMP would use, from its library.
struct LowerWorkers : OpRewritePattern<tile::WorkersOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tile::WorkersOp op, PatternRewriter &rewriter) const override {
    constexpr StringLiteral kName = "omp_get_max_threads";
    auto module = op->getParentOfType<ModuleOp>();
    Type type = rewriter.getI32Type();
    if (!module.lookupSymbol(kName)) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(module.getBody());
      LLVM::LLVMFuncOp::create(rewriter, module.getLoc(), kName, LLVM::LLVMFunctionType::get(type, {}));
    }
    Value threads = LLVM::CallOp::create(rewriter, op.getLoc(), type, kName, ValueRange()).getResult();
    rewriter.replaceOpWithNewOp<arith::IndexCastOp>(op, rewriter.getIndexType(), threads);
    return success();
  }
};
} // namespace

/// A loop carries tiles in memory of its own: values that it yields and no tile op of its body makes are copied by one.
static void copyYields(scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  OpBuilder builder(yield);
  for (OpOperand &operand : yield->getOpOperands()) {
    Value value = operand.get();
    Operation *op = value.getDefiningOp();
    bool isWritten = op && op->getBlock() == loop.getBody() && isa<tile::TileDialect>(op->getDialect());
    bool isKept = value == loop.getRegionIterArg(operand.getOperandNumber());
    if (!isa<RankedTensorType>(value.getType()) || isWritten || isKept)
      continue;
    operand.set(tile::buildMap(builder, value.getLoc(), {value}, tile::shapeOf(value),
                               [](OpBuilder &, Location, ValueRange scalars) { return scalars.front(); }));
  }
}

namespace {
struct LowerTiles : fgla::cpu::impl::LowerTilesBase<LowerTiles> {
  void runOnOperation() override {
    fgla::TargetAttr target = fgla::requireTarget(getOperation());
    if (!target)
      return signalPassFailure();
    getOperation()->walk([](func::FuncOp function) {
      if (function->hasAttr(fgla::kKernelAttrName))
        function.walk([](scf::ForOp loop) { copyYields(loop); });
    });
    RewritePatternSet patterns(&getContext());
    populateTileRowPatterns(patterns, target.getVectorBits());
    populateTileDotPatterns(patterns, target.getVectorBits());
    populateTileDecayPatterns(patterns, target.getVectorBits());
    patterns.add<LowerWorkers>(&getContext());
    GreedyRewriteConfig config;
    config.enableFolding(false).setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    getOperation()->walk([&](Operation *op) {
      if (isa<tile::LaunchOp>(op) || !isa<tile::TileDialect>(op->getDialect()) || isa<tile::YieldOp>(op))
        return;
      op->emitOpError() << "has no lowering to vectors";
      signalPassFailure();
    });
  }
};
} // namespace
