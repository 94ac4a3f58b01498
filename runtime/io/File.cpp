//===- File.cpp - Reading files safely, writing them whole ----------------===//

#include "runtime/io/File.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fgla::runtime;

Result<File> File::openForRead(const std::string &path) {
  std::string what = "cannot open " + quote(path);
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    int error = errno;
    Status status = ioError(what, error);
    if (error == ENOENT || error == ENOTDIR)
      return Status(FGLA_NOT_FOUND, status.message());
    return status;
  }
  File file(path, fd, 0);
  struct stat info;
  if (fstat(fd, &info) != 0)
    return ioError(what, errno);
  if (!S_ISREG(info.st_mode))
    return Status(FGLA_IO_ERROR, what + ": not a regular file");
  file.bytes = static_cast<uint64_t>(info.st_size);
  constexpr std::string_view pointer = "version https://git-lfs";
  char head[pointer.size()];
  if (file.bytes >= pointer.size() && file.readAt(0, head, pointer.size()).ok() &&
      std::string_view(head, pointer.size()) == pointer)
    return Status(FGLA_IO_ERROR, what + ": it is a pointer of git-lfs, not the file: run 'git lfs pull'");
  return file;
}

File::~File() {
  if (fd >= 0)
    close(fd);
}

Status File::readAt(uint64_t offset, void *to, size_t length) const {
  auto *target = static_cast<char *>(to);
  while (length > 0) {
    ssize_t count = pread(fd, target, length, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return ioError("cannot read " + quote(name), errno);
    if (count == 0)
      return Status(FGLA_IO_ERROR,
                    "cannot read " + quote(name) + ": it ends before byte " + std::to_string(offset + length));
    target += count;
    offset += static_cast<uint64_t>(count);
    length -= static_cast<size_t>(count);
  }
  return {};
}

static bool writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

Result<PendingFile> PendingFile::write(const std::string &path, std::span<const std::string_view> chunks) {
  std::string what = "cannot write " + quote(path);
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Status(FGLA_IO_ERROR, what + ": it exists and is no regular file");
  // mkstemp() would make the file private to the user; open() honours umask.
  static std::atomic<unsigned> counter;
  std::string temporary;
  int fd;
  do {
    temporary = path + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(counter++);
    fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EEXIST);
  if (fd < 0)
    return ioError(what, errno);
  PendingFile file(path, temporary);
  bool written = true;
  for (std::string_view chunk : chunks)
    written = written && writeAll(fd, chunk);
  int error = written ? 0 : errno;
  if (close(fd) != 0 && !error)
    error = errno;
  if (error)
    return ioError(what, error);
  return file;
}

PendingFile::~PendingFile() {
  if (!temporary.empty())
    unlink(temporary.c_str());
}

Status PendingFile::commit() {
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return ioError("cannot write " + quote(path), errno);
  temporary.clear();
  return {};
}

Status fgla::runtime::writeFileAtomically(const std::string &path, std::span<const std::string_view> chunks) {
  Result<PendingFile> file = PendingFile::write(path, chunks);
  return file.ok() ? file->commit() : file.status();
}
