//===- WarpDialect.cpp - Registration of fgla_warp, types and attributes --===//

#include "dialect/warp/Warp.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fgla::warp;

#include "dialect/warp/WarpDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialect/warp/WarpTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/warp/WarpAttrs.cpp.inc"

/// What a layout is called in dumps: by how it was made, if it can be made so for the tile that it covers.
static StringRef getAlias(const LinearLayout &layout) {
  Element all;
  for (const LinearLayout::Bases *bases : {&layout.registers, &layout.lanes, &layout.warps})
    for (Element base : *bases)
      all = {all.row | base.row, all.column | base.column};
  int64_t rows = all.row + 1, columns = all.column + 1, warps = int64_t(1) << layout.warps.size();
  if (!llvm::isPowerOf2_64(rows) || !llvm::isPowerOf2_64(columns))
    return "layout";
  if (layout == LinearLayout::columns(rows, columns, warps))
    return "columns";
  if (layout == LinearLayout::rows(rows, columns, warps))
    return "rows";
  for (int64_t together : {2, 4, 8})
    if (layout == LinearLayout::wholeRows(rows, columns, warps, together))
      return "whole_rows";
  if (std::optional<LinearLayout::Blocks> blocks = layout.findBlocks())
    return blocks->isTransposed ? "transposed_accumulator" : "accumulator";
  return "layout";
}

namespace {
/// Layouts are long; so they are said once.
struct WarpAliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attr, raw_ostream &os) const override {
    auto layout = dyn_cast<LayoutAttr>(attr);
    if (!layout)
      return AliasResult::NoAlias;
    os << ::getAlias(layout.getMap());
    return AliasResult::FinalAlias;
  }
};
} // namespace

void WarpDialect::initialize() {
  addInterfaces<WarpAliases>();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/warp/WarpTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/warp/WarpAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/warp/WarpOps.cpp.inc"
      >();
}

LogicalResult ChannelType::verify(function_ref<InFlightDiagnostic()> emitError, RankedTensorType tile) {
  if (tile.getRank() == 2 && tile.hasStaticShape())
    return success();
  return emitError() << "a channel holds a static tile of two dims, got " << tile;
}

void LayoutAttr::print(AsmPrinter &printer) const { printer << '<' << getMap().toString() << '>'; }

/// name = [[row, column], ...]
static ParseResult parseBases(AsmParser &parser, StringRef name, LinearLayout::Bases &bases) {
  if (parser.parseKeyword(name) || parser.parseEqual())
    return failure();
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
    Element element;
    if (parser.parseLSquare() || parser.parseInteger(element.row) || parser.parseComma() ||
        parser.parseInteger(element.column) || parser.parseRSquare())
      return failure();
    bases.push_back(element);
    return success();
  });
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  LinearLayout layout;
  if (parser.parseLess() || parseBases(parser, "registers", layout.registers) || parser.parseComma() ||
      parseBases(parser, "lanes", layout.lanes) || parser.parseComma() || parseBases(parser, "warps", layout.warps) ||
      parser.parseGreater())
    return {};
  return LayoutAttr::get(parser.getContext(), layout);
}
