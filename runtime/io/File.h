//===- File.h - Reading files safely, writing them whole --------*- C++ -*-===//
#ifndef FGLA_RUNTIME_IO_FILE_H
#define FGLA_RUNTIME_IO_FILE_H

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

/// A file that is written whole, but does not have its name yet. Without
/// commit() nothing is left of it.
class PendingFile {
public:
  static Result<PendingFile> write(const std::string &path, std::span<const std::string_view> chunks);

  PendingFile(PendingFile &&other) noexcept
      : path(std::move(other.path)), temporary(std::exchange(other.temporary, {})) {}
  PendingFile &operator=(PendingFile &&) = delete;
  ~PendingFile();

  /// Gives it its name, in the place of a file that had it.
  Status commit();

private:
  PendingFile(std::string path, std::string temporary) : path(std::move(path)), temporary(std::move(temporary)) {}

  std::string path, temporary; // the latter is empty once it is renamed
};

/// Writes the chunks to a temporary beside `path` and renames it, so that
/// readers see the old file or the whole new one, and a failure leaves nothing.
Status writeFileAtomically(const std::string &path, std::span<const std::string_view> chunks);

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_IO_FILE_H
