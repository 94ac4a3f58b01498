//===- ThreadsToOpenMP.cpp - Loops whose iterations run at once -----------===//

#include "dialect/fgla/Attributes.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/RoleSignals.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_THREADSTOOPENMP
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;
using namespace fgla::cpu;

/// The number of the thread in its team, from OpenMP's library.
static Value buildThreadNumber(OpBuilder &builder, Location loc, ModuleOp module) {
  constexpr StringLiteral kName = "omp_get_thread_num";
  Type type = builder.getI32Type();
  if (!module.lookupSymbol(kName)) {
    auto atStart = OpBuilder::atBlockBegin(module.getBody());
    LLVM::LLVMFuncOp::create(atStart, module.getLoc(), kName, LLVM::LLVMFunctionType::get(type, {}));
  }
  Value number = LLVM::CallOp::create(builder, loc, type, kName, ValueRange()).getResult();
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), number);
}

namespace {
struct ThreadsToOpenMP : fgla::cpu::impl::ThreadsToOpenMPBase<ThreadsToOpenMP> {
  void runOnOperation() override {
    SmallVector<scf::ForallOp> foralls;
    getOperation()->walk([&](scf::ForallOp forall) {
      if (forall->hasAttr(fgla::kThreadsAttrName))
        foralls.push_back(forall);
    });
    for (scf::ForallOp forall : foralls) {
      auto counts = forall.getStaticUpperBound();
      if (counts.size() != 1 || ShapedType::isDynamic(counts[0]) || !forall.isNormalized()) {
        forall.emitOpError() << "must count a known number of threads from 0";
        return signalPassFailure();
      }
      OpBuilder builder(forall);
      omp::ParallelOperands clauses;
      Value count = arith::ConstantIntOp::create(builder, forall.getLoc(), counts[0], 32);
      clauses.numThreads = count;
      auto parallel = omp::ParallelOp::create(builder, forall.getLoc(), clauses);
      Block *block = builder.createBlock(&parallel.getRegion());
      Value number = buildThreadNumber(builder, forall.getLoc(), getOperation());
      forall.getInductionVar(0).replaceAllUsesWith(number);
      forall.getTerminator()->erase();
      block->getOperations().splice(block->end(), forall.getBody()->getOperations());
      builder.setInsertionPointToEnd(block);
      omp::TerminatorOp::create(builder, forall.getLoc());
      forall.erase();
    }
  }
};
} // namespace
