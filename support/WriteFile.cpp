//===- WriteFile.cpp - Files that appear whole or not at all --------------===//

#include "support/WriteFile.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fgla::runtime;

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
  // A machine that stops must not leave a name without the bytes.
  int error = written && fsync(fd) == 0 ? 0 : errno;
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
