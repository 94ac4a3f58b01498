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

using OperatorSets = google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto>;

/// Names the values of one function, and writes its nodes.
class NodeWriter {
public:
  explicit NodeWriter(func::FuncOp func) : func(func) {}

  void collectNames();
  /// A name that no other value has.
  std::string claim(StringRef name, StringRef fallback);
  const std::string &nameOf(Value value) { return names[value]; }
  /// Changes a message to what the op says.
  LogicalResult update(pb::NodeProto &node, NodeOp op);
  /// A node that gives `value` another name, which is returned.
  std::string copy(StringRef value, StringRef name, pb::NodeProto &node);

private:
  SmallVector<std::string> namesOf(size_t places, function_ref<Value(size_t)> value);
  void collectGraphNames(NodeOp op);
  LogicalResult writeGraph(pb::GraphProto &graph, Block &block);

protected:
  func::FuncOp func;
  DenseMap<Value, std::string> names;
  StringSet<> taken;
};

/// Writes the graph of one function.
class Exporter : NodeWriter {
public:
  using NodeWriter::NodeWriter;
  LogicalResult run(ArrayRef<func::FuncOp> functions, std::string &bytes);

private:
  LogicalResult readSource();
  void startModel(bool hasFunctions);
  LogicalResult writeInitializers();
  LogicalResult writeNode(NodeOp op);
  LogicalResult placeNodes();
  bool isIntact(const Calls &calls, ArrayRef<int> indices, size_t begin);
  LogicalResult writeInputs();
  LogicalResult writeOutputs();
  LogicalResult writeValueInfos();
  LogicalResult writeFunction(func::FuncOp function);
  LogicalResult updateInfo(pb::ValueInfoProto &info, StringRef what, StringRef name, Type type, DictionaryAttr attrs,
                           bool exactly);

  std::unique_ptr<SourceModel> source; ///< null if the module was not read from a model
  std::vector<Calls> calls;
  StringMap<int> sourceNodes; ///< by an output's name, the node of `source` that gives it
  pb::ModelProto model;
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
void Exporter::startModel(bool hasFunctions) {
  int64_t opset = 0;
  func->getParentOfType<ModuleOp>().walk([&](NodeOp op) {
    if (op.getDomain().empty())
      opset = std::max<int64_t>(opset, op.getVersion());
  });
  // A model of other domains' nodes alone has to import some version.
  if (opset == 0)
    opset = 13;
  constexpr int kFirstWithFunctions = 8;
  model.set_ir_version(std::max(irVersionOf(opset), hasFunctions ? kFirstWithFunctions : 0));
  model.set_producer_name("fgla");
  auto *import = model.add_opset_import();
  import->set_domain("");
  import->set_version(opset);
  model.mutable_graph()->set_name(func.getName().str());
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

std::string NodeWriter::claim(StringRef name, StringRef fallback) {
  std::string base = (name.empty() ? fallback : name).str(), unique = base;
  for (int i = 1; unique.empty() || !taken.insert(unique).second; ++i)
    unique = base + "_" + std::to_string(i);
  return unique;
}

/// The values inside the graphs of a node: names are unique in the whole model.
void NodeWriter::collectGraphNames(NodeOp op) {
  for (Region &graph : op.getGraphs()) {
    for (BlockArgument arg : graph.getArguments())
      names[arg] = claim("", "input");
    for (auto inner : graph.getOps<NodeOp>()) {
      for (Value value : inner.getOutputs())
        names[value] = claim("", inner.getOpType());
      collectGraphNames(inner);
    }
  }
}

void NodeWriter::collectNames() {
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
  for (auto op : func.getOps<NodeOp>())
    collectGraphNames(op);
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

/// Sets a list of names where it differs.
static void setNames(google::protobuf::RepeatedPtrField<std::string> &list, ArrayRef<std::string> names) {
  if (llvm::equal(list, names))
    return;
  list.Clear();
  for (const std::string &name : names)
    *list.Add() = name;
}

SmallVector<std::string> NodeWriter::namesOf(size_t places, function_ref<Value(size_t)> value) {
  SmallVector<std::string> list;
  for (size_t place = 0; place != places; ++place)
    list.push_back(value(place) ? names[value(place)] : "");
  return list;
}

LogicalResult NodeWriter::update(pb::NodeProto &node, NodeOp op) {
  setNames(*node.mutable_input(), namesOf(op.getNumInputPlaces(), [&](size_t place) { return op.getInput(place); }));
  setNames(*node.mutable_output(), namesOf(op.getNumOutputPlaces(), [&](size_t place) { return op.getOutput(place); }));
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
  for (auto [name, graph] : llvm::zip(op.getGraphNames(), op.getGraphs())) {
    auto *attribute = attributes->Add();
    attribute->set_name(cast<StringAttr>(name).str());
    attribute->set_type(pb::AttributeProto::GRAPH);
    attribute->mutable_g()->set_name(cast<StringAttr>(name).str());
    if (failed(writeGraph(*attribute->mutable_g(), graph.front())))
      return failure();
  }
  return success();
}

std::string NodeWriter::copy(StringRef value, StringRef name, pb::NodeProto &node) {
  std::string unique = claim(name, value);
  node.add_input(value.str());
  node.add_output(unique);
  node.set_op_type("Identity");
  return unique;
}

static LogicalResult refuse(Operation *op) {
  return op->emitOpError() << "is not of the mirror of an ONNX model (onnx.node, onnx.initializer), so it cannot be "
                              "written to one";
}

LogicalResult NodeWriter::writeGraph(pb::GraphProto &graph, Block &block) {
  for (BlockArgument arg : block.getArguments())
    graph.add_input()->set_name(names[arg]);
  for (Operation &op : block.without_terminator()) {
    auto node = dyn_cast<NodeOp>(op);
    if (!node)
      return refuse(&op);
    if (failed(update(*graph.add_node(), node)))
      return failure();
  }
  StringSet<> given;
  for (Value value : block.getTerminator()->getOperands()) {
    std::string name = names[value];
    // An output is what a node of the graph gives, once.
    Operation *producer = value.getDefiningOp();
    if (!given.insert(name).second || !producer || producer->getBlock() != &block)
      name = copy(name, "", *graph.add_node());
    graph.add_output()->set_name(name);
  }
  return success();
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

LogicalResult Exporter::writeNode(NodeOp op) {
  pb::NodeProto node;
  if (failed(update(node, op)))
    return failure();
  auto found = sourceNodes.find(keyOf(node));
  int index = found == sourceNodes.end() ? -1 : found->second;
  bool isSame = false;
  if (index >= 0) {
    int place = source->places[index];
    node = place < 0 ? source->nodes[index] : source->proto.graph().node(place);
    std::string before = node.SerializeAsString();
    if (failed(update(node, op)))
      return failure();
    isSame = node.SerializeAsString() == before;
  }
  sourceOf.push_back(isSame ? index : -1);
  nodes.push_back(std::move(node));
  ops.push_back(op);
  return success();
}

/// The version of a domain is one for the whole model. Looks into the graphs of the node, too.
static LogicalResult useOperatorSets(OperatorSets &imports, NodeOp node) {
  WalkResult result = node->walk([&](NodeOp op) -> WalkResult {
    for (auto &import : imports) {
      if ((import.domain() == "ai.onnx" ? "" : import.domain()) != op.getDomain())
        continue;
      if (import.version() == static_cast<int64_t>(op.getVersion()))
        return WalkResult::advance();
      return op.emitOpError() << op.describe() << " is of version " << op.getVersion()
                              << " of its domain, the model of " << import.version();
    }
    auto *import = imports.Add();
    import->set_domain(op.getDomain().str());
    import->set_version(op.getVersion());
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// A function of the model, which knows no types.
LogicalResult Exporter::writeFunction(func::FuncOp function) {
  NodeWriter writer(function);
  writer.collectNames();
  auto *proto = model.add_functions();
  proto->set_name(function.getName().str());
  proto->set_domain(function->getAttrOfType<StringAttr>(kFunctionAttrName).str());
  for (BlockArgument arg : function.getArguments())
    proto->add_input(writer.nameOf(arg));
  for (Operation &op : function.front().without_terminator()) {
    auto node = dyn_cast<NodeOp>(op);
    if (!node)
      return refuse(&op);
    if (failed(writer.update(*proto->add_node(), node)) ||
        failed(useOperatorSets(*proto->mutable_opset_import(), node)))
      return failure();
  }
  StringSet<> given;
  for (Value value : function.front().getTerminator()->getOperands()) {
    std::string name = writer.nameOf(value);
    if (!given.insert(name).second || isa<BlockArgument>(value))
      name = writer.copy(name, "", *proto->add_node());
    proto->add_output(name);
  }
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
    if (failed(useOperatorSets(*model.mutable_opset_import(), ops[i])))
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
    if (given.contains(name) || (wanted && wanted != name))
      name = copy(name, wanted ? wanted.getValue() : StringRef(), *model.mutable_graph()->add_node());
    given.insert(name);
    auto *info = model.mutable_graph()->add_output();
    *info = infos[name];
    if (failed(updateInfo(*info, "output", name, result.get().getType(), attrs, false)))
      return failure();
  }
  return success();
}

/// What the model says of values in between stays where it is still true, and the types of what new nodes of other
/// domains give are said, which nobody could infer.
LogicalResult Exporter::writeValueInfos() {
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
  StringSet<> said;
  for (const auto *list : {&model.graph().value_info(), &model.graph().output()})
    for (const auto &info : *list)
      said.insert(info.name());
  for (auto [op, index] : llvm::zip(ops, sourceOf))
    for (Value value : op.getOutputs())
      if (index < 0 && !op.getDomain().empty() && isa<ShapedType>(value.getType()) &&
          said.insert(names[value]).second &&
          failed(updateInfo(*infos->Add(), "value", names[value], value.getType(), DictionaryAttr(), /*exactly=*/true)))
        return failure();
  return success();
}

LogicalResult Exporter::run(ArrayRef<func::FuncOp> functions, std::string &bytes) {
  if (failed(readSource()))
    return failure();
  if (!source)
    startModel(!functions.empty());
  collectNames();
  if (failed(writeInitializers()))
    return failure();
  for (Operation &op : func.front().without_terminator()) {
    if (isa<InitializerOp>(op))
      continue;
    auto node = dyn_cast<NodeOp>(op);
    if (!node)
      return refuse(&op);
    if (failed(writeNode(node)))
      return failure();
  }
  if (failed(placeNodes()) || failed(writeInputs()) || failed(writeOutputs()) || failed(writeValueInfos()))
    return failure();
  for (func::FuncOp function : functions)
    if (failed(writeFunction(function)))
      return failure();
  if (static_cast<int64_t>(model.ByteSizeLong()) > Limits::messageBytes || !model.SerializeToString(&bytes))
    return func.emitError() << "the model takes more than the " << Limits::messageBytes
                            << " bytes that an ONNX message can have";
  return success();
}

LogicalResult fgla::onnx::exportONNX(ModuleOp module, StringRef folder, std::string &bytes) {
  SmallVector<func::FuncOp> graphs, functions;
  for (auto func : module.getOps<func::FuncOp>())
    (func->hasAttr(kFunctionAttrName) ? functions : graphs).push_back(func);
  if (graphs.size() != 1)
    return module.emitError() << "an ONNX model is one function, the module has " << graphs.size();
  for (auto func : module.getOps<func::FuncOp>())
    if (func.isExternal() || !llvm::hasSingleElement(func.getBody()))
      return func.emitError() << "function '" << func.getName() << "' must have a body of one block";
  auto own = module->getAttrOfType<StringAttr>(kFolderAttrName);
  StringRef from = own ? own.getValue() : ".";
  for (auto op : graphs[0].getOps<InitializerOp>())
    if (op.getFile() && !::llvm::sys::fs::equivalent(from, folder.empty() ? "." : folder))
      return op.emitOpError() << "weight '" << op.getWeightName() << "' is in the file '" << *op.getFile() << "' of '"
                              << from << "', and the model must be written to that folder, got '" << folder << "'";
  return Exporter(graphs[0]).run(functions, bytes);
}
