//===- Rows.cpp - Combining rows and columns across threads ---------------===//

#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

Value RoleEmitter::combineLanes(tile::ReduceKind kind, Value value, int64_t lane) {
  return tile::buildCombine(builder, code.loc, kind, value, code.shuffleXor(value, lane));
}

/// In registers, then among lanes, then among warps through shared memory.
LogicalResult RoleEmitter::emitReduce(tile::ReduceOp reduce) {
  LinearLayout layout = getLayout(reduce.getInput()), result = getLayout(reduce.getResult());
  tile::ReduceKind kind = reduce.getKind();
  bool alongColumns = reduce.getDim() == 1;
  auto isReduced = [&](Element basis) { return alongColumns ? basis.column != 0 : basis.row != 0; };
  Registers sums(result.getNumRegisters());
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number) {
    Element element = layout.ofRegister(number);
    (alongColumns ? element.column : element.row) = 0;
    Value value = pull(reduce.getInput(), layout, number);
    Value &sum = sums[result.findRegister(element)];
    sum = sum ? tile::buildCombine(builder, code.loc, kind, sum, value) : value;
  }
  for (Value &sum : sums)
    for (auto [bit, basis] : llvm::enumerate(layout.lanes))
      if (isReduced(basis))
        sum = combineLanes(kind, sum, int64_t(1) << bit);
  if (llvm::any_of(layout.warps, isReduced)) {
    if (!alongColumns || !llvm::all_of(layout.warps, isReduced))
      return reduce.emitError() << "combines rows among warps, which has no GPU code yet";
    // [C, warps]: a thread reads what all warps have for its rows.
    int64_t rows = tile::shapeOf(reduce.getInput())[0];
    auto type = RankedTensorType::get({rows * threads.warps, 1}, builder.getF32Type());
    SharedTile scratch = getScratch(reduce, type, rows * threads.warps * 4);
    Value row = getThreadElement(result).first;
    Value own = code.add(scratch.address, code.mul(row, threads.warps * 4));
    Value mine = code.add(own, code.mul(threads.warp, 4));
    for (int64_t number = 0; number < result.getNumRegisters(); ++number) {
      int64_t offset = scratch.offset + result.ofRegister(number).row * threads.warps * 4;
      LLVM::StoreOp::create(builder, code.loc, sums[number], code.sharedPointer(mine, offset), 4);
    }
    sync();
    for (int64_t number = 0; number < result.getNumRegisters(); ++number) {
      int64_t offset = scratch.offset + result.ofRegister(number).row * threads.warps * 4;
      Value sum;
      int64_t length = std::min<int64_t>(threads.warps, 4);
      for (int64_t first = 0; first < threads.warps; first += length) {
        Type loaded = length == 1 ? Type(builder.getF32Type()) : VectorType::get(length, builder.getF32Type());
        Value part =
            LLVM::LoadOp::create(builder, code.loc, loaded, code.sharedPointer(own, offset + first * 4), length * 4);
        for (int64_t i = 0; i < length; ++i) {
          Value value =
              length == 1 ? part : Value(LLVM::ExtractElementOp::create(builder, code.loc, part, code.i32(i)));
          sum = sum ? tile::buildCombine(builder, code.loc, kind, sum, value) : value;
        }
      }
      sums[number] = sum;
    }
    if (!hasOtherSync(reduce))
      sync(); // the next turn writes here again
  }
  registers[reduce.getResult()] = sums;
  return success();
}

/// A running combination of [C, 1], a row in each lane.
LogicalResult RoleEmitter::emitRowScan(tile::ScanOp scan) {
  LinearLayout layout = getLayout(scan.getResult());
  int64_t rows = tile::shapeOf(scan.getInput())[0];
  for (auto [bit, basis] : llvm::enumerate(layout.lanes))
    if (basis != (int64_t(1) << bit < rows ? Element{1 << bit, 0} : Element()))
      return scan.emitError() << "runs along rows that are not one in each lane, which has no GPU code yet";
  if (!layout.registers.empty())
    return scan.emitError() << "runs along rows in registers and lanes, which has no GPU code yet";
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
    return row.emitError() << "is taken out of rows in registers and lanes, which has no GPU code yet";
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
  sync();
  writeTile(scratch, from, convert.getInput());
  sync();
  for (int64_t number = 0; number < to.getNumRegisters(); ++number)
    values.push_back(readShared(scratch, to, number, [](int64_t, Value) {}));
  return success();
}
