//===- StepProgram.h - Attention on one token -----------------------------===//
#ifndef FGLA_PASSES_TILED_PROGRAMS_STEPPROGRAM_H
#define FGLA_PASSES_TILED_PROGRAMS_STEPPROGRAM_H

#include "passes/tiled/programs/AttentionTiles.h"

namespace fgla {
/// The one token that there is, without a walk: the state after it, and the output from that. Sums, no products of
/// matrices: the state is read and written once, and nothing else takes time.
class StepProgram : public AttentionTiles {
public:
  StepProgram(mlir::OpBuilder &builder, Fusion &fusion, const mlir::IRMapping &arrays)
      : AttentionTiles(builder, fusion, arrays, /*tileLength=*/1, StateSlice(), /*isOneToken=*/true) {}

  /// Writes the output of `queryHead`, or of the only one that reads `head`, and returns the state.
  Carried buildStep(mlir::Value batch, mlir::Value head, const Carried &initial, mlir::Value output,
                    mlir::Value queryHead);
};
} // namespace fgla

#endif // FGLA_PASSES_TILED_PROGRAMS_STEPPROGRAM_H
