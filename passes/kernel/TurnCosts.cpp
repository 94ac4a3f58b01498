//===- TurnCosts.cpp - What a turn of a kernel costs ----------------------===//

#include "passes/kernel/TurnCosts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;

static int64_t countElements(Value tile) { return cast<RankedTensorType>(tile.getType()).getNumElements(); }

static int64_t countBytes(Value tile) {
  return countElements(tile) * cast<RankedTensorType>(tile.getType()).getElementTypeBitWidth() / 8;
}

TurnCosts::TurnCosts(warp::PipelineOp pipeline) {
  pipeline.walk([&](Operation *op) {
    // Only what stands in a loop over turns.
    auto loop = op->getParentOfType<scf::ForOp>();
    if (!loop || !llvm::any_of(loop.getInductionVar().getUsers(), llvm::IsaPred<warp::GetOp, warp::PutOp>))
      return;
    if (auto put = dyn_cast<warp::PutOp>(op)) {
      sharedBytes += countBytes(put.getValue());
    } else if (auto get = dyn_cast<warp::GetOp>(op)) {
      // The first operand of a product is read by every warp, all else is shared out.
      bool isFirst = llvm::any_of(get->getUsers(), [&](Operation *user) {
        auto dot = dyn_cast<tile::DotOp>(user);
        return dot && dot.getA() == get.getResult();
      });
      sharedBytes += countBytes(get.getResult()) * (isFirst ? get->getParentOfType<warp::RoleOp>().getWarps() : 1);
    } else if (auto load = dyn_cast<tile::LoadOp>(op)) {
      bytes += countBytes(load.getResult());
    } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
      bytes += countBytes(store.getValue());
    } else if (auto dot = dyn_cast<tile::DotOp>(op)) {
      int64_t depth = tile::shapeOf(dot.getA())[!dot.getTransposeA()];
      matrixFlops += 2 * countElements(dot.getResult()) * depth;
    } else if (auto scores = dyn_cast<tile::DecayedScoresOp>(op)) {
      matrixFlops += 2 * countElements(scores.getResult()) * tile::shapeOf(scores.getQuery())[1];
    } else if (isa<math::ExpOp, math::Exp2Op, math::LogOp, math::Log2Op, math::SqrtOp, math::RsqrtOp, math::TanhOp,
                   arith::DivFOp>(op)) {
      if (auto map = op->getParentOfType<tile::MapOp>())
        specialFunctions += countElements(map.getResult(0));
    }
  });
}
