//===- MemoryFile.h - Files for programs that run for us ------------------===//
#ifndef FGLA_PASSES_BINARY_MEMORYFILE_H
#define FGLA_PASSES_BINARY_MEMORYFILE_H

#include "runtime/Status.h"

#include "llvm/ADT/StringRef.h"

namespace fgla::binary {

/// A file in memory, which other programs open by its path while this process lives. It has no name in any folder:
/// nothing is left of it, whatever ends us.
class MemoryFile {
public:
  static runtime::Result<MemoryFile> create(llvm::StringRef bytes = {});
  MemoryFile(MemoryFile &&other) : fd(std::exchange(other.fd, -1)) {}
  MemoryFile &operator=(MemoryFile &&) = delete;
  ~MemoryFile();

  std::string path() const;
  runtime::Result<std::string> read() const;

private:
  explicit MemoryFile(int fd) : fd(fd) {}
  int fd;
};

} // namespace fgla::binary

#endif // FGLA_PASSES_BINARY_MEMORYFILE_H
