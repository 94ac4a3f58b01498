//===- ParallelLoop.cpp - Loops over all cores ----------------------------===//

#include "passes/cpu/ParallelLoop.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

bool fgla::cpu::isInParallelLoop(Operation *op) {
  while ((op = op->getParentOp()))
    if (isa<scf::ForallOp, scf::ParallelOp, omp::ParallelOp>(op))
      return true;
  return false;
}

void fgla::cpu::buildParallelLoop(OpBuilder &builder, Location loc, ValueRange ends, ValueRange steps, Value work,
                                  llvm::function_ref<void(OpBuilder &, ValueRange)> body) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value threshold = arith::ConstantIndexOp::create(builder, loc, parallelThreshold);
  omp::ParallelOperands clauses;
  clauses.ifExpr = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, work, threshold);
  auto parallel = omp::ParallelOp::create(builder, loc, clauses);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&parallel.getRegion());
  auto share = omp::WsloopOp::create(builder, loc, omp::WsloopOperands());
  omp::TerminatorOp::create(builder, loc);

  builder.createBlock(&share.getRegion());
  omp::LoopNestOperands bounds;
  bounds.collapseNumLoops = builder.getI64IntegerAttr(ends.size());
  bounds.loopLowerBounds.assign(ends.size(), zero);
  llvm::append_range(bounds.loopUpperBounds, ends);
  llvm::append_range(bounds.loopSteps, steps);
  auto nest = omp::LoopNestOp::create(builder, loc, bounds);
  SmallVector<Type> types(ends.size(), builder.getIndexType());
  SmallVector<Location> locations(ends.size(), loc);
  Block *block = builder.createBlock(&nest.getRegion(), {}, types, locations);
  body(builder, block->getArguments());
  builder.setInsertionPointToEnd(block);
  omp::YieldOp::create(builder, loc, ValueRange());
}
