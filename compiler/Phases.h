//===- Phases.h - The phases of compilation and their order ---------------===//
//
// The one place that knows which passes run, and in which order. Every phase is
// a function that fills a pass manager, a registered pipeline
// (`--fgla-phase-graph`), and a contract that its last pass checks
// (CheckPhase.cpp).
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_COMPILER_PHASES_H
#define FGLA_COMPILER_PHASES_H

#include "dialect/fgla/FGLA.h"
#include "mlir/Pass/PassManager.h"
#include "passes/graph/Passes.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace fgla {

/// In the order a module goes through them. `Reference` stands where `Schedule`
/// and `Tiled` stand in the other lowering; `Roles` and `Layout` are for GPUs
/// (`Roles` also for the lowering of that name).
enum class Phase { Import, Graph, Schedule, Tiled, Roles, Layout, Reference, Kernel, Binary };

/// How `fgla` ops become loops: chunkwise kernels, the plain sequential
/// recurrence, or, to test what a GPU would do, chunkwise kernels split into
/// roles that are threads of the CPU.
enum class Lowering { Tiled, Reference, Roles };

llvm::StringRef stringifyPhase(Phase phase);
std::optional<Phase> symbolizePhase(llvm::StringRef name);
llvm::StringRef stringifyLowering(Lowering lowering);
std::optional<Lowering> symbolizeLowering(llvm::StringRef name);

/// All phases of a lowering, in order, for a GPU or for the CPU.
llvm::ArrayRef<Phase> getPhases(Lowering lowering, bool gpu = false);

/// What the phases can be told.
struct PhaseOptions {
  Lowering lowering = Lowering::Tiled;
  /// Tokens that a kernel computes together; 0 leaves it to the schedule.
  int64_t tile = 0;
  /// Parts of a sequence that run in parallel (0: decided at launch, -1: the schedule's choice).
  int64_t segments = -1;
  /// Members of schedules, as text: "stages=4,matrix=8".
  std::string schedule;
  /// For a GPU: how exactly tensors of f32 are multiplied where an attention does not say it.
  Precision precision = Precision::F32;
  /// The table of tuned schedules: a file, "none", or empty for the one that the compiler has.
  std::string tuned;
  /// Whether the target is a GPU.
  bool gpu = false;
  /// For a GPU: every lane arrives at barriers for itself, as race checkers want it (docs/debugging.md).
  bool checkRaces = false;
  /// Makes every float f64: what results are compared with.
  bool widenToF64 = false;
  /// Makes two functions of each: one that computes, and one for the gradients.
  bool gradient = false;
  /// The results and arguments that gradients are of and for, with commas between them; all where empty.
  std::string gradientOf, gradientWrt;
  /// What the forward function keeps for the gradients.
  Memory memory = Memory::Balanced;
};

/// Appends the passes of one phase, its check included. `Import` and `Binary`
/// have none: they are done by a frontend and by emitting an object file.
void buildPhase(mlir::OpPassManager &manager, Phase phase, const PhaseOptions &options);

/// Registers a pipeline for each phase that has passes.
void registerPhasePipelines();

} // namespace fgla

#endif // FGLA_COMPILER_PHASES_H
