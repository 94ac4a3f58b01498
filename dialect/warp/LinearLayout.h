//===- LinearLayout.h - Which thread holds which element ------------------===//
//
// A layout maps (register, lane, warp) to (row, column) of a tile. It is linear over bits: the element of a number is
// the exclusive or of the basis vectors of its set bits. So composition, equality and "does this cross lanes" are
// questions about a few small vectors. The model is Triton's linear layouts (arXiv 2505.23819).
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_WARP_LINEARLAYOUT_H
#define FGLA_DIALECT_WARP_LINEARLAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/SmallVector.h"
#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace fgla::warp {

/// An element of a tile, or what one bit contributes to it.
struct Element {
  int32_t row = 0, column = 0;

  Element operator^(Element other) const { return {row ^ other.row, column ^ other.column}; }
  bool operator==(const Element &other) const = default;
  bool isZero() const { return row == 0 && column == 0; }
};
inline llvm::hash_code hash_value(const Element &element) { return llvm::hash_combine(element.row, element.column); }

class LinearLayout {
public:
  using Bases = llvm::SmallVector<Element>;

  LinearLayout() = default;
  LinearLayout(Bases registers, Bases lanes, Bases warps)
      : registers(std::move(registers)), lanes(std::move(lanes)), warps(std::move(warps)) {}

  Bases registers, lanes, warps;

  bool operator==(const LinearLayout &other) const = default;

  int64_t getNumRegisters() const { return int64_t(1) << registers.size(); }
  /// The element of a register, relative to register 0 of the same thread.
  Element ofRegister(int64_t number) const { return combine(registers, number); }
  Element ofLane(int64_t number) const { return combine(lanes, number); }
  Element ofWarp(int64_t number) const { return combine(warps, number); }
  Element at(int64_t reg, int64_t lane, int64_t warp) const { return ofRegister(reg) ^ ofLane(lane) ^ ofWarp(warp); }

  /// The register that is `element` away from register 0, or -1.
  int64_t findRegister(Element element) const;

  /// The layout of a tile with one row (column) that is broadcast to this one's tile: rows (columns) vanish, and
  /// registers that only differ in them are one.
  LinearLayout dropRows() const;
  LinearLayout dropColumns() const;
  LinearLayout transposed() const;
  /// Of the first half of the columns, where `column` is the first of the second: what holds the second half holds the
  /// same.
  LinearLayout withoutColumn(int64_t column) const;
  /// Whether the same threads hold the same elements, perhaps in other registers.
  bool isSameUpToRegisters(const LinearLayout &other) const;
  /// Whether several threads hold the same elements, as they do where a tile has fewer than there are threads.
  bool isReplicated() const;
  /// Registers in pairs that hold blocks of 8 x 8 as matrix instructions have them: lane l has, of each, row l / 4 and
  /// columns 2 (l % 4) and the next; where `isTransposed`, of the transposed block.
  struct Blocks {
    bool isTransposed = false;
    int64_t next = 0;                   ///< bit of the number of a pair's second register
    llvm::SmallVector<int64_t> numbers; ///< of the first registers
  };
  /// The blocks that the layout is made of, if it is.
  std::optional<Blocks> findBlocks() const;
  /// Whether every element of a [rows, columns] tile is held, and nothing else.
  bool covers(int64_t rows, int64_t columns) const;

  /// "registers = [[0, 1], [8, 0]], lanes = [...], warps = [...]".
  std::string toString() const;

  static Element combine(llvm::ArrayRef<Element> bases, int64_t number);

  /// Each thread has whole columns: as few as fill the lanes and warps, so that what runs down the rows stays in a
  /// thread. Two neighbouring columns a thread if there are enough.
  static LinearLayout columns(int64_t rows, int64_t columns, int64_t warps);
  /// Each lane has a row, or part of one; all warps the same.
  static LinearLayout rows(int64_t rows, int64_t columns, int64_t warps);
  /// Each warp has rows, whole: neighbouring columns in a thread (`together` of them), then across the lanes.
  static LinearLayout wholeRows(int64_t rows, int64_t columns, int64_t warps, int64_t together);
  /// The accumulators of m16n8 matrix instructions, warps along the columns; `transposed` where the instruction
  /// computes the transposed tile.
  static LinearLayout accumulator(int64_t rows, int64_t columns, int64_t warps, bool transposed);

  friend llvm::hash_code hash_value(const LinearLayout &layout) {
    auto hash = [](const Bases &bases) { return llvm::hash_combine_range(bases.begin(), bases.end()); };
    return llvm::hash_combine(hash(layout.registers), hash(layout.lanes), hash(layout.warps));
  }
};

} // namespace fgla::warp

#endif // FGLA_DIALECT_WARP_LINEARLAYOUT_H
