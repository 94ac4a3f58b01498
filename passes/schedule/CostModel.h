//===- CostModel.h - How long a kernel takes, by what it has to do --------===//
//
// Plain numbers in, seconds out; nothing of the IR. A kernel is blocks that walk turns (tiles of tokens of one head). A
// turn takes as long as what is busiest in it: one of the units of a multiprocessor, or one of the roles, whose warps
// issue an instruction every few cycles, however many others there are. docs/schedules.md holds predictions beside
// measurements.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_SCHEDULE_COSTMODEL_H
#define FGLA_PASSES_SCHEDULE_COSTMODEL_H

#include "passes/Targets.h"

#include <string>
#include <vector>

namespace fgla {

/// What one role does in a turn.
struct RoleWork {
  std::string name;
  int64_t warps = 1, instances = 1;
  double instructions = 0; ///< of each warp of the instance that has the turn
};

/// What one turn takes from its multiprocessor.
struct TurnWork {
  double bytes = 0;            ///< of global memory, read and written
  double matrixFlops = 0;      ///< of products, two for a multiply-add
  double specialFunctions = 0; ///< exponentials, logarithms, roots, divisions
  double sharedBytes = 0;      ///< of shared memory, read and written
  std::vector<RoleWork> roles;

  double getSpecialCycles() const;
  double getSharedCycles() const;
};

/// What a kernel does at one shape.
struct LaunchWork {
  int64_t blocks = 0;                 ///< of the grid
  int64_t turns = 0;                  ///< of the block that has the most
  int64_t blocksOfMultiprocessor = 1; ///< that run at once
  double cachedBytes = 0; ///< of a turn's bytes: what other blocks read too, so that it comes from memory once
  double firstBytes = 0;  ///< that the block which reads the most reads before its first turn
};

/// Times in seconds.
struct Prediction {
  double seconds = 0;       ///< of the kernel
  double secondsOfTurn = 0; ///< of one turn of one block
  int64_t waves = 0;        ///< of blocks, one after the other on a multiprocessor
  std::string limit;        ///< what is busiest: "memory", "matrix units", "special functions", "shared memory",
                            ///< "issue slots", or a role
};
Prediction predict(const GPUTarget &target, const TurnWork &turn, const LaunchWork &launch);

/// What a kernel would take if nothing but memory, or nothing but the matrix units, limited it: the board's figures.
struct Roofline {
  double memorySeconds = 0, matrixSeconds = 0;
  bool isBoundByMemory() const { return memorySeconds >= matrixSeconds; }
};
Roofline getRoofline(const GPUTarget &target, double bytes, double matrixFlops);

} // namespace fgla

#endif // FGLA_PASSES_SCHEDULE_COSTMODEL_H
