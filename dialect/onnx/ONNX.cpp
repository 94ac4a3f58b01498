//===- ONNX.cpp - a mirror of an ONNX graph -------------------------------===//
#include "dialect/onnx/ONNX.h"
#include "dialect/onnx/ExternalData.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace fgla::onnx;

#include "dialect/onnx/ONNXDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialect/onnx/ONNXOps.cpp.inc"

void ONNXDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialect/onnx/ONNXOps.cpp.inc"
      >();
}

LogicalResult ONNXDialect::verifyOperationAttribute(Operation *op, NamedAttribute attr) {
  StringRef name = attr.getName();
  if (name == kFunctionAttrName) {
    if (op->getName().getStringRef() == "func.func" && isa<StringAttr>(attr.getValue()))
      return success();
    return op->emitOpError() << "attribute '" << name << "' must be a string on a function, got " << attr.getValue();
  }
  if (name != kFolderAttrName && name != kModelAttrName)
    return op->emitOpError() << "attribute '" << name << "' is none that the dialect 'onnx' has";
  if (!isa<ModuleOp>(op))
    return op->emitOpError() << "attribute '" << name << "' must stand on a module";
  auto bytes = dyn_cast<DenseResourceElementsAttr>(attr.getValue());
  if (name == kModelAttrName && !(bytes && bytes.getType().getElementType().isInteger(8)))
    return op->emitOpError() << "attribute '" << name << "' must be a resource of i8, got " << attr.getValue();
  if (name == kFolderAttrName && !isa<StringAttr>(attr.getValue()))
    return op->emitOpError() << "attribute '" << name << "' must be a string, got " << attr.getValue();
  return success();
}

//===----------------------------------------------------------------------===//
// onnx.node
//===----------------------------------------------------------------------===//

/// The index, among the values that are there, of `place` in a list with absent
/// places; -1 if it is absent or past the end.
static int64_t indexOfPlace(ArrayRef<int64_t> absent, size_t numPresent, size_t place) {
  size_t before = 0;
  for (int64_t position : absent) {
    if (static_cast<size_t>(position) == place)
      return -1;
    before += static_cast<size_t>(position) < place;
  }
  return place - before < numPresent ? static_cast<int64_t>(place - before) : -1;
}

Value NodeOp::getInput(size_t place) {
  int64_t index = indexOfPlace(getAbsentInputs(), getInputs().size(), place);
  return index < 0 ? Value() : getInputs()[index];
}

Value NodeOp::getOutput(size_t place) {
  int64_t index = indexOfPlace(getAbsentOutputs(), getOutputs().size(), place);
  return index < 0 ? Value() : getOutputs()[index];
}

/// What the model calls the first output.
static StringRef outputName(NodeOp op) {
  if (!op.getOutputNames().empty())
    return cast<StringAttr>(op.getOutputNames()[0]).getValue();
  auto loc = dyn_cast<NameLoc>(op.getLoc());
  return loc ? loc.getName().getValue() : StringRef();
}

std::string NodeOp::describe() {
  std::string text = ("'" + getOpType() + "'").str();
  if (!getDomain().empty())
    text += (" of domain '" + getDomain() + "'").str();
  if (!getNodeName().empty())
    text += (" (node '" + getNodeName() + "')").str();
  else if (!outputName(*this).empty())
    text += (" (the node that gives '" + outputName(*this) + "')").str();
  return text;
}

/// Prints a name as part of an SSA name; MLIR itself makes it legal and unique.
static void setName(OpAsmSetValueNameFn setNameOf, Value value, StringRef name) {
  if (!name.empty())
    setNameOf(value, name);
}

void NodeOp::getAsmResultNames(OpAsmSetValueNameFn setNameOf) {
  StringRef name = outputName(*this);
  if (name.empty())
    name = getNodeName().empty() ? getOpType() : getNodeName();
  if (!getOutputs().empty())
    setName(setNameOf, getOutputs().front(), name);
}

/// Calls `present` or `absent` for each place of a list.
static void forEachPlace(ArrayRef<int64_t> absent, size_t numPresent, function_ref<void(size_t)> present,
                         function_ref<void()> isAbsent, raw_ostream &os) {
  size_t index = 0;
  for (size_t place = 0, e = absent.size() + numPresent; place != e; ++place) {
    if (place)
      os << ", ";
    if (llvm::is_contained(absent, static_cast<int64_t>(place)))
      isAbsent();
    else if (index < numPresent)
      present(index++);
  }
}

void NodeOp::print(OpAsmPrinter &p) {
  raw_ostream &os = p.getStream();
  auto blank = [&] { os << "_"; };
  p << " ";
  p.printAttributeWithoutType(getOpTypeAttr());
  p << "(";
  forEachPlace(getAbsentInputs(), getInputs().size(), [&](size_t i) { p.printOperand(getInputs()[i]); }, blank, os);
  p << ")";
  if (!getDomain().empty()) {
    p << " domain ";
    p.printAttributeWithoutType(getDomainAttr());
  }
  p << " version " << getVersion();
  if (!getNodeName().empty()) {
    p << " name ";
    p.printAttributeWithoutType(getNodeNameAttr());
  }
  if (!getOutputNames().empty()) {
    p << " gives ";
    p.printAttribute(getOutputNamesAttr());
  }
  if (!getNodeAttributes().empty()) {
    p << " ";
    p.printAttribute(getNodeAttributes());
  }
  p.printOptionalAttrDictWithKeyword((*this)->getDiscardableAttrDictionary().getValue());
  p << " : (";
  forEachPlace(
      getAbsentInputs(), getInputs().size(), [&](size_t i) { p.printType(getInputs()[i].getType()); }, blank, os);
  p << ") -> (";
  forEachPlace(
      getAbsentOutputs(), getOutputs().size(), [&](size_t i) { p.printType(getOutputs()[i].getType()); }, blank, os);
  p << ")";
  for (auto [name, graph] : llvm::zip(getGraphNames(), getGraphs())) {
    p << " graph ";
    p.printAttributeWithoutType(name);
    p << " ";
    p.printRegion(graph);
  }
}

/// Parses `( element, _, element )`; absent places go to `absent`.
static ParseResult parsePlaces(OpAsmParser &parser, SmallVectorImpl<int64_t> &absent,
                               function_ref<ParseResult()> parseElement) {
  int64_t place = 0;
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
    if (succeeded(parser.parseOptionalKeyword("_"))) {
      absent.push_back(place++);
      return success();
    }
    ++place;
    return parseElement();
  });
}

ParseResult NodeOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  StringAttr opType, domain = b.getStringAttr(""), name = b.getStringAttr("");
  ArrayAttr outputNames = b.getArrayAttr({});
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> operandTypes;
  SmallVector<int64_t> absentInputs, absentTypes, absentOutputs;
  int64_t version = 0;
  NamedAttrList attributes;
  if (parser.parseAttribute(opType, b.getNoneType()) ||
      parsePlaces(parser, absentInputs, [&]() { return parser.parseOperand(operands.emplace_back()); }))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("domain")) && parser.parseAttribute(domain, b.getNoneType()))
    return failure();
  if (parser.parseKeyword("version") || parser.parseInteger(version))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("name")) && parser.parseAttribute(name, b.getNoneType()))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("gives")) && parser.parseAttribute(outputNames, b.getNoneType()))
    return failure();
  if (parser.parseOptionalAttrDict(attributes) || parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseColon())
    return failure();
  SMLoc typesLoc = parser.getCurrentLocation();
  if (parsePlaces(parser, absentTypes, [&]() { return parser.parseType(operandTypes.emplace_back()); }) ||
      parser.parseArrow() ||
      parsePlaces(parser, absentOutputs, [&]() { return parser.parseType(result.types.emplace_back()); }))
    return failure();
  if (absentTypes != absentInputs)
    return parser.emitError(typesLoc, "expected '_' in the same places of inputs and types");
  SmallVector<Attribute> graphNames;
  while (succeeded(parser.parseOptionalKeyword("graph"))) {
    StringAttr graphName;
    if (parser.parseAttribute(graphName, b.getNoneType()) || parser.parseRegion(*result.addRegion()))
      return failure();
    graphNames.push_back(graphName);
  }
  auto &properties = result.getOrAddProperties<NodeOp::Properties>();
  properties.graph_names = b.getArrayAttr(graphNames);
  properties.op_type = opType;
  properties.domain = domain;
  properties.version = b.getI64IntegerAttr(version);
  properties.node_name = name;
  properties.output_names = outputNames;
  properties.node_attributes = attributes.getDictionary(b.getContext());
  properties.absent_inputs = b.getDenseI64ArrayAttr(absentInputs);
  properties.absent_outputs = b.getDenseI64ArrayAttr(absentOutputs);
  return parser.resolveOperands(operands, operandTypes, typesLoc, result.operands);
}

static bool isNodeAttribute(Attribute attr) {
  if (auto list = dyn_cast<ArrayAttr>(attr))
    return llvm::all_of(list, [](Attribute a) { return !isa<ArrayAttr>(a) && isNodeAttribute(a); });
  return isa<IntegerAttr, FloatAttr, StringAttr, DenseI64ArrayAttr, DenseF32ArrayAttr, ElementsAttr, TypeAttr>(attr);
}

LogicalResult NodeOp::verify() {
  if (getOpType().empty())
    return emitOpError("must name an ONNX operator (node_c1)");
  auto checkPlaces = [&](ArrayRef<int64_t> absent, size_t numPresent, StringRef what) -> LogicalResult {
    int64_t previous = -1;
    for (int64_t place : absent) {
      if (place <= previous || place >= static_cast<int64_t>(absent.size() + numPresent))
        return emitOpError() << "absent " << what << " must be ascending places below " << absent.size() + numPresent
                             << ", got " << place << " (node_c2)";
      previous = place;
    }
    return success();
  };
  if (failed(checkPlaces(getAbsentInputs(), getInputs().size(), "inputs")) ||
      failed(checkPlaces(getAbsentOutputs(), getOutputs().size(), "outputs")))
    return failure();
  for (NamedAttribute attr : getNodeAttributes())
    if (!isNodeAttribute(attr.getValue()))
      return emitOpError() << "attribute '" << attr.getName().getValue()
                           << "' must be an integer, float, string, list, "
                              "elements or type, got "
                           << attr.getValue() << " (node_c3)";
  if (static_cast<int64_t>(getVersion()) < 1)
    return emitOpError() << "version must be at least 1, got " << static_cast<int64_t>(getVersion()) << " (node_c4)";
  if (!getOutputNames().empty() && getOutputNames().size() != getOutputs().size())
    return emitOpError() << "names " << getOutputNames().size() << " results and has " << getOutputs().size()
                         << " (node_c5)";
  if (getGraphNames().size() != getGraphs().size())
    return emitOpError() << "names " << getGraphNames().size() << " graphs and has " << getGraphs().size()
                         << " (node_c6)";
  for (auto [name, graph] : llvm::zip(getGraphNames(), getGraphs()))
    if (!llvm::hasSingleElement(graph) || graph.front().empty() || !isa<YieldOp>(graph.front().back()))
      return emitOpError() << "graph " << name << " must be one block that ends in 'onnx.yield' (node_c6)";
  return success();
}

//===----------------------------------------------------------------------===//
// onnx.initializer
//===----------------------------------------------------------------------===//

void InitializerOp::getAsmResultNames(OpAsmSetValueNameFn setNameOf) {
  setName(setNameOf, getResult(), getWeightName());
}

void InitializerOp::print(OpAsmPrinter &p) {
  p << " ";
  p.printAttributeWithoutType(getWeightNameAttr());
  if (getValue()) {
    p << " value ";
    p.printAttribute(*getValue());
  }
  if (getFile()) {
    p << " file ";
    p.printAttributeWithoutType(getFileAttr());
    p << " offset " << static_cast<int64_t>(getOffset()) << " length " << static_cast<int64_t>(getLength());
  }
  p.printOptionalAttrDictWithKeyword((*this)->getDiscardableAttrDictionary().getValue());
  if (!getValue() || cast<ElementsAttr>(*getValue()).getType() != getType())
    p << " : " << getType();
}

ParseResult InitializerOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  auto &properties = result.getOrAddProperties<InitializerOp::Properties>();
  ElementsAttr value;
  StringAttr file;
  int64_t offset = 0, length = 0;
  if (parser.parseAttribute(properties.weight_name, b.getNoneType()))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("value")) && parser.parseAttribute(value))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("file")) &&
      (parser.parseAttribute(file, b.getNoneType()) || parser.parseKeyword("offset") || parser.parseInteger(offset) ||
       parser.parseKeyword("length") || parser.parseInteger(length)))
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  properties.value = value;
  properties.file = file;
  properties.offset = b.getI64IntegerAttr(offset);
  properties.length = b.getI64IntegerAttr(length);
  if (succeeded(parser.parseOptionalColon()))
    return parser.parseType(result.types.emplace_back());
  if (!value)
    return parser.emitError(parser.getCurrentLocation(), "expected ':' and the type of the weight");
  result.addTypes(value.getType());
  return success();
}

LogicalResult InitializerOp::verify() {
  if (getValue().has_value() == getFile().has_value())
    return emitOpError("must have a value or a file, not both (initializer_c1)");
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape())
    return emitOpError() << "must be a tensor of known shape, got " << getType() << " (initializer_c2)";
  if (getValue()) {
    if (cast<ElementsAttr>(*getValue()).getType() != type)
      return emitOpError() << "value must have the type " << type << ", got "
                           << cast<ElementsAttr>(*getValue()).getType() << " (initializer_c2)";
    return success();
  }
  int64_t offset = getOffset(), length = getLength();
  std::optional<int64_t> size = byteSize(type);
  if (offset < 0 || !size || length != *size)
    return emitOpError() << "must have an offset of at least 0 and the length of " << type << ", which is "
                         << (size ? Twine(*size) : Twine("unknown")) << ", got offset " << offset << " and length "
                         << length << " (initializer_c3)";
  std::string reason;
  if (!isInsideFolder(getFile()->str(), reason))
    return emitOpError() << "file must be a relative path without '..', got '" << *getFile() << "' (initializer_c4)";
  return success();
}

std::optional<int64_t> fgla::onnx::byteSize(ShapedType type) {
  Type element = type.getElementType();
  if (!element.isIntOrFloat() || !type.hasStaticShape())
    return std::nullopt;
  int64_t size = element.getIntOrFloatBitWidth() <= 8 ? 1 : element.getIntOrFloatBitWidth() / 8;
  for (int64_t dim : type.getShape())
    if (__builtin_mul_overflow(size, dim, &size))
      return std::nullopt;
  return size;
}
