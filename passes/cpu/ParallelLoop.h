//===- ParallelLoop.h - Loops over all cores ------------------------------===//
#ifndef FGLA_PASSES_CPU_PARALLELLOOP_H
#define FGLA_PASSES_CPU_PARALLELLOOP_H

#include "mlir/IR/Builders.h"

namespace fgla::cpu {

/// Fewer scalar operations than this are not worth waking other threads for.
inline constexpr int64_t parallelThreshold = 1 << 15;

/// A loop nest whose iterations OpenMP shares out, from 0 to `ends` by `steps`. `work` estimates the number of scalar
/// operations of the whole nest: where it is small, one thread does all. `body` gets the induction variables.
void buildParallelLoop(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange ends, mlir::ValueRange steps,
                       mlir::Value work, llvm::function_ref<void(mlir::OpBuilder &, mlir::ValueRange)> body);

/// True where other threads are busy with other parts already.
bool isInParallelLoop(mlir::Operation *op);

} // namespace fgla::cpu

#endif // FGLA_PASSES_CPU_PARALLELLOOP_H
