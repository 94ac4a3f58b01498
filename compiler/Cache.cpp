//===- Cache.cpp - Compiled code on disk, named by content ----------------===//

#include "compiler/Cache.h"

#include "runtime/Sha256.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace fgla::runtime;

static constexpr size_t keyLength = 64;
static constexpr std::string_view lockSuffix = ".lock";
static constexpr std::string_view temporaryMark = ".tmp-";
// Between getOrBuild() and the caller's open() nothing else protects a file.
static constexpr time_t graceSeconds = 60;
static constexpr time_t staleSeconds = 3600;

//===----------------------------------------------------------------------===//
// Files and directories
//===----------------------------------------------------------------------===//

static Status unusable(const std::string &what) { return Status(FGLA_IO_ERROR, what); }

/// mkdir -p, new directories for the user only.
static Status makeDirectories(const std::string &path) {
  for (size_t i = 1; i <= path.size(); ++i)
    if (i == path.size() || path[i] == '/')
      if (mkdir(path.substr(0, i).c_str(), 0700) != 0 && errno != EEXIST)
        return ioError("cannot create " + quote(path), errno);
  return {};
}

/// The cache holds code that will run: nobody else may be able to put it there.
static Status checkDirectory(const std::string &path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    return ioError("cannot read " + quote(path), errno);
  if (!S_ISDIR(info.st_mode))
    return unusable(quote(path) + " is no directory");
  if (info.st_mode & S_IWOTH)
    return unusable(quote(path) + " can be written by everybody");
  if (geteuid() != 0 && info.st_uid != geteuid() && info.st_uid != 0)
    return unusable(quote(path) + " belongs to another user");
  return {};
}

static bool isKey(std::string_view text) {
  return text.size() == keyLength && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// A whole file: what a crash or a full disk may have left does not count.
static bool isEntry(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
}

/// Looks up a file and notes the use, for pruning.
static bool hit(const std::string &path) {
  if (!isEntry(path))
    return false;
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // may fail: read-only cache
  return true;
}

static std::string temporaryName(const std::string &directory, const std::string &key, const std::string &suffix) {
  std::random_device random;
  return directory + "/" + key + std::string(temporaryMark) + std::to_string(random()) + std::to_string(random()) +
         suffix;
}

namespace {
/// An exclusive lock on a file that exists while somebody holds it. Holding
/// counts only while the name still leads to the locked file: the previous
/// holder deletes it.
class KeyLock {
public:
  explicit KeyLock(std::string path) : path(std::move(path)) {}
  KeyLock(const KeyLock &) = delete;
  ~KeyLock() {
    if (fd < 0)
      return;
    unlink(path.c_str());
    close(fd);
  }

  /// With `wait` false, does not wait for another holder. False with errno.
  bool acquire(bool wait) {
    while (true) {
      int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
      if (file < 0)
        return false;
      int result;
      do
        result = flock(file, LOCK_EX | (wait ? 0 : LOCK_NB));
      while (result != 0 && errno == EINTR);
      // A file system without locks: renames still keep files whole, only the
      // work may be done twice.
      bool locked = result == 0 || errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS;
      struct stat held, named;
      if (locked && fstat(file, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
          held.st_dev == named.st_dev) {
        fd = file;
        return true;
      }
      int error = errno;
      close(file);
      if (!locked) {
        errno = error;
        return false;
      }
    }
  }

private:
  std::string path;
  int fd = -1;
};

/// What came of building in one directory. When the directory is at fault,
/// `problem` says how, and another one may be tried.
struct Outcome {
  Status problem;
  Status builder;
  bool ok() const { return problem.ok() && builder.ok(); }
};
} // namespace

/// Runs the builder into a temporary and renames it to `target`.
static Outcome build(const std::string &directory, const std::string &key, const std::string &suffix,
                     const std::string &target, const Cache::Builder &builder) {
  std::string path = temporaryName(directory, key, suffix);
  // Whether the directory takes files at all is not the builder's problem.
  int probe = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (probe < 0)
    return {ioError("cannot write to " + quote(directory), errno), {}};
  close(probe);
  unlink(path.c_str());

  Status built = builder(path);
  if (built.ok() && !isEntry(path))
    built = Status(FGLA_IO_ERROR, "cache builder wrote nothing to " + quote(path));
  if (!built.ok()) {
    unlink(path.c_str());
    // A full disk, most likely: another directory may have room.
    if (built.code() == FGLA_IO_ERROR)
      return {built, {}};
    return {{}, built};
  }
  // On disk before it has its name, or a power cut could leave zeros.
  if (int file = open(path.c_str(), O_RDONLY | O_CLOEXEC); file >= 0) {
    fsync(file);
    close(file);
  }
  if (rename(path.c_str(), target.c_str()) != 0) {
    Status status = ioError("cannot create " + quote(target), errno);
    unlink(path.c_str());
    return {status, {}};
  }
  return {};
}

static Outcome buildOnce(const std::string &directory, const std::string &key, const std::string &suffix,
                         const std::string &target, const Cache::Builder &builder) {
  if (directory.empty())
    return {unusable("none of FGLA_CACHE_DIR, XDG_CACHE_HOME, HOME is set"), {}};
  if (Status s = makeDirectories(directory); !s.ok())
    return {s, {}};
  if (Status s = checkDirectory(directory); !s.ok())
    return {s, {}};
  KeyLock lock(directory + "/" + key + std::string(lockSuffix));
  if (!lock.acquire(/*wait=*/true))
    return {ioError("cannot lock a file in " + quote(directory), errno), {}};
  if (hit(target)) // somebody else built it while we waited
    return {};
  return build(directory, key, suffix, target, builder);
}

//===----------------------------------------------------------------------===//
// Cache
//===----------------------------------------------------------------------===//

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

Cache::Cache(std::string directory, uint64_t limitBytes) : directory(std::move(directory)), limit(limitBytes) {}

Cache::~Cache() {
  if (temporary.empty())
    return;
  if (DIR *dir = opendir(temporary.c_str())) {
    while (dirent *entry = readdir(dir))
      unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
  }
  rmdir(temporary.c_str());
}

std::string Cache::key(std::span<const std::string_view> parts) {
  Sha256 hash;
  for (std::string_view part : parts) {
    hash.update(std::to_string(part.size()) + ":");
    hash.update(part);
  }
  return hash.hexDigest();
}

/// The private temporary, made at the first need; empty if there is none to be
/// had.
std::string Cache::fallback(const Status &reason) {
  std::lock_guard<std::mutex> guard(mutex);
  if (!temporary.empty())
    return temporary;
  const char *base = getenv("TMPDIR");
  std::string path = std::string(base && *base ? base : "/tmp") + "/fgla-cache-XXXXXX";
  if (!mkdtemp(path.data()))
    return "";
  temporary = path;
  std::fprintf(stderr, "note: fgla cache is not usable, compiling anew each time: %s\n", reason.message().c_str());
  return temporary;
}

static Status checkNames(const std::string &key, const std::string &suffix) {
  if (!isKey(key))
    return Status(FGLA_INVALID_ARGUMENT, "cache key must be 64 lower-case hex digits, got " + quote(key));
  bool plain = suffix.size() >= 2 && suffix[0] == '.' &&
               std::all_of(suffix.begin() + 1, suffix.end(), [](unsigned char c) { return std::isalnum(c); });
  if (!plain || suffix == lockSuffix)
    return Status(FGLA_INVALID_ARGUMENT, "cache suffix must be '.' and letters or digits, not "
                                         "'.lock', got " +
                                             quote(suffix));
  return {};
}

Result<std::string> Cache::getOrBuild(const std::string &key, const std::string &suffix, const Builder &builder) {
  if (Status s = checkNames(key, suffix); !s.ok())
    return s;
  std::string target = directory + "/" + key + suffix;
  // Also serves a read-only cache that somebody filled.
  if (!directory.empty() && checkDirectory(directory).ok() && hit(target))
    return target;
  Outcome outcome = buildOnce(directory, key, suffix, target, builder);
  if (outcome.ok()) {
    prune();
    return target;
  }
  if (!outcome.builder.ok())
    return outcome.builder;

  std::string instead = fallback(outcome.problem);
  if (instead.empty())
    return Status(FGLA_IO_ERROR, "no cache directory and no temporary one: " + outcome.problem.message());
  target = instead + "/" + key + suffix;
  if (hit(target))
    return target;
  outcome = buildOnce(instead, key, suffix, target, builder);
  if (!outcome.ok())
    return outcome.builder.ok() ? outcome.problem : outcome.builder;
  return target;
}

void Cache::remove(const std::string &key, const std::string &suffix) {
  if (!checkNames(key, suffix).ok())
    return;
  std::lock_guard<std::mutex> guard(mutex);
  for (const std::string &base : {directory, temporary})
    if (!base.empty())
      unlink((base + "/" + key + suffix).c_str());
}

//===----------------------------------------------------------------------===//
// Pruning
//===----------------------------------------------------------------------===//

namespace {
struct Used {
  std::string name;
  uint64_t bytes;
  timespec when;
};
} // namespace

/// Our files in `dir`, known by their names: anything else there, as in a
/// directory given by mistake, is left alone.
static std::vector<Used> listEntries(DIR *dir, const std::string &directory, time_t now) {
  std::vector<Used> entries;
  while (dirent *file = readdir(dir)) {
    std::string_view name = file->d_name;
    struct stat info;
    if (name.size() <= keyLength || !isKey(name.substr(0, keyLength)) || name[keyLength] != '.' ||
        fstatat(dirfd(dir), file->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
      continue;
    std::string_view rest = name.substr(keyLength);
    bool stale = now - info.st_mtim.tv_sec > staleSeconds;
    if (rest == lockSuffix) {
      if (stale) // deleted on release, unless somebody does hold it
        (void)KeyLock(directory + "/" + file->d_name).acquire(/*wait=*/false);
    } else if (rest.starts_with(temporaryMark)) {
      if (stale)
        unlinkat(dirfd(dir), file->d_name, 0);
    } else {
      entries.push_back({std::string(name), static_cast<uint64_t>(info.st_size), info.st_mtim});
    }
  }
  return entries;
}

void Cache::prune() {
  DIR *dir = directory.empty() ? nullptr : opendir(directory.c_str());
  if (!dir)
    return;
  time_t now = time(nullptr);
  std::vector<Used> entries = listEntries(dir, directory, now);
  closedir(dir);
  uint64_t total = 0;
  for (const Used &entry : entries)
    total += entry.bytes;
  std::sort(entries.begin(), entries.end(), [](const Used &a, const Used &b) {
    return std::pair(a.when.tv_sec, a.when.tv_nsec) < std::pair(b.when.tv_sec, b.when.tv_nsec);
  });
  for (const Used &entry : entries) {
    if (total <= limit || now - entry.when.tv_sec < graceSeconds)
      return;
    // Not while somebody is at this key.
    KeyLock lock(directory + "/" + entry.name.substr(0, keyLength) + std::string(lockSuffix));
    if (lock.acquire(/*wait=*/false) && unlink((directory + "/" + entry.name).c_str()) == 0)
      total -= entry.bytes;
  }
}
