//===- File.cpp - Files that are there whole or not at all ----------------===//

#include "File.h"
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace {
class Descriptor {
public:
  Descriptor(const std::filesystem::path &path, int flags) : path(path), number(open(path.c_str(), flags, 0666)) {
    check(number >= 0);
  }
  ~Descriptor() {
    if (number >= 0)
      close(number);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;

  void write(std::string_view content) {
    while (!content.empty()) {
      ssize_t count = ::write(number, content.data(), content.size());
      if (count < 0 && errno == EINTR)
        continue;
      check(count >= 0);
      content.remove_prefix(count);
    }
  }
  void sync() { check(fsync(number) == 0); }

private:
  void check(bool good) const {
    if (!good)
      throw std::filesystem::filesystem_error("cannot write", path, std::error_code(errno, std::generic_category()));
  }

  std::filesystem::path path;
  int number;
};
} // namespace

void replaceFile(const std::filesystem::path &file, std::string_view content) {
  std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".", next = file;
  next += ".next";
  {
    Descriptor descriptor(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    descriptor.write(content);
    descriptor.sync();
  }
  // The content is on the disk before it has the name, and then the name.
  std::filesystem::rename(next, file);
  Descriptor(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC).sync();
}
