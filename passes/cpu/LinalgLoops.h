//===- LinalgLoops.h - A linalg op on memory as loops over vectors --------===//
#ifndef FGLA_PASSES_CPU_LINALGLOOPS_H
#define FGLA_PASSES_CPU_LINALGLOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace fgla::cpu {

/// Writes the loops of `op` in front of it, over vectors of `vectorBits` where its body and its accesses allow that,
/// over all cores where there is enough to do. Fails, with nothing written, where an output changes along a reduction.
mlir::LogicalResult buildLoops(mlir::OpBuilder &builder, mlir::linalg::LinalgOp op, unsigned vectorBits);

} // namespace fgla::cpu

#endif // FGLA_PASSES_CPU_LINALGLOOPS_H
