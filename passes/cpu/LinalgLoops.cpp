//===- LinalgLoops.cpp - A linalg op on memory as loops over vectors ------===//

#include "passes/cpu/LinalgLoops.h"
#include "passes/cpu/ParallelLoop.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using linalg::LinalgOp;
using utils::IteratorType;

//===----------------------------------------------------------------------===//
// The plan: which loop becomes vectors
//===----------------------------------------------------------------------===//

namespace {
/// How an operand's elements lie along a loop.
enum class Access { Invariant, Contiguous, Other };

struct Plan {
  std::optional<unsigned> vectorLoop;
  int64_t lanes = 1;
  /// All other loops, in order.
  SmallVector<unsigned> parallel, reductions;
  /// Where the vector loop is a reduction: how each output combines.
  SmallVector<vector::CombiningKind> kinds;
  SmallVector<TypedAttr> neutral;

  bool reducesVectors() const { return !kinds.empty(); }
};
} // namespace

static Access accessAlong(LinalgOp op, OpOperand &operand, unsigned loop) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!map.isFunctionOfDim(loop))
    return Access::Invariant;
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type || map.getNumResults() == 0 ||
      map.getResult(map.getNumResults() - 1) != getAffineDimExpr(loop, map.getContext()))
    return Access::Other;
  for (AffineExpr expr : map.getResults().drop_back())
    if (expr.isFunctionOfDim(loop))
      return Access::Other;
  return type.isLastDimUnitStride() ? Access::Contiguous : Access::Other;
}

/// True if every op of the body means on vectors, lane by lane, what it means on scalars.
static bool hasVectorBody(LinalgOp op) {
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (isa<linalg::IndexOp, arith::ConstantOp>(inner))
      continue;
    // A lane after the end may divide by zero, which traps for integers.
    if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::CeilDivSIOp, arith::CeilDivUIOp,
            arith::FloorDivSIOp>(inner))
      return false;
    if (!OpTrait::hasElementwiseMappableTraits(&inner))
      return false;
  }
  return true;
}

/// The width of the widest number in the body, or nothing if one is none. A boolean in memory is a byte, in a vector a
/// bit.
static std::optional<unsigned> widestElement(LinalgOp op) {
  unsigned widest = 8;
  auto see = [&](Type type) {
    if (!type.isIntOrIndexOrFloat())
      return false;
    if (type.isIntOrFloat())
      widest = std::max(widest, type.getIntOrFloatBitWidth());
    return true;
  };
  for (OpOperand &operand : op->getOpOperands()) {
    Type type = getElementTypeOrSelf(operand.get().getType());
    if (!see(type) || (type.isInteger(1) && isa<MemRefType>(operand.get().getType())))
      return std::nullopt;
  }
  for (Operation &inner : op.getBlock()->without_terminator())
    if (!llvm::all_of(inner.getResultTypes(), see))
      return std::nullopt;
  return widest;
}

static std::optional<vector::CombiningKind> combiningKind(Operation *op) {
  using vector::CombiningKind;
  return llvm::TypeSwitch<Operation *, std::optional<CombiningKind>>(op)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return CombiningKind::ADD; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return CombiningKind::MUL; })
      .Case<arith::MaximumFOp>([](auto) { return CombiningKind::MAXIMUMF; })
      .Case<arith::MinimumFOp>([](auto) { return CombiningKind::MINIMUMF; })
      .Case<arith::MaxNumFOp>([](auto) { return CombiningKind::MAXNUMF; })
      .Case<arith::MinNumFOp>([](auto) { return CombiningKind::MINNUMF; })
      .Case<arith::MaxSIOp>([](auto) { return CombiningKind::MAXSI; })
      .Case<arith::MinSIOp>([](auto) { return CombiningKind::MINSI; })
      .Default([](Operation *) { return std::nullopt; });
}

/// Fills in how the outputs combine; false if one does not by a known operation.
static bool matchReductions(LinalgOp op, Plan &plan) {
  for (auto [i, argument] : llvm::enumerate(op.getRegionOutputArgs())) {
    SmallVector<Operation *> combiners;
    if (!matchReduction(op.getRegionOutputArgs(), i, combiners) || combiners.size() != 1)
      return false;
    std::optional<vector::CombiningKind> kind = combiningKind(combiners.front());
    std::optional<TypedAttr> neutral = arith::getNeutralElement(combiners.front());
    if (!kind || !neutral)
      return false;
    plan.kinds.push_back(*kind);
    plan.neutral.push_back(*neutral);
  }
  return true;
}

/// How good it is to make vectors along `loop`: contiguous outputs count most. Negative if it cannot be done.
static int rateLoop(LinalgOp op, unsigned loop, bool isReduction) {
  int score = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    Access access = accessAlong(op, operand, loop);
    bool isOutput = op.isDpsInit(&operand);
    if (access == Access::Other || (isOutput && (access == Access::Contiguous) == isReduction))
      return -1;
    if (access == Access::Contiguous)
      score += isOutput ? 16 : 1;
  }
  return score;
}

static void chooseVectorLoop(LinalgOp op, unsigned vectorBits, Plan &plan) {
  std::optional<unsigned> widest = widestElement(op);
  if (!widest || !hasVectorBody(op))
    return;
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  SmallVector<IteratorType> types = op.getIteratorTypesArray();
  int best = 0;
  for (unsigned loop = 0; loop < sizes.size(); ++loop) {
    bool isReduction = types[loop] == IteratorType::reduction;
    if (sizes[loop] == 0 || sizes[loop] == 1)
      continue;
    int score = rateLoop(op, loop, isReduction);
    Plan attempt;
    if (score <= best || (isReduction && !matchReductions(op, attempt)))
      continue;
    best = score;
    plan.vectorLoop = loop;
    plan.kinds = attempt.kinds;
    plan.neutral = attempt.neutral;
    plan.lanes = vectorBits / *widest;
    if (!ShapedType::isDynamic(sizes[loop]))
      plan.lanes = std::min<int64_t>(plan.lanes, llvm::PowerOf2Ceil(sizes[loop]));
  }
  if (plan.lanes < 2)
    plan = Plan();
}

static FailureOr<Plan> makePlan(LinalgOp op, unsigned vectorBits) {
  Plan plan;
  chooseVectorLoop(op, vectorBits, plan);
  for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray())) {
    bool isReduction = type == IteratorType::reduction;
    for (OpOperand &output : op.getDpsInitsMutable())
      if (isReduction && op.getMatchingIndexingMap(&output).isFunctionOfDim(loop))
        return failure();
    if (plan.vectorLoop != loop)
      (isReduction ? plan.reductions : plan.parallel).push_back(loop);
  }
  return plan;
}

//===----------------------------------------------------------------------===//
// The loops
//===----------------------------------------------------------------------===//

namespace {
class LoopWriter {
public:
  LoopWriter(OpBuilder &builder, LinalgOp op, Plan plan)
      : builder(builder), loc(op.getLoc()), op(op), plan(std::move(plan)) {
    for (Range range : op.createLoopRanges(builder, loc))
      ends.push_back(getValueOrCreateConstantIndexOp(builder, loc, range.size));
    position.resize(ends.size());
  }

  void write();

private:
  using Body = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;

  Value index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  SmallVector<Value> loop(Value begin, Value end, int64_t step, ValueRange carried, Body body);

  void writeParallel();
  void writeSerial(ArrayRef<unsigned> loops);
  /// The vector loop from `begin` to `end`, whole vectors first, then one with a mask.
  void writeVectors(Value begin, Value end);
  /// All of the reductions at one position of the others.
  void writeElements(Value mask);
  void writeVectorReduction();
  SmallVector<Value> reduceVectors(ArrayRef<unsigned> loops, SmallVector<Value> sums, unsigned copies);

  SmallVector<Value> reduce(ArrayRef<unsigned> loops, SmallVector<Value> values, Value mask);
  /// The body at the current position; `outputs` are what its output arguments hold.
  SmallVector<Value> compute(ValueRange outputs, Value mask);
  void mapOp(Operation &inner, IRMapping &values);

  Value load(OpOperand &operand, Value mask);
  void store(OpOperand &output, Value value, Value mask);
  SmallVector<Value> indicesOf(OpOperand &operand);
  bool isVector(OpOperand &operand) {
    return plan.vectorLoop && accessAlong(op, operand, *plan.vectorLoop) == Access::Contiguous;
  }
  VectorType vectorOf(Type element) { return VectorType::get({plan.lanes}, element); }
  Value splat(Value value) {
    return isa<VectorType>(value.getType())
               ? value
               : vector::BroadcastOp::create(builder, loc, vectorOf(value.getType()), value).getResult();
  }
  Value maskFor(Value begin, Value end) {
    Value count = arith::SubIOp::create(builder, loc, end, begin);
    return vector::CreateMaskOp::create(builder, loc, vectorOf(builder.getI1Type()), count);
  }
  /// `end` rounded down so that whole steps fit from `begin`.
  Value lastWhole(Value begin, Value end, int64_t step);

  OpBuilder &builder;
  Location loc;
  LinalgOp op;
  Plan plan;
  SmallVector<Value> ends, position;
};
} // namespace

SmallVector<Value> LoopWriter::loop(Value begin, Value end, int64_t step, ValueRange carried, Body body) {
  auto loop = scf::ForOp::create(builder, loc, begin, end, index(step), carried);
  OpBuilder::InsertionGuard guard(builder);
  // Without carried values the builder has made the terminator.
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!carried.empty())
    scf::YieldOp::create(builder, loc, next);
  return SmallVector<Value>(loop.getResults());
}

Value LoopWriter::lastWhole(Value begin, Value end, int64_t step) {
  AffineExpr b, e;
  bindDims(builder.getContext(), b, e);
  auto map = AffineMap::get(2, 0, b + (e - b).floorDiv(step) * step);
  return getValueOrCreateConstantIndexOp(
      builder, loc, affine::makeComposedFoldedAffineApply(builder, loc, map, ArrayRef<OpFoldResult>{begin, end}));
}

void LoopWriter::write() {
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  int64_t known = 1;
  bool isDynamic = false;
  for (int64_t size : sizes)
    ShapedType::isDynamic(size) ? void(isDynamic = true) : void(known *= size);
  bool isSmall = !isDynamic && known < fgla::cpu::parallelThreshold;
  bool hasParallel = !plan.parallel.empty() || (plan.vectorLoop && !plan.reducesVectors());
  if (isSmall || !hasParallel || fgla::cpu::isInParallelLoop(op))
    writeSerial(plan.parallel);
  else
    writeParallel();
}

void LoopWriter::writeParallel() {
  Value work = index(1);
  for (Value end : ends)
    work = arith::MulIOp::create(builder, loc, work, end);
  if (plan.parallel.empty()) {
    // One long loop: blocks of it, large enough that sharing them out costs little.
    int64_t block = 256 * plan.lanes;
    Value end = ends[*plan.vectorLoop];
    fgla::cpu::buildParallelLoop(builder, loc, end, index(block), work, [&](OpBuilder &, ValueRange at) {
      Value blockEnd = arith::AddIOp::create(builder, loc, at.front(), index(block));
      writeVectors(at.front(), arith::MinSIOp::create(builder, loc, blockEnd, end));
    });
    return;
  }
  // The first loop may be short (a batch of one): two of them are enough to share.
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  int64_t first = sizes[plan.parallel.front()];
  unsigned count = plan.parallel.size() > 1 && (ShapedType::isDynamic(first) || first < 64) ? 2 : 1;
  SmallVector<Value> shared, steps(count, index(1));
  for (unsigned i = 0; i < count; ++i)
    shared.push_back(ends[plan.parallel[i]]);
  fgla::cpu::buildParallelLoop(builder, loc, shared, steps, work, [&](OpBuilder &, ValueRange at) {
    for (unsigned i = 0; i < count; ++i)
      position[plan.parallel[i]] = at[i];
    writeSerial(ArrayRef<unsigned>(plan.parallel).drop_front(count));
  });
}

void LoopWriter::writeSerial(ArrayRef<unsigned> loops) {
  if (!loops.empty()) {
    loop(index(0), ends[loops.front()], 1, {}, [&](Value at, ValueRange) {
      position[loops.front()] = at;
      writeSerial(loops.drop_front());
      return SmallVector<Value>();
    });
    return;
  }
  if (!plan.vectorLoop)
    writeElements({});
  else if (plan.reducesVectors())
    writeVectorReduction();
  else
    writeVectors(index(0), ends[*plan.vectorLoop]);
}

void LoopWriter::writeVectors(Value begin, Value end) {
  int64_t size = op.getStaticLoopRanges()[*plan.vectorLoop];
  Value whole = lastWhole(begin, end, plan.lanes);
  loop(begin, whole, plan.lanes, {}, [&](Value at, ValueRange) {
    position[*plan.vectorLoop] = at;
    writeElements({});
    return SmallVector<Value>();
  });
  if (!ShapedType::isDynamic(size) && size % plan.lanes == 0)
    return;
  Value rest = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, whole, end);
  auto tail = scf::IfOp::create(builder, loc, rest, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(tail.thenBlock());
  position[*plan.vectorLoop] = whole;
  writeElements(maskFor(whole, end));
}

void LoopWriter::writeElements(Value mask) {
  SmallVector<Value> values;
  for (OpOperand &output : op.getDpsInitsMutable())
    values.push_back(op.payloadUsesValueFromOperand(&output) || !plan.reductions.empty() ? load(output, mask)
                                                                                         : Value());
  values = reduce(plan.reductions, values, mask);
  for (auto [output, value] : llvm::zip_equal(op.getDpsInitsMutable(), values))
    store(output, value, mask);
}

SmallVector<Value> LoopWriter::reduce(ArrayRef<unsigned> loops, SmallVector<Value> values, Value mask) {
  if (loops.empty())
    return compute(values, mask);
  return loop(index(0), ends[loops.front()], 1, values, [&](Value at, ValueRange carried) {
    position[loops.front()] = at;
    return reduce(loops.drop_front(), SmallVector<Value>(carried), mask);
  });
}

/// Sums of vectors along the last loop. Several at once, since each has to wait for the one before.
SmallVector<Value> LoopWriter::reduceVectors(ArrayRef<unsigned> loops, SmallVector<Value> sums, unsigned copies) {
  if (!loops.empty())
    return loop(index(0), ends[loops.front()], 1, sums, [&](Value at, ValueRange carried) {
      position[loops.front()] = at;
      return reduceVectors(loops.drop_front(), SmallVector<Value>(carried), copies);
    });
  unsigned along = *plan.vectorLoop, outputs = plan.kinds.size();
  Value begin = index(0), end = ends[along];
  int64_t step = plan.lanes;
  auto computeAt = [&](Value at, ValueRange values, Value mask) {
    position[along] = at;
    return compute(values, mask);
  };
  if (copies > 1) {
    Value whole = lastWhole(begin, end, step * copies);
    sums = loop(begin, whole, step * copies, sums, [&](Value at, ValueRange carried) {
      SmallVector<Value> next;
      for (unsigned c = 0; c < copies; ++c) {
        Value moved = arith::AddIOp::create(builder, loc, at, index(c * step));
        llvm::append_range(next, computeAt(moved, carried.slice(c * outputs, outputs), {}));
      }
      return next;
    });
    begin = whole;
  }
  SmallVector<Value> others(sums.begin() + outputs, sums.end());
  Value whole = lastWhole(begin, end, step);
  SmallVector<Value> first = loop(begin, whole, step, ArrayRef<Value>(sums).take_front(outputs),
                                  [&](Value at, ValueRange carried) { return computeAt(at, carried, {}); });
  int64_t size = op.getStaticLoopRanges()[along];
  if (ShapedType::isDynamic(size) || size % step != 0) {
    Value mask = maskFor(whole, end);
    SmallVector<Value> last = computeAt(whole, first, mask);
    for (unsigned i = 0; i < outputs; ++i)
      first[i] = arith::SelectOp::create(builder, loc, mask, last[i], first[i]);
  }
  llvm::append_range(first, others);
  return first;
}

void LoopWriter::writeVectorReduction() {
  int64_t size = op.getStaticLoopRanges()[*plan.vectorLoop];
  unsigned outputs = plan.kinds.size();
  unsigned copies = ShapedType::isDynamic(size) || size >= 8 * plan.lanes ? 4 : 1;
  SmallVector<Value> sums;
  for (unsigned c = 0; c < copies; ++c)
    for (TypedAttr neutral : plan.neutral)
      sums.push_back(splat(arith::ConstantOp::create(builder, loc, neutral)));
  sums = reduceVectors(plan.reductions, sums, copies);
  for (unsigned i = 0; i < outputs; ++i) {
    Value sum = sums[i];
    for (unsigned c = 1; c < copies; ++c)
      sum = vector::makeArithReduction(builder, loc, plan.kinds[i], sum, sums[c * outputs + i]);
    OpOperand &output = *op.getDpsInitOperand(i);
    // The order of additions is open as it is; saying so lets the machine add halves.
    sum =
        vector::ReductionOp::create(builder, loc, plan.kinds[i], sum, load(output, {}), arith::FastMathFlags::reassoc);
    store(output, sum, {});
  }
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

SmallVector<Value> LoopWriter::indicesOf(OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  SmallVector<OpFoldResult> at;
  for (unsigned i = 0; i < position.size(); ++i) // a loop that the map does not use may have no position here
    at.push_back(map.isFunctionOfDim(i) ? OpFoldResult(position[i]) : OpFoldResult(builder.getIndexAttr(0)));
  SmallVector<Value> indices;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    indices.push_back(getValueOrCreateConstantIndexOp(
        builder, loc, affine::makeComposedFoldedAffineApply(builder, loc, map.getSubMap({i}), at)));
  return indices;
}

Value LoopWriter::load(OpOperand &operand, Value mask) {
  Value source = operand.get();
  auto type = dyn_cast<MemRefType>(source.getType());
  if (!type)
    return source;
  SmallVector<Value> indices = indicesOf(operand);
  if (!isVector(operand))
    return memref::LoadOp::create(builder, loc, source, indices);
  VectorType result = vectorOf(type.getElementType());
  if (!mask)
    return vector::LoadOp::create(builder, loc, result, source, indices);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(result));
  return vector::MaskedLoadOp::create(builder, loc, result, source, indices, mask, zero);
}

void LoopWriter::store(OpOperand &output, Value value, Value mask) {
  SmallVector<Value> indices = indicesOf(output);
  if (!isVector(output))
    memref::StoreOp::create(builder, loc, value, output.get(), indices);
  else if (!mask)
    vector::StoreOp::create(builder, loc, splat(value), output.get(), indices);
  else
    vector::MaskedStoreOp::create(builder, loc, output.get(), indices, mask, splat(value));
}

void LoopWriter::mapOp(Operation &inner, IRMapping &values) {
  if (auto at = dyn_cast<linalg::IndexOp>(inner)) {
    Value result = position[at.getDim()];
    if (plan.vectorLoop == at.getDim())
      result = arith::AddIOp::create(builder, loc, splat(result),
                                     vector::StepOp::create(builder, loc, vectorOf(builder.getIndexType())));
    values.map(at.getResult(), result);
    return;
  }
  bool onVectors = llvm::any_of(
      inner.getOperands(), [&](Value operand) { return isa<VectorType>(values.lookupOrDefault(operand).getType()); });
  if (onVectors)
    for (Value operand : inner.getOperands())
      values.map(operand, splat(values.lookupOrDefault(operand)));
  Operation *clone = builder.clone(inner, values);
  if (onVectors)
    for (Value result : clone->getResults())
      result.setType(vectorOf(result.getType()));
}

SmallVector<Value> LoopWriter::compute(ValueRange outputs, Value mask) {
  IRMapping values;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(operand);
    if (!argument.use_empty())
      values.map(argument, load(*operand, mask));
  }
  for (auto [argument, value] : llvm::zip_equal(op.getRegionOutputArgs(), outputs))
    if (value)
      values.map(argument, value);
  for (Operation &inner : op.getBlock()->without_terminator())
    mapOp(inner, values);
  SmallVector<Value> results;
  for (auto [value, old] : llvm::zip_equal(op.getBlock()->getTerminator()->getOperands(), outputs)) {
    Value result = values.lookupOrDefault(value);
    results.push_back(old && isa<VectorType>(old.getType()) ? splat(result) : result);
  }
  return results;
}

LogicalResult fgla::cpu::buildLoops(OpBuilder &builder, LinalgOp op, unsigned vectorBits) {
  FailureOr<Plan> plan = makePlan(op, vectorBits);
  if (failed(plan))
    return failure();
  LoopWriter(builder, op, *plan).write();
  return success();
}
