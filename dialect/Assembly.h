//===- Assembly.h - Custom directives that all dialects' assembly uses ----===//
#ifndef FGLA_DIALECT_ASSEMBLY_H
#define FGLA_DIALECT_ASSEMBLY_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include <cmath>

namespace fgla {
/// The keywords of an enum, whose values count from zero.
template <typename EnumT> llvm::SmallVector<llvm::StringRef> getKeywords() {
  llvm::SmallVector<llvm::StringRef> keywords;
  for (uint32_t value = 0;; ++value) {
    llvm::StringRef keyword = stringifyEnum(static_cast<EnumT>(value));
    if (keyword.empty())
      return keywords;
    keywords.push_back(keyword);
  }
}

/// custom<Enum>($x): the bare keyword, which an editor completes. The printer that TableGen writes for an enum
/// attribute starts with a space, which gives `axis( key)`.
template <typename EnumAttrT> mlir::ParseResult parseEnum(mlir::OpAsmParser &parser, EnumAttrT &attr) {
  using Enum = decltype(std::declval<EnumAttrT>().getValue());
  llvm::StringRef keyword;
  llvm::SmallVector<llvm::StringRef> keywords = getKeywords<Enum>();
  mlir::FailureOr<Enum> value;
  if (succeeded(parser.parseOptionalKeyword(&keyword, keywords)))
    value = static_cast<Enum>(llvm::find(keywords, keyword) - keywords.begin());
  else // says what was expected
    value = mlir::FieldParser<Enum>::parse(parser);
  if (failed(value))
    return mlir::failure();
  attr = EnumAttrT::get(parser.getContext(), *value);
  return mlir::success();
}
template <typename EnumAttrT> void printEnum(mlir::OpAsmPrinter &printer, mlir::Operation *, EnumAttrT attr) {
  printer << stringifyEnum(attr.getValue());
}

/// custom<Number>($x): the shortest decimal that reads back as the same f64, where the builtin printer gives
/// 9.9999999999999995E-7 for 1.0e-6.
inline mlir::ParseResult parseNumber(mlir::OpAsmParser &parser, mlir::FloatAttr &attr) {
  return parser.parseAttribute(attr, parser.getBuilder().getF64Type());
}
inline void printNumber(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::FloatAttr attr) {
  double value = attr.getValueAsDouble();
  if (!std::isfinite(value))
    return printer.printAttributeWithoutType(attr);
  char text[32];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value)
      break;
  }
  // "1e-06" to "1.0e-6": the grammar of MLIR wants a point.
  auto [mantissa, exponent] = llvm::StringRef(text).split('e');
  printer << mantissa << (mantissa.contains('.') ? "" : ".0");
  if (!exponent.empty())
    printer << 'e' << exponent.take_front(1) << exponent.drop_front(1).ltrim('0');
}
} // namespace fgla

#endif // FGLA_DIALECT_ASSEMBLY_H
