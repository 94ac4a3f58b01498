//===- GradientProgram.h - The gradients of an attention, tile by tile ----===//
#ifndef FGLA_PASSES_TILED_PROGRAMS_GRADIENTPROGRAM_H
#define FGLA_PASSES_TILED_PROGRAMS_GRADIENTPROGRAM_H

#include "passes/tiled/programs/ForwardProgram.h"

namespace fgla {
/// Where the gradients of the operands go, memrefs; null for those that are not asked for.
struct GradientArrays {
  mlir::Value query, key, value, decay, initialState;
  /// [B, H]: of a decay that is one number a head, the sum over the tokens of one batch.
  mlir::Value decayOfBatch;
};

/// Walks the tokens of one batch and key/value head twice: forward, to keep the state that each tile starts from, and
/// back, with the gradient of the state after a tile. What the walk back does in a turn is the forward's turn,
/// differentiated.
class GradientProgram : public ForwardProgram {
public:
  GradientProgram(mlir::OpBuilder &builder, Fusion &fusion, const mlir::IRMapping &arrays, int64_t tileLength,
                  const GradientArrays &gradients)
      : ForwardProgram(builder, fusion, arrays, tileLength, StateSlice()),
        op(mlir::cast<AttentionGradOp>(fusion.root.getOperation())), gradients(gradients) {
    hasGradients = true;
  }

  void build(mlir::Value batch, mlir::Value head, mlir::Value tokens);

private:
  /// What tiles start from, [tiles, K, V] and [tiles].
  struct Starts {
    mlir::Value states, maxima;
  };
  /// Values that gradients are taken of, each with what it has been given so far.
  class Sums;

  Starts buildStarts(mlir::Value tokens, mlir::Value sequenceMax);
  Carried loadStart(const Starts &starts, mlir::Value number, mlir::Value sequenceMax);
  Carried buildFinalGrad();
  void buildTurn(tile::WalkOp walk, const Starts &starts, mlir::Value sequenceMax, const Carried &like,
                 mlir::OpBuilder::InsertPoint prologue);
  void addState(const KeyTiles &tiles, mlir::Value state, mlir::Value grad, Sums &sums);
  void addOutputs(const KeyTiles &tiles, TileReader &keyReader, mlir::Value state, Sums &sums,
                  mlir::OpBuilder::InsertPoint prologue);
  void addOutput(TileReader &reader, mlir::Value queryHead, const KeyTiles &tiles, mlir::Value state, Sums &sums);
  Carried buildEarlierGrad(const KeyTiles &tiles, const Carried &carried, mlir::Value added);
  mlir::Value storeOperands(TileReader &reader, const KeyTiles &tiles, const Sums &sums);
  mlir::Value readGivenDecay(TileReader &reader);
  void storeTokens(mlir::Value tile, mlir::Value array, mlir::Value atHead);

  AttentionGradOp op;
  GradientArrays gradients;
  mlir::Value batch, head, token, rows;
};
} // namespace fgla

#endif // FGLA_PASSES_TILED_PROGRAMS_GRADIENTPROGRAM_H
