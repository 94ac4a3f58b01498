//===- Evaluate.cpp - Parts of a model, computed on small sizes -----------===//
#include "passes/onnx/Evaluate.h"
#include "passes/onnx/EvaluateNode.h"

#include "dialect/fgla/FGLA.h"

#include "mlir/IR/BuiltinTypes.h"

#include <cmath>

using namespace mlir;
using namespace fgla::onnx;

/// Nodes that make a mask are a few dozen; a chain of more is something else, and the stack is finite.
static constexpr unsigned kMostDepth = 2000;
/// Elements of all arrays together.
static constexpr int64_t kMostKept = int64_t(1) << 23;

int64_t Array::size() const {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

std::optional<double> Array::splat() const {
  if (!values || values->empty() || llvm::any_of(*values, [&](double value) { return value != values->front(); }))
    return std::nullopt;
  return values->front();
}

std::optional<SmallVector<int64_t>> fgla::onnx::broadcastShapes(ArrayRef<int64_t> left, ArrayRef<int64_t> right) {
  SmallVector<int64_t> shape(std::max(left.size(), right.size()), 1);
  for (ArrayRef<int64_t> side : {left, right})
    for (size_t i = 0; i != side.size(); ++i) {
      int64_t &dim = shape[shape.size() - side.size() + i];
      if (dim != 1 && side[i] != 1 && dim != side[i])
        return std::nullopt;
      dim = dim == 1 ? side[i] : dim;
    }
  return shape;
}

/// The elements of a constant.
static std::optional<Array> fromElements(ElementsAttr elements) {
  Array array;
  ShapedType type = elements.getShapedType();
  array.shape.assign(type.getShape().begin(), type.getShape().end());
  array.isInteger = type.getElementType().isInteger();
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (!dense) // a weight
    return array.size() <= kMostElements ? std::optional(array) : std::nullopt;
  if (array.size() > kMostElements)
    return std::nullopt;
  array.values.emplace();
  if (array.isInteger) {
    bool isUnsigned = type.getElementType().isUnsignedInteger() || type.getElementType().isInteger(1);
    for (const APInt &value : dense.getValues<APInt>())
      array.values->push_back(isUnsigned ? static_cast<double>(value.getZExtValue())
                                         : static_cast<double>(value.getSExtValue()));
  } else {
    for (const APFloat &value : dense.getValues<APFloat>()) {
      APFloat wide = value;
      bool loses;
      wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
      array.values->push_back(wide.convertToDouble());
    }
  }
  return array;
}

std::optional<Array> Evaluator::argument(BlockArgument argument) {
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  if (!type)
    return std::nullopt;
  auto names = func.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), fgla::kDimsAttrName);
  Array array;
  array.isInteger = type.getElementType().isInteger();
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    int64_t known = size;
    if (ShapedType::isDynamic(size)) {
      auto name = names && dim < names.size() ? dyn_cast<StringAttr>(names[dim]) : StringAttr();
      bool isNamed = name && name.getValue() != "?";
      auto it = sizes.find(isNamed ? name.getValue() : dim == 0 ? "?0" : "?");
      if (it == sizes.end())
        return std::nullopt;
      known = it->second;
    }
    array.shape.push_back(known);
  }
  return array;
}

std::optional<Array> Evaluator::result(Value value) {
  if (auto initializer = value.getDefiningOp<InitializerOp>()) {
    auto type = cast<RankedTensorType>(initializer.getType());
    if (initializer.getValue())
      if (std::optional<Array> array = fromElements(*initializer.getValue()))
        return array;
    return Array{SmallVector<int64_t>(type.getShape()), std::nullopt, type.getElementType().isInteger()};
  }
  if (auto attention = value.getDefiningOp<fgla::SoftmaxAttentionOp>()) {
    const Array *query = get(attention.getQuery());
    if (!query)
      return std::nullopt;
    SmallVector<int64_t> shape(query->shape);
    shape[3] = attention.getValueDim();
    return Array{shape, std::nullopt, false};
  }
  auto node = value.getDefiningOp<NodeOp>();
  if (!node)
    return std::nullopt;
  unsigned place = cast<OpResult>(value).getResultNumber();
  if (auto elements = dyn_cast_or_null<ElementsAttr>(node.getNodeAttr("value"));
      elements && node.getOpType() == "Constant")
    return fromElements(elements);
  SmallVector<const Array *> inputs;
  for (size_t i = 0, e = node.getNumInputPlaces(); i != e; ++i)
    inputs.push_back(node.getInput(i) ? get(node.getInput(i)) : nullptr);
  // get() may move what it has made before.
  for (size_t i = 0; i != inputs.size(); ++i)
    inputs[i] = node.getInput(i) ? get(node.getInput(i)) : nullptr;
  std::optional<Array> array = evaluateNode(node, inputs, place);
  if (!array) {
    // What the model says of its shape is better than nothing.
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.hasStaticShape())
      return std::nullopt;
    return Array{SmallVector<int64_t>(type.getShape()), std::nullopt, type.getElementType().isInteger()};
  }
  return array;
}

const Array *Evaluator::get(Value value) {
  auto it = known.find(value);
  if (it == known.end()) {
    if (depth == kMostDepth)
      return nullptr;
    ++depth;
    std::optional<Array> array;
    if (auto argument = dyn_cast<BlockArgument>(value))
      array = this->argument(argument);
    else
      array = result(value);
    --depth;
    // A model of a stranger may have as many large arrays as it likes.
    if (array && array->values && (kept += array->size()) > kMostKept)
      array->values.reset();
    it = known.try_emplace(value, std::move(array)).first;
  }
  return it->second ? &*it->second : nullptr;
}
