//===- LinkCompanions.cpp - Tiles that scores write along -----------------===//
//
// Scores pass over all queries and keys of a tile, row by row, with the decays of each row at hand. What else a role
// puts of the same elements in the same layout is written on the way. A put says so by an operand.
//
//===----------------------------------------------------------------------===//

#include "dialect/warp/Warp.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/layout/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_LINKCOMPANIONS
#include "passes/layout/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

/// Whether `value` is `tile` times the running product of the scores' decays that ends at each row, or begins after it.
static bool isDecayed(tile::DecayedScoresOp scores, Value value, Value tile, bool toEnd) {
  auto map = value.getDefiningOp<tile::MapOp>();
  if (map.getInputs().size() != 2 || map.getNumResults() != 1 || map.getInputs()[0] != tile)
    return false;
  auto scan = map.getInputs()[1].getDefiningOp<tile::ScanOp>();
  if (!scan || scan.getInput() != scores.getDecay() || scan.getKind() != tile::ReduceKind::Mul || scan.getInit() ||
      scan.getReverse() != toEnd || scan.getExclusive() != toEnd)
    return false;
  Block &body = map.getBody().front();
  auto truncate = body.getTerminator()->getOperand(0).getDefiningOp<arith::TruncFOp>();
  auto multiply = truncate ? truncate.getIn().getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  return multiply && multiply.getLhs() == body.getArgument(0) && multiply.getRhs() == body.getArgument(1);
}

/// Whether it is computed element by element from what the scores are, and packed as their operands are.
static bool isCompanion(tile::DecayedScoresOp scores, warp::PutOp put) {
  RankedTensorType type = put.getValue().getType(), query = scores.getQuery().getType();
  return put.getValue().getDefiningOp<tile::MapOp>() && type.getShape() == query.getShape() && type.getEncoding() &&
         type.getEncoding() == query.getEncoding() && type.getElementTypeBitWidth() == 16;
}

/// Puts come after the scores, which also make what some of them need: the product of all decays.
static void link(tile::DecayedScoresOp scores) {
  Operation *last = scores;
  for (warp::PutOp put : llvm::to_vector(scores->getBlock()->getOps<warp::PutOp>())) {
    if (put->isBeforeInBlock(scores)) {
      put->moveAfter(last);
      last = put;
    }
    if (!isCompanion(scores, put))
      continue;
    put.getAlongMutable().assign(scores.getResult());
    put.setDecayed(isDecayed(scores, put.getValue(), scores.getQuery(), /*toEnd=*/false) ||
                   isDecayed(scores, put.getValue(), scores.getKey(), /*toEnd=*/true));
  }
}

namespace {
struct LinkCompanions : fgla::impl::LinkCompanionsBase<LinkCompanions> {
  void runOnOperation() override {
    getOperation()->walk([](tile::DecayedScoresOp scores) { link(scores); });
  }
};
} // namespace
