//===- Json.cpp - JSON from files that may be hostile ---------------------===//

#include "runtime/Json.h"

#include <limits>

using namespace fgla::runtime;

namespace {
/// Builds the document from the parser's events, so that a bad one is refused
/// before it has grown.
class DocumentBuilder : public nlohmann::json_sax<Json> {
public:
  explicit DocumentBuilder(size_t maxDepth) : maxDepth(maxDepth) {}

  JsonDocument root;
  std::string error;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &) override { return add(value); }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return fail("binary value in JSON"); }

  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t &value) override {
    if (stack.back()->contains(value))
      return fail("duplicate key " + quote(value) + " in JSON");
    nextKey = std::move(value);
    return true;
  }

  bool parse_error(size_t position, const std::string &, const nlohmann::detail::exception &) override {
    return fail("malformed JSON at byte " + std::to_string(position));
  }

private:
  bool fail(std::string text) {
    error = std::move(text);
    return false;
  }

  Json *place(Json value) {
    if (stack.empty()) {
      root = std::move(value);
      return &root;
    }
    Json &top = *stack.back();
    if (top.is_object())
      return &(top[nextKey] = std::move(value));
    top.push_back(std::move(value));
    return &top.back();
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (stack.size() >= maxDepth)
      return fail("JSON nested deeper than " + std::to_string(maxDepth));
    stack.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    stack.pop_back();
    return true;
  }

  size_t maxDepth;
  // Ancestors of the next value. Only the last one grows, so these stay put.
  std::vector<Json *> stack;
  std::string nextKey;
};
} // namespace

void JsonDocument::dismantle(Json &value) {
  if (!value.is_structured())
    return;
  for (Json &member : value)
    dismantle(member);
  value.clear();
}

Result<JsonDocument> fgla::runtime::parseJson(std::string_view text, size_t maxDepth) {
  // The parser takes a zero byte for the end, and skips a mark of the byte order; JSON has neither (RFC 8259).
  size_t stray = text.starts_with("\xef\xbb\xbf") ? 0 : text.find('\0');
  if (stray != std::string_view::npos)
    return Status(FGLA_INVALID_ARGUMENT, "malformed JSON at byte " + std::to_string(stray + 1));
  DocumentBuilder builder(maxDepth);
  if (!Json::sax_parse(text.begin(), text.end(), &builder))
    return Status(FGLA_INVALID_ARGUMENT, builder.error);
  return std::move(builder.root);
}

std::optional<int64_t> fgla::runtime::jsonIndex(const Json &value) {
  if (!value.is_number_unsigned())
    return std::nullopt;
  auto number = value.get<uint64_t>();
  if (number > uint64_t(std::numeric_limits<int64_t>::max()))
    return std::nullopt;
  return static_cast<int64_t>(number);
}

const Json *fgla::runtime::jsonMember(const Json &object, const char *key) {
  auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}
