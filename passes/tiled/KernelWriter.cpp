//===- KernelWriter.cpp - The function of one kernel ----------------------===//

#include "passes/tiled/KernelWriter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/schedule/Choices.h"
#include "passes/tiled/programs/StepProgram.h"

using namespace mlir;
using namespace fgla;

std::optional<ArrayAttr> KernelWriter::getMapping(int64_t dims) {
  if (!roles)
    return std::nullopt;
  SmallVector<Attribute> mapping;
  for (int64_t dim = 0; dim < dims; ++dim) {
    auto id = static_cast<gpu::MappingId>(static_cast<int64_t>(gpu::MappingId::LinearDim0) + dim);
    mapping.push_back(gpu::GPUBlockMappingAttr::get(builder.getContext(), id));
  }
  return builder.getArrayAttr(mapping);
}

void KernelWriter::forall(ArrayRef<Value> bounds, bool ownsState, Body body) {
  forall(bounds, ownsState ? schedule.getKeySlice() : 0, ownsState ? schedule.getValueSlice() : 0, body);
}

void KernelWriter::forall(ArrayRef<Value> bounds, int64_t keyWidth, int64_t valueWidth, Body body, int64_t cluster) {
  int64_t slices = countSlices(root.getKeyDim(), keyWidth) * countSlices(root.getValueDim(), valueWidth);
  bool isSliced = slices > 1;
  SmallVector<OpFoldResult> sizes(bounds);
  // Fastest: the slices of a head run together, and read what they share while it is in the cache.
  if (isSliced)
    sizes.push_back(index(slices));
  auto loop = scf::ForallOp::create(builder, loc, sizes, ValueRange(), getMapping(sizes.size()));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  StateSlice slice;
  if (isSliced)
    slice = decodeSlice(loop.getInductionVars().back(), keyWidth, valueWidth, cluster);
  ForwardProgram program(builder, fusion, arrays, schedule.getTile(), slice);
  body(program, ValueRange(loop.getInductionVars()).drop_back(isSliced));
}

/// A cluster is of the key slices of the same values, so these are neighbours: a GPU numbers the blocks of a cluster by
/// their place in the grid, which is what `exchange` reads by.
StateSlice KernelWriter::decodeSlice(Value number, int64_t keyWidth, int64_t valueWidth, int64_t cluster) {
  StateSlice slice;
  Value keys = number, values = number;
  int64_t keySlices = countSlices(root.getKeyDim(), keyWidth),
          valueSlices = countSlices(root.getValueDim(), valueWidth);
  if (cluster > 1) {
    keys = arith::RemUIOp::create(builder, loc, number, index(keySlices));
    values = arith::DivUIOp::create(builder, loc, number, index(keySlices));
    slice.cluster = cluster;
    slice.rank = keys;
  } else if (keySlices > 1 && valueSlices > 1) {
    keys = arith::DivUIOp::create(builder, loc, number, index(valueSlices));
    values = arith::RemUIOp::create(builder, loc, number, index(valueSlices));
  }
  auto cut = [&](Value position, int64_t width, int64_t size) -> ChannelSlice {
    Value offset = arith::MulIOp::create(builder, loc, position, index(width)), count;
    if (size % width != 0) {
      Value left = arith::SubIOp::create(builder, loc, index(size), offset);
      count = arith::MinSIOp::create(builder, loc, left, index(width));
    }
    return {offset, width, count};
  };
  if (keySlices > 1)
    slice.keys = cut(keys, keyWidth, root.getKeyDim());
  if (valueSlices > 1)
    slice.values = cut(values, valueWidth, root.getValueDim());
  return slice;
}

Value KernelWriter::allocate(ArrayRef<int64_t> trailing, bool perSegment) {
  SmallVector<int64_t> shape{ShapedType::kDynamic, root.getNumHeads()};
  SmallVector<Value> sizes{batches};
  if (perSegment) {
    shape.push_back(ShapedType::kDynamic);
    sizes.push_back(earlierPieces);
  }
  llvm::append_range(shape, trailing);
  auto type = MemRefType::get(shape, getComputeType(root.getQuery().getType().getElementType()));
  return memref::AllocOp::create(builder, loc, type, sizes);
}

Value KernelWriter::countIdle(Value programsOfBatch, Value tiles, int64_t minTiles) {
  Value workers = tile::WorkersOp::create(builder, loc, builder.getIndexType());
  Value programs = arith::MulIOp::create(builder, loc, batches, programsOfBatch);
  Value atLeastOne = arith::MaxSIOp::create(builder, loc, programs, index(1));
  Value wanted = arith::DivSIOp::create(builder, loc, workers, atLeastOne);
  Value most = arith::DivSIOp::create(builder, loc, tiles, index(minTiles));
  return arith::MinSIOp::create(builder, loc, wanted, most);
}

std::pair<Value, Value> KernelWriter::cutTokens(Value wanted) {
  Value one = index(1), tile = index(schedule.getTile()), tiles = countTiles();
  wanted = arith::MaxSIOp::create(builder, loc, wanted, one);
  Value tilesEach = arith::CeilDivSIOp::create(builder, loc, tiles, wanted);
  tilesEach = arith::MaxSIOp::create(builder, loc, tilesEach, one);
  Value needed = arith::CeilDivSIOp::create(builder, loc, tiles, tilesEach);
  return {arith::MulIOp::create(builder, loc, tilesEach, tile), arith::MaxSIOp::create(builder, loc, needed, one)};
}

/// As many segments as the schedule says, or as keep all workers busy, and pieces of them that do in the first pass.
/// Where a cluster for each head keeps all workers busy, that is better than as many segments: nothing is read twice.
void KernelWriter::planSegments() {
  // A segment is read twice, so it has to be long and the workers have to be idle otherwise.
  int64_t programs = root.getNumHeads() * keySlices * valueSlices;
  Value wanted = schedule.getSegments() == 0 ? countIdle(index(programs * group), countTiles(), kLeastTilesOfSegment)
                                             : index(schedule.getSegments());
  if (cluster > 1 && keySlices == 1) {
    Value workers = tile::WorkersOp::create(builder, loc, builder.getIndexType());
    Value all = arith::MulIOp::create(builder, loc, batches, index(programs * group));
    Value each = arith::DivSIOp::create(builder, loc, workers, arith::MaxSIOp::create(builder, loc, all, index(1)));
    Value fits = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, each, index(cluster));
    areClusters = arith::SelectOp::create(builder, loc, fits, index(1), index(0));
    wanted = arith::SelectOp::create(builder, loc, fits, index(1), wanted);
  }
  std::tie(segmentLength, segments) = cutTokens(wanted);
  Value earlier = arith::SubIOp::create(builder, loc, segments, index(1));
  Value tiles = arith::DivSIOp::create(builder, loc, segmentLength, index(schedule.getTile()));
  pieces = countIdle(arith::MulIOp::create(builder, loc, earlier, index(programs)), tiles, kLeastTilesOfSegment);
  pieces = arith::MaxSIOp::create(builder, loc, pieces, index(1));
  Value tilesEach = arith::CeilDivSIOp::create(builder, loc, tiles, pieces);
  pieceLength = arith::MulIOp::create(builder, loc, tilesEach, index(schedule.getTile()));
  earlierPieces = arith::MulIOp::create(builder, loc, earlier, pieces);
}

/// Parts cross as what the epilogue of a GPU gets: bf16 has the range of sums. Where the output is of that type and
/// each part is whole but for what consumes it, the output holds them.
Value KernelWriter::makeParts() {
  Type output = cast<MemRefType>(this->output.getType()).getElementType();
  Type element = output.getIntOrFloatBitWidth() == 16 ? builder.getBF16Type() : output;
  int64_t parts = cluster > 1 ? 1 : keySlices;
  if (parts * valueSlices == 1 || (parts == 1 && (fusion.consumers.empty() || element == output)))
    return this->output;
  auto type = MemRefType::get(
      {ShapedType::kDynamic, ShapedType::kDynamic, parts * root.getNumQueryHeads(), root.getValueDim()}, element);
  return memref::AllocOp::create(builder, loc, type, ValueRange{batches, tokens});
}

void KernelWriter::writeSequenceMax() {
  if (root.getStabilizer() != Stabilizer::Sequence)
    return;
  sequenceMax = allocate({}, /*perSegment=*/false);
  forall({batches, heads}, /*ownsState=*/false, [&](ForwardProgram &program, ValueRange position) {
    Value max = program.buildSequenceMax(position[0], position[1], tokens);
    tile::StoreOp::create(builder, loc, max, sequenceMax, position, Value(), ArrayRef<int64_t>{-1, -1});
  });
}

/// The state, maximum and total decay of each piece of all segments but the last, from the empty state.
void KernelWriter::writeSegmentStates() {
  int64_t keyDim = root.getKeyDim(), valueDim = root.getValueDim();
  states = allocate({keyDim, valueDim}, /*perSegment=*/true);
  if (root.getStabilizer() == Stabilizer::Running)
    maxima = allocate({1}, /*perSegment=*/true);
  SmallVector<int64_t> total;
  bool keepsComplement;
  {
    ForwardProgram program(builder, fusion, arrays, schedule.getTile(), StateSlice());
    total = program.getTotalShape();
    keepsComplement = program.keepsComplement();
  }
  if (!total.empty()) {
    totals = allocate(ArrayRef<int64_t>(total).drop_front(), /*perSegment=*/true);
    if (keepsComplement)
      complements = allocate(ArrayRef<int64_t>(total).drop_front(), /*perSegment=*/true);
  }
  forall({batches, heads, earlierPieces}, /*ownsState=*/true, [&](ForwardProgram &program, ValueRange position) {
    Value segment = arith::DivUIOp::create(builder, loc, position[2], pieces);
    Value piece = arith::RemUIOp::create(builder, loc, position[2], pieces);
    Value segmentBegin = arith::MulIOp::create(builder, loc, segment, segmentLength);
    Value segmentEnd = arith::AddIOp::create(builder, loc, segmentBegin, segmentLength);
    Value begin = arith::AddIOp::create(builder, loc, segmentBegin,
                                        arith::MulIOp::create(builder, loc, piece, pieceLength).getResult());
    Value end = arith::AddIOp::create(builder, loc, begin, pieceLength);
    end = arith::MinSIOp::create(builder, loc, end, segmentEnd);
    Carried initial = program.buildEmpty();
    if (sequenceMax)
      initial.max = loadMax(program, sequenceMax, position.take_front(2));
    Carried local = program.buildWalk(position[0], position[1], begin, end, initial, /*output=*/Value());
    SmallVector<Value> indices(position);
    indices.push_back(Value());
    auto storeRow = [&](Value tile, Value buffer, Value first, Value cols) {
      indices.back() = first;
      if (buffer)
        tile::StoreOp::create(builder, loc, tile, buffer, indices, Value(), cols, ArrayRef<int64_t>{-1, 3});
    };
    storeRow(local.max, maxima, index(0), Value());
    storeRow(local.total.factor, totals, program.getFirstOfTotal(), program.getCountOfTotal());
    storeRow(local.total.complement, complements, program.getFirstOfTotal(), program.getCountOfTotal());
    storeState(program, local.state, states, position);
  });
}

Carried KernelWriter::loadSegment(ForwardProgram &program, ValueRange position) {
  SmallVector<Value> indices(position);
  indices.push_back(Value());
  auto loadRow = [&](Value buffer, ArrayRef<int64_t> shape, Value first, Value cols) -> Value {
    if (!buffer)
      return {};
    indices.back() = first;
    auto type = RankedTensorType::get(shape, program.getElement());
    return tile::LoadOp::create(builder, loc, type, buffer, indices, Value(), cols, ArrayRef<int64_t>{-1, 3});
  };
  SmallVector<int64_t> total = program.getTotalShape();
  Value first = program.getFirstOfTotal(), count = program.getCountOfTotal();
  Carried carried;
  carried.max = loadRow(maxima, {1, 1}, index(0), Value());
  carried.total = {loadRow(totals, total, first, count), loadRow(complements, total, first, count)};
  carried.state = loadState(program, states, position);
  return carried;
}

Value KernelWriter::loadState(ForwardProgram &program, Value buffer, ValueRange position) {
  SmallVector<Value> indices(position);
  indices.append({program.getFirstKey(), program.getFirstValue()});
  auto type = RankedTensorType::get({program.getKeyDim(), program.getValueDim()}, program.getElement());
  return tile::LoadOp::create(builder, loc, type, buffer, indices, program.getKeyCount(), program.getValueCount(),
                              ArrayRef<int64_t>{3, 4});
}

void KernelWriter::storeState(ForwardProgram &program, Value state, Value buffer, ValueRange position) {
  SmallVector<Value> indices(position);
  indices.append({program.getFirstKey(), program.getFirstValue()});
  tile::StoreOp::create(builder, loc, state, buffer, indices, program.getKeyCount(), program.getValueCount(),
                        ArrayRef<int64_t>{3, 4});
}

/// The state after each piece, so that a segment reads one state, however many are before it. Each program does a
/// small part of a head's state: that is many programs, each of which waits for memory.
void KernelWriter::writeStartStates() {
  constexpr int64_t kKeys = 16, kMostValues = 256;
  startStates = allocate({root.getKeyDim(), root.getValueDim()}, /*perSegment=*/true);
  Value none = index(0), one = index(1), isNeeded = arith::MinSIOp::create(builder, loc, earlierPieces, one);
  forall({batches, heads, isNeeded}, kKeys, kMostValues, [&](ForwardProgram &program, ValueRange position) {
    Value max;
    if (sequenceMax)
      max = loadMax(program, sequenceMax, position.take_front(2));
    Carried initial = program.buildInitial(position[0], position[1], max);
    SmallVector<Value> carried{initial.state};
    if (initial.max)
      carried.push_back(initial.max);
    auto merge = scf::ForOp::create(builder, loc, none, earlierPieces, one, carried);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(merge.getBody());
    Carried earlier;
    earlier.state = merge.getRegionIterArg(0);
    earlier.max = initial.max ? Value(merge.getRegionIterArg(1)) : Value();
    SmallVector<Value> piece{position[0], position[1], merge.getInductionVar()};
    Carried merged = program.buildMerge(earlier, loadSegment(program, piece));
    storeState(program, merged.state, startStates, piece);
    SmallVector<Value> results{merged.state};
    if (merged.max)
      results.push_back(merged.max);
    scf::YieldOp::create(builder, loc, results);
  });
}

/// What a segment starts from: `initial` if it is the first. The maximum is combined here from those of the pieces, on
/// the way to the only role that wants it.
Carried KernelWriter::startFrom(ForwardProgram &program, Carried initial, ValueRange position) {
  Value none = index(0), one = index(1), segment = position[2];
  Value before = arith::MulIOp::create(builder, loc, segment, pieces);
  OpBuilder::InsertionGuard guard(builder);
  auto start = scf::ForOp::create(builder, loc, none, arith::MinSIOp::create(builder, loc, segment, one), one,
                                  ValueRange{initial.state});
  builder.setInsertionPointToStart(start.getBody());
  Value last = arith::SubIOp::create(builder, loc, before, one);
  Value state = loadState(program, startStates, {position[0], position[1], last});
  scf::YieldOp::create(builder, loc, state);
  initial.state = start.getResult(0);
  if (!maxima)
    return initial;
  builder.setInsertionPointAfter(start);
  auto combine = scf::ForOp::create(builder, loc, none, before, one, ValueRange{initial.max});
  builder.setInsertionPointToStart(combine.getBody());
  Value max = loadMax(program, maxima, {position[0], position[1], combine.getInductionVar(), none});
  max = tile::buildMap(
      builder, loc, {combine.getRegionIterArg(0), max}, {1, 1},
      [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::MaximumFOp::create(b, l, v[0], v[1]); });
  scf::YieldOp::create(builder, loc, max);
  initial.max = combine.getResult(0);
  return initial;
}

void KernelWriter::storeFinal(AttentionTiles &program, const Carried &carried, Value batch, Value head) {
  if (finalState)
    tile::StoreOp::create(builder, loc, carried.state, finalState,
                          ValueRange{batch, head, program.getFirstKey(), program.getFirstValue()},
                          program.getKeyCount(), program.getValueCount(), ArrayRef<int64_t>{2, 3});
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
  if (segment)
    whole = equals(segment, arith::SubIOp::create(builder, loc, segments, index(1)));
  if (group == 1)
    return whole;
  Value isFirst = equals(arith::RemUIOp::create(builder, loc, queryHead, index(group)), index(0));
  return whole ? Value(arith::AndIOp::create(builder, loc, whole, isFirst)) : isFirst;
}

/// Stores what a head ends with where `condition` holds, or everywhere.
void KernelWriter::storeWhole(AttentionTiles &program, Carried carried, Value batch, Value head, Value condition) {
  if (finalState)
    carried.state = convertTile(builder, loc, carried.state, cast<MemRefType>(finalState.getType()).getElementType());
  if (!condition)
    return storeFinal(program, carried, batch, head);
  auto branch = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&branch.getThenRegion().front());
  storeFinal(program, carried, batch, head);
}

void KernelWriter::writeOutputs() {
  parts = makeParts();
  Value count = segments;
  if (areClusters) {
    Value others = arith::SubIOp::create(builder, loc, index(1), areClusters);
    count = arith::MulIOp::create(builder, loc, segments, others);
  }
  writeOutputs(count, segments != nullptr, schedule.getKeySlice(), areClusters ? 1 : cluster);
}

/// The kernel that does all where a cluster for each head is enough. It comes first: so the others, of which each may
/// start while the one before it ends, stay together.
void KernelWriter::writeClusters() {
  parts = output;
  writeOutputs(areClusters, /*areSegments=*/false, getKeySliceOfCluster(root.getKeyDim(), cluster), cluster);
}

/// The kernel whose programs own `keyWidth` keys each (0: all); `count` programs for each head, if that is not null,
/// which `areSegments` of its tokens.
void KernelWriter::writeOutputs(Value count, bool areSegments, int64_t keyWidth, int64_t cluster) {
  SmallVector<Value> bounds{batches, group == 1 ? heads : index(root.getNumHeads() * group)};
  if (count)
    bounds.push_back(count);
  auto body = [&](ForwardProgram &program, ValueRange position) {
    Value batch = position[0], head = position[1], begin = index(0), end = tokens, max, queryHead;
    if (group > 1) {
      queryHead = head;
      head = arith::DivUIOp::create(builder, loc, head, index(group));
    }
    if (sequenceMax)
      max = loadMax(program, sequenceMax, {batch, head});
    Carried initial = program.buildInitial(batch, head, max);
    if (areSegments) {
      begin = arith::MulIOp::create(builder, loc, position[2], segmentLength);
      end = arith::MinSIOp::create(builder, loc, arith::AddIOp::create(builder, loc, begin, segmentLength), tokens);
      initial = startFrom(program, initial, {batch, head, position[2]});
    }
    Value firstHead;
    if (keySlices > 1 && cluster <= 1) {
      Value slice = arith::DivUIOp::create(builder, loc, program.getFirstKey(), index(schedule.getKeySlice()));
      firstHead = arith::MulIOp::create(builder, loc, slice, index(root.getNumQueryHeads()));
    }
    Carried last = program.buildWalk(batch, head, begin, end, initial, parts, queryHead, firstHead);
    if (!finalState)
      return;
    storeWhole(program, last, batch, head, isWhole(queryHead, areSegments ? position[2] : Value()));
  };
  forall(bounds, keyWidth, schedule.getValueSlice(), body, cluster);
}

/// What the parts of outputs make together. No program has all of them, so it is done when all programs have ended.
void KernelWriter::writeSums() {
  if ((cluster > 1 || keySlices == 1) && (valueSlices == 1 || fusion.consumers.empty()))
    return;
  constexpr int64_t kMinTiles = 4;
  Value queryHeads = index(root.getNumQueryHeads());
  auto [length, count] = cutTokens(countIdle(queryHeads, countTiles(), kMinTiles));
  forall({batches, queryHeads, count}, /*ownsState=*/false,
         [&, length = length](ForwardProgram &program, ValueRange position) {
           Value begin = arith::MulIOp::create(builder, loc, position[2], length);
           Value end = arith::MinSIOp::create(builder, loc, arith::AddIOp::create(builder, loc, begin, length), tokens);
           program.buildSums(position[0], position[1], begin, end, parts, output);
         });
}

/// Whether a GPU has code for a kernel without a loop: all that it computes is elementwise or a sum.
static bool hasCodeWithoutWalk(scf::ForallOp forall) {
  return llvm::all_of(forall.getBody()->without_terminator(), [](Operation &op) {
    return !isa<tile::DotOp, tile::ScanOp>(op) && !isa<tensor::TensorDialect>(op.getDialect());
  });
}

/// One token, without a loop; false where that has no code for a GPU.
bool KernelWriter::writeStep() {
  constexpr int64_t kMostState = 128 * 128, kLeastSide = 16; // registers; lanes with 4 columns each
  int64_t keys = root.getKeyDim(), values = root.getValueDim();
  bool fitsLayouts = llvm::isPowerOf2_64(keys) && llvm::isPowerOf2_64(values) && std::min(keys, values) >= kLeastSide;
  if (!roles || cast<MemRefType>(output.getType()).getDimSize(1) != 1 || !fitsLayouts || keys * values > kMostState ||
      root.getStabilizer() == Stabilizer::Sequence)
    return false;
  Value count = group == 1 ? heads : index(root.getNumHeads() * group);
  auto loop = scf::ForallOp::create(builder, loc, SmallVector<OpFoldResult>{batches, count}, ValueRange(),
                                    getMapping(/*dims=*/2));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  StepProgram program(builder, fusion, arrays);
  Value batch = loop.getInductionVar(0), head = loop.getInductionVar(1), queryHead;
  if (group > 1) {
    queryHead = head;
    head = arith::DivUIOp::create(builder, loc, head, index(group));
  }
  Carried initial = program.buildInitial(batch, head, /*sequenceMax=*/Value());
  Carried last = program.buildStep(batch, head, initial, output, queryHead);
  if (!hasCodeWithoutWalk(loop)) {
    loop.erase();
    return false;
  }
  if (finalState)
    storeWhole(program, last, batch, head, isWhole(queryHead, /*segment=*/Value()));
  return true;
}

void KernelWriter::write() {
  batches = memref::DimOp::create(builder, loc, output, 0);
  tokens = memref::DimOp::create(builder, loc, output, 1);
  heads = index(root.getNumHeads());
  if (writeStep()) {
    func::ReturnOp::create(builder, loc);
    return;
  }
  writeSequenceMax();
  if (schedule.getSegments() != 1) {
    planSegments();
    if (areClusters)
      writeClusters();
    writeSegmentStates();
    writeStartStates();
  }
  writeOutputs();
  writeSums();
  func::ReturnOp::create(builder, loc);
}
