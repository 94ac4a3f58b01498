//===- CacheKey.h - What compiled code depends on -------------------------===//
#ifndef FGLA_COMPILER_CACHEKEY_H
#define FGLA_COMPILER_CACHEKEY_H

#include "compiler/Compiler.h"

namespace fgla {

/// A digest of all that the bytes of an artifact depend on: the source, the weights in other files that it names, the
/// options, the compiler and this machine's processor.
runtime::Result<std::string> makeCacheKey(const Source &source, const CompileOptions &options);

} // namespace fgla

#endif // FGLA_COMPILER_CACHEKEY_H
