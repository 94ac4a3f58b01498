//===- CheckPhase.h - What each phase promises ----------------------------===//
#ifndef FGLA_PASSES_CHECKPHASE_H
#define FGLA_PASSES_CHECKPHASE_H

#include "passes/Phases.h"

namespace fgla {

/// `fgla-check-phase{phase=tiled}`: fails at the first op that breaks what the
/// phase promises the next one.
std::unique_ptr<mlir::Pass> createCheckPhase(Phase phase);
void registerCheckPhasePass();

} // namespace fgla

#endif // FGLA_PASSES_CHECKPHASE_H
