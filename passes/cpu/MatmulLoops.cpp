//===- MatmulLoops.cpp - Matrix products in registers ---------------------===//
//
// C is cut into blocks of `rows` x `columns` vectors that live in registers while l runs: each step loads `columns`
// vectors of B and one scalar of A per row. Blocks of one panel of B (`columns` vectors wide) follow each other, so
// that the panel stays in the nearest cache. Chunks of rows times groups of panels are shared out among the cores.
//
//===----------------------------------------------------------------------===//

#include "passes/cpu/MatmulLoops.h"
#include "passes/cpu/ParallelLoop.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using linalg::LinalgOp;

namespace {
/// The loops of a matrix product, and the shape of its blocks.
struct MatmulPlan {
  SmallVector<unsigned> outer; // further parallel loops
  unsigned m = 0, n = 0, l = 0;
  Type type; // of the sums
  int64_t lanes = 0;
  int64_t rows = 0, columns = 2; // of a block; columns in vectors
  bool startsAtZero = false;     // what C holds before does not count
};
} // namespace

/// True for `c + a * b`, with `a` and `b` perhaps widened.
static bool isMultiplyAdd(LinalgOp op) {
  for (Operation &inner : op.getBlock()->without_terminator())
    if (!isa<arith::ExtFOp, arith::MulFOp, arith::AddFOp>(inner))
      return false;
  return linalg::detail::isContractionBody(*op.getBlock(), [](Operation *first, Operation *second) {
    return isa<arith::MulFOp>(first) && isa<arith::AddFOp>(second);
  });
}

/// True if `operand` goes along `loop` in its last dim and only there, one element after the other.
static bool isContiguous(LinalgOp op, OpOperand *operand, unsigned loop) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  auto type = dyn_cast<MemRefType>(operand->get().getType());
  if (!type || !type.isLastDimUnitStride() || map.getNumResults() == 0)
    return false;
  for (AffineExpr expr : map.getResults().drop_back())
    if (expr.isFunctionOfDim(loop))
      return false;
  return map.getResults().back() == getAffineDimExpr(loop, map.getContext());
}

static FailureOr<MatmulPlan> makePlan(LinalgOp op, unsigned vectorBits) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || op.hasIndexSemantics() || !isMultiplyAdd(op))
    return failure();
  FailureOr<linalg::ContractionDimensions> dims = linalg::inferContractionDims(op);
  if (failed(dims) || dims->k.size() != 1 || dims->n.empty() || dims->m.empty())
    return failure();
  MatmulPlan plan;
  plan.l = dims->k.front();
  plan.n = dims->n.back();
  plan.outer.assign(dims->batch.begin(), dims->batch.end());
  llvm::append_range(plan.outer, ArrayRef<unsigned>(dims->n).drop_back());
  plan.m = dims->m.back();
  llvm::append_range(plan.outer, ArrayRef<unsigned>(dims->m).drop_back());
  if (plan.outer.size() + 3 != op.getNumLoops() || !isContiguous(op, op.getDpsInputOperand(1), plan.n) ||
      !isContiguous(op, op.getDpsInitOperand(0), plan.n))
    return failure();
  // What is transposed so that A goes along n would load vectors of A.
  if (op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isFunctionOfDim(plan.n))
    return failure();
  auto type = dyn_cast<FloatType>(getElementTypeOrSelf(op.getDpsInitOperand(0)->get().getType()));
  if (!type || !(type.isF32() || type.isF64()))
    return failure();
  plan.type = type;
  plan.lanes = vectorBits / type.getWidth();
  // 32 registers of 512 bits, or 16 shorter ones; some are needed for B and A.
  plan.rows = vectorBits >= 512 ? 12 : 4;
  return plan;
}

namespace {
class MatmulWriter {
public:
  MatmulWriter(OpBuilder &builder, LinalgOp op, MatmulPlan plan)
      : builder(builder), loc(op.getLoc()), op(op), plan(std::move(plan)), sizes(op.getStaticLoopRanges()) {
    for (Range range : op.createLoopRanges(builder, loc))
      ends.push_back(getValueOrCreateConstantIndexOp(builder, loc, range.size));
    position.resize(ends.size());
  }

  void write();

private:
  using Body = llvm::function_ref<void(Value)>;

  Value index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  Value offset(Value base, int64_t by) {
    return by == 0 ? base : arith::AddIOp::create(builder, loc, base, index(by)).getResult();
  }
  void loop(Value begin, Value end, int64_t step, Body body);
  Value lastWhole(Value begin, Value end, int64_t step);
  Value atMost(Value a, Value b) { return arith::MinSIOp::create(builder, loc, a, b); }

  /// `columns` vectors next to each other, and the part of `l` that is summed.
  struct Panel {
    int64_t columns;
    Value mask;       // of the last vector of a row; null for whole ones
    Value begin, end; // of l
    Value packed;     // these rows of B, one after the other; null: where they are
    bool startsAtZero;
  };

  void writeParallel();
  void writeOuter(ArrayRef<unsigned> loops);
  void writeChunk(Value rowBegin, Value rowEnd, Value columnBegin, Value columnEnd);
  /// All panels of [columnBegin, columnEnd), each for the rows [rowBegin, rowEnd). `heights` of blocks, in the order
  /// they are tried: what the first leaves over, the next ones take.
  void writePanels(Value rowBegin, Value rowEnd, Value columnBegin, Value columnEnd, ArrayRef<int64_t> heights);
  void writePanel(Value rowBegin, Value rowEnd, const Panel &panel, ArrayRef<int64_t> heights);
  void pack(const Panel &panel);
  void writeBlock(int64_t rows, const Panel &panel);
  SmallVector<Value> multiplyAdd(ValueRange sums, int64_t rows, const Panel &panel);

  /// Indices of an operand for row `m + row` and column `n + column`.
  SmallVector<Value> indicesOf(OpOperand *operand, int64_t row, int64_t column);
  Value loadVector(OpOperand *operand, int64_t row, int64_t column, Value mask);
  Value widen(Value value);

  OpBuilder &builder;
  Location loc;
  LinalgOp op;
  MatmulPlan plan;
  SmallVector<int64_t> sizes;
  SmallVector<Value> ends, position;
  Value buffer; // for packed panels; null where there are none

  /// How much of `l` a packed panel holds: a third of the nearest cache, with room for A.
  static constexpr int64_t depth = 128;
};
} // namespace

void MatmulWriter::loop(Value begin, Value end, int64_t step, Body body) {
  auto loop = scf::ForOp::create(builder, loc, begin, end, index(step));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

Value MatmulWriter::lastWhole(Value begin, Value end, int64_t step) {
  AffineExpr b, e;
  bindDims(builder.getContext(), b, e);
  auto map = AffineMap::get(2, 0, b + (e - b).floorDiv(step) * step);
  return getValueOrCreateConstantIndexOp(
      builder, loc, affine::makeComposedFoldedAffineApply(builder, loc, map, ArrayRef<OpFoldResult>{begin, end}));
}

void MatmulWriter::write() {
  int64_t known = 1;
  for (int64_t size : sizes)
    known = ShapedType::isDynamic(size) || known < 0 ? -1 : known * size;
  bool isSmall = known >= 0 && known < fgla::cpu::parallelThreshold;
  if (isSmall || fgla::cpu::isInParallelLoop(op))
    writeOuter(plan.outer);
  else
    writeParallel();
}

/// Shares out the outer loops, chunks of rows and groups of panels.
void MatmulWriter::writeParallel() {
  Value work = index(1);
  for (Value end : ends)
    work = arith::MulIOp::create(builder, loc, work, end);
  // A vector at a time, and a product and a sum at once: a multiply-add is far quicker than what the estimate counts.
  work = arith::DivUIOp::create(builder, loc, work, index(32));
  SmallVector<Value> shared, steps;
  for (unsigned loop : plan.outer) {
    shared.push_back(ends[loop]);
    steps.push_back(index(1));
  }
  Value rowsEnd = ends[plan.m], columnsEnd = ends[plan.n];
  int64_t chunk = 16 * plan.rows, group = 4 * plan.columns * plan.lanes;
  shared.append({rowsEnd, columnsEnd});
  steps.append({index(chunk), index(group)});
  fgla::cpu::buildParallelLoop(builder, loc, shared, steps, work, [&](OpBuilder &, ValueRange at) {
    for (auto [loop, value] : llvm::zip(plan.outer, at))
      position[loop] = value;
    Value row = at[at.size() - 2], column = at.back();
    writeChunk(row, atMost(offset(row, chunk), rowsEnd), column, atMost(offset(column, group), columnsEnd));
  });
}

void MatmulWriter::writeOuter(ArrayRef<unsigned> loops) {
  if (loops.empty())
    return writePanels(index(0), ends[plan.m], index(0), ends[plan.n], {plan.rows, 4, 1});
  loop(index(0), ends[loops.front()], 1, [&](Value at) {
    position[loops.front()] = at;
    writeOuter(loops.drop_front());
  });
}

/// With many rows, panels of B are copied to where their rows lie next to each other: a stride of some power of two
/// would let few of them stay in the cache. With few rows that does not pay.
void MatmulWriter::writeChunk(Value rowBegin, Value rowEnd, Value columnBegin, Value columnEnd) {
  int64_t enough = 3 * plan.rows, known = sizes[plan.m];
  auto packed = [&] {
    auto type = MemRefType::get({depth, plan.columns * plan.lanes}, plan.type);
    buffer = memref::AllocOp::create(builder, loc, type, builder.getI64IntegerAttr(64));
    writePanels(rowBegin, rowEnd, columnBegin, columnEnd, {plan.rows, 4, 1});
    memref::DeallocOp::create(builder, loc, buffer);
    buffer = {};
  };
  auto direct = [&] { writePanels(rowBegin, rowEnd, columnBegin, columnEnd, {4, 1}); };
  if (!ShapedType::isDynamic(known))
    return known >= enough ? packed() : direct();
  Value rows = arith::SubIOp::create(builder, loc, rowEnd, rowBegin);
  Value isEnough = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, rows, index(enough));
  auto choice = scf::IfOp::create(builder, loc, isEnough, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(choice.thenBlock());
  packed();
  builder.setInsertionPointToStart(choice.elseBlock());
  direct();
}

void MatmulWriter::writePanels(Value rowBegin, Value rowEnd, Value columnBegin, Value columnEnd,
                               ArrayRef<int64_t> heights) {
  int64_t width = plan.columns * plan.lanes;
  Value whole = lastWhole(columnBegin, columnEnd, width);
  loop(columnBegin, whole, width, [&](Value column) {
    position[plan.n] = column;
    Panel panel{plan.columns, {}, index(0), ends[plan.l], {}, plan.startsAtZero};
    if (!buffer)
      return writePanel(rowBegin, rowEnd, panel, heights);
    auto writeDepth = [&](Value begin) {
      panel.begin = begin;
      panel.end = atMost(offset(begin, depth), ends[plan.l]);
      panel.packed = buffer;
      pack(panel);
      writePanel(rowBegin, rowEnd, panel, heights);
    };
    // The first part stands by itself where only it starts at zero.
    if (panel.startsAtZero)
      writeDepth(index(0));
    panel.startsAtZero = false;
    loop(index(plan.startsAtZero ? depth : 0), ends[plan.l], depth, writeDepth);
  });
  if (!ShapedType::isDynamic(sizes[plan.n]) && sizes[plan.n] % width == 0)
    return;
  loop(whole, columnEnd, plan.lanes, [&](Value column) {
    position[plan.n] = column;
    Value count = arith::SubIOp::create(builder, loc, columnEnd, column);
    auto type = VectorType::get({plan.lanes}, builder.getI1Type());
    Value mask = vector::CreateMaskOp::create(builder, loc, type, count);
    writePanel(rowBegin, rowEnd, {1, mask, index(0), ends[plan.l], {}, plan.startsAtZero}, heights);
  });
}

void MatmulWriter::pack(const Panel &panel) {
  loop(panel.begin, panel.end, 1, [&](Value at) {
    position[plan.l] = at;
    Value row = arith::SubIOp::create(builder, loc, at, panel.begin);
    for (int64_t c = 0; c < panel.columns; ++c)
      vector::StoreOp::create(builder, loc, widen(loadVector(op.getDpsInputOperand(1), 0, c, {})), panel.packed,
                              ValueRange{row, index(c * plan.lanes)});
  });
}

void MatmulWriter::writePanel(Value rowBegin, Value rowEnd, const Panel &panel, ArrayRef<int64_t> heights) {
  Value begin = rowBegin;
  for (int64_t rows : heights) {
    Value end = lastWhole(begin, rowEnd, rows);
    loop(begin, end, rows, [&](Value row) {
      position[plan.m] = row;
      writeBlock(rows, panel);
    });
    begin = end;
  }
}

void MatmulWriter::writeBlock(int64_t rows, const Panel &panel) {
  OpOperand *output = op.getDpsInitOperand(0);
  auto type = VectorType::get({plan.lanes}, plan.type);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  SmallVector<Value> sums;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < panel.columns; ++c)
      sums.push_back(panel.startsAtZero ? zero : loadVector(output, r, c, panel.mask));
  auto loop = scf::ForOp::create(builder, loc, panel.begin, panel.end, index(1), sums);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    position[plan.l] = loop.getInductionVar();
    scf::YieldOp::create(builder, loc, multiplyAdd(loop.getRegionIterArgs(), rows, panel));
  }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < panel.columns; ++c) {
      Value sum = loop.getResult(r * panel.columns + c);
      SmallVector<Value> at = indicesOf(output, r, c);
      if (panel.mask)
        vector::MaskedStoreOp::create(builder, loc, output->get(), at, panel.mask, sum);
      else
        vector::StoreOp::create(builder, loc, sum, output->get(), at);
    }
}

SmallVector<Value> MatmulWriter::multiplyAdd(ValueRange sums, int64_t rows, const Panel &panel) {
  OpOperand *a = op.getDpsInputOperand(0), *b = op.getDpsInputOperand(1);
  auto type = VectorType::get({plan.lanes}, plan.type);
  SmallVector<Value> vectors, next;
  Value packedRow =
      panel.packed ? arith::SubIOp::create(builder, loc, position[plan.l], panel.begin).getResult() : Value();
  for (int64_t c = 0; c < panel.columns; ++c)
    vectors.push_back(panel.packed ? vector::LoadOp::create(builder, loc, type, panel.packed,
                                                            ValueRange{packedRow, index(c * plan.lanes)})
                                         .getResult()
                                   : widen(loadVector(b, 0, c, panel.mask)));
  for (int64_t r = 0; r < rows; ++r) {
    Value scalar = widen(memref::LoadOp::create(builder, loc, a->get(), indicesOf(a, r, 0)));
    Value factor = vector::BroadcastOp::create(builder, loc, type, scalar);
    for (int64_t c = 0; c < panel.columns; ++c)
      next.push_back(vector::FMAOp::create(builder, loc, factor, vectors[c], sums[r * panel.columns + c]));
  }
  return next;
}

SmallVector<Value> MatmulWriter::indicesOf(OpOperand *operand, int64_t row, int64_t column) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  MLIRContext *context = builder.getContext();
  SmallVector<OpFoldResult> at;
  SmallVector<AffineExpr> moved;
  for (unsigned i = 0; i < position.size(); ++i) {
    at.push_back(map.isFunctionOfDim(i) ? OpFoldResult(position[i]) : OpFoldResult(builder.getIndexAttr(0)));
    int64_t by = plan.m == i ? row : plan.n == i ? column * plan.lanes : 0;
    moved.push_back(getAffineDimExpr(i, context) + by);
  }
  map = map.compose(AffineMap::get(position.size(), 0, moved, context));
  SmallVector<Value> indices;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    indices.push_back(getValueOrCreateConstantIndexOp(
        builder, loc, affine::makeComposedFoldedAffineApply(builder, loc, map.getSubMap({i}), at)));
  return indices;
}

Value MatmulWriter::loadVector(OpOperand *operand, int64_t row, int64_t column, Value mask) {
  auto type = VectorType::get({plan.lanes}, getElementTypeOrSelf(operand->get().getType()));
  SmallVector<Value> at = indicesOf(operand, row, column);
  if (!mask)
    return vector::LoadOp::create(builder, loc, type, operand->get(), at);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  return vector::MaskedLoadOp::create(builder, loc, type, operand->get(), at, mask, zero);
}

Value MatmulWriter::widen(Value value) {
  if (getElementTypeOrSelf(value.getType()) == plan.type)
    return value;
  Type type = plan.type;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(plan.type);
  return arith::ExtFOp::create(builder, loc, type, value);
}

bool fgla::cpu::isMatmul(LinalgOp op, unsigned vectorBits) { return succeeded(makePlan(op, vectorBits)); }

LogicalResult fgla::cpu::buildMatmulLoops(OpBuilder &builder, LinalgOp op, unsigned vectorBits, bool startsAtZero) {
  FailureOr<MatmulPlan> plan = makePlan(op, vectorBits);
  if (failed(plan))
    return failure();
  plan->startsAtZero = startsAtZero;
  MatmulWriter(builder, op, *plan).write();
  return success();
}
