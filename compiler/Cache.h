//===- Cache.h - Compiled code on disk, named by content --------*- C++ -*-===//
//
// One directory of files `<64 hex digits><suffix>`. Files appear by rename, so
// nobody sees half of one; a lock per key makes several processes and threads
// that want the same thing at once build it once. A directory that cannot be
// used costs speed, not correctness: the cache then works in a private
// temporary and says so once on stderr.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_COMPILER_CACHE_H
#define FGLA_COMPILER_CACHE_H

#include "runtime/Status.h"

#include <functional>
#include <mutex>

namespace fgla::runtime {

class Cache {
public:
  static constexpr uint64_t defaultLimit = uint64_t(1) << 30;

  /// $FGLA_CACHE_DIR, else $XDG_CACHE_HOME/fgla, else $HOME/.cache/fgla; empty
  /// when none of them is set.
  static std::string defaultDirectory();

  explicit Cache(std::string directory = defaultDirectory(), uint64_t limitBytes = defaultLimit);
  /// Removes the private temporary, if there was one. Libraries that are loaded
  /// from it go on working.
  ~Cache();
  Cache(const Cache &) = delete;
  Cache &operator=(const Cache &) = delete;

  /// Digest of the parts and of where one ends and the next begins. Put in all
  /// that the built file depends on, the compiler's version included.
  static std::string key(std::span<const std::string_view> parts);
  static std::string key(std::initializer_list<std::string_view> parts) {
    return key(std::span(parts.begin(), parts.size()));
  }

  /// Writes the file to `path`, which does not exist yet.
  using Builder = std::function<Status(const std::string &path)>;

  /// The path of the file for `key` and `suffix` (".so"), built first if it is
  /// not there. The file stays for a minute at least after this returns: open
  /// or load it at once. Fails when the builder fails, with its Status.
  Result<std::string> getOrBuild(const std::string &key, const std::string &suffix, const Builder &builder);

  /// Forgets a file, e.g. because it turned out to be damaged.
  void remove(const std::string &key, const std::string &suffix);

  /// Deletes least recently used files until the limit is kept, leaving those
  /// used in the last minute, and what crashed processes left. Runs by itself
  /// after each build.
  void prune();

private:
  std::string fallback(const Status &reason);

  const std::string directory;
  const uint64_t limit;
  std::mutex mutex;      // guards the next
  std::string temporary; // private directory, empty while there is none
};

} // namespace fgla::runtime

#endif // FGLA_COMPILER_CACHE_H
