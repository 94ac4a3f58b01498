//===- RoleEmitter.cpp - The code of one role -----------------------------===//

#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;

RoleEmitter::RoleEmitter(OpBuilder &builder, const KernelContext &kernel, warp::RoleOp role, RoleThreads threads,
                         const IRMapping &scalars)
    : builder(builder), code(builder, role.getLoc()), kernel(kernel), role(role), threads(threads), scalars(scalars) {
  Value instance = arith::IndexCastOp::create(builder, code.loc, builder.getIndexType(), threads.instance);
  this->scalars.map(role.getBody().getArgument(0), instance);
}

LogicalResult RoleEmitter::emit() {
  // Behind what is computed once for each thread.
  entry = code.i32(0).getDefiningOp();
  return emitBlock(role.getBody().front());
}

Value RoleEmitter::scalar(Value value) {
  if (Value mapped = scalars.lookupOrNull(value))
    return mapped;
  // A constant from outside of the kernel.
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(entry);
  Operation *copy = builder.clone(*value.getDefiningOp());
  scalars.map(value, copy->getResult(0));
  return copy->getResult(0);
}

LogicalResult RoleEmitter::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(emitOp(&op)))
      return failure();
  return success();
}

LogicalResult RoleEmitter::emitOp(Operation *op) {
  code.loc = op->getLoc();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return emitFor(loop);
  if (auto walk = dyn_cast<tile::WalkOp>(op))
    return emitWalk(walk);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return emitLoad(load), success();
  if (auto store = dyn_cast<tile::StoreOp>(op))
    return emitStore(store), success();
  if (auto put = dyn_cast<warp::PutOp>(op)) {
    if (auto load = put.getValue().getDefiningOp<tile::LoadOp>())
      return emitLoadToChannel(load, put), success();
    return emitPut(put), success();
  }
  if (auto get = dyn_cast<warp::GetOp>(op))
    return emitGet(get), success();
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return emitPart(slice), success();
  if (auto exchange = dyn_cast<tile::ExchangeOp>(op))
    return readCluster(exchange.getInput(), exchange.getParts()), success();
  if (auto gather = dyn_cast<tile::GatherOp>(op))
    return readCluster(gather.getInput(), gather.getParts()), success();
  if (auto release = dyn_cast<warp::ReleaseOp>(op))
    return emitRelease(release), success();
  if (auto dot = dyn_cast<tile::DotOp>(op))
    return emitDot(dot);
  if (auto scores = dyn_cast<tile::DecayedScoresOp>(op))
    return emitScores(scores), success();
  if (auto matrix = dyn_cast<tile::DecayMatrixOp>(op))
    return emitDecayMatrix(matrix), success();
  if (auto sum = dyn_cast<tile::DecayedSumOp>(op))
    return emitDecayedSum(sum), success();
  if (auto reduce = dyn_cast<tile::ReduceOp>(op))
    return emitReduce(reduce);
  if (auto norm = dyn_cast<tile::RowNormOp>(op))
    return emitRowNorm(norm);
  if (auto scan = dyn_cast<tile::ScanOp>(op))
    return tile::shapeOf(scan.getResult())[1] == 1 ? emitRowScan(scan) : success();
  if (auto row = dyn_cast<warp::RowOp>(op))
    return emitRow(row);
  if (auto convert = dyn_cast<warp::ConvertOp>(op))
    return emitConvert(convert);
  if (isa<tile::MapOp, tile::ValidOp, tile::TransposeOp, warp::ConcatOp>(op))
    return success(); // pulled
  if (op->getNumRegions() == 0 && llvm::none_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>)) {
    if (op->getNumResults() == 1 && isPure(op) && emittedScalars.contains(op))
      return success();
    emittedScalars.insert(op);
    for (Value operand : op->getOperands())
      (void)scalar(operand);
    builder.clone(*op, scalars);
    return success();
  }
  return emitNamedError(op) << "has no GPU code yet";
}

/// Loops carry the registers of tiles.
LogicalResult RoleEmitter::emitLoop(LoopLikeOpInterface loop, Value lower, Value upper, Value step, EmitTurn emitTurn) {
  SmallVector<Value> initial;
  SmallVector<int64_t> counts;
  for (auto [init, arg] : llvm::zip_equal(loop.getInits(), loop.getRegionIterArgs())) {
    if (!isa<RankedTensorType>(arg.getType())) {
      initial.push_back(scalar(init));
      counts.push_back(0);
      continue;
    }
    Registers values = pullAll(init, getLayout(arg));
    counts.push_back(values.size());
    llvm::append_range(initial, values);
  }
  auto copy = scf::ForOp::create(builder, code.loc, lower, upper, step, initial);
  // Turns are long enough, and large tiles take the registers; of other loops, several passes have their loads under
  // way together.
  constexpr size_t kMostCarried = 32;
  constexpr int32_t kTogether = 4;
  bool isUnrolled = !isa<tile::WalkOp>(loop) && initial.size() <= kMostCarried;
  auto *context = builder.getContext();
  auto unroll =
      LLVM::LoopUnrollAttr::get(context, builder.getBoolAttr(!isUnrolled),
                                isUnrolled ? builder.getI32IntegerAttr(kTogether) : IntegerAttr(), {}, {}, {}, {}, {});
  LLVM::LoopAnnotationAttr annotation =
      LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {});
  copy->setAttr("loop_annotation", annotation);
  auto bind = [&](ValueRange tiles, ValueRange values) {
    for (auto [tile, count] : llvm::zip_equal(tiles, counts)) {
      if (count == 0)
        scalars.map(tile, values.front());
      else
        registers[tile] = Registers(values.take_front(count));
      values = values.drop_front(std::max<int64_t>(count, 1));
    }
  };
  bind(llvm::to_vector_of<Value>(loop.getRegionIterArgs()), copy.getRegionIterArgs());
  auto savedMemo = memo;
  auto savedShared = shared;
  {
    OpBuilder::InsertionGuard guard(builder);
    if (copy.getBody()->mightHaveTerminator())
      if (Operation *terminator = copy.getBody()->getTerminator())
        terminator->erase();
    builder.setInsertionPointToStart(copy.getBody());
    SmallVector<Value> results;
    if (failed(emitTurn(copy.getInductionVar(), results)))
      return failure();
    scf::YieldOp::create(builder, code.loc, results);
  }
  memo = savedMemo;
  shared = savedShared;
  bind(loop->getResults(), copy.getResults());
  return success();
}

/// Of segments: 32 bits are enough to count them, and half the registers.
LogicalResult RoleEmitter::emitFor(scf::ForOp loop) {
  return emitLoop(loop, scalarI32(loop.getLowerBound()), scalarI32(loop.getUpperBound()), scalarI32(loop.getStep()),
                  [&](Value counter, SmallVectorImpl<Value> &results) {
                    scalars.map(loop.getInductionVar(), code.toIndex(counter));
                    return emitBody(loop, results);
                  });
}

LogicalResult RoleEmitter::emitWalk(tile::WalkOp walk) {
  Value begin = scalar(walk.getBegin()), end = scalar(walk.getEnd());
  Value turns = walk.buildTurnCount(builder, begin, end);
  Value first = walk.getInstance() ? scalar(walk.getInstance()) : code.toIndex(code.i32(0));
  Value upper = code.toI32(turns);
  return emitLoop(walk, code.toI32(first), upper, code.i32(walk.getInstances()),
                  [&](Value counter, SmallVectorImpl<Value> &results) {
                    Value turn = code.toIndex(counter);
                    auto [token, rows] = walk.buildPosition(builder, begin, end, turn, turns);
                    scalars.map(walk.getToken(), token);
                    scalars.map(walk.getRows(), rows);
                    scalars.map(walk.getTurn(), turn);
                    bindTurn(counter, upper);
                    return this->emitTurn(walk, results);
                  });
}

int64_t fgla::kernel::getInstancesOfRound(warp::RoleOp role, int64_t stages) {
  if (!llvm::isPowerOf2_64(role.getInstances()))
    return 1;
  auto halfOfTurns = static_cast<int64_t>(llvm::bit_floor(static_cast<uint64_t>(stages / 2)));
  return std::min(static_cast<int64_t>(role.getInstances()), halfOfTurns);
}

/// Where the memory of turn `turn` (i32, before `end`) is, and the phase of its barriers: computed anew in each turn,
/// since it would take registers to carry them. Instances start together wherever each has a turn: then
/// they run through the same code at the same time, and all four schedulers are served by what one fetches (0.166 ms to
/// 0.154 ms).
void RoleEmitter::bindTurn(Value turn, Value end) {
  if (int64_t together = getInstancesOfRound(role, kernel.stages); together > 1) {
    Value among = code.mask(threads.instance, together - 1),
          round = code.shiftRight(threads.instance, llvm::Log2_64(together));
    Value last = code.add(arith::SubIOp::create(builder, code.loc, turn, among).getResult(), together - 1);
    code.ifThen(code.less(last, end),
                [&] { code.barrier(code.add(round, threads.roundBarrier), together * threads.warps * 32); });
  }
  Value stages = code.i32(kernel.stages);
  Value slot = arith::RemUIOp::create(builder, code.loc, turn, stages);
  phase = code.mask(arith::DivUIOp::create(builder, code.loc, turn, stages), 1);
  Value base = LLVM::PtrToIntOp::create(builder, code.loc, builder.getI32Type(), kernel.shared);
  turnAddress = code.add(base, code.mul(slot, kernel.plan.turnBytes));
}

/// The body of a loop once, and the registers it yields.
LogicalResult RoleEmitter::emitBody(LoopLikeOpInterface loop, SmallVectorImpl<Value> &results) {
  Block &body = loop.getLoopRegions().front()->front();
  awaited.clear();
  expectsCopies = false;
  puts = llvm::range_size(body.getOps<warp::PutOp>());
  if (failed(emitBlock(body)))
    return failure();
  for (auto [value, arg] : llvm::zip_equal(loop.getYieldedValues(), loop.getRegionIterArgs())) {
    if (isa<RankedTensorType>(arg.getType()))
      llvm::append_range(results, pullAll(value, getLayout(arg)));
    else
      results.push_back(scalar(value));
  }
  return success();
}

/// All tiles but the last are full, and need no masks: where a body has masks, it is written twice.
LogicalResult RoleEmitter::emitTurn(tile::WalkOp walk, SmallVectorImpl<Value> &results) {
  // Of the rows that the turn has; those of padded tiles are the same in each turn.
  auto isOfTurn = [&](tile::ValidOp valid) {
    return valid.getRows() && valid.getRows().getParentBlock() == walk.getBody();
  };
  auto masks = llvm::make_filter_range(walk.getBody()->getOps<tile::ValidOp>(), isOfTurn);
  if (masks.empty())
    return emitBody(walk, results);
  tile::ValidOp mask = *masks.begin();
  for (Operation &op : walk.getBody()->without_terminator())
    if (op.getNumRegions() == 0 && llvm::all_of(op.getOperandTypes(), llvm::IsaPred<IndexType>) &&
        llvm::all_of(op.getResultTypes(), llvm::IsaPred<IndexType>) && isPure(&op) && failed(emitOp(&op)))
      return failure();
  Value full = code.i32(tile::shapeOf(mask.getResult())[0]);
  Value isFull = code.equal(scalarI32(mask.getRows()), full);
  SmallVector<Type> types;
  for (Value arg : walk.getRegionIterArgs())
    if (isa<RankedTensorType>(arg.getType()))
      types.append(getLayout(arg).getNumRegisters(), builder.getF32Type());
    else
      types.push_back(arg.getType());
  auto branch = scf::IfOp::create(builder, code.loc, types, isFull, /*withElseRegion=*/true);
  for (bool isThen : {true, false}) {
    OpBuilder::InsertionGuard guard(builder);
    Block &block = (isThen ? branch.getThenRegion() : branch.getElseRegion()).front();
    // Without results, the builder has made the terminators.
    if (types.empty())
      builder.setInsertionPoint(block.getTerminator());
    else
      builder.setInsertionPointToStart(&block);
    fullRows = isThen ? mask.getRows() : Value();
    auto savedMemo = memo;
    auto savedShared = shared;
    auto savedRegisters = registers;
    SmallVector<Value> yielded;
    if (failed(emitBody(walk, yielded)))
      return failure();
    if (!types.empty())
      scf::YieldOp::create(builder, code.loc, yielded);
    memo = savedMemo;
    shared = savedShared;
    registers = savedRegisters;
    fullRows = {};
  }
  llvm::append_range(results, branch.getResults());
  return success();
}

LogicalResult RoleEmitter::emitIf(scf::IfOp branch) {
  if (branch.getNumResults() || !branch.getElseRegion().empty())
    return emitNamedError(branch) << "with results has no GPU code yet";
  auto copy = scf::IfOp::create(builder, code.loc, scalar(branch.getCondition()), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&copy.getThenRegion().front());
  auto saved = memo;
  LogicalResult result = emitBlock(branch.getThenRegion().front());
  memo = saved;
  return result;
}
