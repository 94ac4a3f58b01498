//===- SourceNames.cpp - Names that values have in a text -----------------===//

#include "compiler/SourceNames.h"
#include "dialect/fgla/Attributes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

namespace {
class SourceNames {
public:
  SourceNames(const AsmParserState &state, const llvm::MemoryBuffer &text) : state(state), text(text) {}

  /// "x" for `%x`; empty for a number or where the text has no name.
  StringRef nameOf(Value value) const;

private:
  StringRef nameAt(llvm::SMRange range) const;

  const AsmParserState &state;
  const llvm::MemoryBuffer &text;
};
} // namespace

StringRef SourceNames::nameAt(llvm::SMRange range) const {
  const char *begin = range.Start.getPointer();
  if (!range.isValid() || begin < text.getBufferStart() || begin >= text.getBufferEnd() || *begin != '%')
    return {};
  StringRef rest(begin + 1, text.getBufferEnd() - begin - 1);
  StringRef name = rest.take_while([](char c) { return llvm::isAlnum(c) || StringRef("_$.-").contains(c); });
  return name.empty() || llvm::isDigit(name.front()) ? StringRef() : name;
}

StringRef SourceNames::nameOf(Value value) const {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    const AsmParserState::BlockDefinition *block = state.getBlockDef(argument.getOwner());
    if (!block || argument.getArgNumber() >= block->arguments.size())
      return {};
    return nameAt(block->arguments[argument.getArgNumber()].loc);
  }
  const AsmParserState::OperationDefinition *op = state.getOpDef(value.getDefiningOp());
  if (!op)
    return {};
  // `%r:2` names a group of results: only its first one has the name for
  // itself.
  for (const auto &group : op->resultGroups)
    if (group.startIndex == cast<OpResult>(value).getResultNumber())
      return nameAt(group.definition.loc);
  return {};
}

/// Names the values that have no name yet; `get` and `set` are the function's
/// accessors of one value's attribute.
template <typename Get, typename Set>
static void nameValues(ValueRange values, const SourceNames &names, Get get, Set set) {
  llvm::StringSet<> taken;
  for (unsigned i = 0; i < values.size(); ++i)
    if (StringAttr name = get(i))
      taken.insert(name);
  for (unsigned i = 0; i < values.size(); ++i) {
    StringRef name = get(i) ? StringRef() : names.nameOf(values[i]);
    if (!name.empty() && taken.insert(name).second)
      set(i, name);
  }
}

void fgla::nameFromSource(ModuleOp module, const AsmParserState &state, const llvm::MemoryBuffer &text) {
  SourceNames names(state, text);
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    auto attr = [&](StringRef name) { return StringAttr::get(module.getContext(), name); };
    nameValues(
        function.getArguments(), names,
        [&](unsigned i) { return function.getArgAttrOfType<StringAttr>(i, fgla::kNameAttrName); },
        [&](unsigned i, StringRef name) { function.setArgAttr(i, fgla::kNameAttrName, attr(name)); });
    auto ret = dyn_cast<func::ReturnOp>(function.getBody().back().getTerminator());
    if (!ret || ret.getNumOperands() != function.getNumResults())
      continue;
    nameValues(
        ret.getOperands(), names,
        [&](unsigned i) { return function.getResultAttrOfType<StringAttr>(i, fgla::kNameAttrName); },
        [&](unsigned i, StringRef name) { function.setResultAttr(i, fgla::kNameAttrName, attr(name)); });
  }
}
