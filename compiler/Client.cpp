//===- Client.cpp - The compiler in a process of its own ------------------===//
//
// fgla_compiler.h on top of fgla-compile. Nothing here may be of LLVM, and an exception ends at the C functions.
//
// The child reads the program from a file in memory and writes to two others, so there is nothing to pump and no pipe
// that could break. One pipe is left, which says how it went: fgla-compile lets a child of its own compile
// (tools/fgla-compile/Supervise.h) and writes what became of it. The caller of a library may ignore SIGCHLD or wait for
// any child, and then waitpid() tells nothing here.
//
//===----------------------------------------------------------------------===//

#include "compiler/fgla_compiler.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <new>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

extern char **environ;

using Clock = std::chrono::steady_clock;

namespace {
/// A result and its texts in one piece.
struct Result : fgla_compile_result {
  std::string messageText, diagnosticsText, reportText;
};

/// What is thrown to end a call.
struct Failure {
  fgla_compile_status status;
  std::string message;
};

/// A file descriptor. Where the caller has closed its stdin, a new one may be 0.
class Descriptor {
public:
  Descriptor() = default;
  /// Of what a call has made, which failed where `given` is negative.
  explicit Descriptor(int given) : fd(given) {
    if (fd < 0)
      throw Failure{FGLA_COMPILE_OUT_OF_RESOURCES, std::string("cannot make a file descriptor: ") + strerror(errno)};
  }
  Descriptor(Descriptor &&other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Descriptor &operator=(Descriptor &&other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~Descriptor() {
    if (fd >= 0)
      close(fd);
  }
  int get() const { return fd; }
  /// The same file under a number that a child does not begin with.
  Descriptor above() const { return Descriptor(fcntl(fd, F_DUPFD_CLOEXEC, 16)); }

private:
  int fd = -1;
};

/// A process that is gone when this is.
class Child {
public:
  explicit Child(pid_t pid) : pid(pid) {}
  Child(const Child &) = delete;
  ~Child() {
    if (pid > 0) {
      end();
      wait();
    }
  }

  /// With all that it has started.
  void end() { kill(-pid, SIGKILL); }

  /// As waitpid() says it; nothing where somebody else took that.
  std::optional<int> wait() {
    int status = 0;
    pid_t waited;
    do
      waited = waitpid(pid, &status, 0);
    while (waited < 0 && errno == EINTR);
    bool isOurs = waited == pid;
    pid = -1;
    return isOurs ? std::optional(status) : std::nullopt;
  }

private:
  pid_t pid;
};

/// What fgla-compile said about its own child.
struct Ending {
  bool isDone = false; ///< all is written
  std::optional<int> status;
  uint64_t peakBytes = 0;
};
} // namespace

static Descriptor makeMemoryFile(const char *name) { return Descriptor(memfd_create(name, MFD_CLOEXEC)).above(); }

static std::pair<Descriptor, Descriptor> makePipe() {
  int ends[2] = {-1, -1};
  (void)pipe2(ends, O_CLOEXEC); // leaves -1 where it fails
  Descriptor reading(ends[0]), writing(ends[1]);
  return {reading.above(), writing.above()};
}

static void writeAll(const Descriptor &file, const void *data, size_t bytes) {
  auto *from = static_cast<const char *>(data);
  while (bytes > 0) {
    ssize_t count = write(file.get(), from, bytes);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      throw Failure{FGLA_COMPILE_OUT_OF_RESOURCES, std::string("cannot hand over the source: ") + strerror(errno)};
    from += count;
    bytes -= static_cast<size_t>(count);
  }
  lseek(file.get(), 0, SEEK_SET);
}

static std::string readAll(const Descriptor &file) {
  std::string text;
  char buffer[4096];
  ssize_t count;
  while ((count = pread(file.get(), buffer, sizeof(buffer), static_cast<off_t>(text.size()))) > 0)
    text.append(buffer, static_cast<size_t>(count));
  return text;
}

//===----------------------------------------------------------------------===//
// The request
//===----------------------------------------------------------------------===//

static void checkRequest(const fgla_compile_request *request) {
  auto require = [](bool holds, const std::string &rule) {
    if (!holds)
      throw Failure{FGLA_COMPILE_INVALID_REQUEST, rule};
  };
  require(request, "the request must not be NULL");
  require(request->size >= sizeof(fgla_compile_request),
          "'size' must be sizeof(fgla_compile_request) = " + std::to_string(sizeof(fgla_compile_request)) + ", got " +
              std::to_string(request->size));
  require(request->source || request->source_bytes == 0, "'source' must not be NULL");
  require(request->source_name && *request->source_name, "'source_name' must not be empty");
  require(request->output_path && *request->output_path, "'output_path' must not be empty");
  require(request->options || request->num_options == 0, "'options' must not be NULL");
  require(std::isfinite(request->timeout_seconds) && request->timeout_seconds >= 0,
          "'timeout_seconds' must be 0 or a time");
  for (size_t i = 0; i < request->num_options; ++i) {
    std::string_view option = request->options[i] ? request->options[i] : "";
    require(option.starts_with("--") && option.size() > 2,
            "option '" + std::string(option) + "' must begin with '--' and be one text with its value");
  }
}

static std::string findCompiler(const fgla_compile_request &request) {
  if (request.compiler_path)
    return request.compiler_path;
  if (const char *given = getenv("FGLA_COMPILE"))
    return given;
  Dl_info library;
  if (dladdr(reinterpret_cast<const void *>(&fgla_compile), &library) && library.dli_fname) {
    std::string_view path = library.dli_fname;
    size_t slash = path.rfind('/');
    std::string folder(slash == std::string_view::npos ? "." : path.substr(0, slash));
    for (const char *name : {"/../bin/fgla-compile", "/fgla-compile"})
      if (access((folder + name).c_str(), X_OK) == 0)
        return folder + name;
  }
  throw Failure{FGLA_COMPILE_NO_COMPILER,
                "no compiler: fgla-compile is not beside this library, and FGLA_COMPILE does not name it"};
}

//===----------------------------------------------------------------------===//
// The process
//===----------------------------------------------------------------------===//

static pid_t start(const std::vector<std::string> &arguments, const Descriptor &in, const Descriptor &out,
                   const Descriptor &err, const Descriptor &pipe) {
  std::vector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  int next = 0;
  for (const Descriptor *descriptor : {&in, &out, &err, &pipe})
    posix_spawn_file_actions_adddup2(&actions, descriptor->get(), next++);
  posix_spawn_file_actions_addclosefrom_np(&actions, next);
  // A group of its own can be ended as a whole. What the caller does with signals is not for the compiler, which waits
  // for children itself.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  int error = posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error)
    throw Failure{error == EAGAIN || error == ENOMEM ? FGLA_COMPILE_OUT_OF_RESOURCES : FGLA_COMPILE_NO_COMPILER,
                  "cannot start compiler '" + arguments[0] + "': " + strerror(error)};
  return pid;
}

/// All that comes through a pipe until nobody holds its other end. False when that takes too long.
static bool readUntilClosed(const Descriptor &pipe, double timeout, std::string &text) {
  const auto start = Clock::now();
  while (true) {
    int wait = -1;
    if (timeout > 0) {
      double rest = timeout - std::chrono::duration<double>(Clock::now() - start).count();
      if (rest <= 0)
        return false;
      wait = static_cast<int>(std::min(rest * 1000 + 1, 1e9));
    }
    pollfd poll = {pipe.get(), POLLIN, 0};
    if (::poll(&poll, 1, wait) <= 0)
      continue; // an interrupt, or the time is up
    char buffer[256];
    ssize_t count = read(pipe.get(), buffer, sizeof(buffer));
    if (count == 0 || (count < 0 && errno != EINTR))
      return true;
    text.append(buffer, count < 0 ? 0 : static_cast<size_t>(count));
  }
}

static Ending parseEnding(const std::string &text) {
  Ending ending;
  int status;
  unsigned long long kilobytes;
  ending.isDone = text.starts_with("done\n");
  size_t ended = text.find("ended ");
  if (ended != std::string::npos && std::sscanf(text.c_str() + ended, "ended %d %llu", &status, &kilobytes) == 2) {
    ending.status = status;
    ending.peakBytes = kilobytes * 1024;
  }
  return ending;
}

//===----------------------------------------------------------------------===//
// The result
//===----------------------------------------------------------------------===//

/// The first error in what the compiler wrote, else its last line.
static std::string findMessage(std::string_view text) {
  std::string_view last;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("error: "))
      return std::string(line.substr(7));
    if (line.find_first_not_of(" \t\r") != std::string_view::npos)
      last = line;
  }
  return std::string(last);
}

/// How the process ended that compiled.
static Failure judge(const Ending &ending, std::optional<int> status, const std::string &diagnostics) {
  if (ending.status)
    status = ending.status;
  if (ending.isDone && status == 0)
    return {FGLA_COMPILE_OK, ""};
  std::string said = findMessage(diagnostics);
  if (!status)
    return {FGLA_COMPILE_CRASHED, "the compiler ended without saying how; it may have been killed"};
  if (WIFSIGNALED(*status)) {
    const char *name = sigdescr_np(WTERMSIG(*status));
    return {FGLA_COMPILE_CRASHED, "the compiler was ended by signal " + std::to_string(WTERMSIG(*status)) + " (" +
                                      (name ? name : "unknown") + ")" + (said.empty() ? "" : ": " + said)};
  }
  if (*status == 0)
    return {FGLA_COMPILE_REJECTED, "the options ask for something else than to compile"};
  return {FGLA_COMPILE_REJECTED,
          said.empty() ? "the compiler ended with exit code " + std::to_string(WEXITSTATUS(*status)) : said};
}

static void compile(const fgla_compile_request *request, Result &result) {
  checkRequest(request);
  std::vector<std::string> arguments = {findCompiler(*request),
                                        "--supervised=3," + std::to_string(request->memory_bytes),
                                        "-",
                                        std::string("--input-name=") + request->source_name,
                                        "-o",
                                        request->output_path};
  arguments.insert(arguments.end(), request->options, request->options + request->num_options);

  Descriptor in = makeMemoryFile("fgla-source"), out = makeMemoryFile("fgla-stdout"),
             err = makeMemoryFile("fgla-stderr");
  writeAll(in, request->source, request->source_bytes);
  auto [reading, writing] = makePipe();

  const auto begin = Clock::now();
  Child child(start(arguments, in, out, err, writing));
  writing = Descriptor();
  std::string ended;
  bool isInTime = readUntilClosed(reading, request->timeout_seconds, ended);
  if (!isInTime)
    child.end();
  std::optional<int> status = child.wait();
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  result.diagnosticsText = readAll(err);
  result.reportText = readAll(out);
  Ending ending = parseEnding(ended);
  result.peak_bytes = ending.peakBytes;
  if (!isInTime)
    throw Failure{FGLA_COMPILE_TIMED_OUT,
                  "the compiler was ended after " + std::to_string(request->timeout_seconds) + " seconds"};
  if (Failure failure = judge(ending, status, result.diagnosticsText); failure.status != FGLA_COMPILE_OK)
    throw failure;
}

//===----------------------------------------------------------------------===//
// The C functions
//===----------------------------------------------------------------------===//

int32_t fgla_compiler_abi_version(void) { return FGLA_COMPILER_ABI_VERSION; }

fgla_compile_status fgla_compile(const fgla_compile_request *request, fgla_compile_result **out) {
  if (out)
    *out = nullptr;
  try {
    auto *result = new Result{};
    try {
      compile(request, *result);
    } catch (Failure &failure) {
      result->status = failure.status;
      result->messageText = std::move(failure.message);
    } catch (...) {
      delete result;
      throw;
    }
    result->message = result->messageText.c_str();
    result->diagnostics = result->diagnosticsText.c_str();
    result->report = result->reportText.c_str();
    fgla_compile_status status = result->status;
    if (out)
      *out = result;
    else
      delete result;
    return status;
  } catch (...) {
    return FGLA_COMPILE_OUT_OF_RESOURCES;
  }
}

void fgla_compile_result_free(fgla_compile_result *result) { delete static_cast<Result *>(result); }
