//===- LinearLayout.cpp - Which thread holds which element ----------------===//

#include "dialect/warp/LinearLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <set>

using namespace fgla::warp;

static constexpr int64_t kLaneBits = 5;

Element LinearLayout::combine(llvm::ArrayRef<Element> bases, int64_t number) {
  Element result;
  for (size_t bit = 0; bit < bases.size(); ++bit)
    if (number >> bit & 1)
      result = result ^ bases[bit];
  return result;
}

int64_t LinearLayout::findRegister(Element element) const {
  for (int64_t i = 0; i < getNumRegisters(); ++i)
    if (ofRegister(i) == element)
      return i;
  return -1;
}

/// `keep` of each basis; registers whose basis vanishes are dropped, lanes and warps stay as they are counted.
template <typename Keep> static LinearLayout project(const LinearLayout &layout, Keep keep) {
  LinearLayout result;
  for (Element basis : layout.registers)
    if (!keep(basis).isZero())
      result.registers.push_back(keep(basis));
  for (Element basis : layout.lanes)
    result.lanes.push_back(keep(basis));
  for (Element basis : layout.warps)
    result.warps.push_back(keep(basis));
  return result;
}

LinearLayout LinearLayout::dropRows() const {
  return project(*this, [](Element e) { return Element{0, e.column}; });
}

LinearLayout LinearLayout::dropColumns() const {
  return project(*this, [](Element e) { return Element{e.row, 0}; });
}

LinearLayout LinearLayout::transposed() const {
  return project(*this, [](Element e) { return Element{e.column, e.row}; });
}

bool LinearLayout::isSameUpToRegisters(const LinearLayout &other) const {
  if (lanes != other.lanes || warps != other.warps || registers.size() != other.registers.size())
    return false;
  // Both ways: a layout that repeats an element in its registers holds less.
  auto holds = [](const LinearLayout &layout, const Bases &elements) {
    return llvm::all_of(elements, [&](Element element) { return layout.findRegister(element) >= 0; });
  };
  return holds(other, registers) && holds(*this, other.registers);
}

bool LinearLayout::isReplicated() const {
  return llvm::any_of(llvm::concat<const Element>(lanes, warps), [](Element basis) { return basis.isZero(); });
}

LinearLayout LinearLayout::withoutColumn(int64_t column) const {
  LinearLayout result = *this;
  for (Bases *bases : {&result.registers, &result.lanes, &result.warps})
    for (Element &basis : *bases)
      basis.column &= ~static_cast<int32_t>(column);
  return result;
}

std::optional<LinearLayout::Blocks> LinearLayout::findBlocks() const {
  const Bases ofBlock{{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}};
  Blocks blocks;
  blocks.isTransposed = lanes != ofBlock;
  const Element next = blocks.isTransposed ? Element{1, 0} : Element{0, 1};
  auto isWhole = [](Element basis) { return basis.row % 8 == 0 && basis.column % 8 == 0; };
  if ((blocks.isTransposed && transposed().lanes != ofBlock) || llvm::count(registers, next) != 1 ||
      !llvm::all_of(warps, isWhole) ||
      !llvm::all_of(registers, [&](Element basis) { return basis == next || isWhole(basis); }))
    return std::nullopt;
  blocks.next = findRegister(next);
  for (int64_t number = 0; number < getNumRegisters(); ++number)
    if (!(number & blocks.next))
      blocks.numbers.push_back(number);
  return blocks;
}

bool LinearLayout::covers(int64_t rows, int64_t columns) const {
  std::set<std::pair<int32_t, int32_t>> seen;
  for (int64_t warp = 0; warp < int64_t(1) << warps.size(); ++warp)
    for (int64_t lane = 0; lane < int64_t(1) << lanes.size(); ++lane)
      for (int64_t reg = 0; reg < getNumRegisters(); ++reg) {
        Element element = at(reg, lane, warp);
        if (element.row >= rows || element.column >= columns)
          return false;
        seen.insert({element.row, element.column});
      }
  return static_cast<int64_t>(seen.size()) == rows * columns;
}

std::string LinearLayout::toString() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto print = [&](llvm::StringRef name, const Bases &bases) {
    stream << name << " = [";
    llvm::ListSeparator comma;
    for (Element basis : bases)
      stream << comma << '[' << basis.row << ", " << basis.column << ']';
    stream << ']';
  };
  print("registers", registers);
  stream << ", ";
  print("lanes", lanes);
  stream << ", ";
  print("warps", warps);
  return text;
}

//===----------------------------------------------------------------------===//
// The layouts that kernels use
//===----------------------------------------------------------------------===//

namespace {
/// Hands out the bits of a tile's rows and columns one by one.
struct Bits {
  int64_t nextRow = 1, nextColumn = 1, rows, columns;

  bool hasRow() const { return nextRow < rows; }
  bool hasColumn() const { return nextColumn < columns; }
  Element takeRow() {
    return take(nextRow, rows, [](int32_t bit) { return Element{bit, 0}; });
  }
  Element takeColumn() {
    return take(nextColumn, columns, [](int32_t bit) { return Element{0, bit}; });
  }

private:
  template <typename Make> static Element take(int64_t &next, int64_t end, Make make) {
    if (next >= end)
      return {};
    Element result = make(static_cast<int32_t>(next));
    next *= 2;
    return result;
  }
};
} // namespace

LinearLayout LinearLayout::columns(int64_t rows, int64_t columns, int64_t warps) {
  Bits bits{1, 1, rows, columns};
  LinearLayout layout;
  if (columns >= 64)
    layout.registers.push_back(bits.takeColumn());
  for (int64_t i = 0; i < kLaneBits; ++i)
    layout.lanes.push_back(bits.takeColumn());
  for (unsigned i = 0; i < llvm::Log2_64(warps); ++i)
    layout.warps.push_back(bits.takeColumn());
  while (bits.hasRow())
    layout.registers.push_back(bits.takeRow());
  while (bits.hasColumn())
    layout.registers.push_back(bits.takeColumn());
  return layout;
}

LinearLayout LinearLayout::rows(int64_t rows, int64_t columns, int64_t warps) {
  Bits bits{1, 1, rows, columns};
  LinearLayout layout;
  for (int64_t i = 0; i < kLaneBits && bits.hasRow(); ++i)
    layout.lanes.push_back(bits.takeRow());
  int64_t laneColumns = std::min<int64_t>(kLaneBits - layout.lanes.size(), llvm::Log2_64(columns));
  int64_t inThread = columns >> laneColumns;
  while (bits.nextColumn < inThread)
    layout.registers.push_back(bits.takeColumn());
  while (static_cast<int64_t>(layout.lanes.size()) < kLaneBits)
    layout.lanes.push_back(bits.takeColumn());
  layout.warps.assign(llvm::Log2_64(warps), Element());
  while (bits.hasRow())
    layout.registers.push_back(bits.takeRow());
  return layout;
}

LinearLayout LinearLayout::wholeRows(int64_t rows, int64_t columns, int64_t warps, int64_t together) {
  Bits bits{1, 1, rows, columns};
  LinearLayout layout;
  while (bits.nextColumn < std::min(together, columns))
    layout.registers.push_back(bits.takeColumn());
  for (int64_t i = 0; i < kLaneBits; ++i)
    layout.lanes.push_back(bits.hasColumn() ? bits.takeColumn() : bits.takeRow());
  for (unsigned i = 0; i < llvm::Log2_64(warps); ++i)
    layout.warps.push_back(bits.takeRow());
  while (bits.hasColumn())
    layout.registers.push_back(bits.takeColumn());
  while (bits.hasRow())
    layout.registers.push_back(bits.takeRow());
  return layout;
}

LinearLayout LinearLayout::accumulator(int64_t rows, int64_t columns, int64_t warps, bool transposed) {
  // The instruction's M is the tile's columns where transposed; warps share out the tile's columns either way.
  int64_t m = transposed ? columns : rows, n = transposed ? rows : columns;
  auto element = [&](int64_t i, int64_t j) {
    Element e{static_cast<int32_t>(i), static_cast<int32_t>(j)};
    return transposed ? Element{e.column, e.row} : e;
  };
  LinearLayout layout;
  layout.registers = {element(0, 1), element(8, 0)};
  layout.lanes = {element(0, 2), element(0, 4), element(1, 0), element(2, 0), element(4, 0)};
  int64_t perWarp = columns / warps;
  int64_t endM = transposed ? perWarp : m, endN = transposed ? n : perWarp;
  for (int64_t j = 8; j < endN; j *= 2)
    layout.registers.push_back(element(0, j));
  for (int64_t i = 16; i < endM; i *= 2)
    layout.registers.push_back(element(i, 0));
  for (int64_t column = perWarp; column < columns; column *= 2)
    layout.warps.push_back(Element{0, static_cast<int32_t>(column)});
  return layout;
}
