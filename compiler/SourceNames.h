//===- SourceNames.h - Names that values have in a text -------------------===//
#ifndef FGLA_COMPILER_SOURCENAMES_H
#define FGLA_COMPILER_SOURCENAMES_H

#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla {

/// Gives arguments and results of public functions that have no `fgla.name` the
/// name that the text has for them: `%q` is argument "q", and `return %y`
/// returns "y". Numbers are not names; neither is a name that two results would
/// share, nor one that another value has by its attribute.
void nameFromSource(mlir::ModuleOp module, const mlir::AsmParserState &names, const llvm::MemoryBuffer &text);

} // namespace fgla

#endif // FGLA_COMPILER_SOURCENAMES_H
