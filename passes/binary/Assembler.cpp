//===- Assembler.cpp - ptxas, and what it says of the code ----------------===//

#include "passes/binary/Assembler.h"
#include "passes/binary/MemoryFile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace llvm;
using fgla::binary::Assembled;
using fgla::binary::AssemblerLog;
using fgla::binary::KernelUse;
using fgla::binary::MemoryFile;
using fgla::runtime::Result;
using fgla::runtime::Status;

//===----------------------------------------------------------------------===//
// The log
//===----------------------------------------------------------------------===//

/// The number in front of `unit`, where `text` has it: 12 for "used 12 bytes stack frame" and "bytes stack frame".
static void readNumber(StringRef text, StringRef unit, unsigned &number) {
  size_t at = text.find(unit);
  if (at == StringRef::npos)
    return;
  StringRef front = text.take_front(at).rtrim();
  front.take_back(front.size() - (front.find_last_not_of("0123456789") + 1)).getAsInteger(10, number);
}

const KernelUse *AssemblerLog::find(StringRef kernel) const {
  auto found = find_if(kernels, [&](const KernelUse &use) { return use.name == kernel; });
  return found == kernels.end() ? nullptr : &*found;
}

AssemblerLog fgla::binary::parseAssemblerLog(StringRef text) {
  AssemblerLog log;
  for (StringRef line : split(text, '\n')) {
    line = line.trim();
    if (size_t at = line.find("Compiling entry function '"); at != StringRef::npos)
      log.kernels.emplace_back().name = line.drop_front(at).split('\'').second.split('\'').first.str();
    if (line.starts_with("ptxas warning") || line.contains("(C75"))
      log.warnings.push_back(line.str());
    if (log.kernels.empty())
      continue;
    KernelUse &use = log.kernels.back();
    readNumber(line, "bytes stack frame", use.stackBytes);
    readNumber(line, "bytes spill stores", use.spillStores);
    readNumber(line, "bytes spill loads", use.spillLoads);
    readNumber(line, "registers,", use.registers);
    readNumber(line, "barriers", use.barriers);
    readNumber(line, "bytes smem", use.staticSharedBytes);
  }
  return log;
}

//===----------------------------------------------------------------------===//
// The assembler
//===----------------------------------------------------------------------===//

/// Where pip puts the package in an environment: lib/python3.x/site-packages/nvidia/cu13/bin.
static std::string findInEnvironment(StringRef root) {
  std::error_code code;
  for (sys::fs::directory_iterator python(root + "/lib", code), end; !code && python != end; python.increment(code))
    if (sys::path::filename(python->path()).starts_with("python3"))
      for (StringRef package : {"cu13", "cu12", "cuda_nvcc"})
        if (std::string path = (python->path() + "/site-packages/nvidia/" + package + "/bin/ptxas").str();
            sys::fs::can_execute(path))
          return path;
  return {};
}

std::string fgla::binary::findAssembler() {
  if (const char *given = std::getenv("FGLA_PTXAS"))
    return given;
  if (ErrorOr<std::string> path = sys::findProgramByName("ptxas"))
    return *path;
  for (const char *variable : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const char *root = std::getenv(variable))
      if (std::string path = findInEnvironment(root); !path.empty())
        return path;
  static constexpr StringRef toolkit[] = {"/usr/local/cuda/bin"};
  ErrorOr<std::string> path = sys::findProgramByName("ptxas", toolkit);
  return path ? *path : "";
}

/// The line that says what is wrong.
static std::string findError(StringRef log) {
  for (StringRef line : split(log, '\n'))
    if (line.contains("error") || line.contains("fatal"))
      return line.trim().str();
  return log.split('\n').first.str();
}

Result<Assembled> fgla::binary::assemble(StringRef ptx, StringRef architecture) {
  std::string assembler = findAssembler();
  if (assembler.empty())
    return Status(FGLA_NOT_FOUND, "no assembler: install ptxas (PyPI: nvidia-cuda-nvcc), or name it in FGLA_PTXAS");
  Result<MemoryFile> in = MemoryFile::create(ptx), out = MemoryFile::create(), logFile = MemoryFile::create();
  for (const Result<MemoryFile> *file : {&in, &out, &logFile})
    if (!file->ok())
      return file->status();
  std::string inPath = in->path(), outPath = out->path(), logPath = logFile->path();
  std::string arch = ("-arch=" + architecture).str(), error;
  StringRef arguments[] = {assembler, "-v", arch, inPath, "-o", outPath};
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(logPath), StringRef(logPath)};
  int code = sys::ExecuteAndWait(assembler, arguments, std::nullopt, redirects, /*SecondsToWait=*/0,
                                 /*MemoryLimit=*/0, &error);
  Result<std::string> log = logFile->read(), cubin = out->read();
  for (const Result<std::string> *read : {&log, &cubin})
    if (!read->ok())
      return read->status();
  if (code != 0) {
    std::string reason = error.empty() ? findError(*log) : error;
    return Status(FGLA_INVALID_ARGUMENT, "assembler '" + assembler + "' failed: " +
                                             (reason.empty() ? "exit code " + std::to_string(code) : reason));
  }
  if (cubin->empty())
    return Status(FGLA_IO_ERROR, "assembler '" + assembler + "' wrote no machine code");
  return Assembled{std::move(*cubin), parseAssemblerLog(*log)};
}
