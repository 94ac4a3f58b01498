//===- File.cpp - Reading files safely -------------------------------------===//

#include "runtime/File.h"

#include <cerrno>
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
