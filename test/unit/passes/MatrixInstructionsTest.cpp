//===- MatrixInstructionsTest.cpp - The table against PTX's fragments -----===//

#include "passes/kernel/MatrixInstructions.h"

#include <gtest/gtest.h>

using namespace fgla;
using namespace fgla::kernel;
using mlir::NVVM::MMATypes;

using Matrix = std::vector<std::vector<int64_t>>;
/// The elements of a word of each lane: lane, word, half.
using Fragment = std::vector<std::vector<std::vector<int64_t>>>;

static constexpr int64_t kLanes = 32;

static Matrix makeMatrix(int64_t rows, int64_t columns, int64_t seed) {
  Matrix matrix(rows, std::vector<int64_t>(columns));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      matrix[i][j] = (i * 31 + j * 17 + i * j + seed) % 101 - 50;
  return matrix;
}

/// The words that the emitter gives the instruction: block by block what a lane has of it, in the table's order.
static Fragment makeFragment(const Matrix &matrix, const MatrixInstruction::Places &blocks, int64_t wordsOfBlock) {
  int64_t count = blocks.size(), halves = 2 / wordsOfBlock;
  Fragment fragment(kLanes);
  for (int64_t lane = 0; lane < kLanes; ++lane)
    for (int64_t number = 0; number < count * wordsOfBlock; ++number) {
      auto [block, word] = MatrixInstruction::splitWord(number, count);
      auto [row, column] = blocks[block];
      std::vector<int64_t> elements;
      for (int64_t half = 0; half < halves; ++half)
        elements.push_back(matrix[row + lane / 4][column + lane % 4 * 2 + word * halves + half]);
      fragment[lane].push_back(elements);
    }
  return fragment;
}

namespace {
/// What PTX says of the words of a lane (ISA, "Matrix multiply-accumulate operation using mma").
struct ISA {
  const MatrixInstruction &instruction;
  int64_t group, inGroup, halves;

  ISA(const MatrixInstruction &instruction, int64_t lane)
      : instruction(instruction), group(lane / 4), inGroup(lane % 4),
        halves(instruction.operands == MMATypes::tf32 ? 1 : 2) {}
  /// (row, k) of A.
  std::pair<int64_t, int64_t> ofA(int64_t word, int64_t half) const {
    return {group + word % 2 * 8, inGroup * halves + half + word / 2 * 4 * halves};
  }
  /// (k, column) of B.
  std::pair<int64_t, int64_t> ofB(int64_t word, int64_t half) const {
    return {inGroup * halves + half + word * 4 * halves, group};
  }
  std::pair<int64_t, int64_t> ofSums(int64_t word) const { return {group + word / 2 * 8, inGroup * 2 + word % 2}; }
};
} // namespace

/// The instruction as PTX defines it on words that are laid out as the table says: their sums are the product.
TEST(MatrixInstructions, MultiplyWhatTheyAreGiven) {
  for (const MatrixInstruction &instruction : getMatrixInstructions()) {
    auto [m, n, k] = std::tuple(instruction.m, instruction.n, instruction.k);
    SCOPED_TRACE(mlir::NVVM::stringifyMMATypes(instruction.operands).str());
    Matrix a = makeMatrix(m, k, 1), b = makeMatrix(n, k, 2); // B with k along its rows, as it is loaded
    Fragment wordsOfA = makeFragment(a, instruction.getBlocksOfA(0, 0), instruction.wordsOfBlock());
    Fragment wordsOfB = makeFragment(b, instruction.getBlocksOfB(0, 0), instruction.wordsOfBlock());
    Matrix slotsOfA(m, std::vector<int64_t>(k)), slotsOfB(k, std::vector<int64_t>(n));
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      ISA isa(instruction, lane);
      ASSERT_EQ(static_cast<int64_t>(wordsOfA[lane].size()), instruction.wordsOfA);
      ASSERT_EQ(static_cast<int64_t>(wordsOfB[lane].size()), instruction.wordsOfB);
      for (int64_t word = 0; word < instruction.wordsOfA; ++word)
        for (int64_t half = 0; half < isa.halves; ++half) {
          auto [row, inner] = isa.ofA(word, half);
          slotsOfA[row][inner] = wordsOfA[lane][word][half];
        }
      for (int64_t word = 0; word < instruction.wordsOfB; ++word)
        for (int64_t half = 0; half < isa.halves; ++half) {
          auto [inner, column] = isa.ofB(word, half);
          slotsOfB[inner][column] = wordsOfB[lane][word][half];
        }
    }
    MatrixInstruction::Places sums = instruction.getElementsOfSums(0, 0);
    ASSERT_EQ(static_cast<int64_t>(sums.size()), instruction.wordsOfSums);
    for (int64_t lane = 0; lane < kLanes; ++lane)
      for (auto [word, place] : llvm::enumerate(sums)) {
        auto [slotRow, slotColumn] = ISA(instruction, lane).ofSums(word);
        int64_t sum = 0, wanted = 0, row = place.first + lane / 4, column = place.second + lane % 4 * 2;
        for (int64_t i = 0; i < k; ++i) {
          sum += slotsOfA[slotRow][i] * slotsOfB[i][slotColumn];
          wanted += a[row][i] * b[column][i];
        }
        EXPECT_EQ(sum, wanted) << "lane " << lane << ", word " << word;
      }
  }
}

TEST(MatrixInstructions, Find) {
  for (MMATypes operands : {MMATypes::bf16, MMATypes::f16, MMATypes::tf32})
    for (const GPUTarget &target : getGPUTargets()) {
      const MatrixInstruction *found = findMatrixInstruction(operands, target);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->operands, operands);
    }
  EXPECT_FALSE(findMatrixInstruction(MMATypes::s8, getGPUTargets().front()));
  GPUTarget older = getGPUTargets().front();
  older.name = "sm_75";
  EXPECT_FALSE(findMatrixInstruction(MMATypes::bf16, older));
}
