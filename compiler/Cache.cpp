//===- Cache.cpp - Compiled code on disk, named by content ----------------===//
//
// LLVM's pieces do the work: pruneCache, SHA256. Two of them do not: localCache() takes files as they are, and ends the
// process when the disk is full; LockFileManager removes a lock whose owner it can't read, also one made in that
// moment.
//
//===----------------------------------------------------------------------===//

#include "compiler/Cache.h"
#include "runtime/File.h"
#include "support/WriteFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace llvm;
using fgla::Cache;
using fgla::runtime::File;
using fgla::runtime::ioError;
using fgla::runtime::quote;
using fgla::runtime::Result;
using fgla::runtime::Status;

/// Who waits longer for somebody else's build does the work again, which is harmless.
static constexpr std::chrono::seconds lockPatience(120);
static constexpr std::chrono::milliseconds lockPause(10);
/// pruneCache() knows its files by this.
static constexpr StringRef filePrefix = "llvmcache-";

std::string Cache::defaultDirectory() {
  if (const char *directory = getenv("FGLA_CACHE_DIR"); directory && *directory)
    return directory;
  // The XDG specification says to ignore a relative path.
  if (const char *base = getenv("XDG_CACHE_HOME"); base && *base == '/')
    return std::string(base) + "/fgla";
  if (const char *home = getenv("HOME"); home && *home)
    return std::string(home) + "/.cache/fgla";
  return "";
}

std::string Cache::key(ArrayRef<StringRef> parts) {
  SHA256 hash;
  for (StringRef part : parts) {
    hash.update(std::to_string(part.size()) + ":");
    hash.update(part);
  }
  return toHex(hash.final(), /*LowerCase=*/true);
}

/// The cache holds code that will run: nobody else may be able to put it there.
static Status prepareDirectory(const std::string &path) {
  if (path.empty())
    return Status(FGLA_IO_ERROR, "none of FGLA_CACHE_DIR, XDG_CACHE_HOME, HOME is set");
  if (std::error_code code = sys::fs::create_directories(path, /*IgnoreExisting=*/true, sys::fs::owner_all))
    return ioError("cannot create " + quote(path), code.value());
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    return ioError("cannot read " + quote(path), errno);
  if (!S_ISDIR(info.st_mode))
    return Status(FGLA_IO_ERROR, quote(path) + " is no directory");
  if (info.st_mode & S_IWOTH)
    return Status(FGLA_IO_ERROR, quote(path) + " can be written by everybody");
  if (geteuid() != 0 && info.st_uid != geteuid() && info.st_uid != 0)
    return Status(FGLA_IO_ERROR, quote(path) + " belongs to another user");
  return {};
}

static std::string checksum(StringRef key, StringRef bytes) {
  SHA256 hash;
  hash.update(key);
  hash.update(bytes);
  return toStringRef(hash.final()).str();
}

/// What was stored for the key, or nothing where the file is not there or not what was written.
static std::optional<std::string> read(const std::string &path, StringRef key) {
  constexpr size_t checksumSize = 32;
  Result<File> file = File::openForRead(path);
  if (!file.ok() || file->size() < checksumSize)
    return std::nullopt;
  std::string bytes(file->size(), '\0');
  if (!file->readAt(0, bytes.data(), bytes.size()).ok())
    return std::nullopt;
  std::string stored = bytes.substr(bytes.size() - checksumSize);
  bytes.resize(bytes.size() - checksumSize);
  if (stored != checksum(key, bytes))
    return std::nullopt;
  // Least recently used goes first, on a disk that does not note when files are read too.
  const timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  utimensat(AT_FDCWD, path.c_str(), times, 0); // may fail: read-only
  return bytes;
}

void Cache::note(const Status &reason) {
  if (!hasNoted.exchange(true))
    errs() << "note: fgla cache is not usable, compiling anew each time: " << reason.message() << "\n";
}

Result<std::string> Cache::build(const std::string &key, const std::string &path, Builder build) {
  Result<std::string> built = build();
  if (!built.ok())
    return built;
  std::string sum = checksum(key, *built);
  const std::string_view chunks[] = {*built, sum};
  if (Status status = runtime::writeFileAtomically(path, chunks); !status.ok()) {
    note(status);
    return built;
  }
  CachePruningPolicy policy;
  policy.Interval = std::chrono::seconds(0); // now
  policy.Expiration = std::chrono::hours(24 * 30);
  policy.MaxSizeBytes = limit;
  pruneCache(directory, policy);
  return built;
}

namespace {
/// The right to build what is stored for a key: a byte of one file of the directory, by the key's first digits. The
/// kernel takes it from whoever is gone.
class Lock {
public:
  /// Waits for it, but not for ever. Without a file, or on a file system without locks, there is none.
  Lock(const std::string &directory, const std::string &key)
      : file(open((directory + "/locks").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR)) {
    struct flock byte = {};
    byte.l_type = F_WRLCK;
    byte.l_start = std::stoll(key.substr(0, 15), nullptr, 16);
    byte.l_len = 1;
    auto end = std::chrono::steady_clock::now() + lockPatience;
    while (file >= 0 && fcntl(file, F_OFD_SETLK, &byte) != 0 && (errno == EAGAIN || errno == EACCES) &&
           std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(lockPause);
  }
  ~Lock() {
    if (file >= 0)
      close(file);
  }
  Lock(const Lock &) = delete;

private:
  int file;
};
} // namespace

Result<std::string> Cache::getOrBuild(const std::string &key, Builder builder) {
  if (Status status = prepareDirectory(directory); !status.ok()) {
    note(status);
    return builder();
  }
  std::string path = directory + "/" + filePrefix.str() + key;
  if (std::optional<std::string> bytes = read(path, key))
    return *bytes;
  Lock lock(directory, key);
  // Somebody may have stored it before the lock was ours.
  if (std::optional<std::string> bytes = read(path, key))
    return *bytes;
  return build(key, path, builder);
}
