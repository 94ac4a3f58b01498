//===- Validator.cpp - what is checked before the ONNX library sees a model --===//
#include "frontends/onnx/Validator.h"

#include "onnx/checker.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

using namespace fgla::onnx;

namespace {

using FunctionId = std::tuple<std::string, std::string, std::string>;

class Validator {
public:
  Validator(pb::ModelProto &model, Purpose purpose, std::string &error)
      : model(model), isTolerant(purpose == Purpose::Inspect), error(error) {}
  bool run();

private:
  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }
  bool checkName(const std::string &name, const char *what);
  bool checkVersions();
  bool checkImports(google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto> &imports, const char *where);
  bool checkType(const pb::TypeProto &type, const std::string &name, int depth);
  bool checkValueInfo(const pb::ValueInfoProto &info);
  bool checkAttribute(pb::AttributeProto &attribute, const std::string &node, int depth);
  bool checkNode(pb::NodeProto &node, int depth);
  bool checkGraph(pb::GraphProto &graph, int depth);
  bool checkOutputs(const pb::FunctionProto &function);
  bool checkCall(const pb::NodeProto &node, const pb::FunctionProto &function);
  bool checkFunctions();
  int64_t expandedSize(const google::protobuf::RepeatedPtrField<pb::NodeProto> &nodes);

  pb::ModelProto &model;
  bool isTolerant;
  std::string &error;
  int64_t numNodes = 0;
  std::map<FunctionId, const pb::FunctionProto *> functions;
  /// The number of nodes that a call becomes; -1 while it is being counted.
  std::map<FunctionId, int64_t> sizes;
};

} // namespace

static void normalizeDomain(std::string *domain) {
  if (*domain == "ai.onnx")
    domain->clear();
}

bool Validator::checkName(const std::string &name, const char *what) {
  if (name.size() > Limits::nameBytes)
    return fail(std::string(what) + " is longer than " + std::to_string(Limits::nameBytes) + " bytes");
  // Names end up in messages and in IR; a terminal must not obey them.
  auto isControl = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), isControl))
    return fail(std::string(what) + " holds a control character");
  return true;
}

bool Validator::checkImports(google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto> &imports, const char *where) {
  std::set<std::string> seen;
  for (auto &import : imports) {
    if (!checkName(import.domain(), "a domain"))
      return false;
    normalizeDomain(import.mutable_domain());
    if (!seen.insert(import.domain()).second)
      return fail(std::string(where) + " imports the domain '" + import.domain() + "' twice");
    bool isBounded = import.domain().empty() && !isTolerant;
    if (import.version() < 1 || import.version() > (isBounded ? Limits::maxOpset : 1 << 20))
      return fail(std::string(where) + " imports version " + std::to_string(import.version()) + " of the domain '" +
                  import.domain() + "', the newest known version of the standard domain is " +
                  std::to_string(Limits::maxOpset));
  }
  return true;
}

bool Validator::checkVersions() {
  if (model.ir_version() < Limits::minIR || (model.ir_version() > Limits::maxIR && !isTolerant))
    return fail("IR version " + std::to_string(model.ir_version()) + " is not supported (supported: " +
                std::to_string(Limits::minIR) + " to " + std::to_string(Limits::maxIR) + ")");
  if (!model.has_graph())
    return fail("the model has no graph");
  return checkImports(*model.mutable_opset_import(), "the model");
}

bool Validator::checkType(const pb::TypeProto &type, const std::string &name, int depth) {
  if (depth > Limits::graphDepth)
    return fail("the type of '" + name + "' nests too deeply");
  if (type.has_sequence_type())
    return checkType(type.sequence_type().elem_type(), name, depth + 1);
  if (type.has_optional_type())
    return checkType(type.optional_type().elem_type(), name, depth + 1);
  if (type.has_map_type())
    return checkType(type.map_type().value_type(), name, depth + 1);
  if (!type.has_tensor_type() || !type.tensor_type().has_shape())
    return true;
  std::vector<int64_t> known;
  for (const auto &dim : type.tensor_type().shape().dim()) {
    if (!checkName(dim.dim_param(), "a dim's name"))
      return false;
    // A free dim counts as one: only what is written can be absurd.
    known.push_back(dim.has_dim_value() ? dim.dim_value() : 1);
  }
  int64_t bytes;
  std::string reason;
  return checkShape(known, 1, bytes, reason) || fail("the type of '" + name + "': " + reason);
}

bool Validator::checkValueInfo(const pb::ValueInfoProto &info) {
  return checkName(info.name(), "a value's name") && checkType(info.type(), info.name(), 0);
}

bool Validator::checkAttribute(pb::AttributeProto &attribute, const std::string &node, int depth) {
  if (!checkName(attribute.name(), "an attribute's name"))
    return false;
  ElementType type;
  std::string reason;
  auto checkConstant = [&](const pb::TensorProto &tensor) {
    return (isTolerant && !elementTypeFromONNX(tensor.data_type(), type, reason)) ||
           checkTensor(tensor, type, reason) ||
           fail("attribute '" + attribute.name() + "' of node '" + node + "': " + reason);
  };
  if (attribute.has_t() && !checkConstant(attribute.t()))
    return false;
  for (const auto &tensor : attribute.tensors())
    if (!checkConstant(tensor))
      return false;
  if (!isTolerant && (attribute.has_sparse_tensor() || attribute.sparse_tensors_size() != 0))
    return fail("attribute '" + attribute.name() + "' of node '" + node + "': sparse tensors are not supported");
  if (attribute.has_g() && !checkGraph(*attribute.mutable_g(), depth + 1))
    return false;
  for (auto &graph : *attribute.mutable_graphs())
    if (!checkGraph(graph, depth + 1))
      return false;
  if (attribute.has_tp() && !checkType(attribute.tp(), attribute.name(), 0))
    return false;
  for (const auto &tp : attribute.type_protos())
    if (!checkType(tp, attribute.name(), 0))
      return false;
  return true;
}

bool Validator::checkNode(pb::NodeProto &node, int depth) {
  if (++numNodes > Limits::nodes)
    return fail("the model has more than " + std::to_string(Limits::nodes) + " nodes");
  if (!checkName(node.name(), "a node's name") || !checkName(node.op_type(), "an operator's name") ||
      !checkName(node.domain(), "a domain") || !checkName(node.overload(), "an overload"))
    return false;
  normalizeDomain(node.mutable_domain());
  // The checker would let these pass and print a warning of its own.
  if (!isTolerant && pb::checker::check_is_experimental_op(node))
    return fail("node '" + node.name() + "': the experimental operator '" + node.op_type() + "' is not supported");
  for (const std::string &input : node.input())
    if (!checkName(input, "a value's name"))
      return false;
  for (const std::string &output : node.output())
    if (!checkName(output, "a value's name"))
      return false;
  for (auto &attribute : *node.mutable_attribute())
    if (!checkAttribute(attribute, node.name(), depth))
      return false;
  return true;
}

bool Validator::checkGraph(pb::GraphProto &graph, int depth) {
  if (depth > Limits::graphDepth)
    return fail("graphs nest more than " + std::to_string(Limits::graphDepth) + " deep");
  if (!checkName(graph.name(), "a graph's name"))
    return false;
  if (!isTolerant && graph.sparse_initializer_size() != 0)
    return fail("sparse initializers are not supported");
  for (auto *infos : {&graph.input(), &graph.output(), &graph.value_info()})
    for (const auto &info : *infos)
      if (!checkValueInfo(info))
        return false;
  ElementType type;
  for (const auto &tensor : graph.initializer())
    // External weights of the main graph are looked at later, with the folder
    // known.
    if ((depth != 0 || tensor.data_location() != pb::TensorProto::EXTERNAL) && !checkTensor(tensor, type, error)) {
      // Nobody looks into a subgraph, and what the graph has was taken out.
      if (!isTolerant || depth == 0)
        return false;
      error.clear();
    }
  for (auto &node : *graph.mutable_node())
    if (!checkNode(node, depth))
      return false;
  return true;
}

/// The library takes it for granted that a function computes what it says it does.
bool Validator::checkOutputs(const pb::FunctionProto &function) {
  std::set<std::string> known(function.input().begin(), function.input().end());
  for (const auto &node : function.node())
    known.insert(node.output().begin(), node.output().end());
  for (const std::string &output : function.output())
    if (output.empty() || !known.count(output))
      return fail("function '" + function.name() + "' of domain '" + function.domain() +
                  "' does not compute its output '" + output + "'");
  return true;
}

/// A call may leave out values at the end.
bool Validator::checkCall(const pb::NodeProto &node, const pb::FunctionProto &function) {
  auto check = [&](int given, int known, const char *what) {
    return given <= known || fail("node '" + node.name() + "' gives function '" + function.name() + "' " +
                                  std::to_string(given) + what + ", it has " + std::to_string(known));
  };
  return check(node.input_size(), function.input_size(), " inputs") &&
         check(node.output_size(), function.output_size(), " outputs");
}

/// Counts the nodes (and pages of 4096 bytes) that a list becomes when every
/// call is inlined. Functions that call each other twice per level grow
/// exponentially, and functions that call themselves have no end; both are
/// found here, by name only. Returns -1 after an error.
int64_t Validator::expandedSize(const google::protobuf::RepeatedPtrField<pb::NodeProto> &nodes) {
  int64_t total = 0;
  auto add = [&](int64_t count) {
    total = count < 0 ? -1 : total + count;
    if (total > Limits::nodes) {
      fail("the model has more than " + std::to_string(Limits::nodes) +
           " nodes (or pages of constants) when its functions are inlined");
      total = -1;
    }
    return total >= 0;
  };
  for (const auto &node : nodes) {
    FunctionId id(node.domain(), node.op_type(), node.overload());
    auto function = functions.find(id);
    // A copy of a node costs its bytes too: a small function may hold a large
    // constant.
    int64_t size = 1 + static_cast<int64_t>(node.ByteSizeLong() >> 12);
    if (function != functions.end()) {
      if (!checkCall(node, *function->second))
        return -1;
      auto [entry, isNew] = sizes.emplace(id, -1);
      if (isNew)
        sizes[id] = size = expandedSize(function->second->node());
      else if ((size = entry->second) < 0 && error.empty())
        fail("function '" + node.op_type() + "' of domain '" + node.domain() + "' calls itself");
    }
    if (!add(size))
      return -1;
    for (const auto &attribute : node.attribute()) {
      if (attribute.has_g() && !add(expandedSize(attribute.g().node())))
        return -1;
      for (const auto &graph : attribute.graphs())
        if (!add(expandedSize(graph.node())))
          return -1;
    }
  }
  return total;
}

bool Validator::checkFunctions() {
  if (model.functions_size() > 4096)
    return fail("the model has more than 4096 functions");
  for (auto &function : *model.mutable_functions()) {
    if (!checkName(function.name(), "a function's name") || !checkName(function.domain(), "a domain") ||
        !checkName(function.overload(), "an overload") || !checkImports(*function.mutable_opset_import(), "a function"))
      return false;
    normalizeDomain(function.mutable_domain());
    for (const auto &info : function.value_info())
      if (!checkValueInfo(info))
        return false;
    for (auto &attribute : *function.mutable_attribute_proto())
      if (!checkAttribute(attribute, function.name(), 1))
        return false;
    for (auto &node : *function.mutable_node())
      if (!checkNode(node, 1))
        return false;
    if (!checkOutputs(function))
      return false;
    if (!functions.emplace(FunctionId(function.domain(), function.name(), function.overload()), &function).second)
      return fail("function '" + function.name() + "' of domain '" + function.domain() + "' is defined twice");
  }
  // Functions that nobody calls are counted too: the library looks at all of
  // them.
  for (const auto &function : model.functions())
    if (expandedSize(function.node()) < 0)
      return false;
  return expandedSize(model.graph().node()) >= 0;
}

bool Validator::run() { return checkVersions() && checkGraph(*model.mutable_graph(), 0) && checkFunctions(); }

bool fgla::onnx::validateModel(pb::ModelProto &model, Purpose purpose, std::string &error) {
  error.clear();
  return Validator(model, purpose, error).run();
}
