//===- TurnCosts.cpp - What a turn of a kernel costs ----------------------===//

#include "passes/kernel/TurnCosts.h"
#include "dialect/fgla/Attributes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/kernel/OpCosts.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;

//===----------------------------------------------------------------------===//
// A turn
//===----------------------------------------------------------------------===//

/// The loop of a role whose turns are counted: a walk, or where there are no channels, the loop over segments. Other
/// loops find out what a segment starts from.
static LoopLikeOpInterface getLoopOfTurns(Operation *op) {
  auto loop = op->getParentOfType<LoopLikeOpInterface>();
  auto pipeline = op->getParentOfType<warp::PipelineOp>();
  bool isOverTurns = loop && pipeline && pipeline->isAncestor(loop) &&
                     (isa<tile::WalkOp>(loop) || pipeline.getBody().getOps<warp::ChannelOp>().empty());
  return isOverTurns ? loop : LoopLikeOpInterface();
}

static bool isInTurn(Operation *op) { return static_cast<bool>(getLoopOfTurns(op)); }

static bool hasLoopOverTurns(warp::PipelineOp pipeline) {
  return pipeline.walk([](Operation *op) { return isInTurn(op) ? WalkResult::interrupt() : WalkResult::advance(); })
      .wasInterrupted();
}

TurnWork kernel::countTurn(warp::PipelineOp pipeline) {
  TurnWork turn;
  bool hasTurns = hasLoopOverTurns(pipeline);
  for (auto role : pipeline.getBody().getOps<warp::RoleOp>()) {
    RoleWork work{role.getName().str(), int64_t(role.getWarps()), int64_t(role.getInstances()), 0};
    role.walk([&](CostInterface op) {
      if (hasTurns && !isInTurn(op))
        return;
      op.addWork(turn, work.warps);
      work.instructions += op.countInstructions(work.warps);
    });
    turn.roles.push_back(work);
  }
  return turn;
}

//===----------------------------------------------------------------------===//
// A launch
//===----------------------------------------------------------------------===//

namespace {
/// Computes numbers of host code and of blocks where the sizes of arguments are known. Loops and blocks are at their
/// beginning but for what `positions` says.
class Evaluator {
public:
  Evaluator(Operation *kernel, int64_t workers, DictionaryAttr sizes)
      : kernel(kernel), workers(workers), sizes(sizes) {}

  llvm::DenseMap<Value, int64_t> positions;

  /// Nothing where it is not known.
  std::optional<int64_t> get(Value value);
  std::optional<int64_t> get(OpFoldResult value) {
    return isa<Value>(value) ? get(cast<Value>(value)) : getConstantIntValue(value);
  }
  bool hasFailed() const { return failed; }

private:
  std::optional<int64_t> getSize(Value array, int64_t dim);
  std::optional<int64_t> compute(Operation *op, int64_t a, int64_t b);

  Operation *kernel;
  int64_t workers;
  DictionaryAttr sizes;
  bool failed = false;
};
} // namespace

std::optional<int64_t> Evaluator::compute(Operation *op, int64_t a, int64_t b) {
  bool divides =
      isa<arith::DivSIOp, arith::DivUIOp, arith::CeilDivSIOp, arith::CeilDivUIOp, arith::RemUIOp, arith::RemSIOp>(op);
  if (divides && (a < 0 || b <= 0)) // sizes are not negative
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return a + b;
  if (isa<arith::SubIOp>(op))
    return a - b;
  if (isa<arith::MulIOp>(op))
    return a * b;
  if (isa<arith::DivSIOp, arith::DivUIOp>(op))
    return a / b;
  if (isa<arith::CeilDivSIOp, arith::CeilDivUIOp>(op))
    return llvm::divideCeil(a, b);
  if (isa<arith::RemUIOp, arith::RemSIOp>(op))
    return a % b;
  if (isa<arith::MinSIOp, arith::MinUIOp>(op))
    return std::min(a, b);
  if (isa<arith::MaxSIOp, arith::MaxUIOp>(op))
    return std::max(a, b);
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return arith::applyCmpPredicate(compare.getPredicate(), APInt(64, a, true), APInt(64, b, true));
  return std::nullopt;
}

/// The size of an array of the kernel, or of a tensor of the host.
std::optional<int64_t> Evaluator::getSize(Value array, int64_t dim) {
  auto type = cast<ShapedType>(array.getType());
  if (!type.isDynamicDim(dim))
    return type.getDimSize(dim);
  if (auto empty = array.getDefiningOp<tensor::EmptyOp>())
    return get(empty.getDynamicSizes()[type.getDynamicDimIndex(dim)]);
  if (auto alloc = array.getDefiningOp<memref::AllocOp>())
    return get(alloc.getDynamicSizes()[type.getDynamicDimIndex(dim)]);
  auto argument = dyn_cast<BlockArgument>(array);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!function)
    return std::nullopt;
  if (function == kernel) {
    auto uses = SymbolTable::getSymbolUses(function, function->getParentOfType<ModuleOp>());
    for (SymbolTable::SymbolUse use : *uses)
      if (auto launch = dyn_cast<tile::LaunchOp>(use.getUser()))
        return getSize(launch->getOperand(argument.getArgNumber()), dim);
    return std::nullopt;
  }
  auto names = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), kDimsAttrName);
  auto name = names ? dyn_cast<StringAttr>(names[dim]) : StringAttr();
  if (!name)
    return std::nullopt;
  if (auto size = sizes.getAs<IntegerAttr>(name))
    return size.getInt();
  failed = true;
  auto text = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kNameAttrName);
  function.emitError() << "the shape of the report must give a size for '" << name.getValue() << "' of argument '"
                       << (text ? text.getValue() : "") << "'";
  return std::nullopt;
}

std::optional<int64_t> Evaluator::get(Value value) {
  if (failed)
    return std::nullopt;
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return constant;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto walk = dyn_cast<tile::WalkOp>(argument.getOwner()->getParentOp());
    if (walk && value == walk.getToken() && !walk.getReverse())
      return get(walk.getBegin());
    if (walk && value == walk.getRows())
      return walk.getStep();
    return value.getType().isIndex() ? std::optional(positions.lookup(value)) : std::nullopt;
  }
  Operation *op = value.getDefiningOp();
  if (isa<tile::WorkersOp>(op))
    return workers;
  if (isa<arith::IndexCastOp>(op))
    return get(op->getOperand(0));
  if (isa<memref::DimOp, tensor::DimOp>(op)) {
    std::optional<int64_t> dim = get(op->getOperand(1));
    return dim ? getSize(op->getOperand(0), *dim) : std::nullopt;
  }
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    std::optional<int64_t> condition = get(select.getCondition());
    return condition ? get(*condition ? select.getTrueValue() : select.getFalseValue()) : std::nullopt;
  }
  if (op->getNumOperands() != 2)
    return std::nullopt;
  std::optional<int64_t> a = get(op->getOperand(0)), b = get(op->getOperand(1));
  return a && b ? compute(op, *a, *b) : std::nullopt;
}

/// The part of the blocks along one dim of the grid that read a tile of their own.
static double countDistinct(tile::LoadOp load, Value position, int64_t blocks, Evaluator &evaluator) {
  constexpr int64_t kMost = 64; // enough to see a pattern
  llvm::SmallSet<SmallVector<int64_t>, 8, std::less<>> tiles;
  blocks = std::min(blocks, kMost);
  for (int64_t i = 0; i < blocks; ++i) {
    evaluator.positions[position] = i;
    SmallVector<int64_t> tile;
    for (Value index : load.getIndices())
      tile.push_back(evaluator.get(index).value_or(i));
    tiles.insert(tile);
  }
  evaluator.positions.erase(position);
  return double(tiles.size()) / blocks;
}

FailureOr<std::optional<LaunchWork>> kernel::countLaunch(scf::ForallOp forall, warp::PipelineOp pipeline,
                                                         const GPUTarget &target, DictionaryAttr sizes) {
  Evaluator evaluator(forall->getParentOfType<func::FuncOp>(), target.multiprocessors, sizes);
  LaunchWork work;
  bool isKnown = true;
  SmallVector<int64_t> grid;
  for (OpFoldResult bound : forall.getMixedUpperBound()) {
    std::optional<int64_t> size = evaluator.get(bound);
    isKnown &= size.has_value();
    grid.push_back(size.value_or(0));
  }
  work.blocks = llvm::product_of(grid);
  auto countTrips = [&](LoopLikeOpInterface loop) -> int64_t {
    std::optional<int64_t> begin, end, step;
    if (auto walk = dyn_cast<tile::WalkOp>(*loop)) {
      begin = evaluator.get(walk.getBegin()), end = evaluator.get(walk.getEnd()), step = walk.getStep();
    } else if (auto segments = dyn_cast<scf::ForOp>(*loop)) {
      begin = evaluator.get(segments.getLowerBound()), end = evaluator.get(segments.getUpperBound());
      step = evaluator.get(segments.getStep());
    }
    isKnown &= begin && end && step;
    return isKnown ? std::max<int64_t>(llvm::divideCeilSigned(*end - *begin, *step), 0) : 0;
  };
  // The first block has as many turns as any, the last puts the most segments together.
  pipeline.walk([&](Operation *op) {
    if (LoopLikeOpInterface loop = getLoopOfTurns(op))
      work.turns = std::max<int64_t>(work.turns, countTrips(loop));
  });
  bool hasTurns = hasLoopOverTurns(pipeline);
  if (!hasTurns)
    work.turns = 1;
  pipeline.walk([&](tile::LoadOp load) {
    double distinct = 1;
    for (auto [position, blocks] : llvm::zip_equal(forall.getInductionVars(), grid))
      if (isKnown && work.blocks > 0 && (!hasTurns || isInTurn(load)))
        distinct *= countDistinct(load, position, blocks, evaluator);
    work.cachedBytes += countBytes(load.getResult()) * (1 - distinct);
  });
  for (auto [position, blocks] : llvm::zip_equal(forall.getInductionVars(), grid))
    evaluator.positions[position] = std::max<int64_t>(blocks - 1, 0);
  pipeline.walk([&](tile::LoadOp load) {
    auto loop = load->getParentOfType<scf::ForOp>();
    if (loop && !isInTurn(load))
      work.firstBytes += double(countBytes(load.getResult())) * countTrips(loop);
  });
  if (evaluator.hasFailed())
    return failure();
  return isKnown ? std::optional(work) : std::nullopt;
}
