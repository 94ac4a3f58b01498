//===- WarpDialect.cpp - Registration of fgla_warp, types and attributes --===//

#include "dialect/warp/Warp.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fgla::warp;

#include "dialect/warp/WarpDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialect/warp/WarpTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/warp/WarpAttrs.cpp.inc"

void WarpDialect::initialize() {
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
