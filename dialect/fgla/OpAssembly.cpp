//===- OpAssembly.cpp - Custom directives of the fgla ops' assembly -------===//

#include "dialect/fgla/OpAssembly.h"
#include "dialect/Assembly.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace fgla;

template <typename Kind, typename KindAttr>
static ParseResult parseKind(OpAsmParser &parser, KindAttr &kind, StringRef what) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<StringRef> known = getKeywords<Kind>();
  known.push_back("custom");
  if (failed(parser.parseOptionalKeyword(&keyword, known))) {
    if (parser.parseKeyword(&keyword))
      return failure();
    return parser.emitError(loc) << "unknown " << what << " '" << keyword << "' (known: " << llvm::join(known, ", ")
                                 << ")";
  }
  if (keyword != "custom")
    kind = KindAttr::get(parser.getContext(), *symbolizeEnum<Kind>(keyword));
  return success();
}

ParseResult fgla::parseKindOrRegion(OpAsmParser &parser, FeatureKindAttr &kind) {
  return parseKind<FeatureKind>(parser, kind, "feature map");
}

ParseResult fgla::parseKindOrRegion(OpAsmParser &parser, GateKindAttr &kind) {
  return parseKind<GateKind>(parser, kind, "gate");
}

void fgla::printKindOrRegion(OpAsmPrinter &printer, Operation *, FeatureKindAttr kind) {
  printer << (kind ? stringifyFeatureKind(kind.getValue()) : "custom");
}

void fgla::printKindOrRegion(OpAsmPrinter &printer, Operation *, GateKindAttr kind) {
  printer << (kind ? stringifyGateKind(kind.getValue()) : "custom");
}

ParseResult fgla::parseExpression(OpAsmParser &parser, Region &region) {
  OptionalParseResult parsed = parser.parseOptionalRegion(region);
  return parsed.has_value() ? *parsed : success();
}

void fgla::printExpression(OpAsmPrinter &printer, Operation *, Region &region) {
  if (!region.empty())
    printer.printRegion(region);
}

ParseResult fgla::parseGateType(OpAsmParser &parser, SmallVectorImpl<Type> &inputs, Type &output,
                                ArrayRef<OpAsmParser::UnresolvedOperand> operands) {
  if (parser.parseType(output))
    return failure();
  inputs.assign(operands.size(), output);
  return success();
}

void fgla::printGateType(OpAsmPrinter &printer, Operation *, TypeRange, Type output, ValueRange) { printer << output; }
