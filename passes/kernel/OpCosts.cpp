//===- OpCosts.cpp - What ops on tiles cost -------------------------------===//
//
// Estimates of what one warp issues. The weights are such that the sum is what a profile counts at 128 keys and values:
// 38 instructions an element of the elementwise role, 350 a turn and warp of the matrix role
// (docs/performance/gpu-forward.md).
//
//===----------------------------------------------------------------------===//

#include "passes/kernel/OpCosts.h"
#include "dialect/warp/Warp.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;

#include "passes/kernel/Interfaces.cpp.inc"

static constexpr int64_t kLanes = 32;
static constexpr double kShuffles = 10; // a combination of all lanes, five steps of two
static constexpr double kMove = 0.75;   // an element from or to shared memory: its part of an access, an address
static constexpr double kSplit = 6;     // an element of both operands of scores: decays, their inverse, factors, stores
static constexpr double kTurn = 20;     // barriers

static int64_t countElements(Value tile) { return cast<RankedTensorType>(tile.getType()).getNumElements(); }

int64_t kernel::countBytes(Value tile) {
  return countElements(tile) * cast<RankedTensorType>(tile.getType()).getElementTypeBitWidth() / 8;
}

/// Elements of a tile that a thread computes.
static double countPerThread(Value tile, int64_t warps) {
  if (auto layout = dyn_cast_or_null<warp::LayoutAttr>(cast<RankedTensorType>(tile.getType()).getEncoding()))
    return layout.getMap().getNumRegisters();
  return double(countElements(tile)) / (kLanes * warps);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static bool isSpecial(Operation &op) {
  return isa<math::ExpOp, math::Exp2Op, math::LogOp, math::Log2Op, math::SqrtOp, math::RsqrtOp, math::TanhOp,
             arith::DivFOp>(op);
}

/// Of an op in the region of a map, for one element. Constants and signs fold, masks are left out of full tiles, a sum
/// is part of the product in front of it, and a conversion is of two elements.
static double countInstructions(Operation &op) {
  if (isa<arith::DivFOp, math::TanhOp>(op))
    return 2;
  if (isSpecial(op))
    return 1.5; // the unit's, and a factor of the argument
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return 0.5;
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return isa<BlockArgument>(select.getCondition()) ? 0 : 1;
  bool isFused = isa<arith::AddFOp, arith::SubFOp>(op) && llvm::any_of(op.getOperands(), [](Value operand) {
                   return operand.hasOneUse() && operand.getDefiningOp<arith::MulFOp>();
                 });
  bool isNone =
      isFused || isa<arith::NegFOp>(op) || op.hasTrait<OpTrait::ConstantLike>() || op.hasTrait<OpTrait::IsTerminator>();
  return isNone ? 0 : 1;
}

/// Of m16n8k16, with an operand that comes from shared memory 16 x 16 at a time; each warp has its columns of the
/// result.
static double countDot(int64_t rows, int64_t columns, int64_t depth, int64_t warps, bool loadsFirst) {
  double products = double(rows) * columns * depth / (16 * 8 * 16) / warps;
  return products + (loadsFirst ? double(rows) * depth / (16 * 16) : 0);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

namespace {
/// What is not counted: it is free, or rare beside the rest.
template <typename OpTy> struct NoCost : CostInterface::ExternalModel<NoCost<OpTy>, OpTy> {
  double countInstructions(Operation *, int64_t) const { return 0; }
  void addWork(Operation *, TurnWork &, int64_t) const {}
};

struct MapCost : CostInterface::ExternalModel<MapCost, tile::MapOp> {
  double countInstructions(Operation *op, int64_t warps) const {
    double each = 0;
    for (Operation &scalar : cast<tile::MapOp>(op).getBody().front())
      each += ::countInstructions(scalar);
    return each * countPerThread(op->getResult(0), warps);
  }
  void addWork(Operation *op, TurnWork &turn, int64_t) const {
    int64_t special = llvm::count_if(cast<tile::MapOp>(op).getBody().front(), isSpecial);
    turn.specialFunctions += double(special) * countElements(op->getResult(0));
  }
};

struct ScanCost : CostInterface::ExternalModel<ScanCost, tile::ScanOp> {
  double countInstructions(Operation *op, int64_t warps) const { return countPerThread(op->getResult(0), warps); }
  void addWork(Operation *, TurnWork &, int64_t) const {}
};

/// Of reductions of rows or columns.
template <typename OpTy> struct ReductionCost : CostInterface::ExternalModel<ReductionCost<OpTy>, OpTy> {
  double countInstructions(Operation *op, int64_t warps) const {
    return countPerThread(op->getOperand(0), warps) + kShuffles;
  }
  void addWork(Operation *, TurnWork &, int64_t) const {}
};

struct TransposeCost : CostInterface::ExternalModel<TransposeCost, tile::TransposeOp> {
  double countInstructions(Operation *op, int64_t warps) const {
    return kMove * countPerThread(op->getResult(0), warps);
  }
  void addWork(Operation *, TurnWork &, int64_t) const {}
};

struct DotCost : CostInterface::ExternalModel<DotCost, tile::DotOp> {
  static int64_t getDepth(tile::DotOp dot) { return tile::shapeOf(dot.getA())[!dot.getTransposeA()]; }

  double countInstructions(Operation *op, int64_t warps) const {
    auto dot = cast<tile::DotOp>(op);
    ArrayRef<int64_t> result = tile::shapeOf(dot.getResult());
    return countDot(result[0], result[1], getDepth(dot), warps, dot.getA().getDefiningOp<warp::GetOp>() != nullptr);
  }
  void addWork(Operation *op, TurnWork &turn, int64_t) const {
    turn.matrixFlops += 2 * countElements(op->getResult(0)) * getDepth(cast<tile::DotOp>(op));
  }
};

struct ScoresCost : CostInterface::ExternalModel<ScoresCost, tile::DecayedScoresOp> {
  double countInstructions(Operation *op, int64_t warps) const {
    Value query = cast<tile::DecayedScoresOp>(op).getQuery();
    ArrayRef<int64_t> shape = tile::shapeOf(query);
    return kSplit * countElements(query) / (kLanes * warps) + countDot(shape[0], shape[0], shape[1], warps, true);
  }
  void addWork(Operation *op, TurnWork &turn, int64_t) const {
    auto scores = cast<tile::DecayedScoresOp>(op);
    turn.matrixFlops += 2 * countElements(scores.getResult()) * tile::shapeOf(scores.getQuery())[1];
  }
};

/// From the copy engine, or copies of threads that no profile shows.
struct LoadCost : CostInterface::ExternalModel<LoadCost, tile::LoadOp> {
  double countInstructions(Operation *, int64_t) const { return 0; }
  void addWork(Operation *op, TurnWork &turn, int64_t) const { turn.bytes += countBytes(op->getResult(0)); }
};

struct StoreCost : CostInterface::ExternalModel<StoreCost, tile::StoreOp> {
  double countInstructions(Operation *op, int64_t warps) const {
    return kMove * countPerThread(cast<tile::StoreOp>(op).getValue(), warps);
  }
  void addWork(Operation *op, TurnWork &turn, int64_t) const {
    turn.bytes += countBytes(cast<tile::StoreOp>(op).getValue());
  }
};

struct PutCost : CostInterface::ExternalModel<PutCost, warp::PutOp> {
  double countInstructions(Operation *op, int64_t warps) const {
    Value value = cast<warp::PutOp>(op).getValue();
    return value.getDefiningOp<tile::LoadOp>() ? 0 : kMove * countPerThread(value, warps); // what loads has copied it
  }
  void addWork(Operation *op, TurnWork &turn, int64_t) const {
    turn.sharedBytes += countBytes(cast<warp::PutOp>(op).getValue());
  }
};

struct GetCost : CostInterface::ExternalModel<GetCost, warp::GetOp> {
  /// The first operand of a product is read by every warp, all else is shared out.
  static bool isReadByAll(Operation *get) {
    return llvm::any_of(get->getUsers(), [&](Operation *user) {
      auto dot = dyn_cast<tile::DotOp>(user);
      return dot && dot.getA() == get->getResult(0);
    });
  }

  double countInstructions(Operation *op, int64_t warps) const {
    return isReadByAll(op) ? 0 : kMove * countPerThread(op->getResult(0), warps);
  }
  void addWork(Operation *op, TurnWork &turn, int64_t warps) const {
    turn.sharedBytes += double(countBytes(op->getResult(0))) * (isReadByAll(op) ? warps : 1);
  }
};

struct ReleaseCost : CostInterface::ExternalModel<ReleaseCost, warp::ReleaseOp> {
  double countInstructions(Operation *, int64_t) const { return kTurn; }
  void addWork(Operation *, TurnWork &, int64_t) const {}
};
} // namespace

template <typename... Ops> static void attachNoCost(MLIRContext &context) {
  (Ops::template attachInterface<NoCost<Ops>>(context), ...);
}

void kernel::registerCosts(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tile::TileDialect *) {
    tile::MapOp::attachInterface<MapCost>(*context);
    tile::ScanOp::attachInterface<ScanCost>(*context);
    tile::ReduceOp::attachInterface<ReductionCost<tile::ReduceOp>>(*context);
    tile::RowNormOp::attachInterface<ReductionCost<tile::RowNormOp>>(*context);
    tile::TransposeOp::attachInterface<TransposeCost>(*context);
    tile::DotOp::attachInterface<DotCost>(*context);
    tile::DecayedScoresOp::attachInterface<ScoresCost>(*context);
    tile::LoadOp::attachInterface<LoadCost>(*context);
    tile::StoreOp::attachInterface<StoreCost>(*context);
    attachNoCost<tile::WalkOp, tile::YieldOp, tile::ValidOp, tile::DecayMatrixOp, tile::DecayedSumOp, tile::ExchangeOp,
                 tile::GatherOp, tile::WorkersOp, tile::LaunchOp>(*context);
    // Of gradients, which no role computes yet.
    attachNoCost<tile::DecayedScanOp, tile::DecayedScoresGradOp>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, warp::WarpDialect *) {
    warp::PutOp::attachInterface<PutCost>(*context);
    warp::GetOp::attachInterface<GetCost>(*context);
    warp::ReleaseOp::attachInterface<ReleaseCost>(*context);
    attachNoCost<warp::PipelineOp, warp::ChannelOp, warp::RoleOp, warp::RowOp, warp::ConcatOp, warp::ConvertOp,
                 warp::TensorMapOp, warp::DispatchOp>(*context);
  });
}
