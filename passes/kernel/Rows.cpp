//===- Rows.cpp - Combining rows and columns across threads ---------------===//

#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

Value RoleEmitter::combineLanes(tile::ReduceKind kind, Value value, int64_t lane) {
  return tile::buildCombine(builder, code.loc, kind, value, code.shuffleXor(value, lane));
}

/// The tile of 16-bit floats in shared memory that `tile` is, widened and with all its rows valid; or null.
Value RoleEmitter::findWidened(Value tile) {
  auto map = tile.getDefiningOp<tile::MapOp>();
  if (!map || map.getNumResults() != 1)
    return {};
  Block &body = map.getBody().front();
  Value value = body.getTerminator()->getOperand(0);
  auto inputOf = [&](Value scalar) -> Value {
    auto argument = dyn_cast<BlockArgument>(scalar);
    return argument && argument.getOwner() == &body ? map.getInputs()[argument.getArgNumber()] : Value();
  };
  if (auto select = value.getDefiningOp<arith::SelectOp>()) {
    Value mask = inputOf(select.getCondition());
    auto valid = mask ? mask.getDefiningOp<tile::ValidOp>() : tile::ValidOp();
    if (!valid || !valid.getRows() || valid.getRows() != fullRows)
      return {};
    value = select.getTrueValue();
    if (Value unmasked = inputOf(value))
      return findWidened(unmasked);
  }
  auto extend = value.getDefiningOp<arith::ExtFOp>();
  Value source = extend ? inputOf(extend.getIn()) : Value();
  return source && shared.contains(source) && tile::shapeOf(source) == tile::shapeOf(tile) ? source : Value();
}

/// The maximum of a row of 16-bit floats, two at a time as they lie in memory: widening changes no order.
Value RoleEmitter::reducePacked(Value tile, const LinearLayout &layout) {
  const SharedTile &place = shared.find(tile)->second;
  int64_t length = getVectorLength(place.memory, layout);
  auto pair = VectorType::get(2, place.element);
  Value result;
  for (int64_t first = 0; first < layout.getNumRegisters(); first += length) {
    Type type = length == 2 ? Type(builder.getI32Type()) : VectorType::get(length / 2, builder.getI32Type());
    Value pointer = getPointer(place, getThreadElement(layout), 0, layout.ofRegister(first).column);
    Value loaded = LLVM::LoadOp::create(builder, code.loc, type, pointer, length * place.memory.elementBytes);
    for (int64_t i = 0; i < length / 2; ++i) {
      Value word = length == 2 ? loaded : Value(LLVM::ExtractElementOp::create(builder, code.loc, loaded, code.i32(i)));
      Value both = LLVM::BitcastOp::create(builder, code.loc, pair, word);
      result = result ? Value(LLVM::MaximumOp::create(builder, code.loc, result, both)) : both;
    }
  }
  Value word = LLVM::BitcastOp::create(builder, code.loc, builder.getI32Type(), result);
  return arith::MaximumFOp::create(builder, code.loc, code.unpack(word, /*high=*/false, place.element),
                                   code.unpack(word, /*high=*/true, place.element));
}

/// Combines what each warp has of each row, through the turn's memory: [C, warps].
void RoleEmitter::exchangeRows(Operation *op, int64_t number, tile::ReduceKind kind, const LinearLayout &result,
                               Registers &values) {
  int64_t rows = tile::shapeOf(op->getOperand(0))[0], stride = threads.warps * sizeof(float);
  int64_t start = kernel.plan.turnScratch.lookup(op) + number * rows * stride;
  Value own = code.add(turnAddress, code.mul(getThreadElement(result).first, stride));
  Value mine = code.add(own, code.mul(threads.warp, sizeof(float)));
  auto offsetOf = [&](int64_t reg) { return start + result.ofRegister(reg).row * stride; };
  for (auto [reg, value] : llvm::enumerate(values))
    LLVM::StoreOp::create(builder, code.loc, value, code.sharedPointer(mine, offsetOf(reg)), sizeof(float));
  sync();
  int64_t length = std::min<int64_t>(threads.warps, 4);
  Type loaded = length == 1 ? Type(builder.getF32Type()) : VectorType::get(length, builder.getF32Type());
  for (auto [reg, value] : llvm::enumerate(values)) {
    value = Value();
    for (int64_t first = 0; first < threads.warps; first += length) {
      Value pointer = code.sharedPointer(own, offsetOf(reg) + first * sizeof(float));
      Value part = LLVM::LoadOp::create(builder, code.loc, loaded, pointer, length * sizeof(float));
      for (int64_t i = 0; i < length; ++i) {
        Value one = length == 1 ? part : Value(LLVM::ExtractElementOp::create(builder, code.loc, part, code.i32(i)));
        value = value ? tile::buildCombine(builder, code.loc, kind, value, one) : one;
      }
    }
  }
}

/// Combines the columns of each row: in registers, then among lanes, then among warps.
FailureOr<RoleEmitter::Registers> RoleEmitter::combineColumns(Operation *op, int64_t exchange, tile::ReduceKind kind,
                                                              const LinearLayout &layout,
                                                              function_ref<Value(int64_t)> element) {
  LinearLayout result = layout.dropColumns();
  auto isReduced = [](Element basis) { return basis.column != 0; };
  Registers sums(result.getNumRegisters());
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number) {
    Value &sum = sums[result.findRegister({layout.ofRegister(number).row, 0})], value = element(number);
    sum = sum ? tile::buildCombine(builder, code.loc, kind, sum, value) : value;
  }
  // Step by step for all rows: a shuffle of one hides the wait for another's.
  for (auto [bit, basis] : llvm::enumerate(layout.lanes))
    if (isReduced(basis))
      for (Value &sum : sums)
        sum = combineLanes(kind, sum, int64_t(1) << bit);
  if (llvm::any_of(layout.warps, isReduced)) {
    if (!llvm::all_of(layout.warps, isReduced))
      return emitNamedError(op) << "combines what some of the warps have, which has no GPU code yet";
    exchangeRows(op, exchange, kind, result, sums);
  }
  return sums;
}

LogicalResult RoleEmitter::emitReduce(tile::ReduceOp reduce) {
  LinearLayout layout = getLayout(reduce.getInput()), result = getLayout(reduce.getResult());
  tile::ReduceKind kind = reduce.getKind();
  Registers &sums = registers[reduce.getResult()];
  if (reduce.getDim() == 1) {
    Value widened = kind == tile::ReduceKind::Max ? findWidened(reduce.getInput()) : Value();
    if (widened && result.registers.empty() && getVectorLength(shared.find(widened)->second.memory, layout) > 1) {
      sums = {reducePacked(widened, layout)};
      for (auto [bit, basis] : llvm::enumerate(layout.lanes))
        if (basis.column != 0)
          sums[0] = combineLanes(kind, sums[0], int64_t(1) << bit);
      return success();
    }
    auto combined = combineColumns(reduce, 0, kind, layout,
                                   [&](int64_t number) { return pull(reduce.getInput(), layout, number); });
    if (failed(combined))
      return failure();
    registers[reduce.getResult()] = *combined;
    return success();
  }
  sums.resize(result.getNumRegisters());
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number) {
    Value value = pull(reduce.getInput(), layout, number);
    Value &sum = registers[reduce.getResult()][result.findRegister({0, layout.ofRegister(number).column})];
    sum = sum ? tile::buildCombine(builder, code.loc, kind, sum, value) : value;
  }
  for (Value &sum : registers[reduce.getResult()])
    for (auto [bit, basis] : llvm::enumerate(layout.lanes))
      if (basis.row != 0)
        sum = combineLanes(kind, sum, int64_t(1) << bit);
  if (combinesRowsOfWarps(reduce))
    exchangeColumns(reduce);
  return success();
}

/// Combines what each warp has of each column, through shared memory.
void RoleEmitter::exchangeColumns(tile::ReduceOp reduce) {
  RankedTensorType type = getPartsOfWarps(reduce);
  SharedTile place = getScratch(reduce, type, TileMemory(type).getBytes());
  LinearLayout input = getLayout(reduce.getInput()), own = getLayout(reduce.getResult()), all = own;
  Registers &values = registers[reduce.getResult()];
  int64_t count = own.getNumRegisters(), length = getVectorLength(place.memory, own);
  int32_t part = 1; // warps that have the same rows have the same part
  for (auto [basis, ofInput] : llvm::zip_equal(own.warps, input.warps))
    if (ofInput.row != 0) {
      basis = {part, 0};
      all.registers.push_back(basis);
      part *= 2;
    }
  // Lanes that have combined the same may differ in the last bit: a sum of products is rounded once in one of them.
  int32_t copies = 0;
  for (auto [bit, basis] : llvm::enumerate(input.lanes))
    copies |= basis.row != 0 ? 1 << bit : 0;
  auto write = [&] {
    for (int64_t first = 0; first < count; first += length)
      storeGroup(place, own, first, packGroup(place, own, first, [&](int64_t number) { return values[number]; }));
  };
  if (isInLoop(reduce))
    sync(); // what was here has been read
  if (copies)
    code.ifThen(code.equal(code.mask(threads.lane, copies), code.i32(0)), write);
  else
    write();
  sync();
  Registers parts(all.getNumRegisters());
  for (int64_t number = 0; number < all.getNumRegisters(); ++number)
    if (!parts[number])
      readShared(place, all, number, [&](int64_t other, Value value) { parts[other] = value; });
  for (int64_t number = 0; number < all.getNumRegisters(); ++number)
    values[number % count] =
        number < count ? parts[number]
                       : tile::buildCombine(builder, code.loc, reduce.getKind(), values[number % count], parts[number]);
}

/// The root of the sum of squares; where a sum has overflowed, again with rows that are divided by their largest
/// element.
LogicalResult RoleEmitter::emitRowNorm(tile::RowNormOp norm) {
  LinearLayout layout = getLayout(norm.getInput());
  Registers values = pullAll(norm.getInput(), layout);
  auto sums = combineColumns(norm, 0, tile::ReduceKind::Add, layout,
                             [&](int64_t number) { return code.mulF(values[number], values[number]); });
  if (failed(sums))
    return failure();
  Value isTooLarge;
  for (Value sum : *sums) {
    Value tooLarge = arith::CmpFOp::create(builder, code.loc, arith::CmpFPredicate::UGT, sum, code.f32(0x1p120));
    isTooLarge = isTooLarge ? Value(arith::OrIOp::create(builder, code.loc, isTooLarge, tooLarge)) : tooLarge;
  }
  // All warps have the same rows, so they agree.
  Value any = NVVM::VoteSyncOp::create(builder, code.loc, builder.getI1Type(), code.i32(-1), isTooLarge,
                                       NVVM::VoteSyncKind::any);
  SmallVector<Type> types(sums->size(), builder.getF32Type());
  auto branch = scf::IfOp::create(builder, code.loc, types, any, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&branch.getThenRegion().front());
  auto largest = combineColumns(norm, 1, tile::ReduceKind::Max, layout, [&](int64_t number) -> Value {
    return math::AbsFOp::create(builder, code.loc, values[number]);
  });
  LinearLayout result = layout.dropColumns();
  Registers inverse;
  for (Value value : *largest)
    inverse.push_back(arith::DivFOp::create(builder, code.loc, code.f32(1),
                                            arith::MaximumFOp::create(builder, code.loc, value, code.f32(0x1p-126))));
  auto scaledSums = combineColumns(norm, 2, tile::ReduceKind::Add, layout, [&](int64_t number) -> Value {
    Value scaled = code.mulF(values[number], inverse[result.findRegister({layout.ofRegister(number).row, 0})]);
    return code.mulF(scaled, scaled);
  });
  SmallVector<Value> lengths;
  for (auto [sum, scale] : llvm::zip_equal(*scaledSums, *largest))
    lengths.push_back(code.mulF(math::SqrtOp::create(builder, code.loc, sum), scale));
  scf::YieldOp::create(builder, code.loc, lengths);
  builder.setInsertionPointToStart(&branch.getElseRegion().front());
  lengths.clear();
  for (Value sum : *sums)
    lengths.push_back(math::SqrtOp::create(builder, code.loc, sum));
  scf::YieldOp::create(builder, code.loc, lengths);
  registers[norm.getResult()] = Registers(branch.getResults());
  return success();
}

/// A running combination of [C, 1], a row in each lane.
LogicalResult RoleEmitter::emitRowScan(tile::ScanOp scan) {
  LinearLayout layout = getLayout(scan.getResult());
  int64_t rows = tile::shapeOf(scan.getInput())[0];
  for (auto [bit, basis] : llvm::enumerate(layout.lanes))
    if (basis != (int64_t(1) << bit < rows ? Element{1 << bit, 0} : Element()))
      return emitNamedError(scan) << "runs along rows that are not one in each lane, which has no GPU code yet";
  if (!layout.registers.empty())
    return emitNamedError(scan) << "runs along rows in registers and lanes, which has no GPU code yet";
  Value value = pull(scan.getInput(), layout, 0), row = getThreadElement(layout).first;
  Value fromEnd = arith::SubIOp::create(builder, code.loc, code.i32(rows - 1), row);
  Value distance = scan.getReverse() ? fromEnd : row; // rows that come before this one
  auto neighbour = [&](Value of, int64_t lanes) {
    return scan.getReverse() ? code.shuffleDown(of, lanes) : code.shuffleUp(of, lanes);
  };
  Value initial = scan.getInit() ? pull(scan.getInit(), layout.dropRows(), 0)
                                 : tile::buildNeutral(builder, code.loc, scan.getKind(), builder.getF32Type());
  if (scan.getExclusive())
    value = code.select(code.equal(distance, code.i32(0)), initial, neighbour(value, 1));
  for (int64_t lanes = 1; lanes < rows; lanes *= 2) {
    Value both = tile::buildCombine(builder, code.loc, scan.getKind(), neighbour(value, lanes), value);
    value = code.select(code.less(distance, code.i32(lanes)), value, both);
  }
  if (scan.getInit() && !scan.getExclusive())
    value = tile::buildCombine(builder, code.loc, scan.getKind(), initial, value);
  registers[scan.getResult()] = {value};
  return success();
}

LogicalResult RoleEmitter::emitRow(warp::RowOp row) {
  LinearLayout layout = getLayout(row.getInput());
  if (llvm::all_of(layout.lanes, [](Element basis) { return basis.row == 0; }) &&
      llvm::all_of(layout.warps, [](Element basis) { return basis.row == 0; }))
    return success(); // in the thread: pulled
  if (!layout.registers.empty())
    return emitNamedError(row) << "is taken out of rows in registers and lanes, which has no GPU code yet";
  int64_t lane = 0;
  for (auto [bit, basis] : llvm::enumerate(layout.lanes))
    if (basis.row & row.getRow())
      lane |= int64_t(1) << bit;
  Value value = pull(row.getInput(), layout, 0);
  registers[row.getResult()] = {code.shuffleFrom(value, code.i32(lane))};
  return success();
}

LogicalResult RoleEmitter::emitConvert(warp::ConvertOp convert) {
  LinearLayout from = getLayout(convert.getInput()), to = getLayout(convert.getResult());
  Registers &values = registers[convert.getResult()];
  if (from.isSameUpToRegisters(to)) {
    values = pullAll(convert.getInput(), to);
    return success();
  }
  RankedTensorType type = convert.getInput().getType();
  type = RankedTensorType::get(type.getShape(), type.getElementType());
  SharedTile scratch = getScratch(convert, type, TileMemory(type).getBytes());
  if (isInLoop(convert))
    sync(); // what was here has been read
  writeOnce(
      from, [&] { (void)pullAll(convert.getInput(), from); }, [&] { writeTile(scratch, from, convert.getInput()); });
  sync();
  for (int64_t number = 0; number < to.getNumRegisters(); ++number)
    values.push_back(readShared(scratch, to, number, [](int64_t, Value) {}));
  return success();
}
