//===- ExternalData.cpp - weights in files beside a model -----------------===//
#include "dialect/onnx/ExternalData.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace fgla::onnx;

static std::vector<std::string> splitPath(const std::string &location) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= location.size();) {
    size_t end = location.find('/', begin);
    if (end == std::string::npos)
      end = location.size();
    std::string part = location.substr(begin, end - begin);
    if (!part.empty() && part != ".")
      parts.push_back(std::move(part));
    begin = end + 1;
  }
  return parts;
}

bool fgla::onnx::isInsideFolder(const std::string &location, std::string &reason) {
  if (location.empty())
    reason = "it is empty";
  else if (location.size() > 4096)
    reason = "it is too long";
  else if (std::any_of(location.begin(), location.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    reason = "it holds a control character";
  else if (location.find('\\') != std::string::npos)
    reason = "it holds a backslash";
  else if (location.front() == '/')
    reason = "it is an absolute path";
  else {
    std::vector<std::string> parts = splitPath(location);
    if (parts.empty()) {
      reason = "it names a folder";
      return false;
    }
    for (const std::string &part : parts)
      if (part == "..") {
        reason = "it leaves the model's folder";
        return false;
      }
    return true;
  }
  return false;
}

ExternalFile::~ExternalFile() {
  if (descriptor >= 0)
    close(descriptor);
}

/// Opens beneath `root` without following links. openat2 does it in one step;
/// where the kernel lacks it (or a sandbox forbids it), component by component.
static int openBeneath(int root, const std::vector<std::string> &parts) {
  std::string path;
  for (const std::string &part : parts)
    path += (path.empty() ? "" : "/") + part;
  struct open_how how = {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  int file = static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how)));
  if (file >= 0 || (errno != ENOSYS && errno != EPERM))
    return file;
  int folder = dup(root);
  for (size_t i = 0; i != parts.size() && folder >= 0; ++i) {
    bool last = i + 1 == parts.size();
    int next =
        openat(folder, parts[i].c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
    int saved = errno;
    close(folder);
    errno = saved;
    folder = next;
  }
  return folder;
}

bool ExternalFile::open(const std::string &folder, const std::string &location, std::string &error) {
  std::string reason;
  if (!isInsideFolder(location, reason)) {
    std::string shown = reason.find("control") == std::string::npos ? location.substr(0, 200) : "…";
    error = "'" + shown + "' is not a file in the model's folder: " + reason;
    return false;
  }
  path = location;
  int root = ::open(folder.empty() ? "." : folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) {
    error = "the model's folder '" + folder + "' cannot be opened: " + std::strerror(errno);
    return false;
  }
  descriptor = openBeneath(root, splitPath(location));
  int saved = errno;
  close(root);
  if (descriptor < 0) {
    error = "'" + location + "' cannot be opened in the model's folder: " +
            (saved == ELOOP ? "symbolic links are not followed" : std::strerror(saved));
    return false;
  }
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    error = "'" + location + "' is not a regular file";
    return false;
  }
  bytes = status.st_size;
  constexpr std::string_view pointer = "version https://git-lfs";
  char head[pointer.size()];
  if (pread(descriptor, head, sizeof(head), 0) == static_cast<ssize_t>(sizeof(head)) &&
      std::string_view(head, sizeof(head)) == pointer) {
    error = "'" + location + "' is a pointer of git-lfs, not the file: run 'git lfs pull'";
    return false;
  }
  return true;
}

bool ExternalFile::contains(int64_t offset, int64_t length, std::string &error) const {
  int64_t end;
  if (offset >= 0 && length >= 0 && !__builtin_add_overflow(offset, length, &end) && end <= bytes)
    return true;
  error = "'" + path + "' has " + std::to_string(bytes) + " bytes, offset " + std::to_string(offset) + " and length " +
          std::to_string(length) + " do not lie inside";
  return false;
}

bool ExternalFile::read(int64_t offset, int64_t length, char *target, std::string &error) const {
  if (!contains(offset, length, error))
    return false;
  while (length > 0) {
    ssize_t count = pread(descriptor, target, length, offset);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      error = "'" + path + "' cannot be read: " + (count ? std::strerror(errno) : "it became shorter");
      return false;
    }
    target += count;
    offset += count;
    length -= count;
  }
  return true;
}

std::shared_ptr<char> ExternalFile::map(int64_t offset, int64_t length, std::string &error) const {
  if (!contains(offset, length, error))
    return nullptr;
  // A mapping begins at a page and is not empty.
  int64_t lead = offset % sysconf(_SC_PAGESIZE);
  size_t size = std::max<int64_t>(lead + length, 1);
  void *start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, offset - lead);
  if (start == MAP_FAILED) {
    error = "'" + path + "' cannot be mapped: " + std::strerror(errno);
    return nullptr;
  }
  return {static_cast<char *>(start) + lead, [start, size](char *) { munmap(start, size); }};
}
