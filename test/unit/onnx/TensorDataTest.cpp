//===- TensorDataTest.cpp - Tensors in ONNX's serialized form -------------===//
#include "frontends/onnx/Reader.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace fgla::onnx;

namespace {

bool read(const pb::TensorProto &proto, TensorData &tensor, std::string &error) {
  std::string bytes = proto.SerializeAsString();
  return readTensorProtoFromMemory(bytes.data(), bytes.size(), tensor, error);
}

template <typename T> std::vector<T> values(const TensorData &tensor) {
  std::vector<T> result(tensor.bytes.size() / sizeof(T));
  std::memcpy(result.data(), tensor.bytes.data(), tensor.bytes.size());
  return result;
}

pb::TensorProto make(int type, std::vector<int64_t> dims) {
  pb::TensorProto proto;
  proto.set_name("t");
  proto.set_data_type(type);
  for (int64_t dim : dims)
    proto.add_dims(dim);
  return proto;
}

TEST(TensorData, RawBytes) {
  pb::TensorProto proto = make(pb::TensorProto::FLOAT, {2, 1});
  float numbers[] = {1.5f, -2};
  proto.set_raw_data(numbers, sizeof(numbers));
  TensorData tensor;
  std::string error;
  ASSERT_TRUE(read(proto, tensor, error)) << error;
  EXPECT_EQ(tensor.name, "t");
  EXPECT_EQ(tensor.type, ElementType::F32);
  EXPECT_EQ(tensor.shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(values<float>(tensor), (std::vector<float>{1.5f, -2}));
}

TEST(TensorData, EveryFieldOfValues) {
  TensorData tensor;
  std::string error;
  pb::TensorProto f64 = make(pb::TensorProto::DOUBLE, {1});
  f64.add_double_data(0.25);
  ASSERT_TRUE(read(f64, tensor, error)) << error;
  EXPECT_EQ(values<double>(tensor), std::vector<double>{0.25});
  pb::TensorProto i64 = make(pb::TensorProto::INT64, {});
  i64.add_int64_data(-7);
  ASSERT_TRUE(read(i64, tensor, error)) << error;
  EXPECT_EQ(values<int64_t>(tensor), std::vector<int64_t>{-7});
  pb::TensorProto i8 = make(pb::TensorProto::INT8, {2});
  i8.add_int32_data(-1);
  i8.add_int32_data(127);
  ASSERT_TRUE(read(i8, tensor, error)) << error;
  EXPECT_EQ(values<int8_t>(tensor), (std::vector<int8_t>{-1, 127}));
  // Half floats are kept as their bits.
  pb::TensorProto f16 = make(pb::TensorProto::FLOAT16, {1});
  f16.add_int32_data(0x3C00);
  ASSERT_TRUE(read(f16, tensor, error)) << error;
  EXPECT_EQ(values<uint16_t>(tensor), std::vector<uint16_t>{0x3C00});
  pb::TensorProto u32 = make(pb::TensorProto::UINT32, {1});
  u32.add_uint64_data(0xFFFFFFFFu);
  ASSERT_TRUE(read(u32, tensor, error)) << error;
  EXPECT_EQ(values<uint32_t>(tensor), std::vector<uint32_t>{0xFFFFFFFFu});
}

TEST(TensorData, BooleansAreZeroOrOne) {
  pb::TensorProto proto = make(pb::TensorProto::BOOL, {3});
  proto.set_raw_data(std::string("\x00\x01\xFF", 3));
  TensorData tensor;
  std::string error;
  ASSERT_TRUE(read(proto, tensor, error)) << error;
  EXPECT_EQ(tensor.bytes, std::string("\x00\x01\x01", 3));
}

TEST(TensorData, EmptyTensor) {
  TensorData tensor;
  std::string error;
  ASSERT_TRUE(read(make(pb::TensorProto::FLOAT, {0, 5}), tensor, error)) << error;
  EXPECT_EQ(tensor.numElements(), 0);
  EXPECT_TRUE(tensor.bytes.empty());
}

TEST(TensorData, Refusals) {
  TensorData tensor;
  std::string error;
  EXPECT_FALSE(read(make(pb::TensorProto::FLOAT, {2}), tensor, error));
  EXPECT_EQ(error, "tensor 't': has 0 values, its shape needs 2");
  EXPECT_FALSE(read(make(pb::TensorProto::FLOAT, {0, int64_t(1) << 60}), tensor, error));
  EXPECT_EQ(error, "tensor 't': its dims multiply to more than 1099511627776 bytes");
  EXPECT_FALSE(read(make(pb::TensorProto::FLOAT, {-2}), tensor, error));
  EXPECT_EQ(error, "tensor 't': dim -2 is negative");
  EXPECT_FALSE(read(make(pb::TensorProto::STRING, {}), tensor, error));
  EXPECT_EQ(error, "tensor 't': element type STRING is not supported");
  EXPECT_FALSE(readTensorProtoFromMemory("\xFF\xFF", 2, tensor, error));
  EXPECT_FALSE(readTensorProto("/nonexistent/input_0.pb", tensor, error));
  EXPECT_EQ(error, "'/nonexistent/input_0.pb' cannot be opened: No such file or directory");
  EXPECT_FALSE(readTensorProto("/", tensor, error));
  EXPECT_EQ(error, "'/' is not a regular file");
}

} // namespace
