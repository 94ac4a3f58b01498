//===- AttentionProgram.h - Attention as a program on tiles ---------------===//
#ifndef FGLA_PASSES_TILED_ATTENTIONPROGRAM_H
#define FGLA_PASSES_TILED_ATTENTIONPROGRAM_H

#include "dialect/fgla/Expressions.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/tiled/Fusion.h"
#include "passes/tiled/TileReader.h"

namespace fgla {
/// What a loop over the tiles of a sequence carries. Null where the attention has no such thing.
struct Carried {
  mlir::Value state; ///< S [K, V]
  mlir::Value lost;  ///< what rounding has lost of S [K, V]; for f32 storage
  mlir::Value max;   ///< [1, 1], what the keys in S are relative to
  Decay total;       ///< product of the decays so far, [1, K], [1, V] or [1, 1]; kept in segments only
};

/// The parts of a tile that all query heads of one key/value head share.
struct KeyTiles {
  mlir::Value key, value; ///< [C, K], [C, V]; rows behind the end are zero
  Decay decay;            ///< per token, stabilizer included: [C, K], [C, V] or [C, 1]; null without any
  mlir::Value fromStart;  ///< P: product of the decays from the tile's start up to a token
  mlir::Value toEnd;      ///< R: product of the decays behind a token up to the tile's end
  Decay total;            ///< G: product over the tile
  Decay givenTotal;       ///< the same without the stabilizer; of whole tiles only
  mlir::Value nextMax;    ///< the running maximum after the tile
};

/// What of the state a program owns. The programs of a cluster own all keys of a head together.
struct StateSlice {
  ChannelSlice keys, values;
  int64_t cluster = 1; ///< programs that add up their outputs
  mlir::Value rank;    ///< number of this one among them
};

/// Builds the body of the loop over the tiles of one batch and key/value head. The formulas are in
/// docs/rationale-tiled.md.
class AttentionProgram {
public:
  AttentionProgram(mlir::OpBuilder &builder, Fusion &fusion, const mlir::IRMapping &arrays, int64_t tileLength,
                   const StateSlice &slice);

  /// Zeros, an empty maximum and no decay: the state before anything was seen.
  Carried buildEmpty();
  /// The state that the kernel is given, or the empty one. `sequenceMax` is what the stabilizer `sequence` subtracts.
  Carried buildInitial(mlir::Value batch, mlir::Value head, mlir::Value sequenceMax);
  /// The maximum of the key logits of a whole sequence and of `initial_max`, [1, 1].
  mlir::Value buildSequenceMax(mlir::Value batch, mlir::Value head, mlir::Value tokens);
  /// The loop over the tokens [`begin`, `end`). With an `output` memref, its tiles are written; without, only the state
  /// is kept: of all query heads that read this key/value head, or of `queryHead` alone. The outputs of a slice of the
  /// state are parts of outputs, without what consumes them: those of head h are written as those of `firstHead` + h.
  Carried buildLoop(mlir::Value batch, mlir::Value head, mlir::Value begin, mlir::Value end, Carried initial,
                    mlir::Value output, mlir::Value queryHead = {}, mlir::Value firstHead = {});
  /// The loop over the tokens [`begin`, `end`) of the outputs from their `parts`, [B, T, N H, V]: the sum of the N
  /// parts of each, and what consumes it.
  void buildSums(mlir::Value batch, mlir::Value queryHead, mlir::Value begin, mlir::Value end, mlir::Value parts,
                 mlir::Value output);
  /// The one token that there is, without a loop: the state after it, and the output from that. Sums, no products of
  /// matrices: the state is read and written once, and nothing else takes time.
  Carried buildStep(mlir::Value batch, mlir::Value head, const Carried &initial, mlir::Value output,
                    mlir::Value queryHead);
  /// The state after two parts of a sequence: `later` started from the empty state.
  Carried buildMerge(Carried earlier, Carried later);

  /// The shape of a segment's total decay; empty without decay.
  llvm::SmallVector<int64_t> getTotalShape();
  mlir::Type getElement() { return compute; }
  /// The first key and value channel of the program's slice.
  mlir::Value getFirstKey() { return slice.keys.offset ? slice.keys.offset : zero(); }
  mlir::Value getFirstValue() { return slice.values.offset ? slice.values.offset : zero(); }
  /// The first channel of the program's slice of a total decay.
  mlir::Value getFirstOfTotal() { return getDecaySlice().offset ? getDecaySlice().offset : zero(); }
  mlir::Value getCountOfTotal() { return getDecaySlice().count; }
  /// How many of the slice's channels are there; null where all are.
  mlir::Value getKeyCount() { return slice.keys.count; }
  mlir::Value getValueCount() { return slice.values.count; }
  /// The key and value channels that the program owns.
  int64_t getKeyDim() { return keyDim; }
  int64_t getValueDim() { return valueDim; }

private:
  KeyTiles buildKeyTiles(TileReader &reader, mlir::Value rows, mlir::Value max);
  mlir::Value buildKeys(mlir::Value logits, mlir::Value part, mlir::Value rows, KeyTiles &tiles, mlir::Value max,
                        Decay &stabilizer);
  mlir::Value makeFinite(mlir::Value max);
  Decay buildGivenDecay(TileReader &reader);
  Decay combineDecays(Decay given, Decay stabilizer, mlir::Value rows);
  mlir::Value buildOutput(TileReader &reader, const KeyTiles &tiles, mlir::Value state);
  mlir::Value buildScores(const KeyTiles &tiles, mlir::Value query);
  void buildNextState(const KeyTiles &tiles, const Carried &carried, Carried &next);
  mlir::Value scaleState(mlir::Value state, Decay total);
  void buildOutputs(const KeyTiles &tiles, TileReader &keyReader, mlir::Value batch, mlir::Value head,
                    mlir::Value token, mlir::Value rows, mlir::Value state, mlir::Value output, mlir::Value queryHead,
                    mlir::Value firstHead, mlir::OpBuilder::InsertPoint prologue);
  /// Stores what consumes the outputs that the programs of a cluster make together: each program does some of the rows.
  void buildShare(mlir::Value part, mlir::Value batch, mlir::Value queryHead, mlir::Value token, mlir::Value rows,
                  mlir::Value output, mlir::OpBuilder::InsertPoint prologue);
  mlir::Value addUp(mlir::ValueRange tiles);
  /// Where the programs of a cluster combine all keys of a row, each combines its own and then what all have.
  void combineInCluster(tile::WalkOp walk, TileReader &reader);
  /// Stores what consumes the tile `result` of the attention's output.
  void buildConsumers(TileReader &reader, mlir::Value result, mlir::Value output, mlir::ValueRange indices,
                      mlir::Value rows);
  bool isSliced() const { return slice.keys.offset || slice.values.offset; }
  mlir::Value zero();
  const ChannelSlice &getDecaySlice() const;

  mlir::Value mask(mlir::Value tile, mlir::Value rows, double value);
  mlir::Value dot(mlir::Value a, mlir::Value b, mlir::Value acc, bool transposeA, bool transposeB);
  mlir::Value multiply(mlir::Value a, mlir::Value b);
  mlir::Value scan(tile::ReduceKind kind, mlir::Value tile, mlir::Value init, bool exclusive, bool reverse);
  mlir::Value reduce(tile::ReduceKind kind, mlir::Value tile, int64_t dim);
  mlir::Value lastRow(mlir::Value tile);
  mlir::Value repeatRow(mlir::Value tile);
  Decay buildTotal(Decay decay);

  mlir::OpBuilder &builder;
  Fusion &fusion;
  const mlir::IRMapping &arrays;
  AttentionOp root;
  mlir::Location loc;
  int64_t tileLength;
  StateSlice slice;
  int64_t keyDim, valueDim; ///< of the slice
  mlir::Type compute;
  bool tracksComplement; ///< whether 1 - G is kept beside G, and what sums lose: of use only where storage is f32
  std::optional<DecayAxis> axis; ///< of the decay, stabilizer included
  bool isStep = false;           ///< tiles have one row, and that is a token
};
} // namespace fgla

#endif // FGLA_PASSES_TILED_ATTENTIONPROGRAM_H
