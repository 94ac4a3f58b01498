//===- Import.cpp - from an ONNX file to MLIR -----------------------------===//
#include "frontends/onnx/Import.h"
#include "frontends/onnx/Reader.h"

#include "dialect/fgla/FGLA.h"
#include "dialect/onnx/ONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Tools/mlir-translate/Translation.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace fgla::onnx;

namespace {

/// Builds the function of one model.
class Importer {
public:
  Importer(const Model &model, MLIRContext &context)
      : model(model), graph(model.proto.graph()), isTolerant(model.purpose == Purpose::Inspect), b(&context) {}
  OwningOpRef<ModuleOp> run();
  /// Subgraphs and other attributes that the mirror has no form for.
  int64_t getNumLeftOut() const { return leftOut; }

private:
  InFlightDiagnostic error() { return emitError(b.getUnknownLoc()); }
  Type convertElementType(int32_t dataType, StringRef name);
  Type convertType(const pb::TypeProto &type, StringRef name);
  ElementsAttr convertTensor(const pb::TensorProto &proto);
  Attribute convertAttribute(const pb::AttributeProto &attribute, const pb::NodeProto &node);
  ArrayAttr describeDims(const pb::TypeProto &type, Type converted);
  NamedAttrList describeValue(const pb::ValueInfoProto &info, Type type);
  LogicalResult collectTypes();
  LogicalResult importInitializers();
  LogicalResult importNode(const pb::NodeProto &node);
  std::string functionName();

  const Model &model;
  const pb::GraphProto &graph;
  bool isTolerant;
  int64_t leftOut = 0;
  OpBuilder b;
  llvm::StringMap<const pb::TypeProto *> types;
  llvm::StringMap<Value> values;
  llvm::StringMap<int64_t> versions;
};

} // namespace

Type Importer::convertElementType(int32_t dataType, StringRef name) {
  ElementType type;
  std::string reason;
  if (!elementTypeFromONNX(dataType, type, reason)) {
    error() << "value '" << name << "': " << reason;
    return {};
  }
  switch (type) {
  case ElementType::F64:
    return b.getF64Type();
  case ElementType::F32:
    return b.getF32Type();
  case ElementType::F16:
    return b.getF16Type();
  case ElementType::BF16:
    return b.getBF16Type();
  case ElementType::Bool:
    return b.getI1Type();
  case ElementType::I64:
  case ElementType::I32:
  case ElementType::I16:
  case ElementType::I8:
    return b.getIntegerType(8 * elementSize(type));
  default:
    return b.getIntegerType(8 * elementSize(type), /*isSigned=*/false);
  }
}

Type Importer::convertType(const pb::TypeProto &type, StringRef name) {
  ElementType known;
  std::string reason;
  if (isTolerant && !(type.has_tensor_type() && elementTypeFromONNX(type.tensor_type().elem_type(), known, reason)))
    return b.getNoneType();
  if (!type.has_tensor_type()) {
    error() << "value '" << name
            << "' must be a tensor; sequences, maps, optionals and sparse "
               "tensors are not supported";
    return {};
  }
  Type element = convertElementType(type.tensor_type().elem_type(), name);
  if (!element)
    return {};
  if (!type.tensor_type().has_shape())
    return UnrankedTensorType::get(element);
  SmallVector<int64_t> shape;
  for (const auto &dim : type.tensor_type().shape().dim())
    shape.push_back(dim.has_dim_value() ? dim.dim_value() : ShapedType::kDynamic);
  return RankedTensorType::get(shape, element);
}

ElementsAttr Importer::convertTensor(const pb::TensorProto &proto) {
  TensorData data;
  std::string reason;
  if (!decodeTensor(proto, data, reason)) {
    error() << reason;
    return {};
  }
  auto type = RankedTensorType::get(data.shape, convertElementType(proto.data_type(), data.name));
  if (data.type == ElementType::Bool) {
    SmallVector<bool> bits(data.bytes.begin(), data.bytes.end());
    return DenseElementsAttr::get(type, ArrayRef<bool>(bits));
  }
  if (type.getNumElements() == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  ArrayRef<char> bytes(data.bytes.data(), data.bytes.size());
  // Attributes of the first kind are hashed and kept for good, which is right
  // for shapes and constants, not for weights.
  if (bytes.size() <= kSmallTensorBytes)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  return DenseResourceElementsAttr::get(type, data.name.empty() ? "tensor" : data.name,
                                        HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
}

Attribute Importer::convertAttribute(const pb::AttributeProto &attribute, const pb::NodeProto &node) {
  auto strings = [&](const auto &list) {
    SmallVector<Attribute> attrs;
    for (const std::string &text : list)
      attrs.push_back(b.getStringAttr(text));
    return b.getArrayAttr(attrs);
  };
  switch (attribute.type()) {
  case pb::AttributeProto::INT:
    return b.getI64IntegerAttr(attribute.i());
  case pb::AttributeProto::FLOAT:
    return b.getF32FloatAttr(attribute.f());
  case pb::AttributeProto::STRING:
    return b.getStringAttr(attribute.s());
  case pb::AttributeProto::TENSOR:
    return convertTensor(attribute.t());
  case pb::AttributeProto::INTS:
    return b.getDenseI64ArrayAttr(SmallVector<int64_t>(attribute.ints().begin(), attribute.ints().end()));
  case pb::AttributeProto::FLOATS:
    return b.getDenseF32ArrayAttr(SmallVector<float>(attribute.floats().begin(), attribute.floats().end()));
  case pb::AttributeProto::STRINGS:
    return strings(attribute.strings());
  case pb::AttributeProto::GRAPH:
  case pb::AttributeProto::GRAPHS:
    error() << "node '" << node.name() << "' (" << node.op_type() << "): operators with subgraphs are not supported";
    return {};
  default:
    error() << "node '" << node.name() << "' (" << node.op_type() << "): attribute '" << attribute.name()
            << "' of kind " << pb::AttributeProto_AttributeType_Name(attribute.type()) << " is not supported";
    return {};
  }
}

/// Whether the mirror has a form for an attribute.
static bool isKnown(const pb::AttributeProto &attribute) {
  ElementType type;
  std::string reason;
  switch (attribute.type()) {
  case pb::AttributeProto::INT:
  case pb::AttributeProto::FLOAT:
  case pb::AttributeProto::STRING:
  case pb::AttributeProto::INTS:
  case pb::AttributeProto::FLOATS:
  case pb::AttributeProto::STRINGS:
    return true;
  case pb::AttributeProto::TENSOR:
    return elementTypeFromONNX(attribute.t().data_type(), type, reason);
  default:
    return false;
  }
}

ArrayAttr Importer::describeDims(const pb::TypeProto &type, Type converted) {
  auto ranked = dyn_cast<RankedTensorType>(converted);
  if (!ranked)
    return {};
  SmallVector<Attribute> names;
  for (auto [index, size] : llvm::enumerate(ranked.getShape())) {
    std::string name = ShapedType::isDynamic(size) ? "?" : std::to_string(size);
    if (ShapedType::isDynamic(size) && static_cast<int>(index) < type.tensor_type().shape().dim_size() &&
        !type.tensor_type().shape().dim(index).dim_param().empty())
      name = type.tensor_type().shape().dim(index).dim_param();
    names.push_back(b.getStringAttr(name));
  }
  return b.getArrayAttr(names);
}

NamedAttrList Importer::describeValue(const pb::ValueInfoProto &info, Type type) {
  NamedAttrList attrs;
  attrs.append(fgla::kNameAttrName, b.getStringAttr(info.name()));
  if (ArrayAttr dims = describeDims(info.type(), type))
    attrs.append(fgla::kDimsAttrName, dims);
  return attrs;
}

LogicalResult Importer::collectTypes() {
  for (const auto *infos : {&graph.value_info(), &graph.output(), &graph.input()})
    for (const auto &info : *infos)
      types[info.name()] = &info.type();
  for (const auto &import : model.proto.opset_import())
    versions[import.domain()] = import.version();
  return success();
}

LogicalResult Importer::importInitializers() {
  for (const auto &tensor : graph.initializer()) {
    ElementsAttr value = convertTensor(tensor);
    if (!value)
      return failure();
    values[tensor.name()] = InitializerOp::create(b, NameLoc::get(b.getStringAttr(tensor.name())), value.getType(),
                                                  tensor.name(), value, StringAttr(), 0, 0);
  }
  for (const std::string &name : model.unreadWeights)
    values[name] = NodeOp::create(b, NameLoc::get(b.getStringAttr(name)), TypeRange(b.getNoneType()), "Constant", "", 1,
                                  name, b.getStrArrayAttr({}), b.getDictionaryAttr({}), b.getArrayAttr({}),
                                  ArrayRef<int64_t>(), ArrayRef<int64_t>(), ValueRange(), 0)
                       .getOutputs()
                       .front();
  for (const auto &[name, weight] : model.externalWeights) {
    auto type = RankedTensorType::get(weight.shape, convertElementType(weight.dataType, name));
    values[name] = InitializerOp::create(b, NameLoc::get(b.getStringAttr(name)), type, name, ElementsAttr(),
                                         b.getStringAttr(weight.file), weight.offset, weight.length);
  }
  return success();
}

LogicalResult Importer::importNode(const pb::NodeProto &node) {
  SmallVector<Value> inputs;
  SmallVector<Type> outputs;
  SmallVector<StringRef> outputNames;
  SmallVector<int64_t> absentInputs, absentOutputs;
  for (auto [place, name] : llvm::enumerate(node.input())) {
    if (name.empty()) {
      absentInputs.push_back(place);
      continue;
    }
    Value value = values.lookup(name);
    if (!value)
      return error() << "node '" << node.name() << "' (" << node.op_type() << "): input '" << name
                     << "' is not produced by an earlier node, an initializer "
                        "or an input";
    inputs.push_back(value);
  }
  for (auto [place, name] : llvm::enumerate(node.output())) {
    if (name.empty()) {
      absentOutputs.push_back(place);
      continue;
    }
    const pb::TypeProto *proto = types.lookup(name);
    Type type =
        proto && proto->value_case() != pb::TypeProto::VALUE_NOT_SET ? convertType(*proto, name) : b.getNoneType();
    if (!type)
      return failure();
    outputs.push_back(type);
    outputNames.push_back(name);
  }
  NamedAttrList attributes;
  for (const auto &attribute : node.attribute()) {
    if (isTolerant && !isKnown(attribute)) {
      ++leftOut;
      continue;
    }
    Attribute value = convertAttribute(attribute, node);
    if (!value)
      return failure();
    attributes.append(attribute.name(), value);
  }
  // The first output's name is what a reader knows the node by.
  StringRef title = !outputNames.empty() ? outputNames[0] : node.name().empty() ? node.op_type() : node.name();
  Location loc = NameLoc::get(b.getStringAttr(title));
  // A domain that is not imported has no version.
  int64_t version = std::max<int64_t>(versions.lookup(node.domain()), isTolerant ? 1 : 0);
  auto op = NodeOp::create(b, loc, outputs, node.op_type(), node.domain(), version, node.name(),
                           b.getStrArrayAttr(outputNames), attributes.getDictionary(b.getContext()),
                           /*graph_names=*/b.getArrayAttr({}), absentInputs, absentOutputs, inputs, /*graphsCount=*/0);
  for (auto [name, value] : llvm::zip(outputNames, op.getOutputs()))
    if (!values.try_emplace(name, value).second)
      return error() << "node '" << node.name() << "' (" << node.op_type() << "): value '" << name
                     << "' is defined twice";
  return success();
}

std::string Importer::functionName() {
  std::string name;
  for (char c : graph.name())
    name += ::llvm::isAlnum(c) || c == '_' ? c : '_';
  // `main` would meet C's main in an object file.
  if (name.empty() || ::llvm::isDigit(name[0]) || name == "main")
    name = name.empty() ? "model" : "model_" + name;
  return name;
}

OwningOpRef<ModuleOp> Importer::run() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(b, b.getUnknownLoc());
  (*module)->setAttr(fgla::onnx::kFolderAttrName, b.getStringAttr(model.folder.empty() ? "." : model.folder));
  ArrayRef<char> source(model.source.data(), model.source.size());
  auto sourceType = RankedTensorType::get({static_cast<int64_t>(source.size())}, b.getI8Type());
  // A model that is only looked at is not written.
  if (!isTolerant)
    (*module)->setAttr(
        fgla::onnx::kModelAttrName,
        DenseResourceElementsAttr::get(sourceType, "model", HeapAsmResourceBlob::allocateAndCopyWithAlign(source, 8)));
  b.setInsertionPointToEnd(module->getBody());
  if (failed(collectTypes()))
    return nullptr;
  // An input that has an initializer is a weight whose value could be given; it
  // is taken as the weight. Before IR 4 all weights were inputs too.
  ::llvm::StringSet<> weights, outputs;
  std::string defaults;
  for (const auto &tensor : graph.initializer())
    weights.insert(tensor.name());
  for (const auto &[name, weight] : model.externalWeights)
    weights.insert(name);
  for (const std::string &name : model.unreadWeights)
    weights.insert(name);
  SmallVector<Type> argTypes, resultTypes;
  SmallVector<DictionaryAttr> argAttrs;
  SmallVector<StringRef> argNames;
  for (const auto &input : graph.input()) {
    if (weights.contains(input.name())) {
      auto external = model.externalWeights.find(input.name());
      if (external == model.externalWeights.end() || external->second.isInput)
        defaults += (defaults.empty() ? "'" : ", '") + input.name() + "'";
      continue;
    }
    Type type = convertType(input.type(), input.name());
    if (!type)
      return nullptr;
    argTypes.push_back(type);
    argNames.push_back(input.name());
    argAttrs.push_back(describeValue(input, type).getDictionary(b.getContext()));
  }
  if (!defaults.empty() && model.proto.ir_version() >= 4 && !isTolerant)
    emitWarning(b.getUnknownLoc())
        << "inputs with a default are taken as constants, what is given for them is not used: " << defaults;
  auto func = func::FuncOp::create(b, b.getUnknownLoc(), functionName(), b.getFunctionType(argTypes, {}), {}, argAttrs);
  b.setInsertionPointToEnd(func.addEntryBlock());
  for (auto [name, arg] : llvm::zip(argNames, func.getArguments()))
    if (!values.try_emplace(name, arg).second) {
      error() << "input '" << name << "' is defined twice";
      return nullptr;
    }
  if (failed(importInitializers()))
    return nullptr;
  for (const auto &node : graph.node())
    if (failed(importNode(node)))
      return nullptr;
  SmallVector<Value> results;
  for (const auto &output : graph.output()) {
    if (!outputs.insert(output.name()).second) {
      error() << "output '" << output.name() << "' is listed twice";
      return nullptr;
    }
    Value value = values.lookup(output.name());
    if (!value) {
      error() << "output '" << output.name() << "' is not produced by any node, initializer or input";
      return nullptr;
    }
    results.push_back(value);
    resultTypes.push_back(value.getType());
  }
  func::ReturnOp::create(b, b.getUnknownLoc(), results);
  func.setFunctionType(b.getFunctionType(argTypes, resultTypes));
  for (auto [index, output] : llvm::enumerate(graph.output()))
    func.setResultAttrs(index, describeValue(output, resultTypes[index]).getDictionary(b.getContext()));
  if (failed(verify(*module)))
    return nullptr;
  return module;
}

void fgla::onnx::loadImportDialects(MLIRContext &context) {
  context.loadDialect<ONNXDialect, fgla::FGLADialect, func::FuncDialect>();
}

OwningOpRef<ModuleOp> fgla::onnx::importONNX(StringRef path, MLIRContext &context) {
  loadImportDialects(context);
  std::string reason;
  std::unique_ptr<Model> model = readModel(path.str(), reason);
  if (model)
    return Importer(*model, context).run();
  emitError(UnknownLoc::get(&context)) << "'" << path << "': " << reason;
  return nullptr;
}

OwningOpRef<ModuleOp> fgla::onnx::importONNXToInspect(StringRef path, MLIRContext &context, int64_t &leftOut) {
  loadImportDialects(context);
  std::string reason;
  std::unique_ptr<Model> model = readModel(path.str(), reason, Purpose::Inspect);
  if (!model) {
    emitError(UnknownLoc::get(&context)) << "'" << path << "': " << reason;
    return nullptr;
  }
  Importer importer(*model, context);
  OwningOpRef<ModuleOp> module = importer.run();
  leftOut = importer.getNumLeftOut();
  return module;
}

OwningOpRef<ModuleOp> fgla::onnx::importONNXFromMemory(StringRef bytes, bool isText, StringRef folder,
                                                       MLIRContext &context) {
  loadImportDialects(context);
  std::string reason;
  std::unique_ptr<Model> model = readModelFromMemory(bytes.data(), bytes.size(), isText, folder.str(), reason);
  if (model)
    return Importer(*model, context).run();
  emitError(UnknownLoc::get(&context)) << reason;
  return nullptr;
}

void fgla::onnx::registerONNXTranslation() {
  static TranslateToMLIRRegistration registration(
      "import-onnx", "import an ONNX model (.onnx, or .onnxtxt for ONNX's text format)",
      [](llvm::SourceMgr &sources, MLIRContext *context) -> OwningOpRef<Operation *> {
        const llvm::MemoryBuffer *buffer = sources.getMemoryBuffer(sources.getMainFileID());
        // The name leads to external weights; standard input has none.
        OwningOpRef<ModuleOp> module = buffer->getBufferIdentifier() == "<stdin>"
                                           ? importONNXFromMemory(buffer->getBuffer(), /*isText=*/false, "", *context)
                                           : importONNX(buffer->getBufferIdentifier(), *context);
        return OwningOpRef<Operation *>(module ? module.release().getOperation() : nullptr);
      },
      [](DialectRegistry &registry) { registry.insert<ONNXDialect, fgla::FGLADialect, func::FuncDialect>(); });
}
