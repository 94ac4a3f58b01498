//===- Graph.cpp - an ONNX model as plain data ----------------------------===//
#include "frontends/onnx/Graph.h"
#include "frontends/onnx/Reader.h"

#include "dialect/onnx/ExternalData.h"

using namespace fgla::onnx;

static bool copyAttribute(const pb::AttributeProto &proto, AttributeValue &value, std::string &error) {
  switch (proto.type()) {
  case pb::AttributeProto::INT:
    value = proto.i();
    return true;
  case pb::AttributeProto::FLOAT:
    value = proto.f();
    return true;
  case pb::AttributeProto::STRING:
    value = proto.s();
    return true;
  case pb::AttributeProto::INTS:
    value = std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
    return true;
  case pb::AttributeProto::FLOATS:
    value = std::vector<float>(proto.floats().begin(), proto.floats().end());
    return true;
  case pb::AttributeProto::STRINGS:
    value = std::vector<std::string>(proto.strings().begin(), proto.strings().end());
    return true;
  case pb::AttributeProto::TENSOR: {
    TensorData data;
    if (!decodeTensor(proto.t(), data, error))
      return false;
    value = std::move(data);
    return true;
  }
  default:
    error = "must be a number, a string, a list of these or a tensor; subgraphs and types are not supported";
    return false;
  }
}

static bool copyNode(const pb::NodeProto &proto, const std::map<std::string, int64_t> &versions, Node &node,
                     std::string &error) {
  node.op = proto.op_type();
  node.domain = proto.domain();
  auto version = versions.find(node.domain);
  node.version = version == versions.end() ? 1 : version->second;
  node.name = proto.name();
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  for (const pb::AttributeProto &attribute : proto.attribute()) {
    std::string reason;
    if (!copyAttribute(attribute, node.attributes[attribute.name()], reason)) {
      error = "node '" + node.name + "' (" + node.op + "): attribute '" + attribute.name() + "' " + reason;
      return false;
    }
  }
  return true;
}

static bool copyWeights(const Model &model, Graph &graph, std::string &error) {
  for (const pb::TensorProto &proto : model.proto.graph().initializer())
    if (!decodeTensor(proto, graph.weights[proto.name()].data, error))
      return false;
  for (const auto &[name, external] : model.externalWeights) {
    Weight &weight = graph.weights[name];
    weight.data.name = name;
    weight.data.shape = external.shape;
    if (!elementTypeFromONNX(external.dataType, weight.data.type, error))
      return false;
    weight.file = external.file;
    weight.offset = external.offset;
    weight.length = external.length;
  }
  return true;
}

bool fgla::onnx::readGraph(const std::string &path, Graph &graph, std::string &error) {
  std::unique_ptr<Model> model = readModel(path, error);
  if (!model || !copyWeights(*model, graph, error))
    return false;
  graph.folder = model->folder;
  std::map<std::string, int64_t> versions;
  for (const auto &set : model->proto.opset_import())
    versions[set.domain()] = set.version();
  const pb::GraphProto &proto = model->proto.graph();
  // A weight that the model also lists as an input has a default value that no caller needs to give.
  for (const auto &input : proto.input())
    if (!graph.weights.count(input.name()))
      graph.inputs.push_back(input.name());
  for (const auto &output : proto.output())
    graph.outputs.push_back(output.name());
  graph.nodes.resize(proto.node_size());
  for (int i = 0; i != proto.node_size(); ++i)
    if (!copyNode(proto.node(i), versions, graph.nodes[i], error))
      return false;
  return true;
}

std::shared_ptr<char> fgla::onnx::mapWeight(const std::string &folder, const Weight &weight, std::string &error) {
  ExternalFile file;
  return file.open(folder, weight.file, error) ? file.map(weight.offset, weight.length, error) : nullptr;
}
