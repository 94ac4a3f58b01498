//===- TurnCosts.h - What a turn of a kernel costs, and a launch ----------===//
#ifndef FGLA_PASSES_KERNEL_TURNCOSTS_H
#define FGLA_PASSES_KERNEL_TURNCOSTS_H

#include "dialect/warp/Warp.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/schedule/CostModel.h"

namespace fgla::kernel {

/// What one turn (one tile of tokens of one head) moves and computes, counted in the layout phase: what is read from
/// and written to global memory; what is put into and got from channels, by each warp that reads a whole tile. The
/// instructions of roles are estimates. A kernel without channels has a turn for each round
/// of its loop, or is one.
TurnWork countTurn(warp::PipelineOp pipeline);

/// The blocks of a kernel and their turns where the sizes of dynamic dims are known. An error where a size is needed
/// that `sizes` lacks; nothing (no error) where the kernel's bounds depend on more than sizes.
mlir::FailureOr<std::optional<LaunchWork>> countLaunch(mlir::scf::ForallOp forall, warp::PipelineOp pipeline,
                                                       const GPUTarget &target, mlir::DictionaryAttr sizes);

} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_TURNCOSTS_H
