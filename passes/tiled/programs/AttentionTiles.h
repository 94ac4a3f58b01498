//===- AttentionTiles.h - What programs of attention have in common -------===//
#ifndef FGLA_PASSES_TILED_PROGRAMS_ATTENTIONTILES_H
#define FGLA_PASSES_TILED_PROGRAMS_ATTENTIONTILES_H

#include "dialect/fgla/Expressions.h"
#include "dialect/tile/Tile.h"
#include "passes/tiled/Fusion.h"
#include "passes/tiled/TileReader.h"

namespace fgla {
/// What a walk over the tiles of a sequence carries. Null where the attention has no such thing.
struct Carried {
  mlir::Value state; ///< S [K, V]
  mlir::Value lost;  ///< what rounding has lost of S [K, V]; for f32 storage
  mlir::Value max;   ///< [1, 1], what the keys in S are relative to
  Decay total;       ///< product of the decays so far, [1, K], [1, V] or [1, 1]; kept in segments only

  /// The values that are there, in a fixed order, and back.
  llvm::SmallVector<mlir::Value> pack() const;
  static Carried unpack(const Carried &like, mlir::ValueRange values);
};

/// The parts of a tile that all query heads of one key/value head share.
struct KeyTiles {
  mlir::Value key, value; ///< [C, K], [C, V]; rows after the end are zero
  Decay decay;            ///< per token, stabilizer included: [C, K], [C, V] or [C, 1]; null without any
  mlir::Value fromStart;  ///< P: product of the decays from the tile's start up to a token
  mlir::Value toEnd;      ///< R: product of the decays after a token up to the tile's end
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

/// Tiles of one batch and key/value head, by the formulas in docs/rationale-tiled.md: keys, decays, states, and what
/// consumes outputs. Programs differ in what they go through, and in what they make of these.
class AttentionTiles {
public:
  /// The shape of a segment's total decay; empty without decay.
  llvm::SmallVector<int64_t> getTotalShape();
  mlir::Type getElement() { return compute; }
  /// Whether 1 - G goes along with a segment's total decay G.
  bool keepsComplement() const { return tracksComplement; }
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

  /// Zeros, an empty maximum and no decay: the state before anything was seen.
  Carried buildEmpty();
  /// The state that the kernel is given, or the empty one. `sequenceMax` is what the stabilizer `sequence` subtracts.
  Carried buildInitial(mlir::Value batch, mlir::Value head, mlir::Value sequenceMax);

protected:
  /// `isOneToken`: tiles have one row, and that is a token.
  AttentionTiles(mlir::OpBuilder &builder, Fusion &fusion, const mlir::IRMapping &arrays, int64_t tileLength,
                 const StateSlice &slice, bool isOneToken);

  KeyTiles buildKeyTiles(TileReader &reader, mlir::Value rows, mlir::Value max);
  mlir::Value buildKeys(mlir::Value logits, mlir::Value part, mlir::Value rows, KeyTiles &tiles, mlir::Value max,
                        Decay &stabilizer);
  mlir::Value makeFinite(mlir::Value max);
  /// A state that is relative to `initialMax` as one that is relative to the maximum of the sequence.
  mlir::Value relateToSequence(mlir::Value state, mlir::Value initialMax, mlir::Value sequenceMax);
  Decay buildGivenDecay(TileReader &reader);
  Decay combineDecays(Decay given, Decay stabilizer, mlir::Value rows);
  mlir::Value scaleState(mlir::Value state, Decay total);
  /// `next` is the state plus `added`, and what rounding has lost of that.
  void addCompensated(mlir::Value state, mlir::Value added, Carried &next);
  /// Stores what consumes the tile `result` of the attention's output.
  void buildConsumers(TileReader &reader, mlir::Value result, mlir::Value output, mlir::ValueRange indices,
                      mlir::Value rows);
  const ChannelSlice &getDecaySlice() const;
  mlir::Value loadScalar(mlir::Value array, mlir::Value batch, mlir::Value head);

  mlir::Value zero();
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
  RecurrenceInterface root;
  mlir::Location loc;
  int64_t tileLength;
  StateSlice slice;
  bool isOneToken;
  int64_t keyDim, valueDim; ///< of the slice
  mlir::Type compute;
  bool
      tracksComplement; ///< whether 1 - G is kept beside G, and what sums lose: of use only where storage is f32 or f64
  std::optional<DecayAxis> axis; ///< of the decay, stabilizer included
};
} // namespace fgla

#endif // FGLA_PASSES_TILED_PROGRAMS_ATTENTIONTILES_H
