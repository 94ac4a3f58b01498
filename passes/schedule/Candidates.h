//===- Candidates.h - Schedules worth trying ------------------------------===//
#ifndef FGLA_PASSES_SCHEDULE_CANDIDATES_H
#define FGLA_PASSES_SCHEDULE_CANDIDATES_H

#include "passes/schedule/Choices.h"

namespace fgla {

/// Schedules around `chosen`, which is complete (but for `stages` and `load`) and comes first; for a GPU. All are
/// different. Warps and turns under way are combined freely; slices and segments differ from `chosen` one at a time,
/// since they mean other kernels. Some may need more registers or shared memory than there are: the compiler finds that
/// out.
llvm::SmallVector<ScheduleAttr> listCandidates(AttentionOp op, ScheduleAttr chosen);

} // namespace fgla

#endif // FGLA_PASSES_SCHEDULE_CANDIDATES_H
