//===- RolesToThreads.cpp - Roles become threads of the host --------------===//
//
// For tests: what a GPU would do with roles and channels, without a GPU. Mistakes show as they would there: a tile that
// nobody puts stops everything, memory that is used again too early holds other values.
//
//===----------------------------------------------------------------------===//

#include "dialect/fgla/Attributes.h"
#include "dialect/warp/Warp.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/RoleSignals.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_ROLESTOTHREADS
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;
using namespace fgla;
using namespace fgla::cpu;

namespace {
/// Rewrites one pipeline.
///
/// A channel is a ring of `stages` tiles: turn t lies in slot t mod stages. Counters say what a slot holds: one for
/// each channel and slot has t + 1 when turn t was put, one for each role and slot t + 1 when the role has released
/// turn t.
class PipelineThreads {
public:
  PipelineThreads(warp::PipelineOp pipeline, int64_t stages, RoleSignals &signals)
      : pipeline(pipeline), stages(stages), signals(signals), loc(pipeline.getLoc()), builder(pipeline) {}

  void build();

private:
  void makeRings();
  void makeCounters();
  void buildRole(warp::RoleOp role, Value thread, int64_t first);
  void lowerPut(warp::PutOp put, warp::RoleOp role);
  void lowerGet(warp::GetOp get, warp::RoleOp role);
  void lowerRelease(warp::ReleaseOp release, warp::RoleOp role);

  Value index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  Value slotOf(Value turn) { return arith::RemUIOp::create(builder, loc, turn, index(stages)); }
  Value toI64(Value number) { return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), number); }
  /// What a counter has when the slot of `turn` holds it, and when the turn before in this slot is over.
  Value markOf(Value turn) { return toI64(arith::AddIOp::create(builder, loc, turn, index(1))); }
  Value markBefore(Value turn);
  /// The counter of a channel (row = its number) or a role (row = its number after the channels).
  Value counterAt(int64_t row, Value slot);
  int64_t rowOf(warp::RoleOp role) { return rings.size() + roleNumbers.lookup(role); }

  warp::PipelineOp pipeline;
  int64_t stages;
  RoleSignals &signals;
  Location loc;
  OpBuilder builder;
  llvm::MapVector<Value, Value> rings; ///< of channels
  llvm::DenseMap<Value, int64_t> channelNumbers;
  llvm::MapVector<Operation *, int64_t> roleNumbers;
  SmallVector<warp::RoleOp> getters; ///< roles that get: a slot is free when they have released it
  Value counters;                    ///< the address
};
} // namespace

static std::string describe(warp::RoleOp role) { return "role '" + role.getName().str() + "'"; }

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void PipelineThreads::makeRings() {
  for (auto channel : pipeline.getBody().getOps<warp::ChannelOp>()) {
    channelNumbers[channel] = rings.size();
    if (Value reused = channel.getReuses()) {
      Value ring = rings.lookup(reused);
      rings[channel.getResult()] = ring;
      continue;
    }
    RankedTensorType tile = channel.getType().getTile();
    auto type = MemRefType::get({stages, tile.getDimSize(0), tile.getDimSize(1)}, tile.getElementType());
    rings[channel.getResult()] = memref::AllocOp::create(builder, loc, type);
  }
}

void PipelineThreads::makeCounters() {
  int64_t count = (rings.size() + roleNumbers.size()) * stages;
  auto memory = memref::AllocOp::create(builder, loc, MemRefType::get({count}, builder.getI64Type()));
  Value zero = arith::ConstantIntOp::create(builder, loc, 0, 64);
  auto clear = scf::ForOp::create(builder, loc, index(0), index(count), index(1));
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(clear.getBody());
    memref::StoreOp::create(builder, loc, zero, memory, clear.getInductionVar());
  }
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, memory);
  counters = LLVM::IntToPtrOp::create(builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), toI64(address));
}

Value PipelineThreads::counterAt(int64_t row, Value slot) {
  Value number = toI64(arith::AddIOp::create(builder, loc, slot, index(row * stages)));
  return LLVM::GEPOp::create(builder, loc, counters.getType(), builder.getI64Type(), counters, ValueRange{number});
}

Value PipelineThreads::markBefore(Value turn) {
  Value before = arith::SubIOp::create(builder, loc, turn, index(stages - 1));
  return toI64(arith::MaxSIOp::create(builder, loc, before, index(0)));
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

void PipelineThreads::lowerPut(warp::PutOp put, warp::RoleOp role) {
  builder.setInsertionPoint(put);
  Value slot = slotOf(put.getTurn()), before = markBefore(put.getTurn()), after = markOf(put.getTurn());
  std::string what =
      describe(role) + " cannot put channel " + std::to_string(channelNumbers[put.getChannel()]) + " in turn %ld";
  for (warp::RoleOp getter : getters)
    signals.buildAwait(builder, loc, counterAt(rowOf(getter), slot), before, after, put.getTurn(),
                       what + ", before " + describe(getter) + " has released its memory");
  SmallVector<Value> indices{slot, index(0), index(0)};
  tile::StoreOp::create(builder, loc, put.getValue(), rings.lookup(put.getChannel()), indices, /*rows=*/Value(),
                        ArrayRef<int64_t>{1, 2});
  signals.buildAdvance(builder, loc, counterAt(channelNumbers[put.getChannel()], slot), before, after, put.getTurn(),
                       what);
  put.erase();
}

/// Whether `op` reads its tiles where it stands. What others give may be the tile itself under another name.
static bool readsAtOnce(Operation *op) {
  return isa<tile::MapOp, tile::DotOp, tile::ScanOp, tile::DecayedScoresOp, tile::DecayMatrixOp, tile::DecayedSumOp,
             tile::StoreOp, warp::PutOp>(op);
}

void PipelineThreads::lowerGet(warp::GetOp get, warp::RoleOp role) {
  builder.setInsertionPoint(get);
  Value slot = slotOf(get.getTurn());
  Value mark = markOf(get.getTurn());
  signals.buildAwait(builder, loc, counterAt(channelNumbers[get.getChannel()], slot), mark, mark, get.getTurn(),
                     describe(role) + " cannot get channel " + std::to_string(channelNumbers[get.getChannel()]) +
                         " in turn %ld");
  // Read in place, so that what is put into the memory too early is seen.
  RankedTensorType type = get.getResult().getType();
  Value ring = rings.lookup(get.getChannel());
  SmallVector<OpFoldResult> offsets{slot, builder.getIndexAttr(0), builder.getIndexAttr(0)}, strides;
  SmallVector<OpFoldResult> sizes{builder.getIndexAttr(1), builder.getIndexAttr(type.getDimSize(0)),
                                  builder.getIndexAttr(type.getDimSize(1))};
  strides.assign(3, builder.getIndexAttr(1));
  auto view = cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
      type.getShape(), cast<MemRefType>(ring.getType()), offsets, sizes, strides));
  Value slotMemory = memref::SubViewOp::create(builder, loc, view, ring, offsets, sizes, strides);
  Value tile = bufferization::ToTensorOp::create(builder, loc, type, slotMemory, /*restrict=*/true);
  Value copy;
  for (OpOperand &use : llvm::make_early_inc_range(get.getResult().getUses())) {
    if (readsAtOnce(use.getOwner())) {
      use.set(tile);
      continue;
    }
    if (!copy)
      copy = tile::buildMap(builder, loc, {tile}, type.getShape(),
                            [](OpBuilder &, Location, ValueRange scalars) { return scalars.front(); });
    use.set(copy);
  }
  get.erase();
}

void PipelineThreads::lowerRelease(warp::ReleaseOp release, warp::RoleOp role) {
  builder.setInsertionPoint(release);
  Value turn = release.getTurn();
  signals.buildAdvance(builder, loc, counterAt(rowOf(role), slotOf(turn)), markBefore(turn), markOf(turn), turn,
                       describe(role) + " cannot release turn %ld");
  release.erase();
}

/// The body of `role` for the threads from `first` on.
void PipelineThreads::buildRole(warp::RoleOp role, Value thread, int64_t first) {
  OpBuilder::InsertionGuard guard(builder);
  Value instance = arith::SubIOp::create(builder, loc, thread, index(first));
  Value isOurs = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, instance, index(role.getInstances()));
  auto branch = scf::IfOp::create(builder, loc, isOurs, /*withElseRegion=*/false);
  Block &body = role.getBody().front(), &then = branch.getThenRegion().front();
  body.getArgument(0).replaceAllUsesWith(instance);
  then.getOperations().splice(then.getTerminator()->getIterator(), body.getOperations());
  SmallVector<Operation *> ops;
  branch.walk([&](Operation *op) {
    if (isa<warp::PutOp, warp::GetOp, warp::ReleaseOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (auto put = dyn_cast<warp::PutOp>(op))
      lowerPut(put, role);
    else if (auto get = dyn_cast<warp::GetOp>(op))
      lowerGet(get, role);
    else
      lowerRelease(cast<warp::ReleaseOp>(op), role);
  }
}

void PipelineThreads::build() {
  int64_t threads = 0;
  auto roles = llvm::to_vector(pipeline.getBody().getOps<warp::RoleOp>());
  for (warp::RoleOp role : roles) {
    threads += role.getInstances();
    roleNumbers.try_emplace(role, roleNumbers.size());
    if (role.walk([](warp::GetOp) { return WalkResult::interrupt(); }).wasInterrupted())
      getters.push_back(role);
  }
  makeRings();
  makeCounters();
  OpFoldResult count = builder.getIndexAttr(threads);
  auto parallel = scf::ForallOp::create(builder, loc, ArrayRef<OpFoldResult>{count}, /*outputs=*/ValueRange(),
                                        /*mapping=*/std::nullopt);
  parallel->setAttr(kThreadsAttrName, builder.getUnitAttr());
  builder.setInsertionPointToStart(parallel.getBody());
  int64_t first = 0;
  for (warp::RoleOp role : roles) {
    buildRole(role, parallel.getInductionVar(0), first);
    first += role.getInstances();
  }
  pipeline.erase();
}

//===----------------------------------------------------------------------===//
// What the lowering of tiles on a CPU does not take
//===----------------------------------------------------------------------===//

/// Products of narrow operands sum up in f32: the same with operands that are widened first.
static void widenOperands(tile::DotOp dot) {
  Type element = dot.getResult().getType().getElementType();
  OpBuilder builder(dot);
  for (OpOperand *operand : {&dot.getAMutable(), &dot.getBMutable()}) {
    Value narrow = operand->get();
    if (cast<RankedTensorType>(narrow.getType()).getElementType() == element)
      continue;
    auto widen = tile::buildMap(builder, dot.getLoc(), narrow, tile::shapeOf(narrow), element,
                                [&](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                                  return {arith::ExtFOp::create(b, l, element, v[0])};
                                });
    operand->set(widen.getResult(0));
  }
}

namespace {
struct RolesToThreads : fgla::cpu::impl::RolesToThreadsBase<RolesToThreads> {
  using RolesToThreadsBase::RolesToThreadsBase;

  void runOnOperation() override {
    SmallVector<warp::PipelineOp> pipelines;
    getOperation()->walk([&](warp::PipelineOp pipeline) { pipelines.push_back(pipeline); });
    RoleSignals signals(getOperation(), timeout);
    for (warp::PipelineOp pipeline : pipelines) {
      auto forall = dyn_cast<scf::ForallOp>(pipeline->getParentOp());
      if (!forall || forall.getNumResults() > 0) {
        pipeline.emitOpError() << "must stand in an 'scf.forall' without results to run on threads";
        return signalPassFailure();
      }
      pipeline.walk(widenOperands);
      PipelineThreads(pipeline, stages > 0 ? stages : pipeline.getStages(), signals).build();
      // One after the other: the threads are those of the roles.
      IRRewriter rewriter(forall);
      if (failed(scf::forallToForLoop(rewriter, forall)))
        return signalPassFailure();
    }
  }
};
} // namespace
