//===- Elements.cpp - Elements of tiles, computed where they are asked for ===//

#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

RoleEmitter::LinearLayout RoleEmitter::getLayout(Value tile) {
  return cast<warp::LayoutAttr>(cast<RankedTensorType>(tile.getType()).getEncoding()).getMap();
}

/// The layout in which an operand that may have one row or one column is read.
RoleEmitter::LinearLayout RoleEmitter::restrictTo(LinearLayout layout, Value tile) {
  if (tile::shapeOf(tile)[0] == 1)
    layout = layout.dropRows();
  if (tile::shapeOf(tile)[1] == 1)
    layout = layout.dropColumns();
  return layout;
}

int64_t RoleEmitter::getLayoutNumber(const LinearLayout &layout) {
  auto *found = llvm::find(layouts, layout);
  if (found == layouts.end()) {
    layouts.push_back(layout);
    return layouts.size() - 1;
  }
  return found - layouts.begin();
}

/// Whether its elements come from the last row to the first.
bool RoleEmitter::runsBackward(Value tile) {
  Operation *op = tile.getDefiningOp();
  if (!op)
    return false;
  if (auto scan = dyn_cast<tile::ScanOp>(op))
    return scan.getReverse();
  return isa<tile::MapOp>(op) && llvm::any_of(op->getOperands(), runsBackward);
}

//===----------------------------------------------------------------------===//
// Where a thread's elements are
//===----------------------------------------------------------------------===//

/// The sum of what the set bits of `number`, of which there are `bits`, contribute; runs of bits that contribute to
/// neighbouring bits at once.
static Value combineBits(Code &code, Value number, size_t bits, ArrayRef<int32_t> bases) {
  Value sum;
  for (size_t first = 0; first < bases.size();) {
    size_t end = first + 1;
    while (end < bases.size() && bases[first] != 0 && bases[end] == bases[end - 1] * 2)
      ++end;
    if (bases[first] != 0) {
      Value part = code.shiftRight(number, first);
      part = end < bits ? code.mask(part, (1 << (end - first)) - 1) : part;
      part = code.mul(part, bases[first]);
      sum = sum ? code.add(sum, part) : part;
    }
    first = end;
  }
  return sum ? sum : code.i32(0);
}

std::pair<Value, Value> RoleEmitter::getThreadElement(const LinearLayout &layout) {
  for (auto &[known, element] : threadElements)
    if (known.lanes == layout.lanes && known.warps == layout.warps)
      return element;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(entry);
  SmallVector<int32_t> laneRows, laneColumns, warpRows, warpColumns;
  for (Element basis : layout.lanes) {
    laneRows.push_back(basis.row);
    laneColumns.push_back(basis.column);
  }
  for (Element basis : layout.warps) {
    warpRows.push_back(basis.row);
    warpColumns.push_back(basis.column);
  }
  size_t warpBits = llvm::Log2_64(threads.warps);
  auto combine = [&](ArrayRef<int32_t> ofLane, ArrayRef<int32_t> ofWarp) {
    Value lane = combineBits(code, threads.lane, layout.lanes.size(), ofLane);
    return code.add(lane, combineBits(code, threads.warp, warpBits, ofWarp));
  };
  Value row = combine(laneRows, warpRows), column = combine(laneColumns, warpColumns);
  threadElements.push_back({layout, {row, column}});
  return {row, column};
}

std::pair<Value, Value> RoleEmitter::getWarpElement(LinearLayout layout) {
  for (Element &basis : layout.lanes)
    basis = {};
  return getThreadElement(layout);
}

/// The byte of an element whose row and column are known at run time; i32.
static Value computeOffset(Code &code, const TileMemory &memory, Value row, Value column) {
  if (!memory.isSwizzled)
    return code.add(code.mul(row, memory.getRowStride()), code.mul(column, memory.elementBytes));
  Value bytes = code.mul(column, memory.elementBytes);
  Value inLine = code.mask(bytes, TileMemory::kLine - 1);
  Value block = code.mul(code.shiftRight(bytes, llvm::Log2_64(TileMemory::kLine)), memory.rows * TileMemory::kLine);
  Value permuted = code.exclusiveOr(inLine, code.mul(code.mask(row, 7), TileMemory::kPart));
  return code.add(code.add(block, code.mul(row, TileMemory::kLine)), permuted);
}

/// The pointer to the element (`row`, `column`), a multiple of what a thread's own element may have set, moved on by
/// that. Only the thread's own offset is kept from turn to turn: permuted for each use, it would take many registers.
Value RoleEmitter::getPointer(const SharedTile &tile, std::pair<Value, Value> threadElement, int64_t row,
                              int64_t column) {
  auto [threadRow, threadColumn] = threadElement;
  const TileMemory &memory = tile.memory;
  if (tile.firstRow) {
    Value &moved = movedRows[threadRow];
    if (!moved) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPoint(entry);
      moved = code.add(threadRow, tile.firstRow);
    }
    threadRow = moved;
  }
  Value &own = threadOffsets[{threadRow, threadColumn, memory.isSwizzled,
                              memory.isSwizzled ? memory.rows : memory.getRowStride(), memory.elementBytes}];
  if (!own) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(entry);
    own = computeOffset(code, memory, threadRow, threadColumn);
  }
  int64_t offset = memory.getOffset(row, column), permuted = offset & memory.getSwizzledBits();
  // The tile's address has none of the permuted bits.
  Value address = code.add(tile.address, own);
  if (permuted)
    address = code.exclusiveOr(address, code.i32(permuted));
  offset += tile.offset - permuted;
  return tile.isOfCluster ? code.clusterPointer(address, offset) : code.sharedPointer(address, offset);
}

int64_t RoleEmitter::getVectorLength(const TileMemory &memory, const LinearLayout &layout) {
  constexpr int64_t kMostBytes = 16;
  int64_t length = 1;
  for (Element basis : layout.registers) {
    if (memory.getOffset(basis.row, basis.column) != length * memory.elementBytes ||
        length * memory.elementBytes >= kMostBytes)
      break;
    length *= 2;
  }
  return length;
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

Value RoleEmitter::readShared(const SharedTile &tile, const LinearLayout &layout, int64_t number,
                              function_ref<void(int64_t, Value)> remember) {
  int64_t length = getVectorLength(tile.memory, layout), first = number / length * length;
  Element element = layout.ofRegister(first);
  Value pointer = getPointer(tile, getThreadElement(layout), element.row, element.column);
  int64_t bytes = length * tile.memory.elementBytes;
  Value result;
  auto set = [&](int64_t i, Value value) {
    remember(first + i, value);
    if (first + i == number)
      result = value;
  };
  Location loc = code.loc;
  if (tile.memory.elementBytes == 4) {
    Type type = length == 1 ? Type(builder.getF32Type()) : VectorType::get(length, builder.getF32Type());
    Value vector = LLVM::LoadOp::create(builder, loc, type, pointer, bytes);
    for (int64_t i = 0; i < length; ++i)
      set(i, length == 1 ? vector : Value(LLVM::ExtractElementOp::create(builder, loc, vector, code.i32(i))));
    return result;
  }
  if (length == 1) {
    Value narrow = LLVM::LoadOp::create(builder, loc, tile.element, pointer, bytes);
    set(0, LLVM::FPExtOp::create(builder, loc, builder.getF32Type(), narrow));
    return result;
  }
  int64_t words = length / 2;
  Type type = words == 1 ? Type(builder.getI32Type()) : VectorType::get(words, builder.getI32Type());
  Value vector = LLVM::LoadOp::create(builder, loc, type, pointer, bytes);
  for (int64_t i = 0; i < words; ++i) {
    Value word = words == 1 ? vector : Value(LLVM::ExtractElementOp::create(builder, loc, vector, code.i32(i)));
    set(2 * i, code.unpack(word, /*high=*/false, tile.element));
    set(2 * i + 1, code.unpack(word, /*high=*/true, tile.element));
  }
  return result;
}

Value RoleEmitter::packGroup(const SharedTile &tile, const LinearLayout &layout, int64_t first,
                             function_ref<Value(int64_t)> element) {
  int64_t length = getVectorLength(tile.memory, layout);
  SmallVector<Value> values;
  for (int64_t i = 0; i < length; ++i)
    values.push_back(element(first + i));
  Location loc = code.loc;
  if (tile.memory.elementBytes == 2 && length == 1)
    return LLVM::FPTruncOp::create(builder, loc, tile.element, values[0]);
  SmallVector<Value> words(values);
  if (tile.memory.elementBytes == 2) {
    words.clear();
    for (int64_t i = 0; i < length; i += 2)
      words.push_back(code.pack(values[i], values[i + 1], tile.element));
  }
  return code.vector(words);
}

/// The elements of a group as they are stored.
Value RoleEmitter::loadGroup(const SharedTile &tile, const LinearLayout &layout, int64_t first) {
  int64_t length = getVectorLength(tile.memory, layout), bytes = length * tile.memory.elementBytes;
  Element element = layout.ofRegister(first);
  int64_t words = bytes / 4;
  Type type = bytes < 4                       ? tile.element
              : tile.memory.elementBytes == 4 ? Type(builder.getF32Type())
                                              : builder.getI32Type();
  if (words > 1)
    type = VectorType::get(words, type);
  Value pointer = getPointer(tile, getThreadElement(layout), element.row, element.column);
  return LLVM::LoadOp::create(builder, code.loc, type, pointer, bytes);
}

void RoleEmitter::storeGroup(const SharedTile &tile, const LinearLayout &layout, int64_t first, Value packed) {
  int64_t bytes = getVectorLength(tile.memory, layout) * tile.memory.elementBytes;
  Element element = layout.ofRegister(first);
  Value pointer = getPointer(tile, getThreadElement(layout), element.row, element.column);
  LLVM::StoreOp::create(builder, code.loc, packed, pointer, bytes);
}

/// Stores follow in groups, so that the loads of several rows are under way together: nothing moves over a store.
void RoleEmitter::writeTile(const SharedTile &tile, const LinearLayout &layout, Value value,
                            function_ref<void()> beforeStores) {
  if (auto blocks = findStoredBlocks(tile, layout); blocks && !beforeStores)
    return writeBlocks(tile, layout, *blocks, value);
  int64_t length = getVectorLength(tile.memory, layout), groups = layout.getNumRegisters() / length;
  bool backward = runsBackward(value);
  SmallVector<std::pair<int64_t, Value>> pending;
  for (int64_t i = 0; i < groups; ++i) {
    int64_t first = (backward ? groups - 1 - i : i) * length;
    pending.push_back(
        {first, packGroup(tile, layout, first, [&](int64_t number) { return pull(value, layout, number); })});
    if ((beforeStores || pending.size() < kRowsTogether) && i + 1 < groups)
      continue;
    if (beforeStores)
      beforeStores();
    for (auto [group, packed] : pending)
      storeGroup(tile, layout, group, packed);
    pending.clear();
  }
}

//===----------------------------------------------------------------------===//
// Pull
//===----------------------------------------------------------------------===//

RoleEmitter::Registers RoleEmitter::pullAll(Value tile, const LinearLayout &layout) {
  Registers result;
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number)
    result.push_back(pull(tile, layout, number));
  return result;
}

Value RoleEmitter::pull(Value tile, const LinearLayout &layout, int64_t number) {
  if (auto found = registers.find(tile); found != registers.end()) {
    LinearLayout own = getLayout(tile);
    return found->second[own == layout ? number : own.findRegister(layout.ofRegister(number))];
  }
  if (auto found = shared.find(tile); found != shared.end()) {
    // Tiles from channels are read into more than one layout; each has its own numbers.
    int64_t base = getLayoutNumber(layout) << 20;
    if (auto known = memo.find({tile, base + number}); known != memo.end())
      return known->second;
    return readShared(found->second, layout, number,
                      [&](int64_t other, Value value) { memo[{tile, base + other}] = value; });
  }
  if (auto known = memo.find({tile, number}); known != memo.end())
    return known->second;
  Operation *op = tile.getDefiningOp();
  Value result;
  if (auto map = dyn_cast<tile::MapOp>(op)) {
    pullMap(map, layout, number);
    return memo.lookup({tile, number});
  }
  if (auto valid = dyn_cast<tile::ValidOp>(op); valid && valid.getRows() && fullRows == valid.getRows()) {
    result = arith::ConstantIntOp::create(builder, code.loc, 1, 1);
  } else if (valid && valid.getCols()) {
    Value column = code.add(getThreadElement(layout).second, layout.ofRegister(number).column);
    result = code.less(column, scalarI32(valid.getCols()));
  } else if (valid) {
    Value row = code.add(getThreadElement(layout).first, layout.ofRegister(number).row);
    result = code.less(row, scalarI32(valid.getRows()));
  } else if (auto transpose = dyn_cast<tile::TransposeOp>(op)) {
    result = pull(transpose.getInput(), layout.transposed(), number);
  } else if (auto scan = dyn_cast<tile::ScanOp>(op)) {
    result = pullScan(scan, layout, number);
  } else if (auto concat = dyn_cast<warp::ConcatOp>(op)) {
    result = pullConcat(concat, layout, number);
  } else {
    auto row = cast<warp::RowOp>(op);
    LinearLayout source = getLayout(row.getInput());
    Element element = layout.ofRegister(number) ^ Element { static_cast<int32_t>(row.getRow()), 0 };
    result = pull(row.getInput(), source, source.findRegister(element));
  }
  memo[{tile, number}] = result;
  return result;
}

void RoleEmitter::pullMap(tile::MapOp map, const LinearLayout &layout, int64_t number) {
  Block &body = map.getBody().front();
  IRMapping mapping;
  for (auto [argument, input] : llvm::zip_equal(body.getArguments(), map.getInputs())) {
    LinearLayout restricted = restrictTo(layout, input);
    Element element = layout.ofRegister(number);
    if (tile::shapeOf(input)[0] == 1)
      element.row = 0;
    if (tile::shapeOf(input)[1] == 1)
      element.column = 0;
    mapping.map(argument, pull(input, restricted, restricted.findRegister(element)));
  }
  auto contract = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::contract);
  auto mapOuter = [&](ValueRange values) { // constants from outside of the map
    for (Value value : values)
      if (value.getParentBlock() != &body)
        mapping.map(value, scalar(value));
  };
  mapOuter(body.getTerminator()->getOperands());
  for (Operation &op : body.without_terminator()) {
    mapOuter(op.getOperands());
    // Narrow scalars are f32 here; what was rounded and is widened again has to be rounded.
    if (isa<arith::TruncFOp>(op)) {
      mapping.map(op.getResult(0), mapping.lookupOrDefault(op.getOperand(0)));
      continue;
    }
    if (isa<arith::ExtFOp>(op)) {
      Value from = op.getOperand(0), value = mapping.lookupOrDefault(from);
      if (isa_and_nonnull<arith::TruncFOp>(from.getDefiningOp()))
        value = code.round(value, from.getType());
      mapping.map(op.getResult(0), value);
      continue;
    }
    Operation *copy = builder.clone(op, mapping);
    if (auto fast = dyn_cast<arith::ArithFastMathInterface>(copy))
      copy->setAttr(fast.getFastMathAttrName(), contract);
  }
  for (auto [result, value] : llvm::zip_equal(map.getResults(), body.getTerminator()->getOperands()))
    memo[{result, number}] = mapping.lookup(value);
}

/// A running combination down a column that a thread holds whole.
Value RoleEmitter::pullScan(tile::ScanOp scan, const LinearLayout &layout, int64_t number) {
  Element element = layout.ofRegister(number);
  int32_t last = tile::shapeOf(scan.getInput())[0] - 1;
  bool reverse = scan.getReverse(), exclusive = scan.getExclusive(), isFirst = element.row == (reverse ? last : 0);
  auto at = [&](int32_t row) { return layout.findRegister({row, element.column}); };
  int32_t before = element.row + (reverse ? 1 : -1);
  auto initial = [&]() -> Value {
    if (!scan.getInit())
      return tile::buildNeutral(builder, code.loc, scan.getKind(), builder.getF32Type());
    LinearLayout one = layout.dropRows();
    return pull(scan.getInit(), one, one.findRegister({0, element.column}));
  };
  auto combine = [&](Value a, Value b) {
    if (scan.getKind() == tile::ReduceKind::Mul)
      return code.mulF(a, b);
    return tile::buildCombine(builder, code.loc, scan.getKind(), a, b);
  };
  if (exclusive) {
    if (isFirst)
      return initial();
    Value input = pull(scan.getInput(), layout, at(before));
    bool second = before == (reverse ? last : 0);
    return second && !scan.getInit() ? input : combine(pull(scan.getResult(), layout, at(before)), input);
  }
  Value input = pull(scan.getInput(), layout, number);
  if (isFirst)
    return scan.getInit() ? combine(initial(), input) : input;
  return combine(pull(scan.getResult(), layout, at(before)), input);
}

/// One of two tiles' elements; where the half is not the register's own, it is the thread's.
Value RoleEmitter::pullConcat(warp::ConcatOp concat, const LinearLayout &layout, int64_t number) {
  int32_t half = tile::shapeOf(concat.getLeft())[1];
  LinearLayout part = layout.withoutColumn(half);
  Element element = layout.ofRegister(number);
  bool isRight = element.column & half;
  element.column &= half - 1;
  auto pullOf = [&](Value tile) { return pull(tile, part, part.findRegister(element)); };
  auto isHalf = [&](Element basis) { return (basis.column & half) != 0; };
  if (llvm::none_of(layout.lanes, isHalf) && llvm::none_of(layout.warps, isHalf))
    return pullOf(isRight ? concat.getRight() : concat.getLeft());
  Value isThreadRight =
      code.equal(code.mask(code.shiftRight(getThreadElement(layout).second, llvm::Log2_64(half)), 1), code.i32(1));
  Value left = pullOf(concat.getLeft()), right = pullOf(concat.getRight());
  return isRight ? code.select(isThreadRight, left, right) : code.select(isThreadRight, right, left);
}
