//===- SharedMemory.h - Where channels lie in shared memory ---------------===//
#ifndef FGLA_PASSES_LAYOUT_SHAREDMEMORY_H
#define FGLA_PASSES_LAYOUT_SHAREDMEMORY_H

#include "dialect/warp/Warp.h"
#include "llvm/ADT/MapVector.h"

namespace fgla {

/// How a tile lies in shared memory. What eight neighbouring rows hold in one column has to lie in different banks.
///
/// Tiles of 16-bit elements with 64 columns or more are cut into blocks of 64 columns. A block has a line of 128 bytes
/// for each row, whose 16-byte parts are permuted (swizzled): part p is at p exclusive or the row's number modulo 8.
/// Lines are written whole. Other tiles are stored row by row, with 16 bytes between rows if there are several columns.
struct TileMemory {
  static constexpr int64_t kLine = 128, kPart = 16;

  int64_t rows, columns, elementBytes;
  bool isSwizzled;

  explicit TileMemory(mlir::RankedTensorType type)
      : rows(type.getDimSize(0)), columns(type.getDimSize(1)),
        elementBytes(type.getElementType().getIntOrFloatBitWidth() / 8),
        isSwizzled(elementBytes == 2 && columns % (kLine / 2) == 0 && rows % 8 == 0) {}

  /// The byte of an element. Over the bits of row and column, offsets combine by exclusive or.
  int64_t getOffset(int64_t row, int64_t column) const {
    if (!isSwizzled)
      return row * getRowStride() + column * elementBytes;
    int64_t inLine = column * elementBytes % kLine, line = column * elementBytes / kLine * rows + row;
    return line * kLine + (inLine ^ row % 8 * kPart);
  }
  /// Of a tile that is not swizzled.
  int64_t getRowStride() const { return columns == 1 ? elementBytes : columns * elementBytes + kPart; }
  /// The bits of an offset that a thread's own offset may have too.
  int64_t getSwizzledBits() const { return isSwizzled ? kLine - kPart : 0; }
  int64_t getAlignment() const { return isSwizzled ? 1024 : kPart; }
  int64_t getBytes() const {
    int64_t bytes = isSwizzled ? rows * columns * elementBytes : rows * getRowStride();
    return (bytes + getAlignment() - 1) / getAlignment() * getAlignment();
  }
};

/// The tile from a channel that `tile` is, or is some columns of; null if it is none.
warp::GetOp findGet(mlir::Value tile);

/// The tiles from channels in whose memory scores can keep their two operands: what the query and the key are computed
/// from, or part of that, where no role reads it any more by then. Null if there is none.
std::pair<mlir::Value, mlir::Value> findPlaces(tile::DecayedScoresOp scores);

/// The type that operands of scores are rounded to: bf16, which has the range of f32, where what they are computed from
/// is a 16-bit float; else f32.
mlir::Type getOperandElement(tile::DecayedScoresOp scores);

/// Whether warps have different rows of what is combined down its columns.
bool combinesRowsOfWarps(tile::ReduceOp reduce);
/// What warps have combined, in a row for each of those that have different rows.
mlir::RankedTensorType getPartsOfWarps(tile::ReduceOp reduce);

/// The memory of one turn, with a place for each channel and barrier, and what lies after the turns. Offsets and sizes
/// in bytes.
struct SharedMemoryPlan {
  llvm::MapVector<mlir::Value, int64_t> channels; ///< offset in the turn's memory
  int64_t turnBytes = 0;
  llvm::DenseMap<mlir::Operation *, int64_t> turnScratch; ///< of ops that use some of the turn's memory; offset in it
  llvm::DenseMap<mlir::Operation *, int64_t> scratch;     ///< of ops that work through shared memory; from its start
  int64_t scratchBytes = 0;
  int64_t numBarriers = 0, barriers = 0; ///< of a turn: one for each role, and one; offset in it

  explicit SharedMemoryPlan(warp::PipelineOp pipeline);

  int64_t getScratchOffset(int64_t stages) const { return stages * turnBytes; }
  int64_t getTotal(int64_t stages) const { return getScratchOffset(stages) + scratchBytes; }
};
} // namespace fgla

#endif // FGLA_PASSES_LAYOUT_SHAREDMEMORY_H
