//===- FormKernels.cpp - Fused attentions as kernels on tiles -------------===//

#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "passes/schedule/Passes.h"
#include "passes/tiled/AttentionProgram.h"
#include "passes/tiled/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_FORMKERNELS
#include "passes/tiled/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

namespace {
/// Writes the function of one kernel.
class KernelWriter {
public:
  KernelWriter(Fusion &fusion, ScheduleAttr schedule, func::FuncOp kernel, bool roles)
      : fusion(fusion), root(fusion.root), schedule(schedule), kernel(kernel), roles(roles),
        group(roles ? root.getNumQueryHeads() / root.getNumHeads() : 1), loc(fusion.root.getLoc()),
        builder(OpBuilder::atBlockBegin(kernel.addEntryBlock())) {
    unsigned next = 0;
    for (Value input : fusion.inputs)
      arrays.map(input, kernel.getArgument(next++));
    output = kernel.getArgument(next++);
    if (root.getFinalState())
      finalState = kernel.getArgument(next++);
    if (root.getFinalMax())
      finalMax = kernel.getArgument(next++);
  }

  void write();

private:
  using Body = function_ref<void(AttentionProgram &, ValueRange)>;
  /// A parallel loop over `bounds`; the body starts with batch and head.
  void forall(ArrayRef<Value> bounds, Body body);
  void planSegments();
  void writeSequenceMax();
  void writeSegmentStates();
  void writeOutputs();
  Carried loadSegment(AttentionProgram &program, ValueRange position);
  void storeFinal(const Carried &carried, Value batch, Value head);
  Value isWhole(Value queryHead, Value segment);
  Value index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  /// A buffer [B, H, segments, trailing...], for what segments tell later ones. Bufferization's deallocation frees it.
  Value allocate(ArrayRef<int64_t> trailing, bool perSegment);

  Fusion &fusion;
  AttentionOp root;
  ScheduleAttr schedule;
  func::FuncOp kernel;
  bool roles;    ///< whether the kernel is to be split into roles
  int64_t group; ///< of query heads that each have a program of their own, though they read one key/value head
  Location loc;
  OpBuilder builder;
  IRMapping arrays;
  Value output, finalState, finalMax;
  Value batches, heads, tokens;
  Value segments, segmentLength; ///< null where the schedule has one segment
  Value sequenceMax;             ///< [B, H], for the stabilizer `sequence`
  Value states, maxima, totals, complements;
};
} // namespace

void KernelWriter::forall(ArrayRef<Value> bounds, Body body) {
  auto loop = scf::ForallOp::create(builder, loc, llvm::to_vector_of<OpFoldResult>(bounds), ValueRange(), std::nullopt);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  AttentionProgram program(builder, fusion, arrays, schedule.getTile());
  body(program, loop.getInductionVars());
}

Value KernelWriter::allocate(ArrayRef<int64_t> trailing, bool perSegment) {
  SmallVector<int64_t> shape{ShapedType::kDynamic, root.getNumHeads()};
  SmallVector<Value> sizes{batches};
  if (perSegment) {
    shape.push_back(ShapedType::kDynamic);
    sizes.push_back(segments);
  }
  llvm::append_range(shape, trailing);
  auto type = MemRefType::get(shape, getComputeType(root.getQuery().getType().getElementType()));
  return memref::AllocOp::create(builder, loc, type, sizes);
}

/// Cuts sequences into whole tiles: as many segments as the schedule says, or as keep all workers busy. All segments
/// have tokens, unless the sequence has none.
void KernelWriter::planSegments() {
  Value one = index(1), tile = index(schedule.getTile());
  Value tiles = arith::CeilDivSIOp::create(builder, loc, tokens, tile);
  Value wanted;
  if (schedule.getSegments() == 0) {
    // A segment is read twice, so it has to be long and the workers have to be idle otherwise.
    constexpr int64_t kMinTiles = 8;
    Value workers = tile::WorkersOp::create(builder, loc, builder.getIndexType());
    Value programs = arith::MulIOp::create(builder, loc, batches, index(root.getNumHeads() * group));
    Value atLeastOne = arith::MaxSIOp::create(builder, loc, programs, one);
    wanted = arith::DivSIOp::create(builder, loc, workers, atLeastOne);
    Value most = arith::DivSIOp::create(builder, loc, tiles, index(kMinTiles));
    wanted = arith::MinSIOp::create(builder, loc, wanted, most);
  } else {
    wanted = index(schedule.getSegments());
  }
  wanted = arith::MaxSIOp::create(builder, loc, wanted, one);
  Value tilesEach = arith::CeilDivSIOp::create(builder, loc, tiles, wanted);
  tilesEach = arith::MaxSIOp::create(builder, loc, tilesEach, one);
  segmentLength = arith::MulIOp::create(builder, loc, tilesEach, tile);
  Value needed = arith::CeilDivSIOp::create(builder, loc, tiles, tilesEach);
  segments = arith::MaxSIOp::create(builder, loc, needed, one);
}

void KernelWriter::writeSequenceMax() {
  if (root.getStabilizer() != Stabilizer::Sequence)
    return;
  sequenceMax = allocate({}, /*perSegment=*/false);
  forall({batches, heads}, [&](AttentionProgram &program, ValueRange position) {
    Value max = program.buildSequenceMax(position[0], position[1], tokens);
    tile::StoreOp::create(builder, loc, max, sequenceMax, position, Value(), ArrayRef<int64_t>{-1, -1});
  });
}

/// The state, maximum and total decay of each segment but the last, from the empty state.
void KernelWriter::writeSegmentStates() {
  int64_t keyDim = root.getKeyDim(), valueDim = root.getValueDim();
  states = allocate({keyDim, valueDim}, /*perSegment=*/true);
  if (root.getStabilizer() == Stabilizer::Running)
    maxima = allocate({1}, /*perSegment=*/true);
  SmallVector<int64_t> total;
  {
    AttentionProgram program(builder, fusion, arrays, schedule.getTile());
    total = program.getTotalShape();
  }
  if (!total.empty()) {
    totals = allocate(ArrayRef<int64_t>(total).drop_front(), /*perSegment=*/true);
    if (root.getQuery().getType().getElementType().isF32())
      complements = allocate(ArrayRef<int64_t>(total).drop_front(), /*perSegment=*/true);
  }
  Value earlier = arith::SubIOp::create(builder, loc, segments, index(1));
  forall({batches, heads, earlier}, [&](AttentionProgram &program, ValueRange position) {
    Value begin = arith::MulIOp::create(builder, loc, position[2], segmentLength);
    Value end = arith::AddIOp::create(builder, loc, begin, segmentLength);
    Carried initial = program.buildEmpty();
    if (sequenceMax)
      initial.max = tile::LoadOp::create(builder, loc, RankedTensorType::get({1, 1}, program.getElement()), sequenceMax,
                                         position.take_front(2), Value(), ArrayRef<int64_t>{-1, -1});
    Carried local = program.buildLoop(position[0], position[1], begin, end, initial, /*output=*/Value());
    SmallVector<Value> indices(position);
    indices.push_back(index(0));
    auto storeRow = [&](Value tile, Value buffer) {
      if (buffer)
        tile::StoreOp::create(builder, loc, tile, buffer, indices, Value(), ArrayRef<int64_t>{-1, 3});
    };
    storeRow(local.max, maxima);
    storeRow(local.total.factor, totals);
    storeRow(local.total.complement, complements);
    indices.push_back(index(0));
    tile::StoreOp::create(builder, loc, local.state, states, indices, Value(), ArrayRef<int64_t>{3, 4});
  });
}

Carried KernelWriter::loadSegment(AttentionProgram &program, ValueRange position) {
  SmallVector<Value> indices(position);
  indices.push_back(index(0));
  auto loadRow = [&](Value buffer) -> Value {
    if (!buffer)
      return {};
    auto type = RankedTensorType::get({1, cast<MemRefType>(buffer.getType()).getDimSize(3)}, program.getElement());
    return tile::LoadOp::create(builder, loc, type, buffer, indices, Value(), ArrayRef<int64_t>{-1, 3});
  };
  Carried carried;
  carried.max = loadRow(maxima);
  carried.total = {loadRow(totals), loadRow(complements)};
  indices.push_back(index(0));
  auto type = RankedTensorType::get({root.getKeyDim(), root.getValueDim()}, program.getElement());
  carried.state = tile::LoadOp::create(builder, loc, type, states, indices, Value(), ArrayRef<int64_t>{3, 4});
  return carried;
}

void KernelWriter::storeFinal(const Carried &carried, Value batch, Value head) {
  if (finalState)
    tile::StoreOp::create(builder, loc, carried.state, finalState, ValueRange{batch, head, index(0), index(0)}, Value(),
                          ArrayRef<int64_t>{2, 3});
  if (finalMax)
    tile::StoreOp::create(builder, loc, carried.max, finalMax, ValueRange{batch, head}, Value(),
                          ArrayRef<int64_t>{-1, -1});
}

/// Whether the program at this position is the one that stores what a key/value head ends with: that of the first
/// query head and the last segment. Null if all programs are.
Value KernelWriter::isWhole(Value queryHead, Value segment) {
  auto equals = [&](Value a, Value b) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, a, b);
  };
  Value whole;
  if (segments)
    whole = equals(segment, arith::SubIOp::create(builder, loc, segments, index(1)));
  if (group == 1)
    return whole;
  Value isFirst = equals(arith::RemUIOp::create(builder, loc, queryHead, index(group)), index(0));
  return whole ? Value(arith::AndIOp::create(builder, loc, whole, isFirst)) : isFirst;
}

void KernelWriter::writeOutputs() {
  SmallVector<Value> bounds{batches, group == 1 ? heads : index(root.getNumHeads() * group)};
  if (segments)
    bounds.push_back(segments);
  forall(bounds, [&](AttentionProgram &program, ValueRange position) {
    Value batch = position[0], head = position[1], begin = index(0), end = tokens, max, queryHead;
    if (group > 1) {
      queryHead = head;
      head = arith::DivUIOp::create(builder, loc, head, index(group));
    }
    if (sequenceMax)
      max = tile::LoadOp::create(builder, loc, RankedTensorType::get({1, 1}, program.getElement()), sequenceMax,
                                 ValueRange{batch, head}, Value(), ArrayRef<int64_t>{-1, -1});
    Carried initial = program.buildInitial(batch, head, max);
    if (segments) {
      Value zero = begin;
      begin = arith::MulIOp::create(builder, loc, position[2], segmentLength);
      end = arith::MinSIOp::create(builder, loc, arith::AddIOp::create(builder, loc, begin, segmentLength), tokens);
      SmallVector<Value> carried{initial.state};
      if (initial.max)
        carried.push_back(initial.max);
      auto merge = scf::ForOp::create(builder, loc, zero, position[2], index(1), carried);
      {
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPointToStart(merge.getBody());
        Carried earlier;
        earlier.state = merge.getRegionIterArg(0);
        earlier.max = initial.max ? Value(merge.getRegionIterArg(1)) : Value();
        Carried later = loadSegment(program, {batch, head, merge.getInductionVar()});
        Carried merged = program.buildMerge(earlier, later);
        SmallVector<Value> results{merged.state};
        if (merged.max)
          results.push_back(merged.max);
        scf::YieldOp::create(builder, loc, results);
      }
      initial.state = merge.getResult(0);
      if (initial.max)
        initial.max = merge.getResult(1);
    }
    Carried last = program.buildLoop(batch, head, begin, end, initial, output, queryHead);
    if (!finalState)
      return;
    Value condition = isWhole(queryHead, segments ? position[2] : Value());
    if (!condition)
      return storeFinal(last, batch, head);
    auto branch = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&branch.getThenRegion().front());
    storeFinal(last, batch, head);
  });
}

void KernelWriter::write() {
  batches = memref::DimOp::create(builder, loc, output, 0);
  tokens = memref::DimOp::create(builder, loc, output, 1);
  if (roles)
    tokens = tile::KeepOp::create(builder, loc, tokens);
  heads = index(root.getNumHeads());
  writeSequenceMax();
  if (schedule.getSegments() != 1) {
    planSegments();
    writeSegmentStates();
  }
  writeOutputs();
  func::ReturnOp::create(builder, loc);
}

/// The results of the kernel: the fusion's output, then the states.
static SmallVector<Value> getResults(Fusion &fusion) {
  SmallVector<Value> results{fusion.getOutput()};
  if (fusion.root.getFinalState())
    results.push_back(fusion.root.getFinalState());
  if (fusion.root.getFinalMax())
    results.push_back(fusion.root.getFinalMax());
  return results;
}

static MemRefType getArrayType(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return MemRefType::get(type.getShape(), type.getElementType());
}

static func::FuncOp declareKernel(Fusion &fusion, SymbolTable &symbols) {
  auto host = fusion.root->getParentOfType<func::FuncOp>();
  OpBuilder builder(host);
  SmallVector<Type> types;
  for (Value input : fusion.inputs)
    types.push_back(getArrayType(input));
  for (Value result : getResults(fusion))
    types.push_back(getArrayType(result));
  auto kernel = func::FuncOp::create(builder, fusion.root.getLoc(), (host.getName() + "_kernel").str(),
                                     builder.getFunctionType(types, {}));
  kernel.setPrivate();
  kernel->setAttr(kKernelAttrName, fusion.root->getAttr(kScheduleAttrName));
  symbols.insert(kernel, Block::iterator(host)); // renames on a clash
  return kernel;
}

/// Replaces the fused ops by a launch of the kernel.
static void launch(Fusion &fusion, func::FuncOp kernel) {
  IRRewriter rewriter(fusion.root);
  Location loc = fusion.root.getLoc();
  SmallVector<Value> results = getResults(fusion), outs;
  SmallVector<Type> types;
  for (Value result : results) {
    auto type = cast<RankedTensorType>(result.getType());
    // Batch and tokens are the only dynamic sizes, and the query has them in front.
    SmallVector<OpFoldResult> sizes;
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      sizes.push_back(ShapedType::isDynamic(size) ? tensor::getMixedSize(rewriter, loc, fusion.root.getValue(), dim)
                                                  : OpFoldResult(rewriter.getIndexAttr(size)));
    outs.push_back(tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType()));
    types.push_back(type);
  }
  auto op = tile::LaunchOp::create(rewriter, loc, types, SymbolRefAttr::get(kernel), fusion.inputs.getArrayRef(), outs);
  for (auto [result, replacement] : llvm::zip_equal(results, op.getResults()))
    rewriter.replaceAllUsesWith(result, replacement);
  for (TileFormInterface consumer : llvm::reverse(fusion.consumers))
    rewriter.eraseOp(consumer);
  rewriter.eraseOp(fusion.root);
}

namespace {
struct FormKernels : fgla::impl::FormKernelsBase<FormKernels> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    DominanceInfo &dominance = getAnalysis<DominanceInfo>();
    SmallVector<AttentionOp> roots;
    getOperation()->walk([&](AttentionOp op) {
      if (op->hasAttr(kScheduleAttrName))
        roots.push_back(op);
    });
    for (AttentionOp root : roots) {
      Fusion fusion = growFusion(root, dominance);
      func::FuncOp kernel = declareKernel(fusion, symbols);
      KernelWriter(fusion, root->getAttrOfType<ScheduleAttr>(kScheduleAttrName), kernel, roles).write();
      // What the producers made is computed in the kernel now; they have no other use.
      SmallVector<Operation *> producers(fusion.producers.begin(), fusion.producers.end());
      launch(fusion, kernel);
      while (!producers.empty()) {
        auto dead = llvm::find_if(producers, [](Operation *op) { return op->use_empty(); });
        (*dead)->erase();
        producers.erase(dead);
      }
    }
  }
};
} // namespace
