//===- Canonicalize.cpp - Rewrites that make an attention cheaper ---------===//

#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace fgla;

namespace {
/// An attention, taken apart to be built again with some operands, results or attributes changed.
struct AttentionParts {
  explicit AttentionParts(AttentionOp op)
      : decay(op.getDecay()), logDecay(op.getLogDecay()), initialState(op.getInitialState()),
        initialMax(op.getInitialMax()), axis(op.getAxisAttr()), keepsState(op.getFinalState()) {}

  AttentionOp rebuild(PatternRewriter &rewriter, AttentionOp op) {
    Type state = keepsState ? op.getFinalState().getType() : Type();
    Type max = keepsState && op.getFinalMax() ? op.getFinalMax().getType() : Type();
    auto rebuilt =
        AttentionOp::create(rewriter, op.getLoc(), op.getOutput().getType(), state, max, op.getQuery(), op.getKey(),
                            op.getValue(), decay, logDecay, op.getBeta(), initialState, initialMax, op.getSequences(),
                            axis, op.getStabilizerAttr(), op.getRuleAttr(), op.getScaleAttr());
    rebuilt->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    return rebuilt;
  }

  Value decay, logDecay, initialState, initialMax;
  DecayAxisAttr axis;
  bool keepsState;
};

/// Results that nobody uses: attention -> attention without final_state and final_max.
struct DropDeadState : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getFinalState() || !op.getFinalState().use_empty() || (op.getFinalMax() && !op.getFinalMax().use_empty()))
      return rewriter.notifyMatchFailure(op, "no final state, or one that is used");
    AttentionParts parts(op);
    parts.keepsState = false;
    AttentionOp rebuilt = parts.rebuild(rewriter, op);
    rewriter.replaceAllUsesWith(op.getOutput(), rebuilt.getOutput());
    rewriter.eraseOp(op);
    return success();
  }
};

/// decay(1) or log_decay(0) -> no decay.
struct DropConstantDecay : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.isDeltaRule()) // gated_delta needs one
      return rewriter.notifyMatchFailure(op, "delta rule");
    DenseElementsAttr elements;
    Value decay = op.getAnyDecay();
    if (!decay || !matchPattern(decay, m_Constant(&elements)) || !elements.isSplat())
      return rewriter.notifyMatchFailure(op, "decay is not a splat constant");
    double value = elements.getSplatValue<APFloat>().convertToDouble();
    if (value != (op.getDecay() ? 1.0 : 0.0))
      return rewriter.notifyMatchFailure(op, "decay is not the neutral one");
    AttentionParts parts(op);
    parts.decay = parts.logDecay = nullptr;
    parts.axis = nullptr;
    AttentionOp rebuilt = parts.rebuild(rewriter, op);
    rewriter.replaceOp(op, rebuilt.getResults());
    return success();
  }
};

/// An initial state of zeros under a stabilizer that keeps no maximum -> none.
struct DropZeroState : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getInitialState() || op.getInitialMax() || !matchPattern(op.getInitialState(), m_AnyZeroFloat()))
      return rewriter.notifyMatchFailure(op, "initial state is not a constant zero, or has a maximum");
    AttentionParts parts(op);
    parts.initialState = nullptr;
    AttentionOp rebuilt = parts.rebuild(rewriter, op);
    rewriter.replaceOp(op, rebuilt.getResults());
    return success();
  }
};

/// mul(query, c) under attention -> attention with scale * c.
struct FoldQueryScale : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    auto mul = op.getQuery().getDefiningOp<arith::MulFOp>();
    if (!mul || !mul->hasOneUse())
      return rewriter.notifyMatchFailure(op, "query is not a product with one use");
    for (unsigned constant : {1u, 0u}) {
      DenseElementsAttr elements;
      if (!matchPattern(mul->getOperand(constant), m_Constant(&elements)) || !elements.isSplat())
        continue;
      double scale = op.getEffectiveScale() * elements.getSplatValue<APFloat>().convertToDouble();
      if (!std::isfinite(scale))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        op.setScaleAttr(rewriter.getF64FloatAttr(scale));
        op.getQueryMutable().assign(mul->getOperand(1 - constant));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "query is not scaled by a splat constant");
  }
};
} // namespace

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropDeadState, DropConstantDecay, DropZeroState, FoldQueryScale>(context);
}
