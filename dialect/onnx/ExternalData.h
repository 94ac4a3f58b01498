//===- ExternalData.h - weights in files beside a model -------------------===//
//
// A model names files that hold its weights. The names come from whoever wrote
// the model, so nothing outside the model's folder may be opened by them.
// Standard C++ and POSIX only.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_ONNX_EXTERNALDATA_H
#define FGLA_DIALECT_ONNX_EXTERNALDATA_H

#include <cstdint>
#include <memory>
#include <string>

namespace fgla::onnx {

/// Whether `location` is a relative path that stays inside the folder it is
/// relative to, judged by its text. Says in `reason` why it is not.
bool isInsideFolder(const std::string &location, std::string &reason);

/// An open file beneath a folder, opened so that no component of `location` is
/// a symbolic link; closes itself.
class ExternalFile {
public:
  ExternalFile() = default;
  ExternalFile(const ExternalFile &) = delete;
  ExternalFile &operator=(const ExternalFile &) = delete;
  ~ExternalFile();

  /// Opens `location` beneath `folder` ("" is the working directory). Only a
  /// regular file is accepted. Returns false and sets `error` else.
  bool open(const std::string &folder, const std::string &location, std::string &error);
  /// The size of the file when it was opened.
  int64_t size() const { return bytes; }
  /// Whether `length` bytes from `offset` lie inside the file; sets `error` if
  /// not.
  bool contains(int64_t offset, int64_t length, std::string &error) const;
  /// Reads `length` bytes from `offset` to `target`.
  bool read(int64_t offset, int64_t length, char *target, std::string &error) const;
  /// Maps `length` bytes from `offset`; a page that is written becomes a copy of
  /// its own, the file stays. The mapping outlives this object. Returns null and
  /// sets `error` on failure.
  std::shared_ptr<char> map(int64_t offset, int64_t length, std::string &error) const;

private:
  int descriptor = -1;
  int64_t bytes = 0;
  std::string path;
};

} // namespace fgla::onnx

#endif // FGLA_DIALECT_ONNX_EXTERNALDATA_H
