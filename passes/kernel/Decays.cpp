//===- Decays.cpp - Decays between the tokens of a tile -------------------===//
//
// Exact for any decays: only products, no quotients.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

namespace {
/// Picks the value of a column that depends on the thread: a tree of selections by the bits of its number.
class ColumnPicker {
public:
  ColumnPicker(Code &code, const warp::LinearLayout &layout, Value lane, Value warp) : code(code) {
    for (auto [bases, number] : {std::pair(&layout.lanes, lane), std::pair(&layout.warps, warp)})
      for (auto [bit, basis] : llvm::enumerate(*bases))
        if (basis.column != 0)
          bits.push_back({basis.column, code.equal(code.mask(code.shiftRight(number, bit), 1), code.i32(1))});
  }

  Value pick(ArrayRef<Value> ofColumns, int32_t column) { return pick(ofColumns, column, bits.size()); }

private:
  Value pick(ArrayRef<Value> ofColumns, int32_t column, size_t count) {
    if (count == 0)
      return ofColumns[column];
    auto [basis, isSet] = bits[count - 1];
    Value with = pick(ofColumns, column ^ basis, count - 1), without = pick(ofColumns, column, count - 1);
    return code.select(isSet, with, without);
  }

  Code &code;
  SmallVector<std::pair<int32_t, Value>> bits;
};
} // namespace

/// d_ij, the product of the decays after j up to i. Each thread has all decays; for a row, the products from each
/// column on come one from another.
void RoleEmitter::emitDecayMatrix(tile::DecayMatrixOp op) {
  LinearLayout layout = getLayout(op.getResult());
  int64_t rows = tile::shapeOf(op.getDecay())[0];
  LinearLayout source = LinearLayout::columns(rows, 1, threads.warps); // what the layout phase asks for
  SmallVector<Value> decays;
  for (int64_t row = 0; row < rows; ++row)
    decays.push_back(pull(op.getDecay(), source, source.findRegister({static_cast<int32_t>(row), 0})));
  auto [threadRow, threadColumn] = getThreadElement(layout);
  ColumnPicker picker(code, layout, threads.lane, threads.warp);
  std::map<int32_t, SmallVector<Value>> ofRows; // products up to the row, by the column they begin after
  Registers values;
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number) {
    Element element = layout.ofRegister(number);
    Value row = code.add(threadRow, element.row), column = code.add(threadColumn, element.column);
    SmallVector<Value> &products = ofRows[element.row];
    if (products.empty()) {
      products.resize(rows);
      products[rows - 1] = code.f32(1);
      for (int64_t s = rows - 1; s > 0; --s) {
        Value counts = arith::CmpIOp::create(builder, code.loc, arith::CmpIPredicate::sle, code.i32(s), row);
        products[s - 1] = code.mulF(products[s], code.select(counts, decays[s], code.f32(1)));
      }
    }
    Value isAbove = code.less(row, column);
    values.push_back(code.select(isAbove, code.f32(0), picker.pick(products, element.column)));
  }
  registers[op.getResult()] = values;
}

/// Adds up scores times values, which are decayed on from row to row: one product of decays for each pair of tokens
/// would be as many multiplications, and more registers.
void RoleEmitter::emitDecayedSum(tile::DecayedSumOp op) {
  LinearLayout layout = getLayout(op.getResult());
  auto type = cast<RankedTensorType>(op.getScores().getType());
  int64_t rows = type.getDimSize(0);
  type = RankedTensorType::get(type.getShape(), type.getElementType());
  auto found = shared.find(op.getScores());
  SharedTile place = found != shared.end() ? found->second : getScratch(op, type, TileMemory(type).getBytes());
  if (found == shared.end()) {
    sync(); // the last scores have been read
    writeTile(place, getLayout(op.getScores()), op.getScores());
    sync();
  }
  // Every thread reads all scores.
  LinearLayout all;
  for (bool isRow : {false, true})
    for (int32_t bit = 1; bit < rows; bit *= 2)
      all.registers.push_back(isRow ? Element{bit, 0} : Element{0, bit});
  all.lanes.resize(5);
  all.warps.resize(llvm::Log2_64(threads.warps));
  Registers scores(all.getNumRegisters());
  auto getScore = [&](int64_t row, int64_t column) {
    int64_t number = all.findRegister({static_cast<int32_t>(row), static_cast<int32_t>(column)});
    if (!scores[number])
      readShared(place, all, number, [&](int64_t other, Value value) { scores[other] = value; });
    return scores[number];
  };
  Registers values(layout.getNumRegisters());
  std::map<int32_t, SmallVector<int64_t>> byColumn; // registers by row
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number)
    byColumn[layout.ofRegister(number).column].resize(rows);
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number)
    byColumn[layout.ofRegister(number).column][layout.ofRegister(number).row] = number;
  for (auto &[column, numbers] : byColumn) {
    SmallVector<Value> decayed;
    for (int64_t row = 0; row < rows; ++row) {
      if (row > 0) {
        Value decay = pull(op.getDecay(), layout, numbers[row]);
        for (Value &value : decayed)
          value = code.mulF(value, decay);
      }
      decayed.push_back(pull(op.getValue(), layout, numbers[row]));
      Value sum;
      for (auto [before, value] : llvm::enumerate(decayed)) {
        Value score = getScore(row, before);
        sum = sum ? Value(math::FmaOp::create(builder, code.loc, score, value, sum)) : code.mulF(score, value);
      }
      values[numbers[row]] = sum;
    }
  }
  registers[op.getResult()] = values;
}
