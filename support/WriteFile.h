//===- WriteFile.h - Files that appear whole or not at all ----------------===//
#ifndef FGLA_SUPPORT_WRITEFILE_H
#define FGLA_SUPPORT_WRITEFILE_H

#include "runtime/Status.h"

namespace fgla::runtime {

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

#endif // FGLA_SUPPORT_WRITEFILE_H
