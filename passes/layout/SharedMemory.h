//===- SharedMemory.h - Where channels lie in shared memory ---------------===//
#ifndef FGLA_PASSES_LAYOUT_SHAREDMEMORY_H
#define FGLA_PASSES_LAYOUT_SHAREDMEMORY_H

#include "dialect/warp/Warp.h"
#include "llvm/ADT/MapVector.h"

namespace fgla {

/// How a tile lies in shared memory: row by row, 16 bytes between rows where there are several columns, so that what
/// eight neighbouring rows hold in one column lies in different banks.
struct TileMemory {
  int64_t rows, columns, elementBytes;

  explicit TileMemory(mlir::RankedTensorType type)
      : rows(type.getDimSize(0)), columns(type.getDimSize(1)),
        elementBytes(type.getElementType().getIntOrFloatBitWidth() / 8) {}

  int64_t getRowStride() const { return columns == 1 ? elementBytes : columns * elementBytes + 16; }
  /// A multiple of 16.
  int64_t getBytes() const { return (rows * getRowStride() + 15) / 16 * 16; }
};

/// The tiles from channels in whose memory scores can keep their two operands: what the query and the key are computed
/// from, where no role reads it any more by then. Null if there is none.
std::pair<warp::GetOp, warp::GetOp> findPlaces(tile::DecayedScoresOp scores);

/// The memory of one turn, with a place for each channel, and what lies behind the turns. Offsets and sizes in bytes.
struct SharedMemoryPlan {
  llvm::MapVector<mlir::Value, int64_t> channels; ///< offset in the turn's memory
  int64_t turnBytes = 0;
  llvm::DenseMap<mlir::Operation *, int64_t> turnScratch; ///< of ops that use some of the turn's memory; offset in it
  llvm::DenseMap<mlir::Operation *, int64_t> scratch;     ///< of ops that work through shared memory; from its start
  int64_t scratchBytes = 0;
  int64_t numBarriers = 0; ///< for each turn

  explicit SharedMemoryPlan(warp::PipelineOp pipeline);

  int64_t getScratchOffset(int64_t stages) const { return stages * turnBytes; }
  int64_t getBarrierOffset(int64_t stages) const { return getScratchOffset(stages) + scratchBytes; }
  int64_t getTotal(int64_t stages) const { return getBarrierOffset(stages) + stages * numBarriers * 8; }
};
} // namespace fgla

#endif // FGLA_PASSES_LAYOUT_SHAREDMEMORY_H
