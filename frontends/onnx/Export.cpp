//===- Export.cpp - from the mirror to an ONNX file -----------------------===//
#include "frontends/onnx/Export.h"
#include "frontends/onnx/Messages.h"
#include "frontends/onnx/Reader.h"

#include "dialect/fgla/FGLA.h"
#include "dialect/onnx/ONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace fgla::onnx;
using ::llvm::StringMap;

namespace {

/// Nodes of the inlined graph, one after the other, that calls of functions
/// became: the nodes [first, end) are the calls [firstCall, endCall).
struct Calls {
  int first, end, firstCall, endCall;
};

/// Writes the graph of one function.
class Exporter {
public:
  explicit Exporter(func::FuncOp func) : func(func) {}
  LogicalResult run(std::string &bytes);

private:
  LogicalResult readSource();
  void startModel();
  void collectNames();
  std::string claim(StringRef name, StringRef fallback);
  LogicalResult writeInitializers();
  LogicalResult writeNode(NodeOp op);
  LogicalResult placeNodes();
  bool isIntact(const Calls &calls, ArrayRef<int> indices, size_t begin);
  LogicalResult writeInputs();
  LogicalResult writeOutputs();
  void writeValueInfos();
  LogicalResult useOperatorSet(NodeOp op);
  LogicalResult updateInfo(pb::ValueInfoProto &info, StringRef what, StringRef name, Type type, DictionaryAttr attrs,
                           bool exactly);

  func::FuncOp func;
  std::unique_ptr<SourceModel> source; ///< null if the module was not read from a model
  std::vector<Calls> calls;
  StringMap<int> sourceNodes; ///< by an output's name, the node of `source` that gives it
  pb::ModelProto model;
  DenseMap<Value, std::string> names;
  StringSet<> taken;
  /// Of each op in order: its message and the node of `source` that it is (-1 if it is new or changed).
  std::vector<pb::NodeProto> nodes;
  std::vector<int> sourceOf;
  std::vector<NodeOp> ops;
};

} // namespace

/// What a node is known by: its first output.
static StringRef keyOf(const pb::NodeProto &node) {
  for (const std::string &name : node.output())
    if (!name.empty())
      return name;
  return node.name();
}

//===----------------------------------------------------------------------===//
// The model that was read
//===----------------------------------------------------------------------===//

LogicalResult Exporter::readSource() {
  auto attr = func->getParentOfType<ModuleOp>()->getAttrOfType<DenseResourceElementsAttr>(kModelAttrName);
  if (!attr)
    return success();
  AsmResourceBlob *blob = attr.getRawHandle().getBlob();
  std::string reason = "its bytes are missing";
  if (blob)
    source = readSourceModel(blob->getData().data(), blob->getData().size(), reason);
  if (!source)
    return func.emitError() << "attribute '" << kModelAttrName << "' is no model: " << reason;
  for (auto [index, node] : llvm::enumerate(source->nodes))
    sourceNodes[keyOf(node)] = index;
  int next = 0; // the node of the graph that comes next if no call lies between
  for (int index = 0, e = source->nodes.size(); index <= e; ++index) {
    int place = index == e ? source->proto.graph().node_size() : source->places[index];
    if (place < 0)
      continue;
    int first = index;
    while (first > 0 && source->places[first - 1] < 0)
      --first;
    if (place != next)
      calls.push_back({first, index, next, place});
    next = place + 1;
  }
  model = source->proto;
  model.mutable_graph()->clear_initializer();
  model.mutable_graph()->clear_node();
  return success();
}

/// The IR version that came with a version of the standard operator set.
static int irVersionOf(int64_t opset) {
  static constexpr std::pair<int64_t, int> versions[] = {{8, 3},  {9, 4},  {10, 5},  {11, 6},  {14, 7},
                                                         {18, 8}, {20, 9}, {22, 10}, {23, 11}, {24, 12}};
  for (auto [last, ir] : versions)
    if (opset <= last)
      return ir;
  return Limits::maxIR;
}

/// A model that was never a file.
void Exporter::startModel() {
  int64_t opset = 1;
  for (NodeOp op : func.getOps<NodeOp>())
    if (op.getDomain().empty())
      opset = std::max<int64_t>(opset, op.getVersion());
  model.set_ir_version(irVersionOf(opset));
  model.set_producer_name("fgla");
  auto *import = model.add_opset_import();
  import->set_domain("");
  import->set_version(opset);
  model.mutable_graph()->set_name(func.getName().str());
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// A name that no other value has.
std::string Exporter::claim(StringRef name, StringRef fallback) {
  std::string base = (name.empty() ? fallback : name).str(), unique = base;
  for (int i = 1; unique.empty() || !taken.insert(unique).second; ++i)
    unique = base + "_" + std::to_string(i);
  return unique;
}

void Exporter::collectNames() {
  auto given = [](DictionaryAttr attrs) {
    auto name = attrs ? attrs.getAs<StringAttr>(fgla::kNameAttrName) : StringAttr();
    return name ? name.getValue() : StringRef();
  };
  for (BlockArgument arg : func.getArguments())
    names[arg] = claim(given(func.getArgAttrDict(arg.getArgNumber())), "input");
  for (auto op : func.getOps<InitializerOp>())
    names[op.getResult()] = claim(op.getWeightName(), "weight");
  // Values that are named go first, then what becomes an output, then the others.
  for (auto op : func.getOps<NodeOp>())
    for (auto [value, name] : llvm::zip(op.getOutputs(), op.getOutputNames()))
      names[value] = claim(cast<StringAttr>(name).getValue(), op.getOpType());
  for (OpOperand &result : func.front().getTerminator()->getOpOperands())
    if (!names.contains(result.get()))
      names[result.get()] = claim(given(func.getResultAttrDict(result.getOperandNumber())), "output");
  for (auto op : func.getOps<NodeOp>())
    for (Value value : op.getOutputs())
      if (!names.contains(value))
        names[value] = claim("", op.getNodeName().empty() ? op.getOpType() : op.getNodeName());
}

//===----------------------------------------------------------------------===//
// Weights and nodes
//===----------------------------------------------------------------------===//

LogicalResult Exporter::writeInitializers() {
  StringMap<InitializerOp> ops;
  for (auto op : func.getOps<InitializerOp>())
    ops[names[op.getResult()]] = op;
  StringSet<> written;
  auto write = [&](InitializerOp op, pb::TensorProto *proto) -> LogicalResult {
    const std::string &name = names[op.getResult()];
    written.insert(name);
    proto->set_name(name);
    bool isKnown = op.getValue() ? updateTensor(*proto, *op.getValue())
                                 : updateTensor(*proto, cast<RankedTensorType>(op.getType()), *op.getFile(),
                                                op.getOffset(), op.getLength());
    return isKnown ? success() : op.emitOpError() << "weight '" << name << "' cannot be written to an ONNX model";
  };
  auto *list = model.mutable_graph()->mutable_initializer();
  if (source)
    for (pb::TensorProto &tensor : *source->proto.mutable_graph()->mutable_initializer())
      if (InitializerOp op = ops.lookup(tensor.name())) {
        list->Add()->Swap(&tensor);
        if (failed(write(op, &list->at(list->size() - 1))))
          return failure();
      }
  for (auto op : func.getOps<InitializerOp>())
    if (!written.contains(names[op.getResult()]) && failed(write(op, list->Add())))
      return failure();
  return success();
}

/// Sets a list of names where it differs.
static void setNames(google::protobuf::RepeatedPtrField<std::string> &list, ArrayRef<std::string> names) {
  if (llvm::equal(list, names))
    return;
  list.Clear();
  for (const std::string &name : names)
    *list.Add() = name;
}

LogicalResult Exporter::writeNode(NodeOp op) {
  SmallVector<std::string> inputs, outputs;
  for (size_t place = 0; place != op.getNumInputPlaces(); ++place)
    inputs.push_back(op.getInput(place) ? names[op.getInput(place)] : "");
  for (size_t place = 0; place != op.getNumOutputPlaces(); ++place)
    outputs.push_back(op.getOutput(place) ? names[op.getOutput(place)] : "");
  pb::NodeProto node;
  setNames(*node.mutable_input(), inputs);
  setNames(*node.mutable_output(), outputs);
  auto found = sourceNodes.find(keyOf(node));
  int index = found == sourceNodes.end() ? -1 : found->second;
  std::string before;
  if (index >= 0) {
    int place = source->places[index];
    node = place < 0 ? source->nodes[index] : source->proto.graph().node(place);
    before = node.SerializeAsString();
    setNames(*node.mutable_input(), inputs);
    setNames(*node.mutable_output(), outputs);
  }
  if (node.op_type() != op.getOpType())
    node.set_op_type(op.getOpType().str());
  if (node.name() != op.getNodeName())
    node.set_name(op.getNodeName().str());
  if ((node.domain() == "ai.onnx" ? "" : node.domain()) != op.getDomain())
    node.set_domain(op.getDomain().str());
  auto *attributes = node.mutable_attribute();
  for (int i = attributes->size() - 1; i >= 0; --i)
    if (!op.getNodeAttr(attributes->at(i).name()))
      attributes->DeleteSubrange(i, 1);
  for (NamedAttribute attr : op.getNodeAttributes()) {
    StringRef name = attr.getName();
    auto found = llvm::find_if(*attributes, [&](const auto &attribute) { return attribute.name() == name; });
    if (!updateAttribute(found == attributes->end() ? *attributes->Add() : *found, name, attr.getValue()))
      return op.emitOpError() << "attribute '" << name << "' cannot be written to an ONNX model, got "
                              << attr.getValue();
  }
  sourceOf.push_back(index >= 0 && node.SerializeAsString() == before ? index : -1);
  nodes.push_back(std::move(node));
  ops.push_back(op);
  return success();
}

/// The version of a domain is one for the whole model.
LogicalResult Exporter::useOperatorSet(NodeOp op) {
  for (auto &import : *model.mutable_opset_import()) {
    if ((import.domain() == "ai.onnx" ? "" : import.domain()) != op.getDomain())
      continue;
    if (import.version() == static_cast<int64_t>(op.getVersion()))
      return success();
    return op.emitOpError() << op.describe() << " is of version " << op.getVersion() << " of its domain, the model of "
                            << import.version();
  }
  auto *import = model.add_opset_import();
  import->set_domain(op.getDomain().str());
  import->set_version(op.getVersion());
  return success();
}

/// Whether the nodes from `begin` are all that calls became, and nobody else
/// uses what is inside.
bool Exporter::isIntact(const Calls &calls, ArrayRef<int> indices, size_t begin) {
  size_t count = calls.end - calls.first;
  if (begin + count > indices.size())
    return false;
  for (size_t i = 0; i != count; ++i)
    if (indices[begin + i] != calls.first + static_cast<int>(i))
      return false;
  StringSet<> outputs;
  for (int call = calls.firstCall; call != calls.endCall; ++call)
    for (const std::string &name : source->proto.graph().node(call).output())
      outputs.insert(name);
  SmallPtrSet<Operation *, 8> inside;
  for (size_t i = 0; i != count; ++i)
    inside.insert(ops[begin + i]);
  for (Operation *op : inside)
    for (Value value : op->getResults())
      if (!outputs.contains(names[value]) &&
          llvm::any_of(value.getUsers(), [&](Operation *user) { return !inside.contains(user); }))
        return false;
  return true;
}

/// Puts the nodes into the graph: what functions became as the calls, where it is untouched.
LogicalResult Exporter::placeNodes() {
  auto *list = model.mutable_graph()->mutable_node();
  for (size_t i = 0; i != nodes.size();) {
    auto found = llvm::find_if(calls, [&](const Calls &calls) { return calls.first == sourceOf[i]; });
    if (found != calls.end() && isIntact(*found, sourceOf, i)) {
      for (int call = found->firstCall; call != found->endCall; ++call)
        *list->Add() = source->proto.graph().node(call);
      i += found->end - found->first;
      continue;
    }
    if (failed(useOperatorSet(ops[i])))
      return failure();
    list->Add()->Swap(&nodes[i++]);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Inputs, outputs, types
//===----------------------------------------------------------------------===//

LogicalResult Exporter::updateInfo(pb::ValueInfoProto &info, StringRef what, StringRef name, Type type,
                                   DictionaryAttr attrs, bool exactly) {
  if (info.name() != name)
    info.set_name(name.str());
  auto dims = attrs ? attrs.getAs<ArrayAttr>(fgla::kDimsAttrName) : ArrayAttr();
  if (updateType(*info.mutable_type(), type, dims, exactly))
    return success();
  return func.emitError() << what << " '" << name << "' has a type that ONNX does not have: " << type;
}

/// The inputs in the order of the arguments. Where that is the model's own, inputs that are only defaults of weights
/// keep their place, too.
LogicalResult Exporter::writeInputs() {
  StringMap<pb::ValueInfoProto> infos;
  StringSet<> weights, args;
  std::vector<std::string> order, before;
  for (const auto &tensor : model.graph().initializer())
    weights.insert(tensor.name());
  for (BlockArgument arg : func.getArguments()) {
    order.push_back(names[arg]);
    args.insert(names[arg]);
  }
  for (const auto &info : model.graph().input()) {
    infos[info.name()] = info;
    if (!weights.contains(info.name()))
      before.push_back(info.name());
  }
  std::vector<std::string> listed;
  for (const auto &info : model.graph().input())
    if (order == before || weights.contains(info.name()))
      listed.push_back(info.name());
  if (order != before)
    listed.insert(listed.begin(), order.begin(), order.end());
  model.mutable_graph()->clear_input();
  for (const std::string &name : listed)
    *model.mutable_graph()->add_input() = infos[name];
  for (auto [name, info] : llvm::zip(listed, *model.mutable_graph()->mutable_input())) {
    if (!args.contains(name))
      continue;
    BlockArgument arg = func.getArgument(llvm::find(order, name) - order.begin());
    if (failed(updateInfo(info, "input", name, arg.getType(), func.getArgAttrDict(arg.getArgNumber()), true)))
      return failure();
  }
  return success();
}

LogicalResult Exporter::writeOutputs() {
  StringMap<pb::ValueInfoProto> infos;
  for (const auto &info : model.graph().output())
    infos[info.name()] = info;
  model.mutable_graph()->clear_output();
  StringSet<> given;
  for (OpOperand &result : func.front().getTerminator()->getOpOperands()) {
    DictionaryAttr attrs = func.getResultAttrDict(result.getOperandNumber());
    auto wanted = attrs ? attrs.getAs<StringAttr>(fgla::kNameAttrName) : StringAttr();
    std::string name = names[result.get()];
    // A value has one name; an output that has another one is a copy.
    if (given.contains(name) || (wanted && wanted != name)) {
      std::string copy = claim(wanted ? wanted.getValue() : StringRef(), name);
      auto *node = model.mutable_graph()->add_node();
      node->add_input(name);
      node->add_output(copy);
      node->set_op_type("Identity");
      name = copy;
    }
    given.insert(name);
    auto *info = model.mutable_graph()->add_output();
    *info = infos[name];
    if (failed(updateInfo(*info, "output", name, result.get().getType(), attrs, false)))
      return failure();
  }
  return success();
}

/// What the model says of values in between stays where it is still true.
void Exporter::writeValueInfos() {
  StringMap<Value> values;
  for (auto &[value, name] : names)
    values[name] = value;
  auto *infos = model.mutable_graph()->mutable_value_info();
  for (int i = infos->size() - 1; i >= 0; --i) {
    Value value = values.lookup(infos->at(i).name());
    pb::TypeProto type = infos->at(i).type();
    if (value && type.value_case() == pb::TypeProto::VALUE_NOT_SET)
      continue;
    if (!value || !updateType(type, value.getType(), {}, /*exactly=*/false) ||
        type.SerializeAsString() != infos->at(i).type().SerializeAsString())
      infos->DeleteSubrange(i, 1);
  }
}

LogicalResult Exporter::run(std::string &bytes) {
  if (failed(readSource()))
    return failure();
  if (!source)
    startModel();
  collectNames();
  if (failed(writeInitializers()))
    return failure();
  for (Operation &op : func.front().without_terminator()) {
    if (isa<InitializerOp>(op))
      continue;
    auto node = dyn_cast<NodeOp>(op);
    if (!node)
      return op.emitOpError() << "is not of the mirror of an ONNX model (onnx.node, onnx.initializer), so it cannot be "
                                 "written to one";
    if (failed(writeNode(node)))
      return failure();
  }
  if (failed(placeNodes()) || failed(writeInputs()) || failed(writeOutputs()))
    return failure();
  writeValueInfos();
  if (static_cast<int64_t>(model.ByteSizeLong()) > Limits::messageBytes || !model.SerializeToString(&bytes))
    return func.emitError() << "the model takes more than the " << Limits::messageBytes
                            << " bytes that an ONNX message can have";
  return success();
}

LogicalResult fgla::onnx::exportONNX(ModuleOp module, StringRef folder, std::string &bytes) {
  auto funcs = llvm::to_vector(module.getOps<func::FuncOp>());
  if (funcs.size() != 1 || funcs[0].isExternal() || !llvm::hasSingleElement(funcs[0].getBody()))
    return module.emitError() << "an ONNX model is one function with a body of one block, the module has "
                              << funcs.size() << " functions";
  auto own = module->getAttrOfType<StringAttr>(kFolderAttrName);
  StringRef from = own ? own.getValue() : ".";
  for (auto op : funcs[0].getOps<InitializerOp>())
    if (op.getFile() && !::llvm::sys::fs::equivalent(from, folder.empty() ? "." : folder))
      return op.emitOpError() << "weight '" << op.getWeightName() << "' is in the file '" << *op.getFile() << "' of '"
                              << from << "', and the model must be written to that folder, got '" << folder << "'";
  return Exporter(funcs[0]).run(bytes);
}
