//===- Cache.h - Compiled code on disk, named by content --------*- C++ -*-===//
//
// One directory of files `llvmcache-<key>`, each some bytes and a checksum over
// them and their key, so that a damaged or exchanged file counts as none. A
// lock per key makes several processes and threads that want the same thing at
// once build it once. A directory that cannot be used costs speed, not
// correctness: what was built is used all the same, and one note on stderr says so.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_COMPILER_CACHE_H
#define FGLA_COMPILER_CACHE_H

#include "runtime/Status.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <atomic>

namespace fgla {

class Cache {
public:
  static constexpr uint64_t defaultLimit = uint64_t(1) << 30;

  /// $FGLA_CACHE_DIR, else $XDG_CACHE_HOME/fgla, else $HOME/.cache/fgla; empty
  /// when none of them is set.
  static std::string defaultDirectory();

  explicit Cache(std::string directory = defaultDirectory(), uint64_t limitBytes = defaultLimit)
      : directory(std::move(directory)), limit(limitBytes) {}

  /// Digest of the parts and of where one ends and the next begins. Put in all
  /// that the built bytes depend on, the compiler's version included.
  static std::string key(llvm::ArrayRef<llvm::StringRef> parts);

  using Builder = llvm::function_ref<runtime::Result<std::string>()>;

  /// The bytes for a key that `key()` made, built first if they are not there. Fails when the builder fails, with its
  /// Status. Deletes least recently used files until the limit is kept, and what crashed processes left.
  runtime::Result<std::string> getOrBuild(const std::string &key, Builder build);

private:
  runtime::Result<std::string> build(const std::string &key, const std::string &path, Builder build);
  void note(const runtime::Status &reason);

  const std::string directory;
  const uint64_t limit;
  std::atomic<bool> hasNoted = false;
};

} // namespace fgla

#endif // FGLA_COMPILER_CACHE_H
