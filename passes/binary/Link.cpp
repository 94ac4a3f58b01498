//===- Link.cpp - From an object file to a shared object ------------------===//

#include "passes/binary/MemoryFile.h"
#include "passes/binary/ObjectFile.h"
#include "runtime/ArtifactFile.h"
#include "support/WriteFile.h"

#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace llvm;
namespace runtime = fgla::runtime;
using fgla::binary::MemoryFile;
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

/// The first line of what the linker said, without what it puts in front.
static std::string firstLine(StringRef log) {
  StringRef line = log.split('\n').first;
  return line.substr(line.find("error: ") == StringRef::npos ? 0 : line.find("error: ") + 7).str();
}

/// What the linker wrote, with its seal: damage to the file is found when it is loaded.
static Result<std::string> readSealed(const MemoryFile &library) {
  Result<runtime::File> file = runtime::File::openForRead(library.path());
  if (!file.ok())
    return file.status();
  Result<runtime::Seal> seal = runtime::readSeal(*file);
  if (!seal.ok())
    return Status(seal.status().code(), "what the linker wrote " + seal.message());
  Result<std::string> bytes = library.read();
  if (bytes.ok())
    bytes->replace(seal->offset, seal->digest.size(), seal->digest);
  return bytes;
}

Result<std::string> fgla::binary::linkSharedObject(StringRef object) {
  std::string linker = findLinker();
  if (linker.empty())
    return Status(FGLA_NOT_FOUND, "no linker: install lld (Debian: lld-22), or name it in FGLA_LLD");
  Result<MemoryFile> in = MemoryFile::create(object), library = MemoryFile::create(), log = MemoryFile::create();
  for (const Result<MemoryFile> *file : {&in, &library, &log})
    if (!file->ok())
      return file->status();
  // lld replaces its output file, which one in memory cannot be, but writes to stdout too.
  bool isLld = sys::path::filename(linker).contains("lld");
  SmallVector<std::string> text{linker,
                                "-shared",
                                "-o",
                                isLld ? "-" : library->path(),
                                in->path(),
                                "--as-needed",
                                "--gc-sections",
                                "--no-undefined",
                                "--build-id=none",
                                "-z",
                                "now",
                                "-z",
                                "relro",
                                "--strip-debug"};
  for (StringRef path : libraryFolders)
    text.push_back(("-L" + path).str());
  // By the names that are loaded at run time, so that no development packages
  // are needed. Only a CPU's kernels call OpenMP's runtime (its symbols).
  for (StringRef name : {"libm.so.6", "libc.so.6"})
    text.push_back(("-l:" + name).str());
  if (object.contains("__kmpc_"))
    text.push_back("-l:libomp.so.5");
  if (object.contains("__tls_get_addr")) // the loader has it
    text.push_back("-l:ld-linux-x86-64.so.2");
  SmallVector<StringRef> arguments(text.begin(), text.end());
  std::string out = (isLld ? *library : *log).path(), logPath = log->path();
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(out), StringRef(logPath)};
  std::string error;
  int code = sys::ExecuteAndWait(linker, arguments, std::nullopt, redirects,
                                 /*SecondsToWait=*/0, /*MemoryLimit=*/0, &error);
  if (code != 0) {
    Result<std::string> said = log->read();
    std::string reason = !error.empty() ? error : said.ok() ? firstLine(*said) : said.message();
    return Status(FGLA_IO_ERROR,
                  "linker '" + linker + "' failed: " + (reason.empty() ? "exit code " + std::to_string(code) : reason));
  }
  return readSealed(*library);
}

Status fgla::binary::linkSharedObject(StringRef object, const std::string &output) {
  Result<std::string> library = linkSharedObject(object);
  if (!library.ok())
    return library.status();
  std::string_view chunk = *library;
  return runtime::writeFileAtomically(output, {&chunk, 1});
}
