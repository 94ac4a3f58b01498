//===- LowerWalks.cpp - Walks over tokens become loops --------------------===//

#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/cpu/Passes.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_LOWERWALKS
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;
namespace tile = fgla::tile;

/// A loop over the turns of the instance.
static void lowerWalk(tile::WalkOp walk) {
  IRRewriter rewriter(walk);
  Location loc = walk.getLoc();
  Value begin = walk.getBegin(), end = walk.getEnd(), turns = walk.buildTurnCount(rewriter, begin, end);
  Value first = walk.getInstance() ? walk.getInstance() : Value(arith::ConstantIndexOp::create(rewriter, loc, 0));
  Value step = arith::ConstantIndexOp::create(rewriter, loc, walk.getInstances());
  auto loop = scf::ForOp::create(rewriter, loc, first, turns, step, walk.getInits());
  Block *body = loop.getBody();
  if (walk.getInits().empty())
    rewriter.eraseOp(body->getTerminator());
  rewriter.setInsertionPointToStart(body);
  Value turn = loop.getInductionVar();
  auto [token, rows] = walk.buildPosition(rewriter, begin, end, turn, turns);
  SmallVector<Value> arguments{token, rows, turn};
  llvm::append_range(arguments, loop.getRegionIterArgs());
  tile::YieldOp yield = walk.getYield();
  rewriter.mergeBlocks(walk.getBody(), body, arguments);
  rewriter.setInsertionPoint(yield);
  rewriter.replaceOpWithNewOp<scf::YieldOp>(yield, yield.getValues());
  rewriter.replaceOp(walk, loop.getResults());
}

namespace {
struct LowerWalks : fgla::cpu::impl::LowerWalksBase<LowerWalks> {
  void runOnOperation() override {
    SmallVector<tile::WalkOp> walks;
    getOperation()->walk([&](tile::WalkOp walk) { walks.push_back(walk); });
    llvm::for_each(walks, lowerWalk);
  }
};
} // namespace
