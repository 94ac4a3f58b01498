//===- File.h - Reading files safely ----------------------------*- C++ -*-===//
#ifndef FGLA_RUNTIME_FILE_H
#define FGLA_RUNTIME_FILE_H

#include "runtime/Status.h"

namespace fgla::runtime {

/// A regular file, open for reading.
class File {
public:
  /// FGLA_NOT_FOUND when there is none; FGLA_IO_ERROR for a directory, a pipe,
  /// no permission, and for what git-lfs left in the place of a file. Messages
  /// name the file.
  static Result<File> openForRead(const std::string &path);

  File(File &&other) noexcept : name(std::move(other.name)), fd(std::exchange(other.fd, -1)), bytes(other.bytes) {}
  File &operator=(File &&) = delete;
  ~File();

  const std::string &path() const { return name; }
  uint64_t size() const { return bytes; } ///< when it was opened

  /// Reads exactly `length` bytes; a file that has become shorter is an error.
  Status readAt(uint64_t offset, void *to, size_t length) const;

private:
  File(std::string name, int fd, uint64_t bytes) : name(std::move(name)), fd(fd), bytes(bytes) {}

  std::string name;
  int fd;
  uint64_t bytes;
};

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_FILE_H
