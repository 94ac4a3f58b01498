//===- EvaluateNode.cpp - One node, computed on small sizes ---------------===//
#include "passes/onnx/EvaluateNode.h"
#include "passes/onnx/ONNXElementwise.h"

#include "llvm/ADT/StringMap.h"

#include <cmath>

using namespace mlir;
using namespace fgla::onnx;

using Answer = std::optional<Array>;
using Inputs = ArrayRef<const Array *>;
using Handler = Answer (*)(NodeOp, Inputs, unsigned);

/// Above this a size in a file is no size.
static constexpr int64_t kMostSize = int64_t(1) << 31;

//===----------------------------------------------------------------------===//
// Numbers and places
//===----------------------------------------------------------------------===//

static int64_t toInteger(double value) {
  constexpr double kBound = 4e18;
  return std::isnan(value) ? 0 : static_cast<int64_t>(std::clamp(value, -kBound, kBound));
}

/// The elements as integers: a shape, axes, indices.
static std::optional<SmallVector<int64_t>> integers(Inputs inputs, size_t place) {
  if (place >= inputs.size() || !inputs[place] || !inputs[place]->values || inputs[place]->shape.size() > 1)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (double value : *inputs[place]->values)
    numbers.push_back(toInteger(value));
  return numbers;
}

/// Axes from an input, which they are in newer versions, or from an attribute.
static std::optional<SmallVector<int64_t>> axesOf(NodeOp node, Inputs inputs, size_t place, size_t rank) {
  std::optional<SmallVector<int64_t>> axes = integers(inputs, place);
  if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr("axes")))
    axes.emplace(attr.asArrayRef());
  if (!axes)
    return std::nullopt;
  for (int64_t &axis : *axes) {
    axis += axis < 0 ? static_cast<int64_t>(rank) : 0;
    if (axis < 0 || axis >= static_cast<int64_t>(rank))
      return std::nullopt;
  }
  return axes;
}

static std::optional<int64_t> axisOf(NodeOp node, StringRef name, int64_t defaultValue, size_t rank) {
  int64_t axis = getIntAttr(node, name, defaultValue);
  axis += axis < 0 ? static_cast<int64_t>(rank) : 0;
  return axis >= 0 && axis < static_cast<int64_t>(rank) ? std::optional(axis) : std::nullopt;
}

static bool isSane(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t dim : shape) {
    if (dim < 0 || dim > kMostSize || (count *= std::max<int64_t>(dim, 1)) > (int64_t(1) << 50))
      return false;
  }
  return true;
}

/// The array of `shape` whose element at each place is the input's at the place that `source` gives.
static Answer gather(const Array &input, ArrayRef<int64_t> shape,
                     function_ref<int64_t(ArrayRef<int64_t> place)> source) {
  Array result{SmallVector<int64_t>(shape), std::nullopt, input.isInteger};
  if (!isSane(shape))
    return std::nullopt;
  if (!input.values || result.size() > kMostElements)
    return result;
  result.values.emplace();
  SmallVector<int64_t> place(shape.size(), 0);
  for (int64_t i = 0, e = result.size(); i != e; ++i) {
    int64_t from = source(place);
    if (from < 0 || from >= static_cast<int64_t>(input.values->size()))
      return std::nullopt;
    result.values->push_back((*input.values)[from]);
    for (size_t dim = shape.size(); dim-- > 0 && ++place[dim] == shape[dim];)
      place[dim] = 0;
  }
  return result;
}

static SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

static Answer reshaped(const Array &input, ArrayRef<int64_t> shape) {
  Array result{SmallVector<int64_t>(shape), input.values, input.isInteger};
  return isSane(shape) && result.size() == input.size() ? Answer(result) : std::nullopt;
}

static Answer broadcastTo(const Array &input, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides = stridesOf(input.shape);
  size_t shift = shape.size() - input.shape.size();
  return gather(input, shape, [&](ArrayRef<int64_t> place) {
    int64_t from = 0;
    for (size_t i = 0; i != strides.size(); ++i)
      from += input.shape[i] == 1 ? 0 : place[shift + i] * strides[i];
    return from;
  });
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

using Scalars = ArrayRef<double>;

/// Combines all inputs, which must be there.
static Answer elementwise(Inputs inputs, bool isInteger, function_ref<double(Scalars)> combine) {
  SmallVector<int64_t> shape;
  bool isKnown = true;
  for (const Array *input : inputs) {
    if (!input)
      return std::nullopt;
    std::optional<SmallVector<int64_t>> both = broadcastShapes(shape, input->shape);
    if (!both)
      return std::nullopt;
    shape = *both;
    isKnown &= input->values.has_value();
  }
  Array result{shape, std::nullopt, isInteger};
  if (!isSane(shape) || !isKnown || result.size() > kMostElements)
    return result;
  SmallVector<Array> wide;
  for (const Array *input : inputs)
    wide.push_back(*broadcastTo(*input, shape));
  result.values.emplace();
  SmallVector<double> scalars(inputs.size());
  for (int64_t i = 0, e = result.size(); i != e; ++i) {
    for (auto [scalar, array] : llvm::zip(scalars, wide))
      scalar = (*array.values)[i];
    result.values->push_back(combine(scalars));
  }
  return result;
}

static bool areIntegers(Inputs inputs) {
  return llvm::all_of(inputs, [](const Array *input) { return input && input->isInteger; });
}

template <typename Function> static Answer unary(Inputs inputs, Function function) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  return elementwise(inputs.take_front(1), inputs[0]->isInteger, [&](Scalars v) { return function(v[0]); });
}

template <typename Function> static Answer binary(Inputs inputs, Function function) {
  if (inputs.size() != 2)
    return std::nullopt;
  return elementwise(inputs, areIntegers(inputs), [&](Scalars v) -> double { return function(v[0], v[1]); });
}

template <typename Function> static Answer compare(Inputs inputs, Function function) {
  if (inputs.size() != 2)
    return std::nullopt;
  return elementwise(inputs, /*isInteger=*/true, [&](Scalars v) -> double { return function(v[0], v[1]); });
}

/// Any number of inputs.
template <typename Function> static Answer fold(Inputs inputs, Function function) {
  return elementwise(inputs, areIntegers(inputs), [&](Scalars v) {
    double result = v[0];
    for (double next : v.drop_front())
      result = function(result, next);
    return result;
  });
}

static Answer evaluateCast(NodeOp node, Inputs inputs, unsigned) {
  auto type = node.getOutputs().empty() ? ShapedType() : dyn_cast<ShapedType>(node.getOutputs()[0].getType());
  if (inputs.empty() || !inputs[0] || !type)
    return std::nullopt;
  bool isInteger = type.getElementType().isInteger(), isBoolean = type.getElementType().isInteger(1);
  return elementwise(inputs.take_front(1), isInteger, [&](Scalars v) {
    return isBoolean ? v[0] != 0 : isInteger ? std::trunc(v[0]) : v[0];
  });
}

static Answer evaluateDiv(NodeOp, Inputs inputs, unsigned) {
  bool isInteger = areIntegers(inputs);
  return binary(inputs, [&](double a, double b) { return isInteger ? (b == 0 ? 0 : std::trunc(a / b)) : a / b; });
}

static Answer evaluateMod(NodeOp node, Inputs inputs, unsigned) {
  bool isC = getIntAttr(node, "fmod", 0) != 0;
  return binary(inputs, [&](double a, double b) {
    return b == 0 ? 0 : isC ? std::fmod(a, b) : a - b * std::floor(a / b);
  });
}

static Answer evaluateWhere(NodeOp, Inputs inputs, unsigned) {
  if (inputs.size() != 3 || !inputs[1] || !inputs[2])
    return std::nullopt;
  return elementwise(inputs, inputs[1]->isInteger, [](Scalars v) { return v[0] != 0 ? v[1] : v[2]; });
}

static Answer evaluateClip(NodeOp, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  double low = -HUGE_VAL, high = HUGE_VAL;
  if (inputs.size() > 1 && inputs[1] && inputs[1]->splat())
    low = *inputs[1]->splat();
  if (inputs.size() > 2 && inputs[2] && inputs[2]->splat())
    high = *inputs[2]->splat();
  return unary(inputs, [&](double x) { return std::min(std::max(x, low), high); });
}

static void addElementwise(llvm::StringMap<Handler> &all) {
  // clang-format off
  all["Add"] = [](NodeOp, Inputs i, unsigned) { return binary(i, std::plus<double>()); };
  all["Sub"] = [](NodeOp, Inputs i, unsigned) { return binary(i, std::minus<double>()); };
  all["Mul"] = [](NodeOp, Inputs i, unsigned) { return binary(i, std::multiplies<double>()); };
  all["Div"] = evaluateDiv;
  all["Mod"] = evaluateMod;
  all["Pow"] = [](NodeOp, Inputs i, unsigned) { return binary(i, [](double a, double b) { return std::pow(a, b); }); };
  all["Max"] = [](NodeOp, Inputs i, unsigned) { return fold(i, [](double a, double b) { return std::max(a, b); }); };
  all["Min"] = [](NodeOp, Inputs i, unsigned) { return fold(i, [](double a, double b) { return std::min(a, b); }); };
  all["Sum"] = [](NodeOp, Inputs i, unsigned) { return fold(i, std::plus<double>()); };
  all["Neg"] = [](NodeOp, Inputs i, unsigned) { return unary(i, std::negate<double>()); };
  all["Abs"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return std::fabs(x); }); };
  all["Sqrt"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return std::sqrt(x); }); };
  all["Exp"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return std::exp(x); }); };
  all["Log"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return std::log(x); }); };
  all["Floor"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return std::floor(x); }); };
  all["Ceil"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return std::ceil(x); }); };
  all["Sign"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return double((x > 0) - (x < 0)); }); };
  all["Relu"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return std::max(x, 0.0); }); };
  all["Reciprocal"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return 1 / x; }); };
  all["Not"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return double(x == 0); }); };
  all["IsNaN"] = [](NodeOp, Inputs i, unsigned) { return unary(i, [](double x) { return double(std::isnan(x)); }); };
  for (StringRef name : {"Identity", "Dropout", "Sigmoid", "Tanh", "Erf", "Gelu", "Softplus", "Sin", "Cos"})
    all[name] = [](NodeOp node, Inputs i, unsigned place) -> Answer {
      if (place != 0 || i.empty() || !i[0])
        return std::nullopt;
      bool isSame = node.getOpType() == "Identity" || node.getOpType() == "Dropout";
      return Array{i[0]->shape, isSame ? i[0]->values : std::nullopt, i[0]->isInteger};
    };
  all["Equal"] = [](NodeOp, Inputs i, unsigned) { return compare(i, std::equal_to<double>()); };
  all["Less"] = [](NodeOp, Inputs i, unsigned) { return compare(i, std::less<double>()); };
  all["LessOrEqual"] = [](NodeOp, Inputs i, unsigned) { return compare(i, std::less_equal<double>()); };
  all["Greater"] = [](NodeOp, Inputs i, unsigned) { return compare(i, std::greater<double>()); };
  all["GreaterOrEqual"] = [](NodeOp, Inputs i, unsigned) { return compare(i, std::greater_equal<double>()); };
  all["And"] = [](NodeOp, Inputs i, unsigned) { return compare(i, [](double a, double b) { return a != 0 && b != 0; }); };
  all["Or"] = [](NodeOp, Inputs i, unsigned) { return compare(i, [](double a, double b) { return a != 0 || b != 0; }); };
  all["Xor"] = [](NodeOp, Inputs i, unsigned) { return compare(i, [](double a, double b) { return (a != 0) != (b != 0); }); };
  // clang-format on
  all["Cast"] = evaluateCast;
  all["CastLike"] = evaluateCast;
  all["Where"] = evaluateWhere;
  all["Clip"] = evaluateClip;
}

//===----------------------------------------------------------------------===//
// Shapes and places
//===----------------------------------------------------------------------===//

static Answer vectorOf(ArrayRef<int64_t> numbers) {
  Array array{{static_cast<int64_t>(numbers.size())}, std::vector<double>(numbers.begin(), numbers.end()), true};
  return array;
}

static Answer evaluateConstant(NodeOp node, Inputs, unsigned) {
  if (auto number = dyn_cast_or_null<IntegerAttr>(node.getNodeAttr("value_int")))
    return Array{{}, std::vector<double>{static_cast<double>(number.getInt())}, true};
  if (auto number = dyn_cast_or_null<FloatAttr>(node.getNodeAttr("value_float")))
    return Array{{}, std::vector<double>{number.getValueAsDouble()}, false};
  if (auto list = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr("value_ints")))
    return vectorOf(list.asArrayRef());
  return std::nullopt;
}

static Answer evaluateShape(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  int64_t rank = inputs[0]->shape.size(), begin = getIntAttr(node, "start", 0), end = getIntAttr(node, "end", rank);
  begin = std::clamp<int64_t>(begin < 0 ? begin + rank : begin, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, begin, rank);
  return vectorOf(ArrayRef<int64_t>(inputs[0]->shape).slice(begin, end - begin));
}

static Answer evaluateSize(NodeOp, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  return Array{{}, std::vector<double>{static_cast<double>(inputs[0]->size())}, true};
}

static Answer evaluateConstantOfShape(NodeOp node, Inputs inputs, unsigned) {
  std::optional<SmallVector<int64_t>> shape = integers(inputs, 0);
  if (!shape || !isSane(*shape))
    return std::nullopt;
  double value = 0;
  bool isInteger = false;
  if (auto elements = dyn_cast_or_null<DenseElementsAttr>(node.getNodeAttr("value"));
      elements && elements.getNumElements() == 1) {
    isInteger = elements.getElementType().isInteger();
    if (!isInteger) {
      value = FloatAttr::get(elements.getElementType(), *elements.value_begin<APFloat>()).getValueAsDouble();
    } else {
      APInt number = *elements.value_begin<APInt>();
      value = elements.getElementType().isInteger(1) ? number.getZExtValue() : number.getSExtValue();
    }
  }
  Array array{*shape, std::nullopt, isInteger};
  if (array.size() <= kMostElements)
    array.values.emplace(array.size(), value);
  return array;
}

static Answer evaluateRange(NodeOp, Inputs inputs, unsigned) {
  if (inputs.size() != 3 || llvm::any_of(inputs, [](const Array *input) { return !input || !input->splat(); }))
    return std::nullopt;
  double begin = *inputs[0]->splat(), end = *inputs[1]->splat(), step = *inputs[2]->splat();
  double count = step == 0 ? -1 : std::max(std::ceil((end - begin) / step), 0.0);
  if (!(count >= 0 && count <= kMostElements))
    return std::nullopt;
  Array array{{static_cast<int64_t>(count)}, std::vector<double>(), inputs[0]->isInteger};
  for (int64_t i = 0; i != array.shape[0]; ++i)
    array.values->push_back(begin + i * step);
  return array;
}

static Answer evaluateReshape(NodeOp node, Inputs inputs, unsigned) {
  std::optional<SmallVector<int64_t>> shape = integers(inputs, 1);
  if (!shape || !inputs[0])
    return std::nullopt;
  int64_t rest = inputs[0]->size();
  int free = -1;
  for (auto [i, dim] : llvm::enumerate(*shape)) {
    if (dim == 0 && !getIntAttr(node, "allowzero", 0) && i < inputs[0]->shape.size())
      dim = inputs[0]->shape[i];
    if (dim == -1)
      free = i;
    else if (dim != 0)
      rest /= dim;
  }
  if (free >= 0)
    (*shape)[free] = rest;
  return reshaped(*inputs[0], *shape);
}

static Answer evaluateFlatten(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  int64_t rank = inputs[0]->shape.size(), axis = getIntAttr(node, "axis", 1), first = 1;
  axis += axis < 0 ? rank : 0;
  for (int64_t i = 0; i < std::min(axis, rank); ++i)
    first *= inputs[0]->shape[i];
  return reshaped(*inputs[0], {first, first == 0 ? 0 : inputs[0]->size() / first});
}

static Answer evaluateUnsqueeze(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  std::optional<SmallVector<int64_t>> given = integers(inputs, 1);
  if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr("axes")))
    given.emplace(attr.asArrayRef());
  if (!given)
    return std::nullopt;
  size_t rank = inputs[0]->shape.size() + given->size();
  std::optional<SmallVector<int64_t>> axes = axesOf(node, inputs, 1, rank);
  if (!axes)
    return std::nullopt;
  SmallVector<int64_t> shape;
  size_t next = 0;
  for (size_t i = 0; i != rank; ++i) {
    bool isNew = llvm::is_contained(*axes, static_cast<int64_t>(i));
    if (!isNew && next == inputs[0]->shape.size())
      return std::nullopt;
    shape.push_back(isNew ? 1 : inputs[0]->shape[next++]);
  }
  return reshaped(*inputs[0], shape);
}

static Answer evaluateSqueeze(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  bool areGiven = (inputs.size() > 1 && node.getInput(1)) || node.getNodeAttr("axes");
  std::optional<SmallVector<int64_t>> axes = axesOf(node, inputs, 1, inputs[0]->shape.size());
  if (areGiven && !axes)
    return std::nullopt;
  SmallVector<int64_t> shape;
  for (auto [i, dim] : llvm::enumerate(inputs[0]->shape))
    if (axes ? !llvm::is_contained(*axes, static_cast<int64_t>(i)) : dim != 1)
      shape.push_back(dim);
  return reshaped(*inputs[0], shape);
}

static Answer evaluateTranspose(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  size_t rank = inputs[0]->shape.size();
  SmallVector<int64_t> order;
  if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr("perm")))
    order.assign(attr.asArrayRef().begin(), attr.asArrayRef().end());
  else
    order = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  SmallVector<int64_t> shape, strides = stridesOf(inputs[0]->shape);
  if (order.size() != rank)
    return std::nullopt;
  for (int64_t axis : order) {
    if (axis < 0 || axis >= static_cast<int64_t>(rank))
      return std::nullopt;
    shape.push_back(inputs[0]->shape[axis]);
  }
  return gather(*inputs[0], shape, [&](ArrayRef<int64_t> place) {
    int64_t from = 0;
    for (auto [at, axis] : llvm::zip(place, order))
      from += at * strides[axis];
    return from;
  });
}

static Answer evaluateExpand(NodeOp, Inputs inputs, unsigned) {
  std::optional<SmallVector<int64_t>> shape = integers(inputs, 1);
  if (!shape || !inputs[0])
    return std::nullopt;
  std::optional<SmallVector<int64_t>> both = broadcastShapes(inputs[0]->shape, *shape);
  return both && isSane(*both) ? broadcastTo(*inputs[0], *both) : std::nullopt;
}

static Answer evaluateTile(NodeOp, Inputs inputs, unsigned) {
  std::optional<SmallVector<int64_t>> repeats = integers(inputs, 1);
  if (!repeats || !inputs[0] || repeats->size() != inputs[0]->shape.size())
    return std::nullopt;
  SmallVector<int64_t> shape, strides = stridesOf(inputs[0]->shape);
  for (auto [dim, repeat] : llvm::zip(inputs[0]->shape, *repeats))
    shape.push_back(dim * std::clamp<int64_t>(repeat, 0, kMostSize));
  return gather(*inputs[0], shape, [&](ArrayRef<int64_t> place) {
    int64_t from = 0;
    for (auto [at, dim, stride] : llvm::zip(place, inputs[0]->shape, strides))
      from += at % dim * stride;
    return from;
  });
}

static Answer evaluateConcat(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.empty() || llvm::is_contained(inputs, nullptr))
    return std::nullopt;
  std::optional<int64_t> axis = axisOf(node, "axis", 0, inputs[0]->shape.size());
  if (!axis)
    return std::nullopt;
  Array result{inputs[0]->shape, std::vector<double>(), inputs[0]->isInteger};
  result.shape[*axis] = 0;
  for (const Array *input : inputs) {
    if (input->shape.size() != result.shape.size())
      return std::nullopt;
    for (auto [i, dim] : llvm::enumerate(input->shape))
      if (static_cast<int64_t>(i) != *axis && dim != result.shape[i])
        return std::nullopt;
    result.shape[*axis] += input->shape[*axis];
  }
  if (!isSane(result.shape))
    return std::nullopt;
  if (result.size() > kMostElements || llvm::any_of(inputs, [](const Array *input) { return !input->values; })) {
    result.values.reset();
    return result;
  }
  int64_t outer = 1;
  for (int64_t i = 0; i != *axis; ++i)
    outer *= result.shape[i];
  for (int64_t row = 0; row != outer; ++row)
    for (const Array *input : inputs) {
      int64_t chunk = input->size() / std::max<int64_t>(outer, 1);
      result.values->insert(result.values->end(), input->values->begin() + row * chunk,
                            input->values->begin() + (row + 1) * chunk);
    }
  return result;
}

/// A part of the input: along each axis from `begin` in steps of `step`.
static Answer sliced(const Array &input, ArrayRef<int64_t> begin, ArrayRef<int64_t> step, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides = stridesOf(input.shape);
  return gather(input, shape, [&](ArrayRef<int64_t> place) {
    int64_t from = 0;
    for (size_t i = 0; i != place.size(); ++i)
      from += (begin[i] + place[i] * step[i]) * strides[i];
    return from;
  });
}

static Answer evaluateSlice(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  size_t rank = inputs[0]->shape.size();
  std::optional<SmallVector<int64_t>> starts = integers(inputs, 1), ends = integers(inputs, 2),
                                      steps = integers(inputs, 4);
  auto fromAttr = [&](StringRef name, std::optional<SmallVector<int64_t>> &list) {
    if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr(name)))
      list.emplace(attr.asArrayRef());
  };
  fromAttr("starts", starts);
  fromAttr("ends", ends);
  bool hasAxes = (inputs.size() > 3 && node.getInput(3)) || node.getNodeAttr("axes");
  std::optional<SmallVector<int64_t>> axes = axesOf(node, inputs, 3, rank);
  bool hasSteps = inputs.size() > 4 && node.getInput(4);
  if (!starts || !ends || starts->size() != ends->size() || (hasAxes && !axes) || (hasSteps && !steps))
    return std::nullopt;
  if (!axes)
    axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  if (axes->size() != starts->size() || (steps && steps->size() != starts->size()) || starts->size() > rank)
    return std::nullopt;
  SmallVector<int64_t> begin(rank, 0), step(rank, 1), shape(inputs[0]->shape);
  for (auto [i, axis] : llvm::enumerate(*axes)) {
    int64_t dim = inputs[0]->shape[axis], by = steps ? (*steps)[i] : 1, first = (*starts)[i], last = (*ends)[i];
    if (by == 0)
      return std::nullopt;
    first += first < 0 ? dim : 0;
    last += last < 0 ? dim : 0;
    first = std::clamp<int64_t>(first, 0, by > 0 ? dim : dim - 1);
    last = std::clamp<int64_t>(last, by > 0 ? 0 : -1, dim);
    begin[axis] = first;
    step[axis] = by;
    shape[axis] = std::max<int64_t>((last - first + by - (by > 0 ? 1 : -1)) / by, 0);
  }
  return sliced(*inputs[0], begin, step, shape);
}

static Answer evaluateSplit(NodeOp node, Inputs inputs, unsigned place) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  std::optional<int64_t> axis = axisOf(node, "axis", 0, inputs[0]->shape.size());
  std::optional<SmallVector<int64_t>> parts = integers(inputs, 1);
  if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr("split")))
    parts.emplace(attr.asArrayRef());
  if (!axis)
    return std::nullopt;
  int64_t dim = inputs[0]->shape[*axis], count = node.getNumOutputPlaces();
  if (!parts) {
    int64_t size = (dim + count - 1) / count;
    parts.emplace(count, size);
    parts->back() = dim - size * (count - 1);
  }
  if (place >= parts->size())
    return std::nullopt;
  SmallVector<int64_t> begin(inputs[0]->shape.size(), 0), step(begin.size(), 1), shape(inputs[0]->shape);
  for (size_t i = 0; i != place; ++i)
    begin[*axis] += (*parts)[i];
  shape[*axis] = (*parts)[place];
  return begin[*axis] + shape[*axis] <= dim ? sliced(*inputs[0], begin, step, shape) : std::nullopt;
}

static Answer evaluateGather(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.size() != 2 || !inputs[0] || !inputs[1])
    return std::nullopt;
  const Array &data = *inputs[0], &indices = *inputs[1];
  std::optional<int64_t> axis = axisOf(node, "axis", 0, data.shape.size());
  if (!axis)
    return std::nullopt;
  SmallVector<int64_t> shape(ArrayRef<int64_t>(data.shape).take_front(*axis));
  shape.append(indices.shape.begin(), indices.shape.end());
  shape.append(data.shape.begin() + *axis + 1, data.shape.end());
  if (!indices.values)
    return isSane(shape) ? Answer(Array{shape, std::nullopt, data.isInteger}) : std::nullopt;
  SmallVector<int64_t> strides = stridesOf(data.shape), inner = stridesOf(indices.shape);
  size_t count = indices.shape.size();
  return gather(data, shape, [&](ArrayRef<int64_t> place) {
    int64_t from = 0, at = 0;
    for (int64_t i = 0; i != *axis; ++i)
      from += place[i] * strides[i];
    for (size_t i = 0; i != count; ++i)
      at += place[*axis + i] * inner[i];
    int64_t index = toInteger((*indices.values)[at]);
    from += (index < 0 ? index + data.shape[*axis] : index) * strides[*axis];
    for (size_t i = *axis + 1; i != data.shape.size(); ++i)
      from += place[i - 1 + count] * strides[i];
    return from;
  });
}

static Answer evaluateTrilu(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.empty() || !inputs[0] || inputs[0]->shape.size() < 2)
    return std::nullopt;
  bool isUpper = getIntAttr(node, "upper", 1) != 0, hasShift = inputs.size() > 1 && node.getInput(1);
  if (hasShift && !(inputs[1] && inputs[1]->splat()))
    return std::nullopt;
  int64_t shift = hasShift ? toInteger(*inputs[1]->splat()) : 0;
  Array result = *inputs[0];
  if (!result.values)
    return result;
  int64_t columns = result.shape.back(), rows = result.shape[result.shape.size() - 2];
  for (int64_t i = 0, e = result.size(); i != e; ++i) {
    int64_t row = i / columns % rows, column = i % columns;
    if (isUpper ? column < row + shift : column > row + shift)
      (*result.values)[i] = 0;
  }
  return result;
}

static Answer evaluateCumSum(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.size() != 2 || !inputs[0] || !inputs[1] || !inputs[1]->splat() || getIntAttr(node, "reverse", 0) ||
      getIntAttr(node, "exclusive", 0))
    return std::nullopt;
  Array result = *inputs[0];
  int64_t axis = toInteger(*inputs[1]->splat()), rank = result.shape.size();
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  int64_t stride = stridesOf(result.shape)[axis];
  for (int64_t i = 0, e = result.values ? result.size() : 0; i != e; ++i)
    if (i / stride % result.shape[axis] != 0)
      (*result.values)[i] += (*result.values)[i - stride];
  return result;
}

template <typename Function> static Answer reduce(NodeOp node, Inputs inputs, double neutral, Function function) {
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  bool areGiven = (inputs.size() > 1 && node.getInput(1)) || node.getNodeAttr("axes");
  size_t rank = inputs[0]->shape.size();
  std::optional<SmallVector<int64_t>> axes = axesOf(node, inputs, 1, rank);
  if (areGiven && !axes)
    return std::nullopt;
  if (!areGiven)
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  SmallVector<int64_t> kept(inputs[0]->shape), shape;
  for (int64_t axis : *axes)
    kept[axis] = 1;
  bool keepsDims = getIntAttr(node, "keepdims", 1) != 0;
  for (auto [i, dim] : llvm::enumerate(kept))
    if (keepsDims || !llvm::is_contained(*axes, static_cast<int64_t>(i)))
      shape.push_back(dim);
  Array result{shape, std::nullopt, inputs[0]->isInteger};
  if (!inputs[0]->values)
    return result;
  result.values.emplace(result.size(), neutral);
  SmallVector<int64_t> strides = stridesOf(kept), own = stridesOf(inputs[0]->shape);
  for (int64_t i = 0, e = inputs[0]->size(); i != e; ++i) {
    int64_t to = 0;
    for (size_t dim = 0; dim != rank; ++dim)
      to += kept[dim] == 1 ? 0 : i / own[dim] % inputs[0]->shape[dim] * strides[dim];
    (*result.values)[to] = function((*result.values)[to], (*inputs[0]->values)[i]);
  }
  return result;
}

static void addStructure(llvm::StringMap<Handler> &all) {
  all["Constant"] = evaluateConstant;
  all["Shape"] = evaluateShape;
  all["Size"] = evaluateSize;
  all["ConstantOfShape"] = evaluateConstantOfShape;
  all["Range"] = evaluateRange;
  all["Reshape"] = evaluateReshape;
  all["Flatten"] = evaluateFlatten;
  all["Unsqueeze"] = evaluateUnsqueeze;
  all["Squeeze"] = evaluateSqueeze;
  all["Transpose"] = evaluateTranspose;
  all["Expand"] = evaluateExpand;
  all["Tile"] = evaluateTile;
  all["Concat"] = evaluateConcat;
  all["Slice"] = evaluateSlice;
  all["Split"] = evaluateSplit;
  all["Gather"] = evaluateGather;
  all["Trilu"] = evaluateTrilu;
  all["CumSum"] = evaluateCumSum;
  // clang-format off
  all["ReduceSum"] = [](NodeOp n, Inputs i, unsigned) { return reduce(n, i, 0, std::plus<double>()); };
  all["ReduceProd"] = [](NodeOp n, Inputs i, unsigned) { return reduce(n, i, 1, std::multiplies<double>()); };
  all["ReduceMax"] = [](NodeOp n, Inputs i, unsigned) { return reduce(n, i, -HUGE_VAL, [](double a, double b) { return std::max(a, b); }); };
  all["ReduceMin"] = [](NodeOp n, Inputs i, unsigned) { return reduce(n, i, HUGE_VAL, [](double a, double b) { return std::min(a, b); }); };
  // clang-format on
  all["ReduceMean"] = [](NodeOp n, Inputs i, unsigned) -> Answer {
    Answer sum = reduce(n, i, 0, std::plus<double>());
    if (sum && sum->values)
      for (double &value : *sum->values)
        value *= static_cast<double>(sum->size()) / std::max<int64_t>(i[0]->size(), 1);
    return sum;
  };
}

//===----------------------------------------------------------------------===//
// Activations, of which the shape is known
//===----------------------------------------------------------------------===//

static Answer shapeOfProduct(NodeOp node, Inputs inputs, unsigned) {
  if (inputs.size() < 2 || !inputs[0] || !inputs[1])
    return std::nullopt;
  SmallVector<int64_t> left(inputs[0]->shape), right(inputs[1]->shape);
  if (left.size() < 2 || right.size() < 2)
    return std::nullopt;
  if (getIntAttr(node, "transA", 0))
    std::swap(left[left.size() - 1], left[left.size() - 2]);
  if (getIntAttr(node, "transB", 0))
    std::swap(right[right.size() - 1], right[right.size() - 2]);
  if (left.back() != right[right.size() - 2])
    return std::nullopt;
  std::optional<SmallVector<int64_t>> shape =
      broadcastShapes(ArrayRef<int64_t>(left).drop_back(2), ArrayRef<int64_t>(right).drop_back(2));
  if (!shape)
    return std::nullopt;
  shape->push_back(left[left.size() - 2]);
  shape->push_back(right.back());
  return Array{*shape, std::nullopt, false};
}

static Answer shapeOfFirst(NodeOp, Inputs inputs, unsigned place) {
  if (inputs.empty() || !inputs[0] || place != 0)
    return std::nullopt;
  return Array{inputs[0]->shape, std::nullopt, inputs[0]->isInteger};
}

static const llvm::StringMap<Handler> &handlers() {
  static const llvm::StringMap<Handler> map = [] {
    llvm::StringMap<Handler> all;
    addElementwise(all);
    addStructure(all);
    for (StringRef name : {"MatMul", "Gemm", "FusedMatMul"})
      all[name] = shapeOfProduct;
    for (StringRef name : {"Softmax", "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization",
                           "SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "RotaryEmbedding", "LeakyRelu",
                           "HardSigmoid", "QuickGelu", "FastGelu", "Swish", "Round"})
      all[name] = shapeOfFirst;
    return all;
  }();
  return map;
}

Answer fgla::onnx::evaluateNode(NodeOp node, Inputs inputs, unsigned place) {
  auto it = handlers().find(node.getOpType());
  return it == handlers().end() ? std::nullopt : it->second(node, inputs, place);
}
