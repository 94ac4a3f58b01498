//===- Link.cpp - From an object file to a shared object ------------------===//

#include "passes/binary/ObjectFile.h"
#include "support/WriteFile.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace llvm;
using fgla::runtime::Result;
using fgla::runtime::Status;

/// The linker that FGLA_LLD names, or the first that is found: lld next to LLVM's
/// own tools, lld on PATH, and any other there.
static std::string findLinker() {
  if (const char *given = std::getenv("FGLA_LLD"))
    return given;
  static constexpr StringRef llvmFolder[] = {FGLA_LLVM_BIN_DIR};
  if (ErrorOr<std::string> path = sys::findProgramByName("ld.lld", llvmFolder))
    return *path;
  for (StringRef name : {"ld.lld-22", "ld.lld", "ld"})
    if (ErrorOr<std::string> path = sys::findProgramByName(name))
      return *path;
  return {};
}

/// Folders of the C library and of OpenMP; those that are not there do no harm.
static constexpr StringRef libraryFolders[] = {"/lib/x86_64-linux-gnu",
                                               "/usr/lib/x86_64-linux-gnu",
                                               "/lib/aarch64-linux-gnu",
                                               "/usr/lib/aarch64-linux-gnu",
                                               "/lib64",
                                               "/usr/lib64",
                                               "/usr/lib",
                                               FGLA_LLVM_LIB_DIR};

static Status ioError(const Twine &what, std::error_code code) {
  return Status(FGLA_IO_ERROR, (what + ": " + code.message()).str());
}

/// The first line of a file, without what the linker puts in front.
static std::string firstLine(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return {};
  StringRef line = (*buffer)->getBuffer().split('\n').first;
  return line.substr(line.find("error: ") == StringRef::npos ? 0 : line.find("error: ") + 7).str();
}

Result<std::string> fgla::binary::linkSharedObject(StringRef object) {
  std::string linker = findLinker();
  if (linker.empty())
    return Status(FGLA_NOT_FOUND, "no linker: install lld (Debian: lld-22), or name it in FGLA_LLD");
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("fgla-link", folder))
    return ioError("cannot make a temporary folder", code);
  auto cleanUp = scope_exit([&] { sys::fs::remove_directories(folder); });
  auto inFolder = [&](StringRef name) { return (folder + "/" + name).str(); };
  std::string objectPath = inFolder("module.o"), libraryPath = inFolder("module.so"), logPath = inFolder("log");
  std::string_view chunk(object.data(), object.size());
  if (Status status = runtime::writeFileAtomically(objectPath, {&chunk, 1}); !status.ok())
    return status;

  SmallVector<std::string> text{
      linker,           "-shared",         "-o", libraryPath, objectPath, "--as-needed", "--gc-sections",
      "--no-undefined", "--build-id=none", "-z", "now",       "-z",       "relro",       "--strip-debug"};
  for (StringRef path : libraryFolders)
    text.push_back(("-L" + path).str());
  // By the names that are loaded at run time, so that no development packages
  // are needed. Only a CPU's kernels call OpenMP's runtime (its symbols).
  for (StringRef library : {"libm.so.6", "libc.so.6"})
    text.push_back(("-l:" + library).str());
  if (object.contains("__kmpc_"))
    text.push_back("-l:libomp.so.5");
  SmallVector<StringRef> arguments(text.begin(), text.end());
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(logPath), StringRef(logPath)};
  std::string error;
  int code = sys::ExecuteAndWait(linker, arguments, std::nullopt, redirects,
                                 /*SecondsToWait=*/0, /*MemoryLimit=*/0, &error);
  if (code != 0) {
    std::string reason = error.empty() ? firstLine(logPath) : error;
    return Status(FGLA_IO_ERROR,
                  "linker '" + linker + "' failed: " + (reason.empty() ? "exit code " + std::to_string(code) : reason));
  }
  auto library = MemoryBuffer::getFile(libraryPath, /*IsText=*/false,
                                       /*RequiresNullTerminator=*/false);
  if (!library)
    return ioError("cannot read what the linker wrote", library.getError());
  return (*library)->getBuffer().str();
}

Status fgla::binary::linkSharedObject(StringRef object, const std::string &output) {
  Result<std::string> library = linkSharedObject(object);
  if (!library.ok())
    return library.status();
  std::string_view chunk = *library;
  return runtime::writeFileAtomically(output, {&chunk, 1});
}
