//===- Call.cpp - what an operator asks of its node -----------------------===//
#include "frontends/torch/onnx/Operators.h"

using namespace fgla::onnx;
using at::Tensor;

at::ScalarType fgla::onnx::scalarTypeOf(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return at::kDouble;
  case ElementType::F32:
    return at::kFloat;
  case ElementType::F16:
    return at::kHalf;
  case ElementType::BF16:
    return at::kBFloat16;
  case ElementType::I64:
    return at::kLong;
  case ElementType::I32:
    return at::kInt;
  case ElementType::I16:
    return at::kShort;
  case ElementType::I8:
    return at::kChar;
  case ElementType::U64:
    return at::kUInt64;
  case ElementType::U32:
    return at::kUInt32;
  case ElementType::U16:
    return at::kUInt16;
  case ElementType::U8:
    return at::kByte;
  case ElementType::Bool:
    return at::kBool;
  }
  return at::kFloat;
}

at::ScalarType fgla::onnx::scalarTypeOfONNX(int64_t dataType) {
  // TensorProto.DataType.
  switch (dataType) {
  case 1:
    return at::kFloat;
  case 2:
    return at::kByte;
  case 3:
    return at::kChar;
  case 4:
    return at::kUInt16;
  case 5:
    return at::kShort;
  case 6:
    return at::kInt;
  case 7:
    return at::kLong;
  case 9:
    return at::kBool;
  case 10:
    return at::kHalf;
  case 11:
    return at::kDouble;
  case 12:
    return at::kUInt32;
  case 13:
    return at::kUInt64;
  case 16:
    return at::kBFloat16;
  default:
    TORCH_CHECK(false, "element type ", dataType, " is not supported");
  }
}

Tensor fgla::onnx::makeTensor(TensorData data) {
  auto bytes = std::make_shared<std::string>(std::move(data.bytes));
  return at::from_blob(bytes->data(), data.shape, [bytes](void *) {}, at::TensorOptions(scalarTypeOf(data.type)));
}

const Tensor &Call::operator[](size_t index) const {
  TORCH_CHECK(has(index), "input ", index, " must be there");
  return inputs[index];
}

/// The attribute's value if it is of the type, null if it is not there.
template <typename T> static const T *find(const Node &node, const char *name) {
  auto found = node.attributes.find(name);
  if (found == node.attributes.end())
    return nullptr;
  const T *value = std::get_if<T>(&found->second);
  TORCH_CHECK(value, "attribute '", name, "' has a wrong type");
  return value;
}

int64_t Call::integer(const char *name, int64_t otherwise) const {
  const int64_t *value = find<int64_t>(node, name);
  return value ? *value : otherwise;
}

double Call::number(const char *name, double otherwise) const {
  const float *value = find<float>(node, name);
  return value ? *value : otherwise;
}

std::string Call::text(const char *name, const char *otherwise) const {
  const std::string *value = find<std::string>(node, name);
  return value ? *value : otherwise;
}

const TensorData *Call::tensor(const char *name) const { return find<TensorData>(node, name); }

std::optional<std::vector<int64_t>> Call::integers(const char *name) const {
  const auto *value = find<std::vector<int64_t>>(node, name);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<std::vector<float>> Call::numbers(const char *name) const {
  const auto *value = find<std::vector<float>>(node, name);
  return value ? std::optional(*value) : std::nullopt;
}

std::vector<int64_t> Call::elements(size_t index) const {
  const Tensor &tensor = (*this)[index];
  TORCH_CHECK(!tensor.is_floating_point(), "input ", index, " must be of integers, got ", tensor.scalar_type());
  Tensor flat = tensor.to(at::kCPU, at::kLong).contiguous();
  return {flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel()};
}

std::optional<std::vector<int64_t>> Call::integers(const char *name, size_t index) const {
  return has(index) ? std::optional(elements(index)) : integers(name);
}

const OperatorTable &fgla::onnx::operators() {
  static const OperatorTable table = [] {
    OperatorTable table;
    addElementwiseOperators(table);
    addShapeOperators(table);
    addReductionOperators(table);
    addNetworkOperators(table);
    addAttentionOperators(table);
    return table;
  }();
  return table;
}
