//===- PadTiles.cpp - Tiles of any size become tiles that layouts have ----===//

#include "dialect/fgla/Attributes.h"
#include "dialect/tile/Diagnostics.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/tiled/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace fgla {
#define GEN_PASS_DEF_PADTILES
#include "passes/tiled/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;
using tile::shapeOf;

static bool isTile(Value value) { return isa<RankedTensorType>(value.getType()); }

namespace {
/// What is known of a scalar of a map where its element is after the end of the tile.
enum class Behind { Unknown, Zero, False };

/// Works on one kernel. Rows and columns of a tile after the `count` that its array has are padding.
class Padder {
public:
  Padder(func::FuncOp kernel, bool isWidening) : kernel(kernel), builder(kernel.getContext()), isWidening(isWidening) {}

  LogicalResult run();

private:
  using Counts = std::array<Value, 2>; ///< of rows and columns; null where all are there
  void findShares();
  bool isNeeded();
  /// The next size that tiles are shared out by. One row or column is what others are combined with; some of the tokens
  /// of a tile are a power of two already, and go through no matrix instruction.
  int64_t pad(Value tile, int dim) {
    int64_t size = shapeOf(tile)[dim];
    bool isKept = !isWidening || size == 1 || (dim == 0 && shares.contains(tile));
    return isKept ? size : std::max<int64_t>(llvm::PowerOf2Ceil(size), 16);
  }
  void findCounts(Operation *op);
  Counts countsOf(Operation *op, Value result);
  Value join(Value a, Value b);
  Value constant(int64_t size);
  void widen();
  void bound(Operation *op);
  void maskOperands(Operation *op);
  /// `tile` with the neutral element of `kind` in the padding of `dims`.
  Value mask(Value tile, ArrayRef<int> dims, tile::ReduceKind kind);
  void maskOperand(OpOperand &operand, ArrayRef<int> dims, tile::ReduceKind kind) {
    operand.set(mask(operand.get(), dims, kind));
  }
  /// Whether the padding of a tile is zero, if operands are masked.
  bool isZero(Value tile, int dim);
  bool isZeroMap(tile::MapOp map, unsigned result, int dim);

  func::FuncOp kernel;
  OpBuilder builder;
  bool isWidening;
  llvm::SetVector<Value> shares; ///< tiles of the tokens that one program of a cluster finishes
  llvm::DenseMap<Value, Counts> counts;
  llvm::DenseMap<int64_t, Value> constants;
  llvm::DenseMap<std::tuple<Value, int, int>, Value> masks; ///< by tile, dim and kind
  llvm::DenseSet<std::pair<Value, int>> assumed;            ///< loop-carried tiles that are being looked at
};
} // namespace

Value Padder::constant(int64_t size) {
  Value &known = constants[size];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&kernel.getBody().front());
    known = arith::ConstantIndexOp::create(builder, kernel.getLoc(), size);
  }
  return known;
}

/// Of two counts of one dim: that of a slice, which may be shorter than the tile was to be.
Value Padder::join(Value a, Value b) { return !a || (b && matchPattern(a, m_Constant())) ? b : a; }

/// Finds tiles that have the rows of one program of a cluster: the parts of an exchange, what is computed from them row
/// by row, and the other tiles that go into that.
void Padder::findShares() {
  auto add = [&](ValueRange values, int64_t rows) {
    for (Value value : values)
      if (isTile(value) && shapeOf(value)[0] == rows)
        shares.insert(value);
  };
  kernel.walk([&](tile::ExchangeOp exchange) { shares.insert_range(exchange.getParts()); });
  for (size_t i = 0; i < shares.size(); ++i) {
    int64_t rows = shapeOf(shares[i])[0];
    SmallVector<Operation *> ops(shares[i].getUsers());
    if (Operation *def = shares[i].getDefiningOp())
      ops.push_back(def);
    for (Operation *op : ops)
      if (isa<tile::MapOp, tile::ReduceOp, tile::RowNormOp>(op)) {
        add(op->getResults(), rows);
        add(op->getOperands(), rows);
      }
  }
}

bool Padder::isNeeded() {
  return kernel
      .walk([&](Operation *op) {
        auto load = dyn_cast<tile::LoadOp>(op);
        bool isOdd =
            (load && load.getCols()) || llvm::any_of(op->getResults(), [&](Value value) {
              return isTile(value) && (shapeOf(value)[0] != pad(value, 0) || shapeOf(value)[1] != pad(value, 1));
            });
        return isOdd ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

//===----------------------------------------------------------------------===//
// How much of a tile is there
//===----------------------------------------------------------------------===//

/// What follows from operands.
Padder::Counts Padder::countsOf(Operation *op, Value result) {
  auto of = [&](Value tile) { return counts.lookup(tile); };
  if (auto load = dyn_cast<tile::LoadOp>(op)) {
    // Tokens are masked by the program itself: all rows that are counted inside of a walk.
    bool areTokens = load.getRows() && isa<tile::WalkOp>(load.getRows().getParentBlock()->getParentOp());
    return {areTokens ? Value() : load.getRows(), load.getCols()};
  }
  if (auto dot = dyn_cast<tile::DotOp>(op)) {
    Counts own = dot.getAcc() ? of(dot.getAcc()) : Counts();
    return {join(own[0], of(dot.getA())[dot.getTransposeA()]), join(own[1], of(dot.getB())[!dot.getTransposeB()])};
  }
  if (isa<tile::TransposeOp>(op)) {
    Counts input = of(op->getOperand(0));
    return {input[1], input[0]};
  }
  if (isa<tile::DecayedScoresOp, tile::DecayMatrixOp>(op))
    return {};
  Counts joined;
  for (Value operand : op->getOperands())
    if (isTile(operand))
      for (int dim : {0, 1})
        if (shapeOf(operand)[dim] == shapeOf(result)[dim])
          joined[dim] = join(joined[dim], of(operand)[dim]);
  return joined;
}

void Padder::findCounts(Operation *op) {
  auto record = [&](Value value, Counts found) {
    for (int dim : {0, 1}) {
      int64_t size = shapeOf(value)[dim];
      if (size == 1)
        found[dim] = {};
      else if (size != pad(value, dim))
        found[dim] = join(found[dim], constant(size));
    }
    counts[value] = found;
  };
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op); loop && !loop.getInits().empty()) {
    // What a slice's state starts from may say less than what it becomes.
    for (int pass = 0; pass < 2; ++pass) {
      for (auto [index, arg] : llvm::enumerate(loop.getRegionIterArgs())) {
        if (!isTile(arg))
          continue;
        Counts init = counts.lookup(loop.getInits()[index]);
        Counts yielded = counts.lookup(loop.getYieldedValues()[index]);
        Counts both{join(init[0], yielded[0]), join(init[1], yielded[1])};
        record(arg, both);
        record(loop->getResult(index), both);
      }
      for (Operation &nested : loop.getLoopRegions().front()->getOps())
        findCounts(&nested);
    }
    return;
  }
  if (!isa<tile::MapOp>(op))
    for (Region &region : op->getRegions())
      for (Operation &nested : region.getOps())
        findCounts(&nested);
  for (Value result : op->getResults())
    if (isTile(result))
      record(result, countsOf(op, result));
}

//===----------------------------------------------------------------------===//
// Sizes and bounds
//===----------------------------------------------------------------------===//

void Padder::widen() {
  for (auto &[value, unused] : counts) {
    auto type = cast<RankedTensorType>(value.getType());
    Value(value).setType(RankedTensorType::get({pad(value, 0), pad(value, 1)}, type.getElementType()));
  }
}

/// Loads and stores touch what is there.
void Padder::bound(Operation *op) {
  auto set = [&](MutableOperandRange operand, ArrayRef<int64_t> dims, Counts found, int dim) {
    if (operand.empty() && found[dim] && dims[dim] >= 0)
      operand.assign(found[dim]);
  };
  if (auto load = dyn_cast<tile::LoadOp>(op)) {
    set(load.getRowsMutable(), load.getDims(), counts.lookup(load.getResult()), 0);
    set(load.getColsMutable(), load.getDims(), counts.lookup(load.getResult()), 1);
  } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
    set(store.getRowsMutable(), store.getDims(), counts.lookup(store.getValue()), 0);
    set(store.getColsMutable(), store.getDims(), counts.lookup(store.getValue()), 1);
  }
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

bool Padder::isZeroMap(tile::MapOp map, unsigned result, int dim) {
  Block &body = map.getBody().front();
  llvm::DenseMap<Value, Behind> known;
  for (auto [argument, input] : llvm::zip_equal(body.getArguments(), map.getInputs())) {
    if (shapeOf(input)[dim] == 1)
      continue; // the same for elements that are there
    auto valid = input.getDefiningOp<tile::ValidOp>();
    if (valid && (dim == 0 ? valid.getRows() : valid.getCols()) == counts.lookup(map.getResult(result))[dim])
      known[argument] = Behind::False;
    else if (!valid && isZero(input, dim))
      known[argument] = Behind::Zero;
  }
  auto get = [&](Value value) {
    if (matchPattern(value, m_AnyZeroFloat()))
      return Behind::Zero;
    return known.lookup(value);
  };
  auto isZeroScalar = [&](Value value) { return get(value) == Behind::Zero; };
  // Not what the same map makes of zero: that may be infinite.
  auto isFinite = [&](Value value) {
    return isa<BlockArgument>(value) || isZeroScalar(value) || matchPattern(value, m_Constant());
  };
  for (Operation &op : body.without_terminator()) {
    bool zero = false;
    if (isa<arith::MulFOp>(op))
      zero = llvm::any_of(op.getOperands(), isZeroScalar) && llvm::all_of(op.getOperands(), isFinite);
    else if (auto select = dyn_cast<arith::SelectOp>(op))
      zero = isZeroScalar(select.getFalseValue()) &&
             (get(select.getCondition()) == Behind::False || isZeroScalar(select.getTrueValue()));
    else if (isa<arith::AddFOp, arith::SubFOp, arith::ExtFOp, arith::TruncFOp, arith::NegFOp>(op))
      zero = llvm::all_of(op.getOperands(), isZeroScalar);
    if (zero)
      known[op.getResult(0)] = Behind::Zero;
  }
  return isZeroScalar(body.getTerminator()->getOperand(result));
}

bool Padder::isZero(Value tile, int dim) {
  if (!counts.lookup(tile)[dim])
    return true; // there is no padding
  Operation *op = tile.getDefiningOp();
  if (!op || isa<LoopLikeOpInterface>(op)) {
    auto loop = cast<LoopLikeOpInterface>(op ? op : tile.getParentBlock()->getParentOp());
    BlockArgument arg = op ? loop.getTiedLoopRegionIterArg(cast<OpResult>(tile)) : cast<BlockArgument>(tile);
    // Zero, if it is where it starts, and after each turn if it was before.
    if (!assumed.insert({arg, dim}).second)
      return true;
    bool result =
        isZero(loop.getTiedLoopInit(arg)->get(), dim) && isZero(loop.getTiedLoopYieldedValue(arg)->get(), dim);
    assumed.erase({arg, dim});
    return result;
  }
  if (isa<tile::LoadOp>(op))
    return true;
  if (auto dot = dyn_cast<tile::DotOp>(op))
    return !dot.getAcc() || isZero(dot.getAcc(), dim);
  if (isa<tile::TransposeOp>(op))
    return isZero(op->getOperand(0), 1 - dim);
  if (auto exchange = dyn_cast<tile::ExchangeOp>(op))
    return isZero(exchange.getInput(), dim);
  if (auto map = dyn_cast<tile::MapOp>(op))
    return isZeroMap(map, cast<OpResult>(tile).getResultNumber(), dim);
  return false;
}

Value Padder::mask(Value tile, ArrayRef<int> dims, tile::ReduceKind kind) {
  bool zero = kind == tile::ReduceKind::Add || kind == tile::ReduceKind::ProbOr;
  for (int dim : dims) {
    Value count = counts.lookup(tile)[dim];
    if (!count || (zero && isZero(tile, dim)))
      continue;
    auto [known, isNew] = masks.try_emplace({tile, dim, static_cast<int>(kind)});
    if (isNew) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfterValue(tile);
      Location loc = tile.getLoc();
      auto shape = shapeOf(tile);
      SmallVector<int64_t> size{dim == 0 ? shape[0] : 1, dim == 1 ? shape[1] : 1};
      auto type = RankedTensorType::get(size, builder.getI1Type());
      Value valid = tile::ValidOp::create(builder, loc, type, dim == 0 ? count : Value(), dim == 1 ? count : Value());
      Value masked =
          tile::buildMap(builder, loc, {tile, valid}, shape, [&](OpBuilder &b, Location l, ValueRange v) -> Value {
            return arith::SelectOp::create(b, l, v[1], v[0], tile::buildNeutral(b, l, kind, v[0].getType()));
          });
      counts[masked] = counts.lookup(tile);
      masks[{tile, dim, static_cast<int>(kind)}] = masked;
    }
    tile = masks.lookup({tile, dim, static_cast<int>(kind)});
  }
  return tile;
}

/// What combines elements of the padding with others gets what changes nothing. Decays are masked too, so that what is
/// multiplied by them is finite.
void Padder::maskOperands(Operation *op) {
  using Kind = tile::ReduceKind;
  if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    maskOperand(reduce.getInputMutable(), {0, 1}, reduce.getKind());
  } else if (auto norm = dyn_cast<tile::RowNormOp>(op)) {
    maskOperand(norm.getInputMutable(), {1}, Kind::Add);
  } else if (auto scan = dyn_cast<tile::ScanOp>(op)) {
    maskOperand(scan.getInputMutable(), {1}, scan.getKind());
  } else if (auto dot = dyn_cast<tile::DotOp>(op)) {
    maskOperand(dot.getAMutable(), {0, 1}, Kind::Add);
    maskOperand(dot.getBMutable(), {0, 1}, Kind::Add);
  } else if (auto scores = dyn_cast<tile::DecayedScoresOp>(op)) {
    maskOperand(scores.getQueryMutable(), {1}, Kind::Add);
    maskOperand(scores.getKeyMutable(), {1}, Kind::Add);
    maskOperand(scores.getDecayMutable(), {1}, Kind::Mul);
  } else if (auto sum = dyn_cast<tile::DecayedSumOp>(op)) {
    maskOperand(sum.getDecayMutable(), {1}, Kind::Mul);
  }
}

LogicalResult Padder::run() {
  findShares();
  if (!isNeeded())
    return success();
  for (Operation &op : llvm::make_early_inc_range(kernel.getBody().front()))
    findCounts(&op);
  WalkResult hasSlices = kernel.walk([&](tensor::InsertSliceOp insert) {
    if (!counts.lookup(insert.getSource())[1])
      return WalkResult::advance();
    emitNamedError(insert)
        << "puts tiles of " << shapeOf(insert.getSource())[1]
        << " columns side by side, as the feature map 'hedgehog' does: on a GPU each must have a power of two of "
           "columns, 16 or more";
    return WalkResult::interrupt();
  });
  if (hasSlices.wasInterrupted())
    return failure();
  SmallVector<Operation *> ops;
  kernel.walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops)
    bound(op);
  widen();
  for (Operation *op : ops) {
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op); slice && slice.getType().getDimSize(0) == 1) {
      // A row of what is wider now.
      builder.setInsertionPoint(slice);
      SmallVector<OpFoldResult> sizes{builder.getIndexAttr(1), builder.getIndexAttr(slice.getType().getDimSize(1))};
      auto wider = tensor::ExtractSliceOp::create(builder, slice.getLoc(), slice.getType(), slice.getSource(),
                                                  slice.getMixedOffsets(), sizes, slice.getMixedStrides());
      counts[wider.getResult()] = counts.lookup(slice.getResult());
      slice.replaceAllUsesWith(wider.getResult());
      slice.erase();
      continue;
    }
    maskOperands(op);
  }
  return success();
}

/// To find out that a tile is too large where elements get registers would take gigabytes.
static LogicalResult checkSizes(func::FuncOp kernel) {
  WalkResult result = kernel.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      if (auto tile = dyn_cast<RankedTensorType>(type))
        for (int64_t size : tile.getShape())
          if (size > kMostTileSide) {
            emitNamedError(op) << "makes a tile of " << tile.getDimSize(0) << " x " << tile.getDimSize(1)
                               << " elements, but on a GPU no side is longer than " << kMostTileSide;
            return WalkResult::interrupt();
          }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct PadTiles : fgla::impl::PadTilesBase<PadTiles> {
  using PadTilesBase::PadTilesBase;

  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](func::FuncOp kernel) {
      bool failed = kernel->hasAttr(kKernelAttrName) && ((isWidening && mlir::failed(checkSizes(kernel))) ||
                                                         mlir::failed(Padder(kernel, isWidening).run()));
      return failed ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
