//===- CostModel.cpp - How long a kernel takes, by what it has to do ------===//

#include "passes/schedule/CostModel.h"

#include <algorithm>
#include <cmath>

using namespace fgla;

// What a multiprocessor does in a cycle, of every architecture from 8.0 on (CUDA C++ Programming Guide, "Arithmetic
// Instructions" and "Shared Memory").
static constexpr double kSpecialsOfCycle = 16, kSharedBytesOfCycle = 128, kInstructionsOfCycle = 4;

// Measured on an H100 (docs/performance/gpu-forward.md, benchmarks/results/gpu.md).
// A copy moves 3.00 TB/s of the board's 3.35.
static constexpr double kCopiedShare = 0.9;
// At 8, 2048, 16, 128, 128 a block does its 128 turns in 0.1435 ms (`--tune`), in each of which a warp of the matrix
// role issues 350 instructions by the weights of TurnCosts.cpp. All that a warp waits for is in these cycles of the
// clock at most.
static constexpr double kCyclesOfInstruction = 5.8;

double TurnWork::getSpecialCycles() const { return specialFunctions / kSpecialsOfCycle; }
double TurnWork::getSharedCycles() const { return sharedBytes / kSharedBytesOfCycle; }

Prediction fgla::predict(const GPUTarget &target, const TurnWork &turn, const LaunchWork &launch) {
  Prediction result;
  if (launch.blocks <= 0)
    return result;
  // Blocks go to multiprocessors that are free before they share one.
  int64_t each = (launch.blocks + target.multiprocessors - 1) / target.multiprocessors;
  int64_t atOnce = std::clamp<int64_t>(launch.blocksOfMultiprocessor, 1, each);
  double cycle = 1e-6 / target.clock;
  double bandwidth = target.bandwidth * 1e9 * kCopiedShare / target.multiprocessors;
  auto consider = [&](const std::string &name, double seconds) {
    if (seconds <= result.secondsOfTurn)
      return;
    result.secondsOfTurn = seconds;
    result.limit = name;
  };
  // Blocks that run side by side share the units, but not the roles.
  double matrixRate = target.matrixFlops * 1e12 / target.multiprocessors, issued = 0;
  for (const RoleWork &role : turn.roles)
    issued += role.instructions * role.warps;
  consider("memory", atOnce * (turn.bytes - launch.cachedBytes) / bandwidth);
  consider("matrix units", atOnce * turn.matrixFlops / matrixRate);
  consider("special functions", atOnce * turn.getSpecialCycles() * cycle);
  consider("shared memory", atOnce * turn.getSharedCycles() * cycle);
  consider("issue slots", atOnce * issued / kInstructionsOfCycle * cycle);
  for (const RoleWork &role : turn.roles)
    consider("role " + role.name, role.instructions * kCyclesOfInstruction / role.instances * cycle);
  int64_t slots = target.multiprocessors * atOnce;
  result.waves = (launch.blocks + slots - 1) / slots;
  // The last wave may leave multiprocessors idle, but then each block of it has more of the units: not modelled.
  result.seconds = result.waves * (launch.turns * result.secondsOfTurn + launch.firstBytes / bandwidth);
  return result;
}

Roofline fgla::getRoofline(const GPUTarget &target, double bytes, double matrixFlops) {
  return {bytes / (target.bandwidth * 1e9), matrixFlops / (target.matrixFlops * 1e12)};
}
