//===- Fragments.cpp - Blocks of 8 x 8 between registers and shared memory ===//
//
// What matrix instructions read and leave is made of blocks of 8 x 8 elements. Lane l holds, of each, row l / 4 and
// columns 2 (l % 4) and the next; where it is transposed, that of the transposed block. ldmatrix and stmatrix move up
// to four blocks of 16-bit elements at once: lanes 8 i ... 8 i + 7 give the addresses of the rows of block i.
//
//===----------------------------------------------------------------------===//

#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

static constexpr int64_t kBlocksAtOnce = 4;

/// The address that a lane gives for up to four blocks. Bits of a block's number that move one block along a dim become
/// part of the thread's address.
Value RoleEmitter::getBlockPointer(const SharedTile &tile, Places blocks, Value rowOffset, Value columnOffset) {
  auto [row0, column0] = blocks.front();
  MatrixInstruction::Places steps;
  std::vector<int64_t> key{reinterpret_cast<int64_t>(rowOffset.getAsOpaquePointer()),
                           reinterpret_cast<int64_t>(columnOffset.getAsOpaquePointer())};
  for (size_t bit = 1; bit < blocks.size(); bit *= 2) {
    steps.push_back({blocks[bit].first - row0, blocks[bit].second - column0});
    key.insert(key.end(), {steps.back().first, steps.back().second});
  }
  auto &threadElement = fragmentElements[key];
  if (!threadElement.first) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(entry);
    Value row = code.mask(threads.lane, 7), column = code.i32(0);
    for (auto [i, step] : llvm::enumerate(steps)) {
      Value isSet = code.mask(code.shiftRight(threads.lane, 3 + i), 1);
      row = step.first ? code.add(row, code.mul(isSet, step.first)) : row;
      column = step.second ? code.add(column, code.mul(isSet, step.second)) : column;
    }
    row = rowOffset ? code.add(row, rowOffset) : row;
    column = columnOffset ? code.add(column, columnOffset) : column;
    threadElement = {row, column};
  }
  return getPointer(tile, threadElement, row0, column0);
}

/// Blocks of a tile in shared memory, each a register of a pair of elements.
RoleEmitter::Registers RoleEmitter::loadFragments(const SharedTile &tile, const ProductForm &form, bool transposed,
                                                  Places blocks, Value rowOffset, Value columnOffset) {
  if (tile.memory.elementBytes == 4)
    return loadWideFragments(tile, form, transposed, blocks, rowOffset, columnOffset);
  Registers result;
  auto *context = builder.getContext();
  auto word = builder.getI32Type();
  for (; !blocks.empty(); blocks = blocks.drop_front(std::min<size_t>(blocks.size(), kBlocksAtOnce))) {
    Places together = blocks.take_front(kBlocksAtOnce);
    Value pointer = getBlockPointer(tile, together, rowOffset, columnOffset);
    size_t count = together.size();
    Type type = count == 1 ? Type(word) : LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(count, word));
    Value loaded =
        NVVM::LdMatrixOp::create(builder, code.loc, type, pointer, static_cast<uint32_t>(count),
                                 transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
                                 NVVM::LdStMatrixShapeAttr::get(context, 8, 8), NVVM::LdStMatrixEltType::B16);
    for (size_t i = 0; i < count; ++i)
      result.push_back(count == 1 ? loaded : Value(LLVM::ExtractValueOp::create(builder, code.loc, loaded, i)));
  }
  return result;
}

/// The same of f32, each register as the words of `form`.
RoleEmitter::Registers RoleEmitter::loadWideFragments(const SharedTile &tile, const ProductForm &form, bool transposed,
                                                      Places blocks, Value rowOffset, Value columnOffset) {
  std::vector<int64_t> key{reinterpret_cast<int64_t>(rowOffset.getAsOpaquePointer()),
                           reinterpret_cast<int64_t>(columnOffset.getAsOpaquePointer()), transposed, /*wide=*/1};
  auto &threadElement = fragmentElements[key];
  if (!threadElement.first) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(entry);
    Value group = code.shiftRight(threads.lane, 2), pair = code.mul(code.mask(threads.lane, 3), 2);
    Value row = transposed ? pair : group, column = transposed ? group : pair;
    row = rowOffset ? code.add(row, rowOffset) : row;
    column = columnOffset ? code.add(column, columnOffset) : column;
    threadElement = {row, column};
  }
  auto load = [&](int64_t row, int64_t column) -> Value {
    return LLVM::LoadOp::create(builder, code.loc, builder.getF32Type(), getPointer(tile, threadElement, row, column));
  };
  Registers result;
  for (auto [row, column] : blocks)
    appendWords(form, load(row, column), transposed ? load(row + 1, column) : load(row, column + 1), result);
  return result;
}

/// Two f32 that are neighbours in a block, as the words of `form`: rounded to tf32, a word each; or each word with
/// both, rounded to 16 bits, as often as they have parts, whose sum they are: of three bf16, 3 x 8 bits of mantissa.
void RoleEmitter::appendWords(const ProductForm &form, Value low, Value high, Registers &words) {
  if (form.instruction->operands == NVVM::MMATypes::tf32) {
    // To the nearest either way, with ties to even where that is one instruction: ties away from zero take three there.
    bool hasTiesToEven = kernel.target.getArchitecture() >= 90;
    auto rounding = hasTiesToEven ? NVVM::FPRoundingMode::RN : NVVM::FPRoundingMode::RNA;
    for (Value value : {low, high})
      words.push_back(NVVM::ConvertFloatToTF32Op::create(builder, code.loc, builder.getI32Type(), value, rounding));
    return;
  }
  words.push_back(code.pack(low, high, form.half));
  for (int64_t i = 1; i < form.parts; ++i) {
    low = arith::SubFOp::create(builder, code.loc, low, code.unpack(words.back(), /*high=*/false, form.half));
    high = arith::SubFOp::create(builder, code.loc, high, code.unpack(words.back(), /*high=*/true, form.half));
    words.push_back(code.pack(low, high, form.half));
  }
}

/// The blocks of `layout`, if there is an instruction that stores such to the tile.
std::optional<RoleEmitter::LinearLayout::Blocks> RoleEmitter::findStoredBlocks(const SharedTile &tile,
                                                                               const LinearLayout &layout) {
  bool isStored = kernel.target.hasMatrixStores && tile.memory.elementBytes == 2;
  return isStored ? layout.findBlocks() : std::nullopt;
}

/// The tile block by block, of which each is one word in each lane. Stores follow in groups, like those of writeTile.
void RoleEmitter::writeBlocks(const SharedTile &tile, const LinearLayout &layout, const LinearLayout::Blocks &blocks,
                              Value value) {
  auto [row, column] = getWarpElement(layout);
  auto shape = NVVM::LdStMatrixShapeAttr::get(builder.getContext(), 8, 8);
  auto order = blocks.isTransposed ? NVVM::MMALayout::col : NVVM::MMALayout::row;
  for (size_t first = 0; first < blocks.numbers.size(); first += kRowsTogether) {
    Registers words;
    MatrixInstruction::Places places;
    for (int64_t number : ArrayRef(blocks.numbers).drop_front(first).take_front(kRowsTogether)) {
      Value low = pull(value, layout, number), high = pull(value, layout, number | blocks.next);
      words.push_back(code.pack(low, high, tile.element));
      places.push_back({layout.ofRegister(number).row, layout.ofRegister(number).column});
    }
    for (size_t i = 0; i < words.size(); i += kBlocksAtOnce) {
      Value pointer = getBlockPointer(tile, Places(places).drop_front(i).take_front(kBlocksAtOnce), row, column);
      NVVM::StMatrixOp::create(builder, code.loc, pointer,
                               ArrayRef<Value>(words).drop_front(i).take_front(kBlocksAtOnce), order, shape,
                               NVVM::LdStMatrixEltType::B16);
    }
  }
}
