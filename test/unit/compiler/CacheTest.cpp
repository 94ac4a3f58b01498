#include "compiler/Cache.h"

#include "test/unit/runtime/TestUtil.h"

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using fgla::Cache;
using fgla::runtime::Result;
using fgla::runtime::Status;
namespace fs = std::filesystem;

static const std::string keyA = Cache::key({"a"}), keyB = Cache::key({"b"}), keyC = Cache::key({"c"});

/// Gives `text` and counts.
static std::function<Result<std::string>()> builderOf(const std::string &text, int &count) {
  return [&count, text]() -> Result<std::string> {
    ++count;
    return text;
  };
}

static std::string fileOf(const TempDir &dir, const std::string &key) { return dir / ("llvmcache-" + key); }

/// Only the entries: pruning notes when it ran.
static size_t countEntries(const std::string &directory) {
  size_t count = 0;
  for (const auto &file : fs::directory_iterator(directory))
    count += file.path().filename().string().starts_with("llvmcache-");
  return count;
}

/// Whether a get of `key` gives `text`, and whether that was built for it.
static void expectGet(Cache &cache, const std::string &key, const std::string &text, bool isBuilt) {
  int count = 0;
  Result<std::string> bytes = cache.getOrBuild(key, builderOf(text, count));
  ASSERT_TRUE(bytes.ok()) << bytes.message();
  EXPECT_EQ(*bytes, text);
  EXPECT_EQ(count, isBuilt);
}

static void setAge(const std::string &path, time_t seconds) {
  timespec when = {time(nullptr) - seconds, 0};
  const timespec times[2] = {when, when};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0) << path;
}

namespace {
/// Sets environment variables for one test.
class Environment {
public:
  void set(const char *name, const char *value) {
    const char *before = getenv(name);
    saved.emplace_back(name, before ? std::optional<std::string>(before) : std::nullopt);
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Environment() {
    for (auto it = saved.rbegin(); it != saved.rend(); ++it)
      it->second ? setenv(it->first, it->second->c_str(), 1) : unsetenv(it->first);
  }

private:
  std::vector<std::pair<const char *, std::optional<std::string>>> saved;
};
} // namespace

//===----------------------------------------------------------------------===//
// Keys and directories
//===----------------------------------------------------------------------===//

TEST(Cache, KeysTellPartsApart) {
  EXPECT_EQ(keyA.size(), 64u);
  EXPECT_EQ(Cache::key({"ab", "c"}), Cache::key({"ab", "c"}));
  EXPECT_NE(Cache::key({"ab", "c"}), Cache::key({"a", "bc"}));
  EXPECT_NE(Cache::key({"abc"}), Cache::key({"abc", ""}));
  EXPECT_NE(Cache::key({llvm::StringRef("a\0b", 3)}), keyA);
}

TEST(Cache, DefaultDirectory) {
  Environment environment;
  environment.set("HOME", "/home/u");
  environment.set("XDG_CACHE_HOME", "/xdg");
  environment.set("FGLA_CACHE_DIR", "/mine");
  EXPECT_EQ(Cache::defaultDirectory(), "/mine");
  environment.set("FGLA_CACHE_DIR", "");
  EXPECT_EQ(Cache::defaultDirectory(), "/xdg/fgla");
  environment.set("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(Cache::defaultDirectory(), "/home/u/.cache/fgla");
  environment.set("XDG_CACHE_HOME", nullptr);
  environment.set("HOME", nullptr);
  EXPECT_EQ(Cache::defaultDirectory(), "");
}

//===----------------------------------------------------------------------===//
// Building once
//===----------------------------------------------------------------------===//

TEST(Cache, BuildsOnce) {
  TempDir dir;
  std::string nested = dir / "made/on/demand";
  {
    Cache cache(nested);
    expectGet(cache, keyA, "A", true);
    expectGet(cache, keyA, "A", false);
    expectGet(cache, keyB, "", true); // nothing is something
    expectGet(cache, keyB, "", false);
  }
  Cache later(nested);
  expectGet(later, keyA, "A", false);
  EXPECT_EQ(countEntries(nested), 2u); // no temporaries stay
  struct stat info;
  ASSERT_EQ(stat(nested.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0u);
}

TEST(Cache, BuilderErrorIsPassedOn) {
  TempDir dir;
  Cache cache(dir.path());
  for (fgla_status code : {FGLA_UNSUPPORTED, FGLA_IO_ERROR})
    EXPECT_FAILS(cache.getOrBuild(keyA, [&]() -> Result<std::string> { return Status(code, "no such op"); }), code,
                 "no such op");
  EXPECT_EQ(countEntries(dir.path()), 0u);
  expectGet(cache, keyA, "A", true); // and does not stick
}

TEST(Cache, ThreadsBuildOnce) {
  TempDir dir;
  Cache cache(dir.path());
  std::atomic<int> built = 0, good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      Result<std::string> bytes = cache.getOrBuild(keyA, [&]() -> Result<std::string> {
        ++built;
        usleep(20000);
        return std::string("A");
      });
      good += bytes.ok() && *bytes == "A";
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(built, 1);
  EXPECT_EQ(good, 8);
}

// Who waited for a build that failed tries by himself.
TEST(Cache, FailedBuildsHandTheLockOn) {
  TempDir dir;
  Cache cache(dir.path());
  std::atomic<int> calls = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 4; ++repeat)
        EXPECT_FAILS(cache.getOrBuild(keyA,
                                      [&]() -> Result<std::string> {
                                        ++calls;
                                        usleep(100);
                                        return Status(FGLA_UNSUPPORTED, "never");
                                      }),
                     FGLA_UNSUPPORTED, "never");
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(calls, 16);
  EXPECT_EQ(countEntries(dir.path()), 0u);
}

// Several processes want several keys at once. Each build adds a byte to a log.
TEST(Cache, ProcessesBuildOnce) {
  constexpr int numProcesses = 6, numKeys = 3;
  TempDir dir, logs;
  const std::string content(300000, 'x');
  std::vector<pid_t> children;
  for (int p = 0; p < numProcesses; ++p) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Cache cache(dir.path());
      bool good = true;
      for (int k = 0; k < numKeys; ++k) {
        std::string name = std::to_string((k + p) % numKeys);
        Result<std::string> bytes = cache.getOrBuild(Cache::key({name}), [&]() -> Result<std::string> {
          int log = open((logs / name).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
          bool logged = write(log, "x", 1) == 1;
          close(log);
          usleep(5000);
          return logged ? Result<std::string>(content) : Status(FGLA_IO_ERROR, "log");
        });
        good = good && bytes.ok() && *bytes == content;
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  for (int k = 0; k < numKeys; ++k)
    EXPECT_EQ(readFile(logs / std::to_string(k)).size(), 1u) << k;
  EXPECT_EQ(countEntries(dir.path()), size_t(numKeys));
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

// Whatever byte changes, wherever the file ends: it is built again.
TEST(Cache, DamagedEntryIsBuiltAgain) {
  TempDir dir;
  Cache cache(dir.path());
  expectGet(cache, keyA, "artifact", true);
  const std::string path = fileOf(dir, keyA), whole = readFile(path);
  auto expectNoticed = [&](const std::string &bytes) {
    writeFile(path, bytes);
    expectGet(cache, keyA, "artifact", true);
    EXPECT_EQ(readFile(path), whole); // and mended
  };
  for (size_t i = 0; i < whole.size(); ++i) {
    SCOPED_TRACE(i);
    std::string flipped = whole;
    flipped[i] ^= 1 << i % 8;
    expectNoticed(flipped);
    expectNoticed(whole.substr(0, i));
  }
  expectNoticed(whole + "x");
  expectNoticed(std::string(whole.size(), '\0')); // what a power cut may leave
}

TEST(Cache, ExchangedEntryIsBuiltAgain) {
  TempDir dir;
  Cache cache(dir.path());
  expectGet(cache, keyA, "A", true);
  expectGet(cache, keyB, "B", true);
  fs::copy_file(fileOf(dir, keyB), fileOf(dir, keyA), fs::copy_options::overwrite_existing);
  expectGet(cache, keyA, "A", true);
  expectGet(cache, keyB, "B", false);
}

TEST(Cache, FolderInTheWay) {
  TempDir dir;
  fs::create_directories(fileOf(dir, keyA) + "/in the way");
  Cache cache(dir.path());
  testing::internal::CaptureStderr();
  expectGet(cache, keyA, "A", true);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("it exists and is no regular file"), std::string::npos);
}

// Killed at any moment, be it while it builds or while it writes, a process holds up nobody and leaves nothing that
// counts.
TEST(Cache, SurvivesKills) {
  TempDir dir;
  const std::string content(1 << 20, 'x');
  for (int delay = 0; delay < 20; ++delay) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Cache cache(dir.path());
      for (int i = 0;; ++i)
        (void)cache.getOrBuild(Cache::key({std::to_string(i)}), [&]() -> Result<std::string> {
          usleep(500);
          return content;
        });
    }
    usleep(1000 * delay);
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
  }
  Cache cache(dir.path());
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    int count = 0;
    Result<std::string> bytes = cache.getOrBuild(Cache::key({std::to_string(i)}), builderOf(content, count));
    ASSERT_TRUE(bytes.ok());
    EXPECT_TRUE(*bytes == content) << i;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30)); // nobody waits for the dead
  // What they left goes when it is old.
  auto findOthers = [&] {
    std::vector<fs::path> others;
    for (const auto &file : fs::directory_iterator(dir.path()))
      if (std::string name = file.path().filename(); name.starts_with("llvmcache-") && name.size() != 10 + keyA.size())
        others.push_back(file.path());
    return others;
  };
  for (const fs::path &file : findOthers())
    setAge(file, 40 * 24 * 3600);
  expectGet(cache, keyA, "A", true);
  EXPECT_EQ(findOthers().size(), 0u);
}

//===----------------------------------------------------------------------===//
// Directories that cannot be used
//===----------------------------------------------------------------------===//

/// Builds each time, with one note.
static void expectNoCache(const std::string &directory, const std::string &reason) {
  SCOPED_TRACE(directory);
  testing::internal::CaptureStderr();
  Cache cache(directory);
  for (int repeat = 0; repeat < 2; ++repeat)
    for (const std::string &key : {keyA, keyB})
      expectGet(cache, key, key, true);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "note: fgla cache is not usable, compiling anew each time: " + reason + "\n");
}

TEST(Cache, UnusableDirectories) {
  TempDir dir;
  std::string file = writeFile(dir / "file", "x");
  expectNoCache("", "none of FGLA_CACHE_DIR, XDG_CACHE_HOME, HOME is set");
  expectNoCache(file, "'" + file + "' is no directory");
  expectNoCache(file + "/below", "cannot create '" + file + "/below': Not a directory");
  expectNoCache("/proc/fgla", "cannot create '/proc/fgla': No such file or directory");
  std::string open = dir / "open";
  ASSERT_EQ(mkdir(open.c_str(), 0700), 0);
  ASSERT_EQ(chmod(open.c_str(), 0777), 0);
  expectNoCache(open, "'" + open + "' can be written by everybody");
}

static void inChild(llvm::function_ref<void()> test) {
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    test();
    _exit(testing::Test::HasFailure());
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// What is there is used, what is not is built.
TEST(Cache, ReadOnlyDirectory) {
  TempDir dir;
  Cache filled(dir.path());
  expectGet(filled, keyC, "C", true);
  ASSERT_EQ(chmod(dir.path().c_str(), 0555), 0);
  inChild([&] {
    if (geteuid() == 0) // whom permissions do not bind
      ASSERT_EQ(seteuid(65534), 0);
    Cache cache(dir.path());
    expectGet(cache, keyC, "C", false);
    expectNoCache(dir.path(), "cannot write '" + fileOf(dir, keyA) + "': Permission denied");
  });
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
}

// In a child whose files may not grow.
TEST(Cache, FullDisk) {
  TempDir dir;
  inChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {1000, 1000};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    Cache cache(dir.path());
    testing::internal::CaptureStderr();
    expectGet(cache, keyA, std::string(100000, 'x'), true);
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "note: fgla cache is not usable, compiling anew each time: cannot "
              "write '" +
                  fileOf(dir, keyA) + "': File too large\n");
    expectGet(cache, keyB, "B", true);
    expectGet(cache, keyB, "B", false);
  });
}

//===----------------------------------------------------------------------===//
// Pruning
//===----------------------------------------------------------------------===//

TEST(Cache, PrunesLeastRecentlyUsed) {
  TempDir dir;
  Cache cache(dir.path(), /*limitBytes=*/2500);
  const std::string big(1000, 'x');
  std::string strange = writeFile(dir / "thesis.tex", std::string(9000, 'x'));
  setAge(strange, 100000);
  expectGet(cache, keyA, big, true);
  expectGet(cache, keyB, big, true);
  setAge(fileOf(dir, keyA), 3000);
  setAge(fileOf(dir, keyB), 2000);
  expectGet(cache, keyA, big, false); // makes it the most recently used
  expectGet(cache, keyC, big, true);
  EXPECT_TRUE(fs::exists(fileOf(dir, keyA)));
  EXPECT_FALSE(fs::exists(fileOf(dir, keyB)));
  EXPECT_TRUE(fs::exists(fileOf(dir, keyC)));
  EXPECT_TRUE(fs::exists(strange)); // not ours, however large
}

TEST(Cache, WhatIsLargerThanTheLimitIsUsedAllTheSame) {
  TempDir dir;
  Cache cache(dir.path(), /*limitBytes=*/10);
  for (int repeat = 0; repeat < 2; ++repeat)
    expectGet(cache, keyA, std::string(1000, 'x'), true);
  EXPECT_EQ(countEntries(dir.path()), 0u);
}
