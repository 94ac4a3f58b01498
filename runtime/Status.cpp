//===- Status.cpp - Errors as values --------------------------------------===//

#include "runtime/Status.h"

#include <system_error>

using namespace fgla::runtime;

std::string fgla::runtime::quote(std::string_view name) {
  constexpr size_t limit = 128;
  constexpr char hex[] = "0123456789abcdef";
  std::string text = "'";
  for (char c : name.substr(0, limit)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      text += "\\x";
      text += hex[byte >> 4];
      text += hex[byte & 15];
    } else {
      if (c == '\'' || c == '\\')
        text += '\\';
      text += c;
    }
  }
  if (name.size() > limit)
    text += "...";
  return text + "'";
}

std::string fgla::runtime::shapeString(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Status fgla::runtime::fromEntry(int32_t code) {
  if (code == FGLA_OK)
    return {};
  if (code == FGLA_OUT_OF_MEMORY)
    return Status(FGLA_OUT_OF_MEMORY, "no memory for what is between arguments and results");
  return Status(FGLA_INVALID_ARTIFACT, "code returned status " + std::to_string(code));
}

Status fgla::runtime::ioError(std::string_view prefix, int error) {
  // generic_category().message() is thread-safe, strerror is not.
  return Status(FGLA_IO_ERROR, std::string(prefix) + ": " + std::generic_category().message(error));
}
