//===- ReaderTest.cpp - What a model is after reading ---------------------===//
#include "frontends/onnx/Reader.h"
#include "frontends/onnx/Skeleton.h"

#include <gtest/gtest.h>

using namespace fgla::onnx;

namespace {

std::unique_ptr<Model> readText(const std::string &text, std::string &error) {
  return readModelFromMemory(text.data(), text.size(), /*isText=*/true, "", error);
}

TEST(Reader, FunctionsAreInlinedAndShapesInferred) {
  std::string error;
  auto model = readText(R"(<ir_version: 10, opset_import: ["ai.onnx" : 21, "local" : 1]>
    g (float[N,4] x) => (float[N,4] y) { t = local.f (x)  y = ai.onnx.Neg (t) }
    <domain: "local", opset_import: ["" : 21]> f (a) => (b) { b = Exp (a) })",
                        error);
  ASSERT_TRUE(model) << error;
  EXPECT_EQ(model->proto.functions_size(), 0);
  ASSERT_EQ(model->proto.graph().node_size(), 2);
  EXPECT_EQ(model->proto.graph().node(0).op_type(), "Exp");
  // The two names of the standard domain are one.
  EXPECT_EQ(model->proto.graph().node(1).domain(), "");
  ASSERT_EQ(model->proto.graph().value_info_size(), 1);
  EXPECT_EQ(model->proto.graph().value_info(0).type().tensor_type().shape().dim(0).dim_param(), "N");
}

TEST(Reader, BinaryRoundTrip) {
  std::string error;
  auto model =
      readText("<ir_version: 10, opset_import: [\"\" : 21]> g (float[4] x) => (float[4] y) { y = Neg (x) }", error);
  ASSERT_TRUE(model) << error;
  std::string bytes = model->proto.SerializeAsString();
  EXPECT_TRUE(readModelFromMemory(bytes.data(), bytes.size(), false, "", error)) << error;
  // Any cut is an error, never a crash.
  for (size_t size = 0; size != bytes.size(); ++size)
    EXPECT_FALSE(readModelFromMemory(bytes.data(), size, false, "", error)) << size;
}

TEST(Reader, ASkeletonNamesTheWeightsOfItsFile) {
  pb::ModelProto model;
  auto *tensor = model.mutable_graph()->add_initializer();
  tensor->set_name("w");
  tensor->set_data_type(pb::TensorProto::FLOAT);
  tensor->add_dims(1000);
  tensor->set_raw_data(std::string(2000, 'a') + std::string(2000, 'b'));
  auto *small = model.mutable_graph()->add_initializer();
  small->set_raw_data("12345678");
  model.set_producer_name("p");
  std::string bytes = model.SerializeAsString(), skeleton;
  ASSERT_TRUE(copyWithoutWeights(bytes.data(), bytes.size(), "m.onnx", skeleton));
  EXPECT_LT(skeleton.size(), 200u);
  pb::ModelProto read;
  ASSERT_TRUE(read.ParseFromString(skeleton));
  EXPECT_EQ(read.producer_name(), "p");
  ASSERT_EQ(read.graph().initializer_size(), 2);
  EXPECT_EQ(read.graph().initializer(1).raw_data(), "12345678");
  const pb::TensorProto &weight = read.graph().initializer(0);
  EXPECT_EQ(weight.name(), "w");
  EXPECT_EQ(weight.dims(0), 1000);
  EXPECT_FALSE(weight.has_raw_data());
  EXPECT_EQ(weight.data_location(), pb::TensorProto::EXTERNAL);
  ASSERT_EQ(weight.external_data_size(), 3);
  EXPECT_EQ(weight.external_data(0).value(), "m.onnx");
  size_t offset = std::stoul(weight.external_data(1).value()), length = std::stoul(weight.external_data(2).value());
  EXPECT_EQ(bytes.substr(offset, length), tensor->raw_data());
  // Any cut that is inside of a field is seen, and none reads past the end.
  EXPECT_FALSE(copyWithoutWeights(bytes.data(), bytes.size() - 1, "m.onnx", skeleton));
  EXPECT_FALSE(copyWithoutWeights(bytes.data(), offset + 10, "m.onnx", skeleton));
}

TEST(Reader, TextNestsTooDeeply) {
  std::string error;
  EXPECT_FALSE(readText(std::string(100000, '{'), error));
  EXPECT_EQ(error, "nests more than 64 brackets");
  // Brackets in strings are not brackets.
  EXPECT_FALSE(readText("\"" + std::string(1000, '{') + "\"", error));
  EXPECT_NE(error, "nests more than 64 brackets");
}

TEST(Reader, MessagesAreOneLine) {
  std::string error;
  EXPECT_FALSE(
      readText("<ir_version: 10, opset_import: [\"\" : 21]> g (float[4] x) => (float[4] y) { y = Neg (z) }", error));
  EXPECT_EQ(error.find('\n'), std::string::npos);
  EXPECT_NE(error.find("'z'"), std::string::npos);
  EXPECT_FALSE(readModel("/nonexistent.onnx", error));
  EXPECT_EQ(error, "cannot be opened: No such file or directory");
}

} // namespace
