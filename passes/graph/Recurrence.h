//===- Recurrence.h - The recurrence, token by token ----------------------===//
//
// What one token does, as plain ops on tensors: the sequential lowering of an attention puts it into a loop, that of
// its gradients differentiates it (Adjoint.h).
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_GRAPH_RECURRENCE_H
#define FGLA_PASSES_GRAPH_RECURRENCE_H

#include "dialect/fgla/FGLA.h"
#include "passes/graph/IndexNotation.h"

namespace fgla::graph {
/// The state and, where the stabilizer needs it, the maximum its keys are relative to.
struct State {
  mlir::Value matrix;  ///< S [B, H, K, V]
  mlir::Value maximum; ///< m [B, H] or null
};

/// What there is for one token, [B, H, D] each; `query` is [B, H, G, K] where G queries read one state.
struct Token {
  mlir::Value query, key, value, decay, beta;
};

/// The operands of an attention. Where several queries read one state, `query` is split, [B, T, H, G, K].
struct RecurrenceOperands {
  mlir::Value query, key, value, decay, beta, initialState, initialMax;
};

/// Builds the parts of a recurrence. All arithmetic is in the computation type. Each step of a token's work writes onto
/// the tensor that the loop carries, never beside it, so that bufferization finds it equivalent to what is yielded.
class Recurrence {
public:
  /// That of `op`, an `AttentionOp` or `AttentionGradOp`, on other operands: its own, or those of some of its heads.
  template <typename OpTy>
  Recurrence(mlir::OpBuilder &builder, OpTy op, const RecurrenceOperands &operands)
      : builder(builder), loc(op.getLoc()), operands(operands), axis(op.getAxis()), stabilizer(op.getStabilizer()),
        isLog(static_cast<bool>(op.getLogDecay())), isDelta(op.isDeltaRule()), hasMaxState(op.hasMaxState()),
        scale(op.getEffectiveScale()) {
    setSizes();
  }

  /// The operands of an attention, the query split by the states that it reads.
  template <typename OpTy> static RecurrenceOperands getOperands(mlir::OpBuilder &builder, OpTy op) {
    return {splitHeads(builder, op.getLoc(), op.getQuery(), op.getNumHeads()),
            op.getKey(),
            op.getValue(),
            op.getAnyDecay(),
            op.getBeta(),
            op.getInitialState(),
            op.getInitialMax()};
  }

  /// [B, T, Hq, D] as [B, T, H, G, D]; the tensor itself where Hq = H.
  static mlir::Value splitHeads(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor, int64_t heads);
  /// [B, T, H, G, D] as [B, T, Hq, D]; the tensor itself where it has no G.
  static mlir::Value mergeHeads(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor);

  /// Before the first token.
  State buildInitialState();
  /// Whether the maximum changes from token to token.
  bool carriesMaximum() const { return stabilizer == Stabilizer::Running; }

  Token sliceToken(mlir::Value t);
  /// The state after a token.
  State buildUpdate(const Token &token, State state);
  /// scale * S^T q, in elements of `element`.
  mlir::Value buildReadOut(const Token &token, mlir::Value matrix, mlir::Type element);

  /// tensor[:, t, ...]; without the last dim too, where `dropLast`.
  mlir::Value sliceToken(mlir::Value tensor, mlir::Value t, bool dropLast = false);
  /// `part` written to tensor[:, t, ...].
  mlir::Value insertToken(mlir::Value part, mlir::Value tensor, mlir::Value t);

private:
  void setSizes();
  /// The maximum of the keys `[B, H, K]` of a token, for each batch and head.
  mlir::Value buildKeyMaximum(mlir::Value keys);
  /// That of all tokens, but for those that have none: a key of NaN or +inf reaches no earlier token.
  mlir::Value buildSequenceMaximum();
  /// m_new = max(m, `maximum`), S relative to it: S exp(m - m_new).
  State raiseMaximum(State state, mlir::Value maximum);
  /// The key's features and, for `running`, the state relative to the new maximum.
  mlir::Value buildKeyFeatures(const Token &token, State &state);
  mlir::Value buildDecayedState(const Token &token, mlir::Value matrix);
  mlir::Value buildEntered(const Token &token, mlir::Value features, mlir::Value matrix);

  mlir::Value fill(llvm::ArrayRef<mlir::OpFoldResult> sizes, double value) {
    return buildFill(builder, loc, sizes, compute, value);
  }
  mlir::Value empty(llvm::ArrayRef<mlir::OpFoldResult> sizes) { return buildEmpty(builder, loc, sizes, compute); }
  mlir::Value generic(llvm::StringRef notation, mlir::ValueRange inputs, mlir::Value init, ScalarBody body) {
    return buildGeneric(builder, loc, notation, inputs, init, body);
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;
  RecurrenceOperands operands;
  std::optional<DecayAxis> axis;
  Stabilizer stabilizer;
  bool isLog, isDelta, hasMaxState;
  double scale;
  mlir::Type compute;
  mlir::OpFoldResult batch, heads, keyDim, valueDim;
};
} // namespace fgla::graph

#endif // FGLA_PASSES_GRAPH_RECURRENCE_H
