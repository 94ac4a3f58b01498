//===- TextDepth.cpp - How deep a text of MLIR is nested ------------------===//

#include "compiler/TextDepth.h"

using namespace llvm;

bool fgla::isNestedTooDeep(StringRef text) {
  constexpr StringRef opening = "{([<", closing = "})]>";
  size_t depths[4] = {};
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') { // a string ends on its line
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
        i += text[i] == '\\';
    } else if (text.substr(i).starts_with("//")) {
      i = std::min(text.find('\n', i), text.size());
    } else if (size_t kind = opening.find(text[i]); kind != StringRef::npos) {
      if (++depths[kind] > kMaxDepth)
        return true;
    } else if (kind = closing.find(text[i]); kind != StringRef::npos && depths[kind] > 0) {
      depths[kind] -= i == 0 || text[i - 1] != '-'; // "->" closes nothing
    }
  }
  return false;
}
