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
  Value index = code.add(code.mul(slot, kernel.plan.numBarriers), number);
  Value offset = code.add(code.mul(index, 8), kernel.plan.getBarrierOffset(kernel.stages));
  Value base = LLVM::PtrToIntOp::create(builder, code.loc, builder.getI32Type(), kernel.shared);
  return code.sharedPointer(code.add(base, offset), 0);
}

/// Waits for a barrier to leave `waited` phase.
static void wait(Code &code, Value barrier, Value parity, bool canSuspend) {
  OpBuilder &builder = code.builder;
  auto loop = scf::WhileOp::create(builder, code.loc, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&loop.getBefore());
  Type i1 = builder.getI1Type();
  Value done;
  if (canSuspend)
    done = NVVM::MBarrierTryWaitOp::create(builder, code.loc, i1, barrier, parity, /*ticks=*/Value());
  else
    done = NVVM::MBarrierTestWaitOp::create(builder, code.loc, i1, barrier, parity);
  Value yes = arith::ConstantIntOp::create(builder, code.loc, 1, 1);
  Value again = arith::XOrIOp::create(builder, code.loc, done, yes);
  scf::ConditionOp::create(builder, code.loc, again, ValueRange());
  builder.createBlock(&loop.getAfter());
  scf::YieldOp::create(builder, code.loc);
}

void RoleEmitter::arrive(int64_t number) {
  code.syncWarp();
  code.ifThen(code.equal(threads.lane, code.i32(0)),
              [&] { NVVM::MBarrierArriveOp::create(builder, code.loc, builder.getI64Type(), getBarrier(number)); });
}

RoleEmitter::SharedTile RoleEmitter::getSlot(Value channel) {
  RankedTensorType type = cast<warp::ChannelType>(channel.getType()).getTile();
  return {turnAddress, kernel.plan.channels.lookup(channel), TileMemory(type), type.getElementType()};
}

void RoleEmitter::emitGet(warp::GetOp get) {
  for (Operation *user : get.getChannel().getUsers())
    if (auto put = dyn_cast<warp::PutOp>(user)) {
      int64_t number = kernel.roles.lookup(put->getParentOfType<warp::RoleOp>());
      if (awaited.insert(number).second)
        wait(code, getBarrier(number), phase, kernel.target.hasBulkCopies);
    }
  shared.insert({get.getResult(), getSlot(get.getChannel())});
}

void RoleEmitter::announce() {
  if (--puts == 0)
    arrive(kernel.roles.lookup(role));
}

void RoleEmitter::emitPut(warp::PutOp put) {
  if (done.lookup(put))
    return;
  LinearLayout layout = getLayout(put.getValue());
  writeTile(getSlot(put.getChannel()), layout, put.getValue());
  announce();
}

void RoleEmitter::emitRelease() {
  // What this role wrote into the turn's memory comes before the next copy into it.
  bool hasPut = role.walk([](warp::PutOp) { return WalkResult::interrupt(); }).wasInterrupted();
  if (kernel.target.hasBulkCopies && hasPut) {
    auto *context = builder.getContext();
    NVVM::FenceProxyOp::create(builder, code.loc, NVVM::ProxyKindAttr::get(context, NVVM::ProxyKind::async_shared),
                               NVVM::SharedSpaceAttr::get(context, NVVM::SharedSpace::shared_cta));
  }
  arrive(kernel.plan.numBarriers - 1);
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

static constexpr int64_t kCopyBytes = 16; // of a thread

/// Where a tile has no rows of tokens to be zero behind, it is full.
static Value getRows(Code &code, tile::LoadOp load, function_ref<Value(Value)> scalar) {
  return load.getRows() ? scalar(load.getRows()) : code.i32(tile::shapeOf(load.getResult())[0]);
}

/// Before the first copy of a turn: says how many bytes will come, and writes the zeros behind the last token.
void RoleEmitter::beginBulkCopies(warp::PutOp first) {
  Value rows;
  int64_t bytesOfRow = 0;
  SmallVector<SharedTile> tiles;
  for (auto put : first->getBlock()->getOps<warp::PutOp>()) {
    SharedTile place = getSlot(put.getChannel());
    bytesOfRow += place.memory.columns * place.memory.elementBytes;
    rows = getRows(code, put.getValue().getDefiningOp<tile::LoadOp>(), [&](Value v) { return scalarI32(v); });
    tiles.push_back(place);
  }
  Value full = code.i32(tiles[0].memory.rows);
  code.ifThen(code.less(rows, full), [&] {
    Value zero = code.vector({code.i32(0), code.i32(0), code.i32(0), code.i32(0)});
    for (const SharedTile &place : tiles) {
      int64_t chunks = place.memory.columns * place.memory.elementBytes / kCopyBytes;
      for (int64_t chunk = 0; chunk < chunks * place.memory.rows; chunk += 32) {
        Value number = code.add(threads.lane, chunk), row = code.shiftRight(number, llvm::Log2_64(chunks));
        Value isBehind = arith::CmpIOp::create(builder, code.loc, arith::CmpIPredicate::sge, row, rows);
        code.ifThen(isBehind, [&] {
          Value offset =
              code.add(code.mul(row, place.memory.getRowStride()), code.mul(code.mask(number, chunks - 1), kCopyBytes));
          LLVM::StoreOp::create(builder, code.loc, zero,
                                code.sharedPointer(code.add(place.address, offset), place.offset), kCopyBytes);
        });
      }
    }
    code.syncWarp();
  });
  code.ifThen(code.equal(threads.lane, code.i32(0)), [&] {
    NVVM::MBarrierArriveExpectTxOp::create(builder, code.loc, Type(), getBarrier(kernel.roles.lookup(role)),
                                           code.mul(rows, bytesOfRow), NVVM::MemScopeKind::CTA, /*relaxed=*/false,
                                           Value());
  });
  code.syncWarp();
}

/// A row in each lane.
void RoleEmitter::emitBulkCopy(tile::LoadOp load, warp::PutOp put) {
  const GlobalArray &array = kernel.arrays.find(load.getSource())->second;
  SharedTile place = getSlot(put.getChannel());
  Value rowStride = getTileStrides(array, load.getDims()).first;
  Value base = getAddress(array, load.getIndices());
  Value rows = getRows(code, load, [&](Value v) { return scalarI32(v); });
  Value barrier = getBarrier(kernel.roles.lookup(role));
  auto cluster = LLVM::LLVMPointerType::get(builder.getContext(), 7);
  for (int64_t first = 0; first < place.memory.rows; first += 32) {
    Value row = code.add(threads.lane, first);
    code.ifThen(code.less(row, rows), [&] {
      Value offset = arith::MulIOp::create(builder, code.loc, code.toI64(row), rowStride);
      Value source = LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, base, LLVM::GEPArg(offset));
      Value to = code.sharedPointer(code.add(place.address, code.mul(row, place.memory.getRowStride())), place.offset);
      Value toCluster = LLVM::AddrSpaceCastOp::create(builder, code.loc, cluster, to);
      NVVM::CpAsyncBulkGlobalToSharedClusterOp::create(builder, code.loc, toCluster, source, barrier,
                                                       code.i32(place.memory.columns * place.memory.elementBytes),
                                                       Value(), Value());
    });
  }
}

/// Copies a tile of tokens into its slot, 16 bytes a thread; zeros behind the end.
void RoleEmitter::emitLoadToChannel(tile::LoadOp load, warp::PutOp put) {
  constexpr int64_t kBytes = kCopyBytes;
  int64_t free = kernel.plan.numBarriers - 1;
  bool isFirst = awaited.insert(free).second;
  if (isFirst) {
    Value before = arith::XOrIOp::create(builder, code.loc, phase, code.i32(1));
    wait(code, getBarrier(free), before, kernel.target.hasBulkCopies);
  }
  if (kernel.target.hasBulkCopies && getenv("X_BULK")) {
    if (isFirst)
      beginBulkCopies(put);
    return emitBulkCopy(load, put);
  }
  const GlobalArray &array = kernel.arrays.find(load.getSource())->second;
  SharedTile slotTile = getSlot(put.getChannel());
  auto [rowStride, columnStride] = getTileStrides(array, load.getDims());
  int64_t elementBytes = slotTile.memory.elementBytes, perChunk = kBytes / elementBytes;
  int64_t chunks = slotTile.memory.columns / perChunk, numThreads = threads.warps * 32;
  Value thread = code.add(code.mul(threads.warp, 32), threads.lane);
  Value row = code.shiftRight(thread, llvm::Log2_64(chunks)), chunk = code.mask(thread, chunks - 1);
  int64_t rowsAtOnce = numThreads / chunks;
  Value base = getAddress(array, load.getIndices());
  Value offset = code.add(arith::MulIOp::create(builder, code.loc, code.toI64(row), rowStride).getResult(),
                          code.toI64(code.mul(chunk, perChunk)));
  Value source = LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, base, LLVM::GEPArg(offset));
  Value step = code.mul(rowStride, rowsAtOnce);
  Value to =
      code.add(slotTile.address, code.add(code.mul(row, slotTile.memory.getRowStride()), code.mul(chunk, kBytes)));
  Value rows = load.getRows() ? scalarI32(load.getRows()) : code.i32(slotTile.memory.rows);
  for (int64_t first = 0; first < slotTile.memory.rows; first += rowsAtOnce) {
    Value isToken = code.less(code.add(row, first), rows);
    Value bytes = code.select(isToken, code.i32(kBytes), code.i32(0));
    NVVM::CpAsyncOp::create(
        builder, code.loc, code.sharedPointer(to, slotTile.offset + first * slotTile.memory.getRowStride()), source,
        builder.getI32IntegerAttr(kBytes),
        NVVM::LoadCacheModifierKindAttr::get(builder.getContext(), NVVM::LoadCacheModifierKind::CG), bytes);
    source = LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, source, LLVM::GEPArg(step));
  }
  if (--puts == 0)
    NVVM::CpAsyncMBarrierArriveOp::create(builder, code.loc, getBarrier(kernel.roles.lookup(role)), /*noinc=*/true);
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
  Value first =
      LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, base, LLVM::GEPArg(at(row, column)));
  Registers &values = registers[load.getResult()];
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number) {
    Element element = layout.ofRegister(number);
    Value pointer = LLVM::GEPOp::create(builder, code.loc, base.getType(), array.element, first,
                                        LLVM::GEPArg(at(code.i32(element.row), code.i32(element.column))));
    Value value = LLVM::LoadOp::create(builder, code.loc, array.element, pointer);
    if (!array.element.isF32())
      value = LLVM::FPExtOp::create(builder, code.loc, builder.getF32Type(), value);
    values.push_back(value);
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
  int64_t length = 1, most = narrow ? 8 : 4;
  for (Element basis : layout.registers) {
    if (!columnStride || basis != Element{0, static_cast<int32_t>(length)} || length >= most)
      break;
    length *= 2;
  }
  Value rows = store.getRows() && store.getRows() != fullRows ? scalarI32(store.getRows()) : Value();
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
        Value pointer = code.globalPointer(first, layout.ofRegister(group).column * elementBytes);
        LLVM::StoreOp::create(builder, code.loc, stored, pointer, length * elementBytes);
      }
    };
    if (rows)
      code.ifThen(code.less(row, rows), write);
    else
      write();
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
