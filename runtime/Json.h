//===- Json.h - JSON from files that may be hostile -------------*- C++ -*-===//
//
// nlohmann-json with two rules that its own parser does not have: a limit on
// nesting and no duplicate keys. Include only in .cpp files; it is heavy.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_RUNTIME_JSON_H
#define FGLA_RUNTIME_JSON_H

#include "runtime/Status.h"

#include <nlohmann/json.hpp>

namespace fgla::runtime {

using Json = nlohmann::json;

/// The root of a document. nlohmann-json takes memory to destroy a value that has members, and ends the process where
/// there is none; this one loses its members first, from the innermost on.
class JsonDocument : public Json {
public:
  JsonDocument() = default;
  JsonDocument(JsonDocument &&other) noexcept : Json(std::move(static_cast<Json &>(other))) {}
  ~JsonDocument() { dismantle(*this); }
  using Json::operator=;

private:
  static void dismantle(Json &value);
};

/// Parses `text` whole. The message of a failure starts with lower case and
/// names no file: the caller puts that in front.
Result<JsonDocument> parseJson(std::string_view text, size_t maxDepth = 16);

/// A dim or an offset: an integer in [0, 2^63).
std::optional<int64_t> jsonIndex(const Json &value);

/// The member `key` of an object, or null when there is none.
const Json *jsonMember(const Json &object, const char *key);

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_JSON_H
