#include "compiler/Cache.h"

#include "test/unit/runtime/TestUtil.h"

#include <atomic>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace fgla::runtime;
namespace fs = std::filesystem;

static const std::string keyA = Cache::key({"a"}), keyB = Cache::key({"b"}), keyC = Cache::key({"c"});

/// Writes `text` and counts.
static Cache::Builder builderOf(const std::string &text, int &count) {
  return [&count, text](const std::string &path) {
    ++count;
    writeFile(path, text);
    return Status();
  };
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
  EXPECT_NE(Cache::key({std::string_view("a\0b", 3)}), keyA);
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

TEST(Cache, BadNames) {
  TempDir dir;
  Cache cache(dir.path());
  int count = 0;
  EXPECT_FAILS(cache.getOrBuild("../x", ".so", builderOf("x", count)), FGLA_INVALID_ARGUMENT,
               "cache key must be 64 lower-case hex digits, got '../x'");
  for (const char *suffix : {"", ".", "so", "./x", ".a-b", ".lock"})
    EXPECT_FAILS(cache.getOrBuild(keyA, suffix, builderOf("x", count)), FGLA_INVALID_ARGUMENT,
                 std::string("cache suffix must be '.' and letters or digits, "
                             "not '.lock', got '") +
                     suffix + "'");
  cache.remove("../x", ".so");
  EXPECT_EQ(count, 0);
}

//===----------------------------------------------------------------------===//
// Building once
//===----------------------------------------------------------------------===//

TEST(Cache, BuildsOnce) {
  TempDir dir;
  std::string nested = dir / "made/on/demand";
  int count = 0;
  {
    Cache cache(nested);
    Result<std::string> path = cache.getOrBuild(keyA, ".so", builderOf("A", count));
    ASSERT_TRUE(path.ok()) << path.message();
    EXPECT_EQ(*path, nested + "/" + keyA + ".so");
    EXPECT_EQ(readFile(*path), "A");
    EXPECT_TRUE(cache.getOrBuild(keyA, ".so", builderOf("A", count)).ok());
    EXPECT_EQ(count, 1);
    // Another suffix and another key are other files.
    EXPECT_TRUE(cache.getOrBuild(keyA, ".json", builderOf("{}", count)).ok());
    EXPECT_TRUE(cache.getOrBuild(keyB, ".so", builderOf("B", count)).ok());
    EXPECT_EQ(count, 3);
  }
  Cache later(nested);
  EXPECT_TRUE(later.getOrBuild(keyA, ".so", builderOf("A", count)).ok());
  EXPECT_EQ(count, 3);
  // Neither locks nor temporaries stay.
  EXPECT_EQ(std::distance(fs::directory_iterator(nested), fs::directory_iterator()), 3);
  struct stat info;
  ASSERT_EQ(stat(nested.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0u);
}

TEST(Cache, RemoveForgets) {
  TempDir dir;
  Cache cache(dir.path());
  int count = 0;
  (void)cache.getOrBuild(keyA, ".so", builderOf("A", count));
  cache.remove(keyA, ".so");
  (void)cache.getOrBuild(keyA, ".so", builderOf("A", count));
  EXPECT_EQ(count, 2);
}

TEST(Cache, EmptyFileIsNoEntry) { // what a crash of the machine may leave
  TempDir dir;
  writeFile(dir / (keyA + ".so"), "");
  Cache cache(dir.path());
  int count = 0;
  Result<std::string> path = cache.getOrBuild(keyA, ".so", builderOf("A", count));
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(count, 1);
  EXPECT_EQ(readFile(*path), "A");
}

TEST(Cache, BuilderErrorIsPassedOn) {
  TempDir dir;
  Cache cache(dir.path());
  int count = 0;
  EXPECT_FAILS(cache.getOrBuild(keyA, ".so",
                                [&](const std::string &path) {
                                  ++count;
                                  writeFile(path, "half");
                                  return Status(FGLA_UNSUPPORTED, "no such op");
                                }),
               FGLA_UNSUPPORTED, "no such op");
  EXPECT_EQ(count, 1);
  EXPECT_EQ(dir.numFiles(), 0u);
  // And does not stick.
  EXPECT_TRUE(cache.getOrBuild(keyA, ".so", builderOf("A", count)).ok());
}

TEST(Cache, ThreadsBuildOnce) {
  TempDir dir;
  Cache cache(dir.path());
  std::atomic<int> built = 0, good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      Result<std::string> path = cache.getOrBuild(keyA, ".so", [&](const std::string &path) {
        ++built;
        usleep(20000);
        writeFile(path, "A");
        return Status();
      });
      good += path.ok() && readFile(*path) == "A";
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(built, 1);
  EXPECT_EQ(good, 8);
}

// Failed builds hand the lock on, and each holder deletes it: two must never
// believe that they hold it.
TEST(Cache, OneBuilderAtATime) {
  TempDir dir;
  Cache cache(dir.path());
  std::atomic<int> building = 0, tooMany = 0, calls = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 20; ++repeat)
        (void)cache.getOrBuild(keyA, ".so", [&](const std::string &) {
          ++calls;
          tooMany += ++building > 1;
          usleep(100);
          --building;
          return Status(FGLA_UNSUPPORTED, "never");
        });
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(calls, 160);
  EXPECT_EQ(tooMany, 0);
  EXPECT_EQ(dir.numFiles(), 0u);
}

// Several processes want several keys at once. Each build adds a byte to a log,
// and writes a large file slowly, so that half of one would be seen.
TEST(Cache, ProcessesBuildOnce) {
  constexpr int numProcesses = 8, numKeys = 4;
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
        Result<std::string> path = cache.getOrBuild(Cache::key({name}), ".so", [&](const std::string &path) {
          int log = open((logs / name).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
          bool logged = write(log, "x", 1) == 1;
          close(log);
          std::ofstream out(path, std::ios::binary);
          for (int part = 0; part < 3; ++part) {
            out << content.substr(0, content.size() / 3) << std::flush;
            usleep(3000);
          }
          return logged ? Status() : Status(FGLA_IO_ERROR, "log");
        });
        good = good && path.ok() && readFile(*path) == content;
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
    EXPECT_EQ(readFile(logs / std::to_string(k)), "x") << k;
  EXPECT_EQ(dir.numFiles(), size_t(numKeys));
}

// A process that dies while it builds holds up nobody.
TEST(Cache, SurvivesACrashedBuilder) {
  TempDir dir;
  pid_t child = fork();
  if (child == 0) {
    Cache cache(dir.path());
    (void)cache.getOrBuild(keyA, ".so", [](const std::string &path) -> Status {
      writeFile(path, "half");
      _exit(3);
    });
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 3);
  EXPECT_EQ(dir.numFiles(), 2u); // its temporary and its lock
  Cache cache(dir.path());
  int count = 0;
  Result<std::string> path = cache.getOrBuild(keyA, ".so", builderOf("A", count));
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(readFile(*path), "A");
  // What it left goes when it is old enough.
  for (const auto &file : fs::directory_iterator(dir.path()))
    if (file.path() != *path)
      setAge(file.path(), 7200);
  cache.prune();
  EXPECT_EQ(dir.numFiles(), 1u);
}

//===----------------------------------------------------------------------===//
// Directories that cannot be used
//===----------------------------------------------------------------------===//

/// Works in a private temporary, with one note, and leaves nothing behind.
static void expectFallback(const std::string &directory, const std::string &reason) {
  SCOPED_TRACE(directory);
  TempDir temporary;
  Environment environment;
  environment.set("TMPDIR", temporary.path().c_str());
  int count = 0;
  testing::internal::CaptureStderr();
  {
    Cache cache(directory);
    for (int repeat = 0; repeat < 2; ++repeat)
      for (const std::string &key : {keyA, keyB}) {
        Result<std::string> path = cache.getOrBuild(key, ".so", builderOf(key, count));
        ASSERT_TRUE(path.ok()) << path.message();
        EXPECT_EQ(path->find(temporary.path() + "/fgla-cache-"), 0u) << *path;
        EXPECT_EQ(readFile(*path), key);
      }
    EXPECT_EQ(count, 2); // once per key, in the temporary too
    cache.prune();
    cache.remove(keyA, ".so");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "note: fgla cache is not usable, compiling anew each time: " + reason + "\n");
  EXPECT_EQ(temporary.numFiles(), 0u);
}

TEST(Cache, UnusableDirectories) {
  TempDir dir;
  std::string file = writeFile(dir / "file", "x");
  expectFallback("", "none of FGLA_CACHE_DIR, XDG_CACHE_HOME, HOME is set");
  expectFallback(file, "'" + file + "' is no directory");
  expectFallback(file + "/below", "cannot create '" + file + "/below': Not a directory");
  expectFallback("/proc/fgla", "cannot create '/proc/fgla': No such file or "
                               "directory");
  std::string open = dir / "open";
  ASSERT_EQ(mkdir(open.c_str(), 0700), 0);
  ASSERT_EQ(chmod(open.c_str(), 0777), 0);
  expectFallback(open, "'" + open + "' can be written by everybody");
}

// In a child that is not root, which permissions do not bind.
TEST(Cache, DirectoryWithoutWritePermission) {
  TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0555), 0);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (geteuid() == 0 && seteuid(65534) != 0)
      _exit(2);
    expectFallback(dir.path(), "cannot lock a file in '" + dir.path() + "': Permission denied");
    _exit(testing::Test::HasFailure());
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
}

// What is there can be used even where nothing can be added.
TEST(Cache, ReadOnlyDirectoryStillHits) {
  TempDir dir;
  int count = 0;
  {
    (void)Cache(dir.path()).getOrBuild(keyA, ".so", builderOf("A", count));
  }
  ASSERT_EQ(chmod(dir.path().c_str(), 0555), 0);
  Cache cache(dir.path());
  Result<std::string> path = cache.getOrBuild(keyA, ".so", builderOf("A", count));
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(*path, dir / (keyA + ".so"));
  EXPECT_EQ(count, 1);
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
}

TEST(Cache, DamagedEntryAndFullDiskFallBack) {
  TempDir dir, temporary;
  Environment environment;
  environment.set("TMPDIR", temporary.path().c_str());
  testing::internal::CaptureStderr();
  {
    Cache cache(dir.path());
    int count = 0;
    fs::create_directories(dir / (keyA + ".so/in the way"));
    Result<std::string> path = cache.getOrBuild(keyA, ".so", builderOf("A", count));
    ASSERT_TRUE(path.ok()) << path.message();
    EXPECT_EQ(readFile(*path), "A");
    // A builder that cannot write in the one place, but in the other.
    path = cache.getOrBuild(keyB, ".so", [&](const std::string &path) {
      if (path.find(dir.path()) == 0)
        return Status(FGLA_IO_ERROR, "no space left");
      writeFile(path, "B");
      return Status();
    });
    ASSERT_TRUE(path.ok()) << path.message();
    EXPECT_EQ(readFile(*path), "B");
    // One that can write nowhere.
    Result<std::string> none = cache.getOrBuild(keyC, ".so", [](const std::string &) { return Status(); });
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.message().find("cache builder wrote nothing to '" + temporary.path()), 0u) << none.message();
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "note: fgla cache is not usable, compiling anew each time: cannot "
                                                    "create '" +
                                                        dir / (keyA + ".so") + "': Is a directory\n");
}

TEST(Cache, NowhereAtAll) {
  Environment environment;
  environment.set("TMPDIR", "/proc");
  Cache cache("/proc/fgla");
  int count = 0;
  EXPECT_FAILS(cache.getOrBuild(keyA, ".so", builderOf("A", count)), FGLA_IO_ERROR,
               "no cache directory and no temporary one: cannot create "
               "'/proc/fgla': No such file or directory");
}

//===----------------------------------------------------------------------===//
// Pruning
//===----------------------------------------------------------------------===//

TEST(Cache, PrunesLeastRecentlyUsed) {
  TempDir dir;
  Cache cache(dir.path(), /*limitBytes=*/2500);
  const std::string big(1000, 'x');
  int count = 0;
  std::string a = dir / (keyA + ".so"), b = dir / (keyB + ".so"), c = dir / (keyC + ".so");
  std::string strange = writeFile(dir / "thesis.tex", std::string(9000, 'x'));
  setAge(strange, 100000);
  (void)cache.getOrBuild(keyA, ".so", builderOf(big, count));
  (void)cache.getOrBuild(keyB, ".so", builderOf(big, count));
  setAge(a, 3000);
  setAge(b, 2000);
  // A hit makes `a` the most recently used.
  (void)cache.getOrBuild(keyA, ".so", builderOf(big, count));
  setAge(a, 1000);
  struct stat used;
  (void)cache.getOrBuild(keyA, ".so", builderOf(big, count));
  ASSERT_EQ(stat(a.c_str(), &used), 0);
  EXPECT_LT(time(nullptr) - used.st_mtim.tv_sec, 60);

  (void)cache.getOrBuild(keyC, ".so", builderOf(big, count));
  EXPECT_EQ(count, 3);
  EXPECT_TRUE(fs::exists(a));
  EXPECT_FALSE(fs::exists(b));
  EXPECT_TRUE(fs::exists(c));
  EXPECT_TRUE(fs::exists(strange)); // not ours, however large
  EXPECT_EQ(dir.numFiles(), 3u);
}

TEST(Cache, PruneLeavesWhatWasJustUsed) {
  TempDir dir;
  Cache cache(dir.path(), /*limitBytes=*/10);
  int count = 0;
  Result<std::string> a = cache.getOrBuild(keyA, ".so", builderOf("0123456789", count));
  Result<std::string> b = cache.getOrBuild(keyB, ".so", builderOf("0123456789", count));
  EXPECT_TRUE(fs::exists(*a)); // somebody may be about to open it
  EXPECT_TRUE(fs::exists(*b));
  setAge(*a, 120);
  cache.prune();
  EXPECT_FALSE(fs::exists(*a));
  EXPECT_TRUE(fs::exists(*b));
}

// A key that somebody works at is left alone.
TEST(Cache, PruneRespectsLocks) {
  TempDir dir;
  Cache cache(dir.path(), /*limitBytes=*/0);
  int count = 0;
  Result<std::string> a = cache.getOrBuild(keyA, ".so", builderOf("A", count));
  setAge(*a, 120);
  (void)cache.getOrBuild(keyA, ".json", [&](const std::string &path) {
    cache.prune();
    EXPECT_TRUE(fs::exists(*a));
    writeFile(path, "{}");
    return Status();
  });
  EXPECT_FALSE(fs::exists(*a)); // pruned by the build's own end
}
