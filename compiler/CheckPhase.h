//===- CheckPhase.h - What each phase promises ----------------------------===//
#ifndef FGLA_COMPILER_CHECKPHASE_H
#define FGLA_COMPILER_CHECKPHASE_H

#include "compiler/Phases.h"

namespace fgla {

/// `fgla-check-phase{phase=tiled}`: fails at the first op that breaks what the
/// phase promises the next one.
std::unique_ptr<mlir::Pass> createCheckPhase(Phase phase);
void registerCheckPhasePass();

} // namespace fgla

#endif // FGLA_COMPILER_CHECKPHASE_H
