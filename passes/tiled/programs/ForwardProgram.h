//===- ForwardProgram.h - Attention, a tile of tokens after the other -----===//
#ifndef FGLA_PASSES_TILED_PROGRAMS_FORWARDPROGRAM_H
#define FGLA_PASSES_TILED_PROGRAMS_FORWARDPROGRAM_H

#include "passes/tiled/programs/AttentionTiles.h"

namespace fgla {
/// Walks the tokens of one batch and key/value head and carries the state: outputs, or the state of a part of the
/// sequence alone; and how the states of parts go together.
class ForwardProgram : public AttentionTiles {
public:
  ForwardProgram(mlir::OpBuilder &builder, Fusion &fusion, const mlir::IRMapping &arrays, int64_t tileLength,
                 const StateSlice &slice)
      : AttentionTiles(builder, fusion, arrays, tileLength, slice, /*isOneToken=*/false) {}

  /// The maximum of the key logits of a whole sequence and of `initial_max`, [1, 1].
  mlir::Value buildSequenceMax(mlir::Value batch, mlir::Value head, mlir::Value tokens);
  /// The walk over the tokens [`begin`, `end`). With an `output` memref, its tiles are written; without, only the state
  /// is kept: of all query heads that read this key/value head, or of `queryHead` alone. The outputs of a slice of the
  /// state are parts of outputs, without what consumes them: those of head h are written as those of `firstHead` + h.
  Carried buildWalk(mlir::Value batch, mlir::Value head, mlir::Value begin, mlir::Value end, Carried initial,
                    mlir::Value output, mlir::Value queryHead = {}, mlir::Value firstHead = {});
  /// The walk over the tokens [`begin`, `end`) of the outputs from their `parts`, [B, T, N H, V]: the sum of the N
  /// parts of each, and what consumes it.
  void buildSums(mlir::Value batch, mlir::Value queryHead, mlir::Value begin, mlir::Value end, mlir::Value parts,
                 mlir::Value output);
  /// The state after two parts of a sequence: `later` started from the empty state.
  Carried buildMerge(Carried earlier, Carried later);

protected:
  /// What queries, not scaled yet, read of the state before the tile and of the tile.
  mlir::Value buildOutput(mlir::Value query, const KeyTiles &tiles, mlir::Value state);
  void buildNextState(const KeyTiles &tiles, const Carried &carried, Carried &next);
  mlir::Value addUp(mlir::ValueRange tiles);

  bool hasGradients = false; ///< whether what is computed is differentiated

private:
  mlir::Value buildScores(const KeyTiles &tiles, mlir::Value query);
  void buildOutputs(const KeyTiles &tiles, TileReader &keyReader, mlir::Value batch, mlir::Value head,
                    mlir::Value token, mlir::Value rows, mlir::Value state, mlir::Value output, mlir::Value queryHead,
                    mlir::Value firstHead, mlir::OpBuilder::InsertPoint prologue);
  /// Stores what consumes the outputs that the programs of a cluster make together: each program does some of the rows.
  void buildShare(mlir::Value part, mlir::Value batch, mlir::Value queryHead, mlir::Value token, mlir::Value rows,
                  mlir::Value output, mlir::OpBuilder::InsertPoint prologue);
  /// Where the programs of a cluster combine all keys of a row, each combines its own and then what all have.
  void combineInCluster(tile::WalkOp walk, TileReader &reader);
  bool isSliced() const { return slice.keys.offset || slice.values.offset; }
};
} // namespace fgla

#endif // FGLA_PASSES_TILED_PROGRAMS_FORWARDPROGRAM_H
