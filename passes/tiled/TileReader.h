//===- TileReader.h - Tiles of the tensors that a kernel works on ---------===//
#ifndef FGLA_PASSES_TILED_TILEREADER_H
#define FGLA_PASSES_TILED_TILEREADER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "passes/tiled/Fusion.h"

namespace fgla {
/// The channels [`offset`, `offset` + `width`) of a tensor's last dim; all of them without an offset.
struct ChannelSlice {
  mlir::Value offset;
  int64_t width = 0;
  mlir::Value count; ///< of the channels that are there; null where all are
};

/// Builds tiles of tensors inside a kernel: loads those that the kernel reads, computes those that producers make.
/// One reader serves one head; the tiles of tokens that it has built are kept until the position moves.
class TileReader {
public:
  /// `arrays` maps the kernel's tensors to its memref arguments. Parameters are loaded at `prologue`, in front of the
  /// loop over tokens.
  TileReader(mlir::OpBuilder &builder, Fusion &fusion, const mlir::IRMapping &arrays, int64_t tileLength,
             mlir::Value batch, mlir::Value head, mlir::OpBuilder::InsertPoint prologue)
      : builder(builder), fusion(fusion), arrays(arrays), tileLength(tileLength), batch(batch), head(head),
        prologue(prologue) {}

  /// Moves on to the tile that starts at `token` and has `rows` tokens.
  void moveTo(mlir::Value token, mlir::Value rows);

  /// The tile of a tensor with token axis, in the computation type.
  mlir::Value read(mlir::Value tensor, const ChannelSlice &slice = {}) { return readAll(tensor, slice).front(); }
  /// All tiles that the producer of a tensor makes: one, or two (`hasComplement`). What is computed element by element
  /// is computed for the slice alone; what combines rows still reads whole rows.
  llvm::SmallVector<mlir::Value> readAll(mlir::Value tensor, const ChannelSlice &slice = {});
  /// Whether the producer of the tensor is part of the kernel and makes two tiles, `f` and `1 - f`.
  bool hasComplement(mlir::Value tensor) const;
  /// Computes the result of a consumer from the tile of its operand `value`.
  mlir::Value computeConsumer(TileFormInterface consumer, mlir::Value value, mlir::Value tile);
  /// A tensor without token axis as a tile: [H, rows, D] at the head, or [H, D] at the head or [D] as one row.
  mlir::Value readParameter(mlir::Value tensor);

  /// The entry of a tensor [H] at the head, [1, 1].
  mlir::Value readHeadScalar(mlir::Value tensor);
  /// The columns of `tile`, which this reader has built, that are in the slice.
  mlir::Value cut(mlir::Value tile, const ChannelSlice &slice);

private:
  llvm::SmallVector<mlir::Value> readWhole(mlir::Value tensor);
  /// Loads once, in front of the loop over tokens, and converts to the computation type.
  mlir::Value loadInvariant(mlir::Value tensor, llvm::ArrayRef<int64_t> shape, bool startsWithHead,
                            llvm::ArrayRef<int64_t> dims);
  llvm::SmallVector<mlir::Value> computeTileForm(TileFormInterface op, mlir::Value given, mlir::Value givenTile);

  mlir::OpBuilder &builder;
  Fusion &fusion;
  const mlir::IRMapping &arrays;
  int64_t tileLength;
  mlir::Value batch, head, token, rows;
  mlir::OpBuilder::InsertPoint prologue;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> tiles;
  llvm::DenseMap<mlir::Value, mlir::Value> parameters;
  llvm::DenseMap<std::pair<mlir::Value, mlir::Value>, mlir::Value> slices; ///< by tile and offset
};

/// Converts a tile's elements between float types.
mlir::Value convertTile(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tile, mlir::Type element);
} // namespace fgla

#endif // FGLA_PASSES_TILED_TILEREADER_H
