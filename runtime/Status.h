//===- Status.h - Errors as values ----------------------------------------===//
//
// The runtime is built without exceptions: what can fail returns a Status (or
// a Result<T>) that carries the C ABI's code and one line of text.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_RUNTIME_STATUS_H
#define FGLA_RUNTIME_STATUS_H

#include "runtime/fgla.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace fgla::runtime {

/// Success, or a code and a message.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(fgla_status code, std::string message) : failure(Failure{code, std::move(message)}) {}

  bool ok() const { return !failure; }
  fgla_status code() const { return failure ? failure->code : FGLA_OK; }
  const std::string &message() const {
    static const std::string none;
    return failure ? failure->message : none;
  }

private:
  struct Failure {
    fgla_status code;
    std::string message;
  };
  std::optional<Failure> failure;
};

/// A value, or the Status that says why there is none.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : value(std::move(value)) {}
  Result(Status status) : failure(std::move(status)) {}

  bool ok() const { return value.has_value(); }
  const Status &status() const { return failure; }
  const std::string &message() const { return failure.message(); }

  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }

private:
  std::optional<T> value;
  Status failure;
};

/// `'name'` for a message: control characters and quotes escaped, long names
/// cut, so that a name out of a file cannot break the one-line rule.
std::string quote(std::string_view name);

/// `[2, 3]`.
std::string shapeString(std::span<const int64_t> shape);

/// What an entry of an artifact returned.
Status fromEntry(int32_t code);

/// `prefix: strerror(error)`.
Status ioError(std::string_view prefix, int error);

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_STATUS_H
