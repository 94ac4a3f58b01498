//===- TensorData.cpp - a tensor as it is in a file -----------------------===//
#include "frontends/onnx/Reader.h"

using namespace fgla::onnx;
using pb::TensorProto;

const char *fgla::onnx::elementTypeName(ElementType type) {
  static const char *const names[] = {"f64", "f32", "f16", "bf16", "i64", "i32", "i16",
                                      "i8",  "u64", "u32", "u16",  "u8",  "bool"};
  return names[static_cast<int>(type)];
}

int64_t fgla::onnx::elementSize(ElementType type) {
  static const int64_t sizes[] = {8, 4, 2, 2, 8, 4, 2, 1, 8, 4, 2, 1, 1};
  return sizes[static_cast<int>(type)];
}

int64_t TensorData::numElements() const {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

// clang-format off
static bool elementTypeOf(int32_t dataType, ElementType &type) {
  switch (dataType) {
  case TensorProto::DOUBLE: type = ElementType::F64; return true;
  case TensorProto::FLOAT: type = ElementType::F32; return true;
  case TensorProto::FLOAT16: type = ElementType::F16; return true;
  case TensorProto::BFLOAT16: type = ElementType::BF16; return true;
  case TensorProto::INT64: type = ElementType::I64; return true;
  case TensorProto::INT32: type = ElementType::I32; return true;
  case TensorProto::INT16: type = ElementType::I16; return true;
  case TensorProto::INT8: type = ElementType::I8; return true;
  case TensorProto::UINT64: type = ElementType::U64; return true;
  case TensorProto::UINT32: type = ElementType::U32; return true;
  case TensorProto::UINT16: type = ElementType::U16; return true;
  case TensorProto::UINT8: type = ElementType::U8; return true;
  case TensorProto::BOOL: type = ElementType::Bool; return true;
  default: return false;
  }
}
// clang-format on

bool fgla::onnx::elementTypeFromONNX(int32_t dataType, ElementType &type, std::string &error) {
  if (elementTypeOf(dataType, type))
    return true;
  error = "element type " +
          (pb::TensorProto_DataType_IsValid(dataType)
               ? pb::TensorProto_DataType_Name(static_cast<pb::TensorProto_DataType>(dataType))
               : std::to_string(dataType)) +
          " is not supported";
  return false;
}

bool fgla::onnx::checkShape(const std::vector<int64_t> &shape, int64_t elementBytes, int64_t &bytes,
                            std::string &error) {
  if (shape.size() > Limits::rank) {
    error = "rank " + std::to_string(shape.size()) + " is above the limit of " + std::to_string(Limits::rank);
    return false;
  }
  // Zero-sized tensors must not hide an absurd dim, so the bound is on the
  // product of the dims that are not zero.
  int64_t product = elementBytes;
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0) {
      error = "dim " + std::to_string(dim) + " is negative";
      return false;
    }
    empty |= dim == 0;
    if (dim != 0 && (__builtin_mul_overflow(product, dim, &product) || product > Limits::tensorBytes)) {
      error = "its dims multiply to more than " + std::to_string(Limits::tensorBytes) + " bytes";
      return false;
    }
  }
  bytes = empty ? 0 : product;
  return true;
}

/// The number of values in the field that ONNX prescribes for the element type.
static int64_t countFields(const TensorProto &proto, ElementType type) {
  switch (type) {
  case ElementType::F32:
    return proto.float_data_size();
  case ElementType::F64:
    return proto.double_data_size();
  case ElementType::I64:
    return proto.int64_data_size();
  case ElementType::U64:
  case ElementType::U32:
    return proto.uint64_data_size();
  default:
    return proto.int32_data_size();
  }
}

bool fgla::onnx::checkTensor(const TensorProto &proto, ElementType &type, std::string &error) {
  std::string reason;
  auto fail = [&](const std::string &what) {
    error = "tensor '" + proto.name() + "': " + what;
    return false;
  };
  if (proto.name().size() > Limits::nameBytes) {
    error = "a tensor's name is longer than " + std::to_string(Limits::nameBytes) + " bytes";
    return false;
  }
  if (!elementTypeFromONNX(proto.data_type(), type, reason))
    return fail(reason);
  int64_t size = 0, count = countFields(proto, type);
  if (!checkShape({proto.dims().begin(), proto.dims().end()}, elementSize(type), size, reason))
    return fail(reason);
  if (proto.has_segment())
    return fail("segmented tensors are not supported");
  if (proto.data_location() == TensorProto::EXTERNAL)
    return fail("external data is allowed for initializers of the main graph only");
  if (proto.has_raw_data() && static_cast<int64_t>(proto.raw_data().size()) != size)
    return fail("has " + std::to_string(proto.raw_data().size()) + " bytes, its shape and type need " +
                std::to_string(size));
  if (!proto.has_raw_data() && count != size / elementSize(type))
    return fail("has " + std::to_string(count) + " values, its shape needs " +
                std::to_string(size / elementSize(type)));
  return true;
}

/// Appends the low bytes of each value of a typed field.
template <typename Field> static void appendLow(const Field &values, int64_t size, std::string &bytes) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors in files are little-endian");
  for (auto value : values)
    bytes.append(reinterpret_cast<const char *>(&value), size);
}

bool fgla::onnx::decodeTensor(const TensorProto &proto, TensorData &tensor, std::string &error) {
  if (!checkTensor(proto, tensor.type, error))
    return false;
  int64_t size = elementSize(tensor.type);
  tensor.name = proto.name();
  tensor.shape.assign(proto.dims().begin(), proto.dims().end());
  tensor.bytes.clear();
  if (proto.has_raw_data())
    tensor.bytes = proto.raw_data();
  else if (tensor.type == ElementType::F32)
    appendLow(proto.float_data(), size, tensor.bytes);
  else if (tensor.type == ElementType::F64)
    appendLow(proto.double_data(), size, tensor.bytes);
  else if (tensor.type == ElementType::I64)
    appendLow(proto.int64_data(), size, tensor.bytes);
  else if (tensor.type == ElementType::U64 || tensor.type == ElementType::U32)
    appendLow(proto.uint64_data(), size, tensor.bytes);
  else
    appendLow(proto.int32_data(), size, tensor.bytes);
  // A boolean is 0 or 1 from here on; a file may hold any byte.
  if (tensor.type == ElementType::Bool)
    for (char &byte : tensor.bytes)
      byte = byte != 0;
  return true;
}
