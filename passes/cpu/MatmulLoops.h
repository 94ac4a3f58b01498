//===- MatmulLoops.h - Matrix products in registers -----------------------===//
#ifndef FGLA_PASSES_CPU_MATMULLOOPS_H
#define FGLA_PASSES_CPU_MATMULLOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace fgla::cpu {

/// Writes the loops of a contraction `C[m, n] += A[m, l] B[l, n]` in front of `op`, with or without further parallel
/// loops around it: blocks of C are kept in registers while `l` runs. B and C must be contiguous along `n`; A may lie
/// in any way. Fails, with nothing written, for anything else.
///
/// With `startsAtZero` what C holds before does not count.
mlir::LogicalResult buildMatmulLoops(mlir::OpBuilder &builder, mlir::linalg::LinalgOp op, unsigned vectorBits,
                                     bool startsAtZero = false);

/// Whether buildMatmulLoops() can do it.
bool isMatmul(mlir::linalg::LinalgOp op, unsigned vectorBits);

} // namespace fgla::cpu

#endif // FGLA_PASSES_CPU_MATMULLOOPS_H
