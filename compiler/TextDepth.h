//===- TextDepth.h - How deep a text of MLIR is nested --------------------===//
#ifndef FGLA_COMPILER_TEXTDEPTH_H
#define FGLA_COMPILER_TEXTDEPTH_H

#include "llvm/ADT/StringRef.h"

namespace fgla {

/// Brackets deeper than this are no program but an attack on the stack: the parser and many passes recurse.
inline constexpr size_t kMaxDepth = 256;

/// Whether brackets of one kind, outside of comments and strings, are nested deeper.
bool isNestedTooDeep(llvm::StringRef text);

} // namespace fgla

#endif // FGLA_COMPILER_TEXTDEPTH_H
