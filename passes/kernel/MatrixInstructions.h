//===- MatrixInstructions.h - The matrix instructions of GPUs -------------===//
//
// mma.sync: D [m, n] += A [m, k] B [k, n], sums in f32. Operands and sums are made of blocks of 8 x 8 that a warp holds
// as LinearLayout::Blocks says, B's transposed. 16-bit operands have a word for each block and lane, a pair along k;
// 32-bit operands two words. For those PTX has the blocks' columns in another order (l % 4 and l % 4 + 4 in place of 2
// (l % 4) and the next); as both operands are given in the same order, that is the same sum.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_KERNEL_MATRIXINSTRUCTIONS_H
#define FGLA_PASSES_KERNEL_MATRIXINSTRUCTIONS_H

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "passes/Targets.h"

namespace fgla::kernel {

struct MatrixInstruction {
  mlir::NVVM::MMATypes operands;
  int64_t m, n, k;
  int64_t wordsOfA, wordsOfB, wordsOfSums; ///< of a lane
  unsigned architecture;                   ///< the oldest that has it

  using Place = std::pair<int64_t, int64_t>; ///< a row and a column
  using Places = llvm::SmallVector<Place>;

  /// Words of a lane for one block of an operand.
  int64_t wordsOfBlock() const;
  /// Where the blocks of operands begin in the order of their words: (row of the result, position along the sum) of the
  /// first, (column of the result, position along the sum) of the second.
  Places getBlocksOfA(int64_t row, int64_t inner) const;
  Places getBlocksOfB(int64_t column, int64_t inner) const;
  /// Which block, and which word of it, word `number` of an operand of `blocks` blocks is.
  static std::pair<int64_t, int64_t> splitWord(int64_t number, int64_t blocks) {
    return {number % blocks, number / blocks};
  }
  /// What lane 0 has of the sums, in the order of its words; relative to it, all lanes have the same.
  Places getElementsOfSums(int64_t row, int64_t column) const;
};

llvm::ArrayRef<MatrixInstruction> getMatrixInstructions();

/// The instruction for operands of a type that `target` has, or null.
const MatrixInstruction *findMatrixInstruction(mlir::NVVM::MMATypes operands, const GPUTarget &target);

} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_MATRIXINSTRUCTIONS_H
