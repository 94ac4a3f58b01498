//===- ONNXBuilder.cpp - writes ONNX nodes about as short as on paper -----===//
#include "passes/onnx/ONNXBuilder.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fgla::onnx;

NodeOp ONNXBuilder::node(StringRef type, ArrayRef<Value> inputs, Attributes attributes, int outputs, StringRef domain) {
  SmallVector<Value> present;
  SmallVector<int64_t> absent;
  for (auto [place, input] : llvm::enumerate(inputs)) {
    if (input)
      present.push_back(input);
    else
      absent.push_back(place);
  }
  SmallVector<Type> types(outputs, builder.getNoneType());
  return NodeOp::create(builder, loc, types, type, domain, domain.empty() ? opset : 1, /*node_name=*/"",
                        /*output_names=*/builder.getArrayAttr({}), builder.getDictionaryAttr(attributes),
                        /*graph_names=*/builder.getArrayAttr({}), absent, /*absent_outputs=*/ArrayRef<int64_t>(),
                        present, /*graphsCount=*/0);
}

Value ONNXBuilder::op(StringRef type, ArrayRef<Value> inputs, Attributes attributes) {
  return node(type, inputs, attributes).getOutputs().front();
}

NamedAttribute ONNXBuilder::attribute(StringRef name, int64_t value) {
  return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
}

NamedAttribute ONNXBuilder::attribute(StringRef name, ArrayRef<int64_t> values) {
  return builder.getNamedAttr(name, builder.getDenseI64ArrayAttr(values));
}

Value ONNXBuilder::constant(ElementsAttr value) { return op("Constant", {}, builder.getNamedAttr("value", value)); }

Value ONNXBuilder::number(double value) {
  return constant(DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()), static_cast<float>(value)));
}

Value ONNXBuilder::integers(ArrayRef<int64_t> values) { return constant(builder.getI64TensorAttr(values)); }

Value ONNXBuilder::cast(Value x, Type from, Type element) {
  if (from == element)
    return x;
  // TensorProto.DataType
  int64_t to = element.isF32() ? 1 : element.isF16() ? 10 : element.isBF16() ? 16 : 11;
  return op("Cast", {x}, attribute("to", to));
}

Value ONNXBuilder::shapeLike(Value x, int64_t count, ArrayRef<int64_t> sizes) {
  Value shape = op("Slice", {op("Shape", {x}), integers({0}), integers({count})});
  return op("Concat", {shape, integers(sizes)}, attribute("axis", int64_t(0)));
}

Value ONNXBuilder::reduce(StringRef type, Value x, ArrayRef<int64_t> axes, bool keep) {
  NamedAttribute keepDims = attribute("keepdims", int64_t(keep));
  // The axes became an input, of the sum before the others.
  if (opset >= 18 || type == "ReduceSum")
    return op(type, {x, integers(axes)}, keepDims);
  return op(type, {x}, {attribute("axes", axes), keepDims});
}

ValueRange ONNXBuilder::scan(ValueRange states, ValueRange scanned, function_ref<SmallVector<Value>(ValueRange)> body) {
  auto graph = std::make_unique<Region>();
  SmallVector<Type> types(states.size() + scanned.size(), builder.getNoneType());
  SmallVector<Location> locs(types.size(), loc);
  size_t outputs;
  {
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(graph.get(), {}, types, locs);
    SmallVector<Value> results = body(block->getArguments());
    outputs = results.size();
    YieldOp::create(builder, loc, results);
  }
  SmallVector<Value> inputs(states);
  llvm::append_range(inputs, scanned);
  NamedAttribute attributes[] = {
      attribute("num_scan_inputs", static_cast<int64_t>(scanned.size())),
      attribute("scan_input_axes", SmallVector<int64_t>(scanned.size(), 1)),
      attribute("scan_output_axes", SmallVector<int64_t>(outputs - states.size(), 1)),
  };
  SmallVector<Type> resultTypes(outputs, builder.getNoneType());
  auto op = NodeOp::create(builder, loc, resultTypes, "Scan", "", opset, "", builder.getArrayAttr({}),
                           builder.getDictionaryAttr(attributes), builder.getStrArrayAttr({"body"}),
                           ArrayRef<int64_t>(), ArrayRef<int64_t>(), inputs, /*graphsCount=*/1);
  op.getGraphs()[0].takeBody(*graph);
  return op.getOutputs();
}
