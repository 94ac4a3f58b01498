//===- Skeleton.cpp - a model's message without its weights ---------------===//
#include "frontends/onnx/Skeleton.h"
#include "frontends/onnx/Reader.h"

#include <cstdint>

using namespace fgla::onnx;

namespace {

/// One field of a message: all its bytes, and the payload of one that has a length.
struct Field {
  uint64_t number = 0;
  bool hasLength = false;
  const char *begin = nullptr, *payload = nullptr, *end = nullptr;

  size_t size() const { return end - payload; }
};

/// Walks over the fields of a message.
class Fields {
public:
  Fields(const char *data, size_t size) : place(data), last(data + size) {}
  bool atEnd() const { return place == last; }
  /// False where the bytes are no field.
  bool next(Field &field);

private:
  bool readVarint(uint64_t &value);

  const char *place, *last;
};

} // namespace

bool Fields::readVarint(uint64_t &value) {
  value = 0;
  for (int shift = 0; shift < 64 && place != last; shift += 7) {
    unsigned char byte = *place++;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return true;
  }
  return false;
}

bool Fields::next(Field &field) {
  field.begin = place;
  uint64_t tag, length = 0;
  if (!readVarint(tag))
    return false;
  field.number = tag >> 3;
  field.hasLength = (tag & 7) == 2;
  switch (tag & 7) {
  case 0:
    if (!readVarint(length))
      return false;
    length = 0;
    break;
  case 1:
    length = 8;
    break;
  case 2:
    if (!readVarint(length))
      return false;
    break;
  case 5:
    length = 4;
    break;
  default: // groups, which ONNX has none of
    return false;
  }
  if (length > static_cast<uint64_t>(last - place))
    return false;
  field.payload = place;
  place += length;
  field.end = place;
  return true;
}

static void appendVarint(std::string &to, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

static void appendMessage(std::string &to, uint64_t number, const std::string &message) {
  appendVarint(to, number << 3 | 2);
  appendVarint(to, message.size());
  to += message;
}

/// `origin` is where the file begins.
static bool copyTensor(const Field &tensor, const char *origin, const std::string &file, std::string &to) {
  Fields fields(tensor.payload, tensor.size());
  Field data;
  std::string copy;
  for (Field field; !fields.atEnd();) {
    if (!fields.next(field))
      return false;
    if (field.number == pb::TensorProto::kRawDataFieldNumber && field.hasLength && field.size() > kSmallTensorBytes &&
        !data.payload)
      data = field;
    else
      copy.append(field.begin, field.end);
  }
  if (data.payload) {
    pb::TensorProto reference;
    for (const auto &[key, value] : {std::pair<const char *, std::string>{"location", file},
                                     {"offset", std::to_string(data.payload - origin)},
                                     {"length", std::to_string(data.size())}}) {
      auto *entry = reference.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    reference.set_data_location(pb::TensorProto::EXTERNAL);
    // The fields of a message follow each other in any order.
    copy += reference.SerializeAsString();
  }
  appendMessage(to, pb::GraphProto::kInitializerFieldNumber, copy);
  return true;
}

static bool copyGraph(const Field &graph, const char *origin, const std::string &file, std::string &to) {
  Fields fields(graph.payload, graph.size());
  std::string copy;
  for (Field field; !fields.atEnd();) {
    if (!fields.next(field))
      return false;
    bool isLarge =
        field.number == pb::GraphProto::kInitializerFieldNumber && field.hasLength && field.size() > kSmallTensorBytes;
    if (!isLarge)
      copy.append(field.begin, field.end);
    else if (!copyTensor(field, origin, file, copy))
      return false;
  }
  appendMessage(to, pb::ModelProto::kGraphFieldNumber, copy);
  return true;
}

bool fgla::onnx::copyWithoutWeights(const char *data, size_t size, const std::string &file, std::string &skeleton) {
  Fields fields(data, size);
  skeleton.clear();
  for (Field field; !fields.atEnd();) {
    if (!fields.next(field))
      return false;
    if (field.number != pb::ModelProto::kGraphFieldNumber || !field.hasLength)
      skeleton.append(field.begin, field.end);
    else if (!copyGraph(field, data, file, skeleton))
      return false;
  }
  return true;
}
