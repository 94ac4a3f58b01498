//===- Matrix.cpp - Products of matrices, and their operands --------------===//
//
// Fragments as in the PTX manual, "Matrix Fragments for mma" and "ldmatrix": thread t of a warp is row t / 4 of a block
// of 8 x 8, and has two neighbours of 16 bits or one of 32.
//
//===----------------------------------------------------------------------===//
#include "Actions.h"
#include "Numbers.h"

using namespace fgla::emulator;

namespace {
/// How many columns of a block a thread has.
template <typename Element> constexpr int perThread = sizeof(Element) == 2 ? 2 : 1;

/// Reads a block of 8 rows, 8 elements of 16 bits or 4 of 32, from a register of each thread.
template <typename Element> void readBlock(const Lanes &lanes, float *to, int64_t rowStride, int64_t columnStride) {
  for (int lane = 0; lane < 32; ++lane) {
    float *first = to + lane / 4 * rowStride + lane % 4 * perThread<Element> * columnStride;
    if constexpr (perThread<Element> == 1) {
      *first = roundToTF32(fromBits<float>(lanes.bits[lane]), TF32Rounding::Cut);
    } else {
      auto pair = fromBits<Pair<Element>>(lanes.bits[lane]);
      first[0] = static_cast<float>(pair.low);
      first[columnStride] = static_cast<float>(pair.high);
    }
  }
}

/// d = a b + c, m16n8 with Depth columns of a.
template <typename Element, int Depth> Outcome multiply(Warp &warp, const Instruction &i, Mask) {
  constexpr int kRows = 16, kColumns = 8, kBlock = 4 * perThread<Element>;
  float a[kRows][Depth], b[Depth][kColumns];
  for (int block = 0; block < 2 * Depth / kBlock; ++block)
    readBlock<Element>(warp.at(i.operands.at(1).list.at(block)), &a[block % 2 * 8][block / 2 * kBlock], Depth, 1);
  for (int block = 0; block < Depth / kBlock; ++block)
    readBlock<Element>(warp.at(i.operands.at(2).list.at(block)), &b[block * kBlock][0], 1, kColumns);
  for (int number = 0; number < 4; ++number)
    for (int lane = 0; lane < 32; ++lane) {
      int row = lane / 4 + number / 2 * 8, column = lane % 4 * 2 + number % 2;
      float sum = warp.get<float>(i.operands.at(3).list.at(number), lane);
      for (int k = 0; k < Depth; ++k)
        sum += a[row][k] * b[k][column];
      warp.set(i.operands.at(0).list.at(number), lane, sum);
    }
  return Outcome::Done;
}

/// Calls with a block's number, a thread, and where its first and second element are. The rows of block i are where
/// threads 8 i ... 8 i + 7 say.
template <typename Visit>
void forElements(Warp &warp, const Operand &address, int count, bool transposed, Visit visit) {
  for (int block = 0; block < count; ++block)
    for (int lane = 0; lane < 32; ++lane) {
      auto place = [&](int row, int column) { return warp.address(address, 8 * block + row) + 2 * column; };
      int outer = lane / 4, pair = lane % 4 * 2;
      visit(block, lane, transposed ? place(pair, outer) : place(outer, pair),
            transposed ? place(pair + 1, outer) : place(outer, pair + 1));
    }
}

void checkRows(Warp &warp, const Operand &address, int count) {
  for (int lane = 0; lane < 8 * count; ++lane)
    warp.block.shared(warp.address(address, lane), 16);
}

Outcome loadMatrix(Warp &warp, const Instruction &i, Mask) {
  const auto &results = i.operands.at(0).list;
  const int count = static_cast<int>(results.size());
  checkRows(warp, i.operands.at(1), count);
  std::vector<Lanes> loaded(results.size());
  forElements(warp, i.operands.at(1), count, i.has("trans"), [&](int block, int lane, uint64_t first, uint64_t second) {
    Actor actor = warp.whole(lane);
    auto *to = reinterpret_cast<uint8_t *>(&loaded[block].bits[lane]);
    std::memcpy(to, warp.block.read(actor, first, 2), 2);
    std::memcpy(to + 2, warp.block.read(actor, second, 2), 2);
  });
  for (size_t block = 0; block < results.size(); ++block)
    warp.at(results[block]) = loaded[block];
  return Outcome::Done;
}

Outcome storeMatrix(Warp &warp, const Instruction &i, Mask) {
  const auto &values = i.operands.at(1).list;
  const int count = static_cast<int>(values.size());
  checkRows(warp, i.operands.at(0), count);
  forElements(warp, i.operands.at(0), count, i.has("trans"), [&](int block, int lane, uint64_t first, uint64_t second) {
    Actor actor = warp.thread(lane);
    const auto *from = reinterpret_cast<const uint8_t *>(&warp.at(values[block]).bits[lane]);
    warp.block.write(actor, first, from, 2);
    warp.block.write(actor, second, from + 2, 2);
  });
  return Outcome::Done;
}
} // namespace

Action fgla::emulator::findMatrix(const Instruction &i) {
  const std::string &op = i.name.front();
  if (op == "ldmatrix")
    return loadMatrix;
  if (op == "stmatrix")
    return storeMatrix;
  // D, A, B, C; sums are f32.
  if (op != "mma" || i.name.size() != 10 || !i.has("row") || !i.has("col") || i.name[6] != "f32" || i.name[9] != "f32")
    return nullptr;
  const std::string &type = i.name[7];
  if (i.has("m16n8k16") && type == "bf16")
    return multiply<BFloat16, 16>;
  if (i.has("m16n8k16") && type == "f16")
    return multiply<Float16, 16>;
  if (i.has("m16n8k8") && type == "tf32")
    return multiply<float, 8>;
  return nullptr;
}
