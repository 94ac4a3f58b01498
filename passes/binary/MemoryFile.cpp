//===- MemoryFile.cpp - Files for programs that run for us ----------------===//

#include "passes/binary/MemoryFile.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;
using fgla::binary::MemoryFile;
using fgla::runtime::Result;

static constexpr char what[] = "cannot make a file in memory";

Result<MemoryFile> MemoryFile::create(StringRef bytes) {
  int fd = memfd_create("fgla", MFD_CLOEXEC);
  if (fd < 0)
    return runtime::ioError(what, errno);
  MemoryFile file(fd);
  raw_fd_ostream stream(fd, /*shouldClose=*/false);
  stream << bytes;
  stream.flush();
  if (std::error_code code = stream.error()) {
    stream.clear_error();
    return runtime::ioError(what, code.value());
  }
  return file;
}

MemoryFile::~MemoryFile() {
  if (fd >= 0)
    close(fd);
}

std::string MemoryFile::path() const { return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd); }

Result<std::string> MemoryFile::read() const {
  SmallString<0> bytes;
  lseek(fd, 0, SEEK_SET);
  if (Error error = sys::fs::readNativeFileToEOF(fd, bytes))
    return runtime::Status(FGLA_IO_ERROR, "cannot read a file in memory: " + toString(std::move(error)));
  return bytes.str().str();
}
