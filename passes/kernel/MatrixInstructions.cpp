//===- MatrixInstructions.cpp - The matrix instructions of GPUs -----------===//

#include "passes/kernel/MatrixInstructions.h"
#include "llvm/ADT/STLExtras.h"

using namespace fgla;
using namespace fgla::kernel;
using mlir::NVVM::MMATypes;

static constexpr MatrixInstruction instructions[] = {
    // operands        m   n  k   words of A, B, sums  from
    {MMATypes::bf16, 16, 8, 16, 4, 2, 4, 80},
    {MMATypes::f16, 16, 8, 16, 4, 2, 4, 80},
    {MMATypes::tf32, 16, 8, 8, 4, 2, 4, 80},
};

llvm::ArrayRef<MatrixInstruction> fgla::kernel::getMatrixInstructions() { return instructions; }

const MatrixInstruction *fgla::kernel::findMatrixInstruction(MMATypes operands, const GPUTarget &target) {
  const auto *found = llvm::find_if(instructions, [&](const MatrixInstruction &row) {
    return row.operands == operands && row.architecture <= target.getArchitecture();
  });
  return found == std::end(instructions) ? nullptr : found;
}

static constexpr int64_t kBlock = 8;

int64_t MatrixInstruction::wordsOfBlock() const { return wordsOfB * kBlock * kBlock / (n * k); }

static MatrixInstruction::Places getBlocks(int64_t outer, int64_t outerSize, int64_t inner, int64_t innerSize) {
  MatrixInstruction::Places places;
  for (int64_t j = 0; j < innerSize; j += kBlock)
    for (int64_t i = 0; i < outerSize; i += kBlock)
      places.push_back({outer + i, inner + j});
  return places;
}

MatrixInstruction::Places MatrixInstruction::getBlocksOfA(int64_t row, int64_t inner) const {
  return getBlocks(row, m, inner, k);
}

MatrixInstruction::Places MatrixInstruction::getBlocksOfB(int64_t column, int64_t inner) const {
  return getBlocks(column, n, inner, k);
}

MatrixInstruction::Places MatrixInstruction::getElementsOfSums(int64_t row, int64_t column) const {
  Places places;
  for (auto [i, j] : getBlocks(row, m, column, n))
    places.append({{i, j}, {i, j + 1}});
  return places;
}
