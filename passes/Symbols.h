//===- Symbols.h - Names in an artifact -----------------------------------===//
#ifndef FGLA_PASSES_SYMBOLS_H
#define FGLA_PASSES_SYMBOLS_H

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

namespace fgla {

inline constexpr llvm::StringLiteral manifestSymbol = "fgla_manifest";

/// A name that C allows; other characters are written as their code between
/// underscores, so that different names stay different.
inline std::string toIdentifier(llvm::StringRef name) {
  std::string result;
  for (char c : name)
    if (llvm::isAlnum(c) || c == '_')
      result += c;
    else
      result += "_" + llvm::utohexstr(static_cast<unsigned char>(c), true) + "_";
  return result;
}

inline std::string getEntrySymbol(llvm::StringRef function) { return "fgla_fn_" + toIdentifier(function); }
inline std::string getShapeSymbol(llvm::StringRef function) { return "fgla_shape_" + toIdentifier(function); }
/// The pointers to the code of a GPU module (runtime::KernelImage).
inline std::string getImageSymbol(llvm::StringRef module) { return "fgla_image_" + toIdentifier(module); }
/// What a function of the source is called inside of an artifact. A function that is called "memset" would else be what
/// the code generator calls when it needs the library's; no name of C has a dot.
inline std::string getInternalName(llvm::StringRef function) { return "fgla." + function.str(); }
/// The function on memrefs that the shape symbol wraps.
inline std::string getShapeFunction(llvm::StringRef function) { return "fgla_shapes_" + toIdentifier(function); }

} // namespace fgla

#endif // FGLA_PASSES_SYMBOLS_H
