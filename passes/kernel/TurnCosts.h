//===- TurnCosts.h - What a turn of a kernel costs ------------------------===//
#ifndef FGLA_PASSES_KERNEL_TURNCOSTS_H
#define FGLA_PASSES_KERNEL_TURNCOSTS_H

#include "dialect/warp/Warp.h"

namespace fgla::kernel {

/// What one turn (one tile of tokens of one head) moves and computes, counted in the layout phase.
struct TurnCosts {
  int64_t bytes = 0;            ///< read from and written to global memory
  int64_t matrixFlops = 0;      ///< of products, two for a multiply-add
  int64_t specialFunctions = 0; ///< exponentials, logarithms, roots, divisions

  int64_t sharedBytes = 0; ///< put into and got from channels, by each warp that reads a whole tile

  /// What a multiprocessor takes at least, of every architecture from 8.0 on (CUDA C++ Programming Guide, "Arithmetic
  /// Instructions" and "Shared Memory"): 16 special functions and 128 bytes of shared memory a cycle.
  int64_t getSpecialCycles() const { return specialFunctions / 16; }
  int64_t getSharedCycles() const { return sharedBytes / 128; }

  explicit TurnCosts(warp::PipelineOp pipeline);
};
} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_TURNCOSTS_H
