//===- ViewLayouts.cpp - Prints which thread holds which element ----------===//

#include "dialect/warp/Warp.h"
#include "mlir/Support/FileUtilities.h"
#include "passes/layout/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InterleavedRange.h"
#include "llvm/Support/ToolOutputFile.h"

namespace fgla {
#define GEN_PASS_DEF_VIEWLAYOUTS
#include "passes/layout/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;
using warp::LinearLayout;

namespace {
/// A layout of tiles of one shape, and where it occurs.
struct Occurrence {
  llvm::SetVector<Type> elements;
  int64_t values = 0;
};
using Occurrences = llvm::MapVector<std::pair<warp::LayoutAttr, std::pair<int64_t, int64_t>>, Occurrence>;

/// Who holds an element: the first in the order of warps, lanes and registers, and how many others.
struct Holders {
  int64_t warp = 0, lane = 0, reg = 0, count = 0;

  std::string toString() const {
    if (count == 0)
      return "-";
    std::string text = llvm::formatv("{0}/{1}:{2}", warp, lane, reg);
    return count == 1 ? text : text + "+" + std::to_string(count - 1);
  }
};
} // namespace

static Occurrences collect(ModuleOp module) {
  Occurrences found;
  auto add = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || type.getRank() != 2)
      return;
    auto layout = dyn_cast_or_null<warp::LayoutAttr>(type.getEncoding());
    if (!layout)
      return;
    Occurrence &occurrence = found[{layout, {type.getDimSize(0), type.getDimSize(1)}}];
    occurrence.elements.insert(type.getElementType());
    ++occurrence.values;
  };
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    llvm::for_each(op->getResults(), add);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArguments(), add);
  });
  return found;
}

/// Of the elements in the first `rows` rows and `columns` columns.
static std::vector<std::vector<Holders>> findHolders(const LinearLayout &layout, int64_t rows, int64_t columns) {
  std::vector<std::vector<Holders>> holders(rows, std::vector<Holders>(columns));
  for (int64_t warp = 0; warp < int64_t(1) << layout.warps.size(); ++warp)
    for (int64_t lane = 0; lane < int64_t(1) << layout.lanes.size(); ++lane)
      for (int64_t reg = 0; reg < layout.getNumRegisters(); ++reg) {
        warp::Element element = layout.at(reg, lane, warp);
        if (element.row < 0 || element.row >= rows || element.column < 0 || element.column >= columns)
          continue;
        Holders &here = holders[element.row][element.column];
        if (here.count++ == 0)
          here = {warp, lane, reg, 1};
      }
  return holders;
}

static void writeTable(raw_ostream &os, const LinearLayout &layout, int64_t rows, int64_t columns) {
  auto holders = findHolders(layout, rows, columns);
  size_t width = std::to_string(columns - 1).size();
  for (const auto &row : holders)
    for (const Holders &cell : row)
      width = std::max(width, cell.toString().size());
  os << "     ";
  for (int64_t column = 0; column < columns; ++column)
    os << "  " << llvm::right_justify(std::to_string(column), width);
  os << '\n';
  for (auto [number, row] : llvm::enumerate(holders)) {
    os << llvm::right_justify(std::to_string(number), 5);
    for (const Holders &cell : row)
      os << "  " << llvm::right_justify(cell.toString(), width);
    os << '\n';
  }
}

namespace {
struct ViewLayouts : fgla::impl::ViewLayoutsBase<ViewLayouts> {
  using ViewLayoutsBase::ViewLayoutsBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (rows < 1 || columns < 1) {
      getOperation()->emitError() << "'rows' and 'columns' must be at least 1, got " << rows.getValue() << " and "
                                  << columns.getValue();
      return signalPassFailure();
    }
    if (file.empty())
      return write(llvm::errs());
    std::string message;
    std::unique_ptr<llvm::ToolOutputFile> output = openOutputFile(file, &message);
    if (!output) {
      getOperation()->emitError() << message;
      return signalPassFailure();
    }
    write(output->os());
    output->keep();
  }

  void write(raw_ostream &os) {
    Occurrences found = collect(getOperation());
    if (found.empty())
      getOperation()->emitWarning() << "has no tile with a layout";
    for (auto &[key, occurrence] : found) {
      auto [height, width] = key.second;
      const LinearLayout &layout = key.first.getMap();
      os << height << 'x' << width << " of " << llvm::interleaved(occurrence.elements)
         << ", values: " << occurrence.values << ", registers: 2^" << layout.registers.size() << '\n'
         << "  " << layout.toString() << '\n';
      constexpr size_t kMostBits = 20; // no kernel has a tile of a million elements
      if (layout.registers.size() + layout.lanes.size() + layout.warps.size() > kMostBits) {
        os << "  has too many registers, lanes and warps for a table\n\n";
        continue;
      }
      if (!layout.covers(height, width))
        os << "  does not hold each element of the tile, or others\n";
      writeTable(os, layout, std::min<int64_t>(rows, height), std::min<int64_t>(columns, width));
      os << '\n';
    }
  }
};
} // namespace
