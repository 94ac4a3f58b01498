//===- Memory.cpp - Channels and arrays -----------------------------------===//

#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

/// The address of a barrier of this turn.
Value RoleEmitter::getBarrier(int64_t number) {
  return code.sharedPointer(turnAddress, kernel.plan.barriers + number * 8);
}

/// Waits for a barrier to leave `waited` phase.
static void wait(Code &code, Value barrier, Value parity, bool canSuspend, bool ofCluster) {
  OpBuilder &builder = code.builder;
  auto loop = scf::WhileOp::create(builder, code.loc, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&loop.getBefore());
  Type i1 = builder.getI1Type();
  Value done;
  if (canSuspend)
    done = NVVM::MBarrierTryWaitOp::create(builder, code.loc, i1, barrier, parity, /*ticks=*/Value(),
                                           ofCluster ? NVVM::MemScopeKind::CLUSTER : NVVM::MemScopeKind::CTA,
                                           /*relaxed=*/ofCluster);
  else
    done = NVVM::MBarrierTestWaitOp::create(builder, code.loc, i1, barrier, parity);
  Value yes = arith::ConstantIntOp::create(builder, code.loc, 1, 1);
  Value again = arith::XOrIOp::create(builder, code.loc, done, yes);
  scf::ConditionOp::create(builder, code.loc, again, ValueRange());
  builder.createBlock(&loop.getAfter());
  scf::YieldOp::create(builder, code.loc);
}

/// A fence for shared memory alone orders what blocks wrote before their arrival, and another one orders the wait
/// before what reads it. A release of the whole cluster's scope would wait for all that was stored to global memory,
/// and its acquire would empty the L1 cache (0.30 ms for 0.16). A role that has only read needs no fence: it has
/// computed with what it read, and stored that, before it arrives.
void RoleEmitter::arriveInCluster(int64_t number, Hearers hearers) {
  auto arriveIn = [&](Value rank) {
    NVVM::MBarrierArriveOp::create(builder, code.loc, /*res=*/Type(), code.inBlock(getBarrier(number), rank),
                                   /*count=*/Value(), NVVM::MemScopeKind::CLUSTER, /*relaxed=*/true);
  };
  auto fence = [&] {
    if (hearers == Hearers::Readers)
      NVVM::FenceSyncRestrictOp::create(builder, code.loc, NVVM::MemOrderKind::RELEASE);
  };
  code.syncWarp();
  if (kernel.everyLaneArrives) {
    fence();
    for (int64_t rank = 0; rank < kernel.cluster; ++rank)
      arriveIn(code.i32(rank));
    return;
  }
  code.ifThen(code.less(threads.lane, code.i32(kernel.cluster)), [&] { // a lane for each block
    fence();
    arriveIn(threads.lane);
  });
}

void RoleEmitter::arrive(int64_t number, Hearers hearers) {
  if (hearers != Hearers::Block)
    return arriveInCluster(number, hearers);
  auto arriveHere = [&] {
    NVVM::MBarrierArriveOp::create(builder, code.loc, builder.getI64Type(), getBarrier(number));
  };
  // Also what the warp writes in its next turn comes after what its lanes read in this one.
  code.syncWarp();
  if (kernel.everyLaneArrives)
    return arriveHere();
  code.ifThen(code.equal(threads.lane, code.i32(0)), arriveHere);
}

void RoleEmitter::await(int64_t number, Value parity, bool ofCluster) {
  wait(code, getBarrier(number), parity, kernel.target.hasBulkCopies, ofCluster);
  if (ofCluster)
    NVVM::FenceSyncRestrictOp::create(builder, code.loc, NVVM::MemOrderKind::ACQUIRE);
}

void RoleEmitter::ifFirstThread(llvm::function_ref<void()> then) {
  Value isElected = NVVM::ElectSyncOp::create(builder, code.loc, builder.getI1Type(), /*membermask=*/Value());
  Value isFirst = code.equal(threads.warp, code.i32(0));
  code.ifThen(arith::AndIOp::create(builder, code.loc, isFirst, isElected), then);
}

RoleEmitter::SharedTile RoleEmitter::getSlot(Value channel) {
  RankedTensorType type = cast<warp::ChannelType>(channel.getType()).getTile();
  return {turnAddress, kernel.plan.channels.lookup(channel), TileMemory(type), type.getElementType()};
}

/// An instance has not seen all turns, and copies end in any order. So it does not know whether the turn before in this
/// memory has come yet, and a barrier that is a phase late looks like one that is a phase early. It knows once the
/// memory was free in between.
void RoleEmitter::emitGet(warp::GetOp get) {
  if (role.getInstances() > 1)
    awaitTurn();
  for (Operation *user : get.getChannel().getUsers())
    if (auto put = dyn_cast<warp::PutOp>(user)) {
      auto giver = put->getParentOfType<warp::RoleOp>();
      int64_t number = kernel.roles.lookup(giver);
      if (awaited.insert(number).second)
        await(number, phase, kernel.givers.contains(giver));
    }
  shared.insert({get.getResult(), getSlot(get.getChannel())});
}

/// Whole lines of a tile from a channel, which lie in its memory as a tile of their own would.
void RoleEmitter::emitPart(tensor::ExtractSliceOp slice) {
  constexpr int64_t kLineColumns = TileMemory::kLine / 2;
  SharedTile tile = shared.find(slice.getSource())->second;
  OpFoldResult column = slice.getMixedOffsets()[1];
  Value first = isa<Value>(column) ? scalarI32(cast<Value>(column)) : code.i32(*getConstantIntValue(column));
  Value line = code.shiftRight(first, llvm::Log2_64(kLineColumns));
  tile.address = code.add(tile.address, code.mul(line, tile.memory.rows * TileMemory::kLine));
  tile.memory = TileMemory(slice.getType());
  shared.insert({slice.getResult(), tile});
}

/// Tiles of all blocks, or this block's part of their rows, are read where they lie, in the memory of the blocks.
void RoleEmitter::readCluster(Value whole, ValueRange parts) {
  SharedTile tile = shared.find(whole)->second;
  tile.isOfCluster = true;
  if (int64_t rows = tile::shapeOf(parts.front())[0]; rows < tile.memory.rows) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(entry);
    tile.firstRow = code.mul(kernel.rank, rows);
  }
  Value here = code.sharedPointer(tile.address, 0);
  for (auto [number, part] : llvm::enumerate(parts)) {
    Value there = code.inBlock(here, code.i32(number));
    tile.address = LLVM::PtrToIntOp::create(builder, code.loc, builder.getI32Type(), there);
    shared.insert({part, tile});
  }
}

void RoleEmitter::announce() {
  if (--puts == 0)
    arrive(kernel.roles.lookup(role), kernel.givers.contains(role) ? Hearers::Readers : Hearers::Block);
}

/// What the role has read where `put` writes, if it has.
static SmallVector<Value> getOverwritten(warp::PutOp put) {
  SmallVector<Value> tiles;
  if (Value reused = put.getChannel().getDefiningOp<warp::ChannelOp>().getReuses())
    for (Operation *user : reused.getUsers())
      if (auto get = dyn_cast<warp::GetOp>(user); get && get->getParentOp() == put->getParentOp())
        tiles.push_back(get.getResult());
  return tiles;
}

/// Which threads read elements of `tile` that a thread which writes them in `layout` does not read itself.
RoleEmitter::Readers RoleEmitter::getOtherReaders(Value tile, const LinearLayout &layout) {
  auto hasOwnWarps = [&](const LinearLayout &other) {
    return other.warps == layout.warps && llvm::none_of(layout.warps, [](Element basis) { return basis.isZero(); });
  };
  Readers readers = Readers::None;
  for (Operation *user : tile.getUsers()) {
    Readers those = Readers::Role;
    if (auto map = dyn_cast<tile::MapOp>(user)) {
      LinearLayout read = getLayout(map.getResult(0));
      if (read.isSameUpToRegisters(layout))
        those = !layout.isReplicated() ? Readers::None : hasOwnWarps(read) ? Readers::Warp : Readers::Role;
    } else if (auto dot = dyn_cast<tile::DotOp>(user)) {
      // Each warp reads the columns of the second operand that its part of the result has.
      if (tile == dot.getB() && tile != dot.getA() && !dot.getTransposeB() && hasOwnWarps(getLayout(dot.getResult())))
        those = Readers::Warp;
    }
    readers = std::max(readers, those);
  }
  return readers;
}

/// Whether `value` is still to be computed from `tile`.
bool RoleEmitter::isPulledFrom(Value value, Value tile) {
  if (value == tile)
    return true;
  Operation *op = value.getDefiningOp();
  return op && isa<RankedTensorType>(value.getType()) && !registers.count(value) && !isa<warp::GetOp>(op) &&
         llvm::any_of(op->getOperands(), [&](Value operand) { return isPulledFrom(operand, tile); });
}

/// Waits for the turn's memory to be free.
void RoleEmitter::awaitTurn() {
  int64_t free = kernel.plan.numBarriers - 1;
  if (!awaited.insert(free).second)
    return;
  Value before = arith::XOrIOp::create(builder, code.loc, phase, code.i32(1));
  await(free, before, /*ofCluster=*/false);
}

void RoleEmitter::emitPut(warp::PutOp put) {
  if (put.getAlong())
    return; // the scores have written it
  // A role that computes from constants alone has got nothing yet, so nothing told it that its memory is free.
  if (awaited.empty())
    awaitTurn();
  LinearLayout layout = getLayout(put.getValue());
  Readers readers = Readers::None;
  bool readsFirst = false;
  for (Value tile : getOverwritten(put)) {
    readers = std::max(readers, getOtherReaders(tile, layout));
    readsFirst |= isPulledFrom(put.getValue(), tile);
  }
  auto waitForReaders = [&] { readers == Readers::Role ? sync() : code.syncWarp(); };
  SharedTile slot = getSlot(put.getChannel());
  if (readers != Readers::None && readsFirst) {
    writeTile(slot, layout, put.getValue(), waitForReaders);
  } else {
    if (readers != Readers::None)
      waitForReaders();
    writeTile(slot, layout, put.getValue());
  }
  announce();
}

/// Behind a release at the end of a turn there is nothing but what the loop carries on, which is not computed where its
/// op stands: now, while the turn's memory, which it may be computed from, is still the role's.
void RoleEmitter::emitRelease(warp::ReleaseOp release) {
  auto walk = dyn_cast<tile::WalkOp>(release->getParentOp());
  if (walk && release->getNextNode() == walk.getYield())
    for (auto [value, arg] : llvm::zip_equal(walk.getYieldedValues(), walk.getRegionIterArgs()))
      if (isa<RankedTensorType>(arg.getType()))
        (void)pullAll(value, getLayout(arg));
  arrive(kernel.plan.numBarriers - 1, kernel.takers.contains(role) ? Hearers::Writers : Hearers::Block);
}

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

/// The pointer to the element at `indices`.
Value RoleEmitter::getAddress(const GlobalArray &array, ValueRange indices) {
  Value offset;
  for (auto [index, stride] : llvm::zip_equal(indices, array.strides)) {
    Value part = arith::MulIOp::create(builder, code.loc, code.toI64(scalar(index)), stride);
    offset = offset ? code.add(offset, part) : part;
  }
  if (!offset)
    return array.pointer;
  return LLVM::GEPOp::create(builder, code.loc, array.pointer.getType(), array.element, array.pointer,
                             LLVM::GEPArg(offset));
}

/// The strides of an array along a tile's rows and columns; null where the array lacks the dim.
static std::pair<Value, Value> getTileStrides(const GlobalArray &array, ArrayRef<int64_t> dims) {
  auto get = [&](int64_t dim) { return dim < 0 ? Value() : array.strides[dim]; };
  return {get(dims[0]), get(dims[1])};
}

static constexpr int64_t kMostCopyBytes = 16; // of a thread

/// The largest power of two, up to 16, that the bytes of all rows of an array are a multiple of: rows start there, and
/// where only a part of a row is there, it ends there.
static int64_t getRowAlignment(MemRefType array) {
  if (array.getRank() == 0 || array.isDynamicDim(array.getRank() - 1))
    return array.getElementTypeBitWidth() / 8;
  int64_t bytes = array.getShape().back() * array.getElementTypeBitWidth() / 8;
  return std::min<int64_t>(bytes & -bytes, kMostCopyBytes);
}

/// The bytes of a tile that a thread copies at once, without registers. 0: there is no such copy.
static int64_t getCopyBytes(tile::LoadOp load) {
  constexpr int64_t kLeastCopyBytes = 4;
  RankedTensorType type = load.getResult().getType();
  auto array = cast<MemRefType>(load.getSource().getType());
  int64_t rowBytes = type.getDimSize(1) * type.getElementTypeBitWidth() / 8;
  if (load.getDims()[1] != array.getRank() - 1)
    return 0;
  int64_t bytes = getRowAlignment(array);
  return bytes >= kLeastCopyBytes && rowBytes >= kMostCopyBytes && llvm::isPowerOf2_64(rowBytes) ? bytes : 0;
}

/// Copies a tile of tokens into its slot; zeros after the end.
void RoleEmitter::emitLoadToChannel(tile::LoadOp load, warp::PutOp put) {
  awaitTurn();
  TensorCopies copies(role, kernel.target);
  if (copies.tiles > 0 && !std::exchange(expectsCopies, true))
    ifFirstThread([&] {
      // What other roles wrote into the turn's memory comes before what the copy engine writes there.
      NVVM::FenceProxyOp::create(builder, code.loc,
                                 NVVM::ProxyKindAttr::get(builder.getContext(), NVVM::ProxyKind::async_shared),
                                 NVVM::SharedSpaceAttr::get(builder.getContext(), NVVM::SharedSpace::shared_cta));
      NVVM::MBarrierArriveExpectTxOp::create(builder, code.loc, /*res=*/Type(), getBarrier(kernel.roles.lookup(role)),
                                             code.i32(copies.bytes), NVVM::MemScopeKind::CTA, /*relaxed=*/false,
                                             /*predicate=*/Value());
    });
  SharedTile place = getSlot(put.getChannel());
  if (!getTensorCopyBox(load, kernel.target).empty()) {
    copyLines(load, place);
  } else {
    const GlobalArray &array = kernel.arrays.find(load.getSource())->second;
    Value rows = load.getRows() ? scalarI32(load.getRows()) : code.i32(place.memory.rows);
    if (getCopyBytes(load))
      copyParts(load, array, place, rows);
    else
      copyElements(load, array, place, rows);
  }
  if (--puts > 0 || hasOnlyTensorCopies(role, kernel.target))
    return;
  Value barrier = getBarrier(kernel.roles.lookup(role));
  NVVM::CpAsyncMBarrierArriveOp::create(builder, code.loc, barrier, /*noinc=*/true);
  if (hasElementCopies(role, kernel.target))
    NVVM::MBarrierArriveOp::create(builder, code.loc, builder.getI64Type(), barrier);
}

TensorCopies::TensorCopies(warp::RoleOp role, const GPUTarget &target) {
  role.walk([&](warp::PutOp put) {
    auto load = put.getValue().getDefiningOp<tile::LoadOp>();
    if (!load || getTensorCopyBox(load, target).empty())
      return;
    ++tiles;
    bytes += TileMemory(put.getChannel().getType().getTile()).getBytes();
  });
}

/// A tile by the copy engine. Zeros lie after the end of the array; segments end with a whole tile.
void RoleEmitter::copyLines(tile::LoadOp load, const SharedTile &place) {
  constexpr int64_t kLineColumns = TileMemory::kLine / 2;
  // As the runtime describes arrays: columns within a line, rows, lines, then the other dims from the innermost.
  int64_t rowDim = load.getDims()[0], last = load.getIndices().size() - 1;
  SmallVector<Value> coordinates{code.i32(0), scalarI32(load.getIndices()[rowDim]),
                                 code.shiftRight(scalarI32(load.getIndices()[last]), llvm::Log2_64(kLineColumns))};
  for (int64_t dim = last - 1; dim >= 0; --dim)
    if (dim != rowDim)
      coordinates.push_back(scalarI32(load.getIndices()[dim]));
  auto space = static_cast<unsigned>(NVVM::NVVMMemorySpace::SharedCluster);
  Type cluster = LLVM::LLVMPointerType::get(builder.getContext(), space);
  ifFirstThread([&] {
    Value to = code.sharedPointer(place.address, place.offset);
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        builder, code.loc, LLVM::AddrSpaceCastOp::create(builder, code.loc, cluster, to),
        kernel.maps.lookup({load.getSource(), place.memory.columns}), coordinates,
        getBarrier(kernel.roles.lookup(role)),
        /*im2colOffsets=*/ValueRange(), /*multicastMask=*/Value(), /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE,
        /*isCTAOnly=*/false, /*group=*/nullptr, /*predicate=*/Value());
  });
}

bool fgla::kernel::hasElementCopies(warp::RoleOp role, const GPUTarget &target) {
  return role
      .walk([&](warp::PutOp put) {
        auto load = put.getValue().getDefiningOp<tile::LoadOp>();
        bool isCopied = load && getTensorCopyBox(load, target).empty();
        return isCopied && !getCopyBytes(load) ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// 16 bytes a thread, asynchronously; fewer where rows of the array are no multiple of that.
void RoleEmitter::copyParts(tile::LoadOp load, const GlobalArray &array, const SharedTile &place, Value rows) {
  Value rowStride = getTileStrides(array, load.getDims()).first;
  int64_t copyBytes = getCopyBytes(load);
  int64_t perPart = copyBytes / place.memory.elementBytes, parts = place.memory.columns / perPart;
  int64_t numThreads = threads.warps * 32, rowsAtOnce = std::max<int64_t>(numThreads / parts, 1);
  Value row, column;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(entry);
    Value thread = code.add(code.mul(threads.warp, 32), threads.lane);
    row = code.shiftRight(thread, llvm::Log2_64(parts));
    column = code.mul(code.mask(thread, parts - 1), perPart);
  }
  Value base = getAddress(array, load.getIndices());
  Value offset =
      code.add(arith::MulIOp::create(builder, code.loc, code.toI64(row), rowStride).getResult(), code.toI64(column));
  Value source = LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, base, LLVM::GEPArg(offset));
  Value step = code.mul(rowStride, rowsAtOnce);
  auto cache = NVVM::LoadCacheModifierKindAttr::get(builder.getContext(), copyBytes == kMostCopyBytes
                                                                              ? NVVM::LoadCacheModifierKind::CG
                                                                              : NVVM::LoadCacheModifierKind::CA);
  for (int64_t first = 0; first < place.memory.rows; first += rowsAtOnce) {
    Value pointer = source;
    for (int64_t columns = 0; columns < parts; columns += numThreads) {
      Value isThere = code.less(code.add(row, first), rows);
      if (Value cols = load.getCols())
        isThere = arith::AndIOp::create(builder, code.loc, isThere,
                                        code.less(code.add(column, columns * perPart), scalarI32(cols)));
      Value bytes = code.select(isThere, code.i32(copyBytes), code.i32(0)), from = pointer;
      auto copy = [&, columns = columns] {
        NVVM::CpAsyncOp::create(builder, code.loc, getPointer(place, {row, column}, first, columns * perPart), from,
                                builder.getI32IntegerAttr(copyBytes), cache, bytes);
      };
      // Where there are more threads than parts, what the others would write, zeros, is not the tile's.
      if (rowsAtOnce > place.memory.rows)
        code.ifThen(code.less(row, code.i32(place.memory.rows)), copy);
      else
        copy();
      if (columns + numThreads < parts)
        pointer = code.globalPointer(pointer, numThreads * copyBytes);
    }
    source = LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, source, LLVM::GEPArg(step));
  }
}

/// An element a thread: for rows that are no multiple of 16 bytes.
void RoleEmitter::copyElements(tile::LoadOp load, const GlobalArray &array, const SharedTile &place, Value rows) {
  auto [rowStride, columnStride] = getTileStrides(array, load.getDims());
  int64_t numThreads = threads.warps * 32, columns = place.memory.columns, count = place.memory.rows * columns;
  Value base = getAddress(array, load.getIndices());
  for (int64_t first = 0; first < count; first += numThreads) {
    Value row, column;
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPoint(entry);
      Value number = code.add(code.add(code.mul(threads.warp, 32), threads.lane), first);
      row = arith::DivUIOp::create(builder, code.loc, number, code.i32(columns));
      column = arith::RemUIOp::create(builder, code.loc, number, code.i32(columns));
    }
    code.ifThen(code.less(row, code.i32(place.memory.rows)), [&, rowStride = rowStride] {
      Value isThere = code.less(row, rows);
      if (Value cols = load.getCols())
        isThere = arith::AndIOp::create(builder, code.loc, isThere, code.less(column, scalarI32(cols)));
      auto branch = scf::IfOp::create(builder, code.loc, array.element, isThere, /*withElseRegion=*/true);
      {
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPointToStart(&branch.getThenRegion().front());
        Value offset = code.add(arith::MulIOp::create(builder, code.loc, code.toI64(row), rowStride).getResult(),
                                code.toI64(column));
        Value source =
            LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, base, LLVM::GEPArg(offset));
        scf::YieldOp::create(builder, code.loc,
                             LLVM::LoadOp::create(builder, code.loc, array.element, source).getResult());
        builder.setInsertionPointToStart(&branch.getElseRegion().front());
        Value zero = arith::ConstantOp::create(builder, code.loc, builder.getFloatAttr(array.element, 0));
        scf::YieldOp::create(builder, code.loc, zero);
      }
      LLVM::StoreOp::create(builder, code.loc, branch.getResult(0), getPointer(place, {row, column}, 0, 0));
    });
  }
}

void RoleEmitter::writeOnce(const LinearLayout &layout, function_ref<void()> before, function_ref<void()> write) {
  bool isShared = llvm::all_of(layout.warps, [](Element basis) { return basis.isZero(); });
  if (!isShared || threads.warps == 1)
    return write();
  before();
  code.ifThen(code.equal(threads.warp, code.i32(0)), write);
}

/// How many neighbouring columns in neighbouring registers are one access, of up to 16 bytes.
static int64_t getAccessLength(const warp::LinearLayout &layout, MemRefType array, ArrayRef<int64_t> dims) {
  int64_t last = array.getRank() - 1, length = 1, most = kMostCopyBytes / (array.getElementTypeBitWidth() / 8);
  if (dims[1] != last)
    return 1;
  for (Element basis : layout.registers) {
    if (basis != Element{0, static_cast<int32_t>(length)} || length >= most || array.getDimSize(last) % (2 * length))
      break;
    length *= 2;
  }
  return length;
}

/// A tile that stays in registers.
void RoleEmitter::emitLoad(tile::LoadOp load) {
  auto found = cast<RankedTensorType>(load.getResult().getType()).getEncoding();
  if (!found)
    return; // goes into a channel
  LinearLayout layout = getLayout(load.getResult());
  const GlobalArray &array = kernel.arrays.find(load.getSource())->second;
  auto [rowStride, columnStride] = getTileStrides(array, load.getDims());
  Value base = getAddress(array, load.getIndices());
  auto [row, column] = getThreadElement(layout);
  auto at = [&](Value r, Value c) {
    Value offset = code.i64(0);
    if (rowStride)
      offset = code.add(offset, arith::MulIOp::create(builder, code.loc, code.toI64(r), rowStride));
    if (columnStride)
      offset = code.add(offset, arith::MulIOp::create(builder, code.loc, code.toI64(c), columnStride));
    return offset;
  };
  Value rows = load.getRows() ? scalarI32(load.getRows()) : Value();
  Value cols = load.getCols() ? scalarI32(load.getCols()) : Value();
  Value first =
      LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, base, LLVM::GEPArg(at(row, column)));
  Registers &values = registers[load.getResult()];
  int64_t length =
      rows || cols ? 1 : getAccessLength(layout, cast<MemRefType>(load.getSource().getType()), load.getDims());
  for (int64_t number = 0; number < layout.getNumRegisters(); number += length) {
    Element element = layout.ofRegister(number);
    Value pointer = LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, first,
                                        LLVM::GEPArg(at(code.i32(element.row), code.i32(element.column))));
    // What is not there is read from where something is, the first element, and replaced by zero.
    Value isThere;
    for (auto [own, offset, count] : {std::tuple(row, element.row, rows), std::tuple(column, element.column, cols)})
      if (count) {
        Value isBefore = code.less(code.add(own, offset), count);
        isThere = isThere ? Value(arith::AndIOp::create(builder, code.loc, isThere, isBefore)) : isBefore;
      }
    if (isThere)
      pointer = arith::SelectOp::create(builder, code.loc, isThere, pointer, base);
    int64_t bytes = length * array.element.getIntOrFloatBitWidth() / 8;
    Type type = length == 1 ? array.element : VectorType::get(length, array.element);
    Value loaded = LLVM::LoadOp::create(builder, code.loc, type, pointer, bytes);
    for (int64_t i = 0; i < length; ++i) {
      Value value =
          length == 1 ? loaded : Value(LLVM::ExtractElementOp::create(builder, code.loc, loaded, code.i32(i)));
      if (!array.element.isF32())
        value = LLVM::FPExtOp::create(builder, code.loc, builder.getF32Type(), value);
      values.push_back(isThere ? code.select(isThere, value, code.f32(0)) : value);
    }
  }
}

void RoleEmitter::emitStore(tile::StoreOp store) {
  LinearLayout layout = getLayout(store.getValue());
  const GlobalArray &array = kernel.arrays.find(store.getDest())->second;
  auto [rowStride, columnStride] = getTileStrides(array, store.getDims());
  Value base = getAddress(array, store.getIndices());
  auto [threadRow, threadColumn] = getThreadElement(layout);
  bool narrow = !array.element.isF32();
  // Neighbouring columns in neighbouring registers leave together.
  int64_t length = 1, most = getRowAlignment(cast<MemRefType>(store.getDest().getType())) / (narrow ? 2 : 4);
  for (Element basis : layout.registers) {
    if (!columnStride || basis != Element{0, static_cast<int32_t>(length)} || length >= most)
      break;
    length *= 2;
  }
  Value rows = store.getRows() && store.getRows() != fullRows ? scalarI32(store.getRows()) : Value();
  Value cols = store.getCols() ? scalarI32(store.getCols()) : Value();
  std::map<int32_t, SmallVector<int64_t>> byRow;
  for (int64_t first = 0; first < layout.getNumRegisters(); first += length)
    byRow[layout.ofRegister(first).row].push_back(first);
  Registers values = pullAll(store.getValue(), layout);
  for (auto &[rowOffset, groups] : byRow) {
    Value row = code.add(threadRow, rowOffset);
    auto write = [&, &groups = groups] {
      Value offset = code.toI64(columnStride ? threadColumn : code.i32(0));
      if (rowStride)
        offset = code.add(offset, arith::MulIOp::create(builder, code.loc, code.toI64(row), rowStride));
      Value first = LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, base, LLVM::GEPArg(offset));
      for (int64_t group : groups) {
        SmallVector<Value> words;
        for (int64_t i = 0; i < length; i += narrow && length > 1 ? 2 : 1) {
          Value value = values[group + i];
          if (narrow)
            value = length > 1 ? code.pack(value, values[group + i + 1], array.element)
                               : Value(LLVM::FPTruncOp::create(builder, code.loc, array.element, value));
          words.push_back(value);
        }
        Value stored = code.vector(words);
        int64_t elementBytes = narrow ? 2 : 4;
        int64_t column = layout.ofRegister(group).column;
        Value pointer = code.globalPointer(first, column * elementBytes);
        auto writeGroup = [&] { LLVM::StoreOp::create(builder, code.loc, stored, pointer, length * elementBytes); };
        if (cols)
          code.ifThen(code.less(code.add(threadColumn, column), cols), writeGroup);
        else
          writeGroup();
      }
    };
    if (rows)
      code.ifThen(code.less(row, rows), write);
    else
      writeOnce(layout, [] {}, write);
  }
}

RoleEmitter::SharedTile RoleEmitter::getScratch(Operation *op, RankedTensorType type, int64_t bytesEach,
                                                int64_t offset) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(entry);
  Value base = LLVM::PtrToIntOp::create(builder, code.loc, builder.getI32Type(), kernel.shared);
  Value address = code.add(base, code.mul(threads.instance, bytesEach));
  int64_t start = kernel.plan.getScratchOffset(kernel.stages) + kernel.plan.scratch.lookup(op);
  return {address, start + offset, TileMemory(type), type.getElementType()};
}
