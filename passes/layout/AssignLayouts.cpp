//===- AssignLayouts.cpp - Gives every tile in a role a layout ------------===//

#include "dialect/warp/Warp.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/layout/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "passes/layout/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;
using warp::LinearLayout;

static bool isTile(Value value) { return isa<RankedTensorType>(value.getType()); }

namespace {
/// Works on one role.
class RoleLayouts {
public:
  explicit RoleLayouts(warp::RoleOp role) : role(role), builder(role.getContext()), warps(role.getWarps()) {
    role.walk([&](Operation *op) {
      auto store = dyn_cast<tile::StoreOp>(op);
      writesRows |= store && store.getRows();
      multiplies |= isa<tile::DotOp, tile::DecayedScoresOp>(op);
    });
    writesRows &= !multiplies;
    hasTurns = role.walk([](Operation *op) {
                     return isa<warp::GetOp, warp::PutOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
                   })
                   .wasInterrupted();
  }

  void assign();

private:
  /// A value that holds `value` in `layout`: itself, a copy of what computes it, or a conversion.
  Value demand(Value value, const LinearLayout &layout);
  void demandOperands(Operation *op, const LinearLayout &layout);
  /// The layout that `value` has or would best have.
  LinearLayout prefer(Value value);
  LinearLayout getRows(Value tile);
  /// The same, if something that `value` is computed from is bound to one.
  std::optional<LinearLayout> findBound(Value value);
  void bindCarried(LoopLikeOpInterface loop);
  void assignOp(Operation *op);
  void readByMap(OpOperand &operand);
  void joinHalves();
  void loadColumns();
  bool isSecondOperand(Value accumulator);
  LinearLayout getAccumulator(Value value) { return getAccumulator(value, isSecondOperand(value)); }
  LinearLayout getAccumulator(Value value, bool transposed) {
    auto shape = tile::shapeOf(value);
    // A small tile is shared out among some of the warps; others have the same as these.
    int64_t across = std::clamp<int64_t>(shape[1] / (transposed ? 16 : 8), 1, warps);
    LinearLayout layout = LinearLayout::accumulator(shape[0], shape[1], across, transposed);
    layout.warps.resize(llvm::Log2_64(warps));
    return layout;
  }

  static std::optional<LinearLayout> getLayout(Value value) {
    auto attr = dyn_cast_or_null<warp::LayoutAttr>(cast<RankedTensorType>(value.getType()).getEncoding());
    return attr ? std::optional(attr.getMap()) : std::nullopt;
  }
  void setLayout(Value value, const LinearLayout &layout) {
    auto type = cast<RankedTensorType>(value.getType());
    value.setType(RankedTensorType::get(type.getShape(), type.getElementType(),
                                        warp::LayoutAttr::get(role.getContext(), layout)));
  }

  warp::RoleOp role;
  OpBuilder builder;
  int64_t warps;
  bool writesRows = false, multiplies = false;
  bool hasTurns = false; ///< else it works on states: on one token, or on what segments have left
};
} // namespace

/// Whether it is computed element by element where its user wants it.
static bool isLazy(Operation *op) { return isa<tile::MapOp, tile::TransposeOp, tile::ValidOp, warp::ConcatOp>(op); }

/// Memory that every layout can be read from.
static bool isMemory(Value value) {
  Operation *op = value.getDefiningOp();
  auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op);
  bool hasAllRows = slice && slice.getType().getDimSize(0) == slice.getSourceType().getDimSize(0);
  return isa_and_nonnull<warp::GetOp, tile::ExchangeOp, tile::GatherOp>(op) ||
         (hasAllRows && isMemory(slice.getSource()));
}

/// Follows accumulators to the products that read them as their second operand.
bool RoleLayouts::isSecondOperand(Value accumulator) {
  SmallVector<Value> work{accumulator};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (auto dot = dyn_cast<tile::DotOp>(user)) {
        if (use.get() == dot.getB())
          return true;
        if (use.get() == dot.getAcc())
          work.push_back(dot.getResult());
      } else if (isa<tile::MapOp>(user)) {
        for (Value result : user->getResults())
          if (tile::shapeOf(result) == tile::shapeOf(value))
            work.push_back(result);
      } else if (isa<scf::YieldOp, tile::YieldOp>(user)) {
        if (auto loop = dyn_cast<LoopLikeOpInterface>(user->getParentOp())) {
          work.push_back(loop.getRegionIterArgs()[use.getOperandNumber()]);
          work.push_back(loop->getResult(use.getOperandNumber()));
        }
      } else if (auto loop = dyn_cast<LoopLikeOpInterface>(user)) {
        work.push_back(loop.getTiedLoopRegionIterArg(&use));
      }
    }
  }
  return false;
}

/// `layout`, of a tile with all rows and columns, for an operand that may have one of either.
static LinearLayout restrictTo(LinearLayout layout, Value operand) {
  if (tile::shapeOf(operand)[0] == 1)
    layout = layout.dropRows();
  if (tile::shapeOf(operand)[1] == 1)
    layout = layout.dropColumns();
  return layout;
}

Value RoleLayouts::demand(Value value, const LinearLayout &layout) {
  if (isMemory(value))
    return value;
  std::optional<LinearLayout> known = getLayout(value);
  if (known == layout)
    return value;
  Operation *op = value.getDefiningOp();
  if (!known && op && !isa<LoopLikeOpInterface>(op)) {
    for (Value result : op->getResults())
      setLayout(result, layout);
    demandOperands(op, layout);
    return value;
  }
  OpBuilder::InsertionGuard guard(builder);
  if (op && isLazy(op)) {
    builder.setInsertionPointAfter(op);
    Operation *copy = builder.clone(*op);
    for (Value result : copy->getResults())
      setLayout(result, layout);
    demandOperands(copy, layout);
    return copy->getResult(cast<OpResult>(value).getResultNumber());
  }
  builder.setInsertionPointAfterValue(value);
  auto type = cast<RankedTensorType>(value.getType());
  return warp::ConvertOp::create(
      builder, value.getLoc(),
      RankedTensorType::get(type.getShape(), type.getElementType(), warp::LayoutAttr::get(role.getContext(), layout)),
      value);
}

void RoleLayouts::demandOperands(Operation *op, const LinearLayout &layout) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isTile(operand.get()))
      continue;
    if (isa<tile::TransposeOp>(op) && !hasTurns) {
      // A row that each warp has whole becomes a column of the state: computed once, not by each lane for all.
      Value row = demand(operand.get(), getRows(operand.get()));
      auto type = cast<RankedTensorType>(row.getType());
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPoint(op);
      operand.set(
          warp::ConvertOp::create(builder, op->getLoc(),
                                  RankedTensorType::get(type.getShape(), type.getElementType(),
                                                        warp::LayoutAttr::get(role.getContext(), layout.transposed())),
                                  row));
    } else if (isa<tile::TransposeOp>(op))
      operand.set(demand(operand.get(), layout.transposed()));
    else if (isa<tile::MapOp>(op))
      operand.set(demand(operand.get(), restrictTo(layout, operand.get())));
    else if (isa<tile::ScanOp>(op))
      operand.set(demand(operand.get(), restrictTo(layout, operand.get())));
    else if (auto concat = dyn_cast<warp::ConcatOp>(op))
      operand.set(demand(operand.get(), layout.withoutColumn(tile::shapeOf(concat.getLeft())[1])));
    else if (isa<tile::DecayMatrixOp>(op)) // each thread has all decays
      operand.set(demand(operand.get(), LinearLayout::columns(tile::shapeOf(operand.get())[0], 1, warps)));
  }
}

std::optional<LinearLayout> RoleLayouts::findBound(Value value) {
  if (isMemory(value))
    return std::nullopt;
  if (std::optional<LinearLayout> layout = getLayout(value))
    return layout;
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  // What runs down the rows stays in a thread, or runs through the lanes where there is one number a row.
  if (isa<tile::ScanOp>(op)) {
    auto [rows, columns] = std::pair(tile::shapeOf(value)[0], tile::shapeOf(value)[1]);
    return columns > 1 ? LinearLayout::columns(rows, columns, warps) : LinearLayout::rows(rows, 1, warps);
  }
  if (isa<tile::TransposeOp>(op)) {
    std::optional<LinearLayout> bound = findBound(op->getOperand(0));
    return bound ? std::optional(bound->transposed()) : std::nullopt;
  }
  if (!isa<tile::MapOp, tile::ScanOp>(op))
    return std::nullopt;
  for (Value operand : op->getOperands())
    if (isTile(operand) && tile::shapeOf(operand) == tile::shapeOf(value))
      if (std::optional<LinearLayout> bound = findBound(operand))
        return bound;
  return std::nullopt;
}

LinearLayout RoleLayouts::prefer(Value value) {
  if (std::optional<LinearLayout> bound = findBound(value))
    return *bound;
  auto shape = tile::shapeOf(value);
  if (shape[1] == 1 || writesRows || !hasTurns)
    return getRows(value);
  return LinearLayout::columns(shape[0], shape[1], warps);
}

/// For what is combined or stored row by row: where rows are stored, they are whole in a warp, and leave 16 bytes a
/// thread. So are those of the state of one token, f32; rows of which there is one are whole in each warp.
LinearLayout RoleLayouts::getRows(Value tile) {
  auto shape = tile::shapeOf(tile);
  constexpr int64_t kTogether = 8, kTogetherOfState = 4;
  if (!hasTurns)
    return LinearLayout::wholeRows(shape[0], shape[1], warps, kTogetherOfState);
  return writesRows ? LinearLayout::wholeRows(shape[0], shape[1], warps, kTogether)
                    : LinearLayout::rows(shape[0], shape[1], warps);
}

/// Carried tiles keep one layout: that of the accumulators they are, or of the rows.
void RoleLayouts::bindCarried(LoopLikeOpInterface loop) {
  for (auto [arg, result] : llvm::zip_equal(loop.getRegionIterArgs(), loop->getResults())) {
    if (!isTile(arg))
      continue;
    auto shape = tile::shapeOf(arg);
    LinearLayout layout = !hasTurns      ? getRows(arg)
                          : shape[0] > 1 ? getAccumulator(arg, isSecondOperand(arg) || isSecondOperand(result))
                                         : restrictTo(LinearLayout::columns(1, shape[1], warps), arg);
    if (std::optional<LinearLayout> given =
            isMemory(loop.getTiedLoopInit(arg)->get()) ? std::nullopt : getLayout(loop.getTiedLoopInit(arg)->get()))
      layout = *given;
    setLayout(arg, layout);
    setLayout(result, layout);
    OpOperand *init = loop.getTiedLoopInit(arg);
    init->set(demand(init->get(), layout));
  }
}

/// What is combined, added up or stored has a layout: where it comes from a channel as it is, that of a map which reads
/// it.
void RoleLayouts::readByMap(OpOperand &operand) {
  if (!isMemory(operand.get()))
    return;
  builder.setInsertionPoint(operand.getOwner());
  Value tile = operand.get();
  operand.set(tile::buildMap(builder, tile.getLoc(), {tile}, tile::shapeOf(tile),
                             [](OpBuilder &, Location, ValueRange v) -> Value { return v[0]; }));
}

void RoleLayouts::assignOp(Operation *op) {
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op)) {
    bindCarried(loop);
  } else if (auto dot = dyn_cast<tile::DotOp>(op)) {
    LinearLayout layout = getAccumulator(dot.getResult());
    setLayout(dot.getResult(), layout);
    if (dot.getAcc())
      dot.getAccMutable().assign(demand(dot.getAcc(), layout));
    for (OpOperand *operand : {&dot.getAMutable(), &dot.getBMutable()})
      operand->set(demand(operand->get(), prefer(operand->get())));
  } else if (auto scores = dyn_cast<tile::DecayedScoresOp>(op)) {
    auto shape = tile::shapeOf(scores.getQuery());
    LinearLayout columns = LinearLayout::columns(shape[0], shape[1], warps);
    for (OpOperand &operand : op->getOpOperands()) {
      readByMap(operand);
      operand.set(demand(operand.get(), columns));
    }
    int64_t across = std::min<int64_t>(warps, shape[0] / 8);
    LinearLayout layout = LinearLayout::accumulator(shape[0], shape[0], across, /*transposed=*/false);
    layout.warps.resize(llvm::Log2_64(warps));
    setLayout(scores.getResult(), layout);
  } else if (auto sum = dyn_cast<tile::DecayedSumOp>(op)) {
    auto shape = tile::shapeOf(sum.getResult());
    LinearLayout columns = LinearLayout::columns(shape[0], shape[1], warps);
    for (OpOperand *operand : {&sum.getValueMutable(), &sum.getDecayMutable()}) {
      readByMap(*operand);
      operand->set(demand(operand->get(), columns));
    }
    sum.getScoresMutable().assign(demand(sum.getScores(), prefer(sum.getScores())));
    setLayout(sum.getResult(), columns);
  } else if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    readByMap(reduce.getInputMutable());
    auto shape = tile::shapeOf(reduce.getInput());
    std::optional<LinearLayout> bound = findBound(reduce.getInput());
    LinearLayout layout = bound                              ? *bound
                          : reduce.getDim() == 0 && hasTurns ? LinearLayout::columns(shape[0], shape[1], warps)
                                                             : getRows(reduce.getInput());
    reduce.getInputMutable().assign(demand(reduce.getInput(), layout));
    setLayout(reduce.getResult(), reduce.getDim() == 0 ? layout.dropRows() : layout.dropColumns());
  } else if (auto norm = dyn_cast<tile::RowNormOp>(op)) {
    readByMap(norm.getInputMutable());
    LinearLayout layout = findBound(norm.getInput()).value_or(getRows(norm.getInput()));
    norm.getInputMutable().assign(demand(norm.getInput(), layout));
    setLayout(norm.getResult(), layout.dropColumns());
  } else if (auto scan = dyn_cast<tile::ScanOp>(op)) {
    (void)demand(scan.getResult(), prefer(scan.getResult()));
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op); slice && !isMemory(slice.getResult())) {
    Value source = demand(slice.getSource(), prefer(slice.getSource()));
    builder.setInsertionPoint(op);
    auto row = warp::RowOp::create(builder, op->getLoc(), slice.getType(), source, slice.getStaticOffset(0));
    if (std::optional<LinearLayout> layout = getLayout(source))
      setLayout(row.getResult(), layout->dropRows());
    slice.replaceAllUsesWith(row.getResult());
    slice.erase();
  } else if (auto put = dyn_cast<warp::PutOp>(op)) {
    if (!isa_and_nonnull<tile::LoadOp>(put.getValue().getDefiningOp()))
      put.getValueMutable().assign(demand(put.getValue(), prefer(put.getValue())));
  } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
    readByMap(store.getValueMutable());
    store.getValueMutable().assign(demand(store.getValue(), prefer(store.getValue())));
  } else if (isa<scf::YieldOp, tile::YieldOp>(op)) {
    if (auto loop = dyn_cast<LoopLikeOpInterface>(op->getParentOp()))
      for (OpOperand &operand : op->getOpOperands())
        if (isTile(operand.get()))
          operand.set(demand(operand.get(), *getLayout(loop.getRegionIterArgs()[operand.getOperandNumber()])));
  }
}

/// Tiles that are written into the two halves of a tile, side by side.
void RoleLayouts::joinHalves() {
  SmallVector<tensor::InsertSliceOp> inserts;
  role.walk([&](tensor::InsertSliceOp insert) { inserts.push_back(insert); });
  for (tensor::InsertSliceOp right : inserts) {
    auto left = right.getDest().getDefiningOp<tensor::InsertSliceOp>();
    auto shape = tile::shapeOf(right.getSource());
    auto isAt = [&](tensor::InsertSliceOp insert, int64_t column) {
      return insert.getSourceType().getShape() == shape && insert.getStaticOffsets() == ArrayRef<int64_t>{0, column} &&
             insert.getStaticStrides() == ArrayRef<int64_t>{1, 1};
    };
    if (!left || tile::shapeOf(right.getResult())[0] != shape[0] ||
        tile::shapeOf(right.getResult())[1] != 2 * shape[1] || !isAt(left, 0) || !isAt(right, shape[1]))
      continue;
    builder.setInsertionPoint(right);
    right.replaceAllUsesWith(
        warp::ConcatOp::create(builder, right.getLoc(), right.getType(), left.getSource(), right.getSource())
            .getResult());
  }
  for (tensor::InsertSliceOp insert : llvm::reverse(inserts))
    if (insert->use_empty())
      insert.erase();
  SmallVector<tensor::EmptyOp> unused;
  role.walk([&](tensor::EmptyOp empty) {
    if (empty->use_empty())
      unused.push_back(empty);
  });
  for (tensor::EmptyOp empty : unused)
    empty.erase();
}

/// Where nothing goes through channels, a row that is loaded in a loop only to become a column is loaded as one: the
/// way through shared memory would stop all warps each time.
void RoleLayouts::loadColumns() {
  SmallVector<tile::TransposeOp> transposes;
  role.walk([&](tile::TransposeOp transpose) {
    if (transpose.getInput().getDefiningOp<tile::LoadOp>() && transpose->getParentOfType<LoopLikeOpInterface>())
      transposes.push_back(transpose);
  });
  for (tile::TransposeOp transpose : transposes) {
    auto load = transpose.getInput().getDefiningOp<tile::LoadOp>();
    builder.setInsertionPoint(transpose);
    SmallVector<int64_t> dims{load.getDims()[1], load.getDims()[0]};
    transpose.replaceAllUsesWith(tile::LoadOp::create(builder, load.getLoc(), transpose.getType(), load.getSource(),
                                                      load.getIndices(), load.getCols(), load.getRows(), dims)
                                     .getResult());
    transpose.erase();
    if (load->use_empty())
      load.erase();
  }
}

void RoleLayouts::assign() {
  joinHalves();
  if (!hasTurns)
    loadColumns();
  SmallVector<Operation *> ops;
  role.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<tile::MapOp>(op))
      return WalkResult::skip();
    ops.push_back(op);
    return WalkResult::advance();
  });
  for (Operation *op : ops)
    assignOp(op);
}

namespace {
struct AssignLayouts : fgla::impl::AssignLayoutsBase<AssignLayouts> {
  void runOnOperation() override {
    getOperation()->walk([&](warp::RoleOp role) { RoleLayouts(role).assign(); });
    WalkResult result = getOperation()->walk([&](warp::RoleOp role) { return check(role); });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// That each tile is shared out as a whole: the layouts are made of bits, sizes need not be.
  WalkResult check(warp::RoleOp role) {
    auto isWhole = [&](Value value) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      auto layout = type ? dyn_cast_or_null<warp::LayoutAttr>(type.getEncoding()) : warp::LayoutAttr();
      if (!layout || whole.contains(type))
        return true;
      if (!layout.getMap().covers(type.getDimSize(0), type.getDimSize(1))) {
        emitError(value.getLoc()) << "has a tile of " << type.getDimSize(0) << "x" << type.getDimSize(1)
                                  << " elements, which no layout shares out among " << role.getWarps()
                                  << " warps; a GPU's tiles have powers of two from 16 on, heads at least two channels";
        return false;
      }
      whole.insert(type);
      return true;
    };
    return role.walk([&](Operation *op) {
      bool good = llvm::all_of(op->getResults(), isWhole);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          good = good && llvm::all_of(block.getArguments(), isWhole);
      return good ? WalkResult::advance() : WalkResult::interrupt();
    });
  }

  llvm::DenseSet<Type> whole; ///< types that were looked at
};
} // namespace
