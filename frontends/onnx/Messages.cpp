//===- Messages.cpp - attributes and types as ONNX's messages -------------===//
#include "frontends/onnx/Messages.h"
#include "frontends/onnx/Reader.h"

#include "mlir/IR/DialectResourceBlobManager.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fgla::onnx;
using llvm::StringRef;

int32_t fgla::onnx::dataTypeOf(Type type) {
  if (isa<Float64Type>(type))
    return pb::TensorProto::DOUBLE;
  if (isa<Float32Type>(type))
    return pb::TensorProto::FLOAT;
  if (isa<Float16Type>(type))
    return pb::TensorProto::FLOAT16;
  if (isa<BFloat16Type>(type))
    return pb::TensorProto::BFLOAT16;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return pb::TensorProto::UNDEFINED;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 64:
    return isUnsigned ? pb::TensorProto::UINT64 : pb::TensorProto::INT64;
  case 32:
    return isUnsigned ? pb::TensorProto::UINT32 : pb::TensorProto::INT32;
  case 16:
    return isUnsigned ? pb::TensorProto::UINT16 : pb::TensorProto::INT16;
  case 8:
    return isUnsigned ? pb::TensorProto::UINT8 : pb::TensorProto::INT8;
  case 1:
    return pb::TensorProto::BOOL;
  default:
    return pb::TensorProto::UNDEFINED;
  }
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// The elements as they are in a file; a boolean takes a byte.
static std::optional<std::string> bytesOf(ElementsAttr value) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return std::nullopt;
    return std::string(blob->getData().data(), blob->getData().size());
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return std::nullopt;
  std::string bytes;
  if (dense.getElementType().isInteger(1)) {
    for (bool bit : dense.getValues<bool>())
      bytes += static_cast<char>(bit);
    return bytes;
  }
  ArrayRef<char> raw = dense.getRawData();
  for (int64_t i = 0, e = dense.isSplat() ? dense.getNumElements() : 1; i != e; ++i)
    bytes.append(raw.data(), raw.size());
  return bytes;
}

/// Makes the message one of this type without data.
static bool resetTensor(pb::TensorProto &proto, ShapedType type) {
  pb::TensorProto made;
  if (proto.has_name())
    made.set_name(proto.name());
  if (proto.has_doc_string())
    made.set_doc_string(proto.doc_string());
  for (int64_t size : type.getShape())
    made.add_dims(size);
  made.set_data_type(dataTypeOf(type.getElementType()));
  proto.Swap(&made);
  return proto.data_type() != pb::TensorProto::UNDEFINED;
}

static bool hasType(const pb::TensorProto &proto, ShapedType type) {
  return proto.data_type() == dataTypeOf(type.getElementType()) && llvm::equal(proto.dims(), type.getShape());
}

bool fgla::onnx::updateTensor(pb::TensorProto &proto, ElementsAttr value) {
  std::optional<std::string> bytes = bytesOf(value);
  if (!bytes)
    return false;
  bool isExternal = proto.data_location() == pb::TensorProto::EXTERNAL;
  if (!isExternal && hasType(proto, value.getShapedType())) {
    TensorData data;
    std::string reason;
    // The data of large weights was left out where the message was kept.
    if (proto.raw_data().empty() && proto.has_raw_data() && bytes->size() > kSmallTensorBytes) {
      *proto.mutable_raw_data() = std::move(*bytes);
      return true;
    }
    if (decodeTensor(proto, data, reason) && data.bytes == *bytes)
      return true;
  }
  if (!resetTensor(proto, value.getShapedType()))
    return false;
  *proto.mutable_raw_data() = std::move(*bytes);
  return true;
}

bool fgla::onnx::updateTensor(pb::TensorProto &proto, RankedTensorType type, StringRef file, int64_t offset,
                              int64_t length) {
  // What is left out has a meaning: offset 0, and the length that the type needs.
  std::string location, hasOffset = "0", hasLength = std::to_string(length);
  for (const auto &entry : proto.external_data())
    (entry.key() == "location" ? location : entry.key() == "offset" ? hasOffset : hasLength) = entry.value();
  if (proto.data_location() == pb::TensorProto::EXTERNAL && hasType(proto, type) && file == location &&
      hasOffset == std::to_string(offset) && hasLength == std::to_string(length))
    return true;
  if (!resetTensor(proto, type))
    return false;
  auto add = [&](const char *key, std::string text) {
    auto *entry = proto.add_external_data();
    entry->set_key(key);
    entry->set_value(std::move(text));
  };
  add("location", file.str());
  add("offset", std::to_string(offset));
  add("length", std::to_string(length));
  proto.set_data_location(pb::TensorProto::EXTERNAL);
  return true;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static bool setStrings(pb::AttributeProto &proto, ArrayAttr list) {
  proto.set_type(pb::AttributeProto::STRINGS);
  for (Attribute element : list) {
    auto text = dyn_cast<StringAttr>(element);
    if (!text)
      return false;
    proto.add_strings(text.str());
  }
  return true;
}

/// All kinds but tensors.
static bool setAttribute(pb::AttributeProto &proto, Attribute value) {
  return llvm::TypeSwitch<Attribute, bool>(value)
      .Case([&](IntegerAttr attr) {
        std::optional<int64_t> number = attr.getValue().trySExtValue();
        proto.set_type(pb::AttributeProto::INT);
        proto.set_i(number.value_or(0));
        return number.has_value();
      })
      .Case([&](FloatAttr attr) {
        proto.set_type(pb::AttributeProto::FLOAT);
        if (attr.getType().isF32())
          proto.set_f(attr.getValue().convertToFloat());
        return attr.getType().isF32();
      })
      .Case([&](StringAttr attr) {
        proto.set_type(pb::AttributeProto::STRING);
        proto.set_s(attr.str());
        return true;
      })
      .Case([&](DenseI64ArrayAttr attr) {
        proto.set_type(pb::AttributeProto::INTS);
        proto.mutable_ints()->Add(attr.asArrayRef().begin(), attr.asArrayRef().end());
        return true;
      })
      .Case([&](DenseF32ArrayAttr attr) {
        proto.set_type(pb::AttributeProto::FLOATS);
        proto.mutable_floats()->Add(attr.asArrayRef().begin(), attr.asArrayRef().end());
        return true;
      })
      .Case([&](ArrayAttr attr) { return setStrings(proto, attr); })
      .Case([&](TypeAttr attr) {
        proto.set_type(pb::AttributeProto::TYPE_PROTO);
        return updateType(*proto.mutable_tp(), attr.getValue(), {}, /*exactly=*/true);
      })
      .Default(false);
}

bool fgla::onnx::updateAttribute(pb::AttributeProto &proto, StringRef name, Attribute value) {
  pb::AttributeProto made;
  made.set_name(name.str());
  if (auto elements = dyn_cast<ElementsAttr>(value)) {
    made.set_type(pb::AttributeProto::TENSOR);
    // A tensor that was read keeps its form.
    if (proto.type() == pb::AttributeProto::TENSOR)
      return updateTensor(*proto.mutable_t(), elements);
    if (!updateTensor(*made.mutable_t(), elements))
      return false;
  } else if (!setAttribute(made, value)) {
    return false;
  }
  pb::AttributeProto plain = proto;
  plain.clear_doc_string();
  if (plain.SerializeAsString() == made.SerializeAsString())
    return true;
  if (proto.has_doc_string())
    made.set_doc_string(proto.doc_string());
  proto.Swap(&made);
  return true;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static bool isTrueOf(const pb::TypeProto &proto, int32_t element, RankedTensorType ranked, ArrayRef<std::string> dims,
                     bool exactly) {
  if (!proto.has_tensor_type())
    return false;
  const auto &tensor = proto.tensor_type();
  if (tensor.elem_type() != element)
    return false;
  if (!ranked || !tensor.has_shape())
    return !tensor.has_shape() && (!ranked || !exactly);
  if (tensor.shape().dim_size() != ranked.getRank())
    return false;
  for (auto [dim, size, name] : llvm::zip(tensor.shape().dim(), ranked.getShape(), dims)) {
    if (dim.has_dim_value() ? dim.dim_value() != size : exactly && !ShapedType::isDynamic(size))
      return false;
    if (exactly && !dim.has_dim_value() && name != (dim.dim_param().empty() ? "?" : dim.dim_param()))
      return false;
  }
  return true;
}

bool fgla::onnx::updateType(pb::TypeProto &proto, Type type, ArrayAttr dims, bool exactly) {
  auto shaped = dyn_cast<ShapedType>(type);
  int32_t element = shaped ? dataTypeOf(shaped.getElementType()) : pb::TensorProto::UNDEFINED;
  if (element == pb::TensorProto::UNDEFINED)
    return !exactly && isa<NoneType>(type);
  auto ranked = dyn_cast<RankedTensorType>(type);
  SmallVector<std::string> names;
  for (int64_t i = 0, e = ranked ? ranked.getRank() : 0; i != e; ++i)
    names.push_back(dims ? cast<StringAttr>(dims[i]).str() : "?");
  if (isTrueOf(proto, element, ranked, names, exactly))
    return true;
  proto.Clear();
  auto *tensor = proto.mutable_tensor_type();
  tensor->set_elem_type(element);
  if (!ranked)
    return true;
  tensor->mutable_shape();
  for (auto [size, name] : llvm::zip(ranked.getShape(), names)) {
    auto *dim = tensor->mutable_shape()->add_dim();
    if (!ShapedType::isDynamic(size))
      dim->set_dim_value(size);
    else if (name != "?")
      dim->set_dim_param(name);
  }
  return true;
}
