//===- ConvertONNXStructure.cpp - ONNX ops that move, and shapes ----------===//
#include "passes/onnx/ONNXLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fgla::onnx;

using Elements = SmallVector<Dim>;

//===----------------------------------------------------------------------===//
// Elementwise ops
//===----------------------------------------------------------------------===//

/// Constants are computed in the width of their type, where they wrap around.
static std::optional<int64_t> computeConstant(StringRef name, ArrayRef<Dim> x, unsigned width) {
  SmallVector<APInt, 2> numbers;
  for (const Dim &dim : x)
    numbers.push_back(APInt(64, dim.getStatic(), /*isSigned=*/true).trunc(width));
  if (numbers.size() != 2 || (name == "Div" && numbers[1].isZero()))
    return std::nullopt;
  const APInt &left = numbers[0], &right = numbers[1];
  if (name == "Equal")
    return left == right;
  if (name == "Add")
    return (left + right).getSExtValue();
  if (name == "Sub")
    return (left - right).getSExtValue();
  if (name == "Mul")
    return (left * right).getSExtValue();
  if (name == "Div")
    return left.sdiv(right).getSExtValue();
  return std::nullopt;
}

/// Arithmetic on sizes. Sums and rounded quotients become symbols. A size fits its type, but types of less than 32 bits
/// hold no sizes.
static std::optional<Dim> computeElement(ONNXLowering &lowering, StringRef name, ArrayRef<Dim> x, unsigned width) {
  if (name == "Identity")
    return x[0];
  if (name == "Where")
    return x[0].isConstant() ? std::optional(x[0].isZero() ? x[2] : x[1]) : std::nullopt;
  if (llvm::all_of(x, [](const Dim &dim) { return dim.isConstant(); })) {
    std::optional<int64_t> number = computeConstant(name, x, width);
    return number ? std::optional<Dim>(*number) : std::nullopt;
  }
  if (width < 32)
    return std::nullopt;
  if (name == "Mul")
    return x[0].times(x[1]);
  if (name == "Div")
    return x[0].dividedBy(x[1]);
  if (name == "Equal") {
    // Exporters ask whether a size is -1; a free size is not.
    for (const Dim &dim : x)
      if (dim.isConstant() && dim.getStatic() < 0)
        return Dim(0);
    return std::nullopt;
  }
  if (name != "Add" && name != "Sub")
    return std::nullopt;
  Value left = x[0].materialize(lowering.b, lowering.loc()), right = x[1].materialize(lowering.b, lowering.loc());
  return Dim::symbol(name == "Add" ? lowering.b.createOrFold<arith::AddIOp>(lowering.loc(), left, right)
                                   : lowering.b.createOrFold<arith::SubIOp>(lowering.loc(), left, right));
}

/// An elementwise op on integer tensors whose elements are known.
static std::optional<Tensor> computeElements(ONNXLowering &lowering, NodeOp node, Type element) {
  if (!node.getAbsentInputs().empty())
    return std::nullopt;
  size_t count = 1, rank = 0;
  unsigned width = 64;
  for (Value value : node.getInputs()) {
    const Tensor &tensor = lowering.lookup(value);
    if (!tensor.elements)
      return std::nullopt;
    width = tensor.element.getIntOrFloatBitWidth(); // the last operand's: a condition comes first
    if (tensor.rank() != 0 && tensor.elements->size() != 1)
      count = tensor.elements->size();
    rank = std::max(rank, tensor.rank());
  }
  Elements result;
  for (size_t i = 0; i != count; ++i) {
    Elements x;
    for (Value value : node.getInputs()) {
      const Elements &elements = *lowering.lookup(value).elements;
      if (elements.size() != count && elements.size() != 1)
        return std::nullopt;
      x.push_back(elements[elements.size() == 1 ? 0 : i]);
    }
    std::optional<Dim> computed = computeElement(lowering, node.getOpType(), x, width);
    if (!computed)
      return std::nullopt;
    result.push_back(*computed);
  }
  return Tensor{Value(), element, rank ? Elements{Dim(static_cast<int64_t>(count))} : Elements{}, result};
}

static LogicalResult convertElementwise(ONNXLowering &lowering, NodeOp node) {
  const ElementwiseOp &row = *lookupElementwise(node);
  size_t places = node.getNumInputPlaces();
  if (static_cast<int64_t>(places) < row.minInputs ||
      (row.maxInputs >= 0 && static_cast<int64_t>(places) > row.maxInputs))
    return lowering.error(node) << "has " << places << " inputs";
  bool isWhere = node.getOpType() == "Where";
  FailureOr<Tensor> data = lowering.input(node, isWhere ? 1 : 0);
  FailureOr<Type> result = lowering.resultElement(node);
  if (failed(data) || failed(result))
    return failure();
  Type element = *result, computeType = arithmeticType(data->element);
  if (!isa<FloatType>(element))
    if (std::optional<Tensor> computed = computeElements(lowering, node, element))
      return lowering.bind(node, *computed);
  if (lowering.isRaising())
    if (std::optional<Tensor> gated = raiseOutputGate(lowering, node))
      return lowering.bind(node, *gated);
  auto build = isa<FloatType>(computeType) ? row.buildFloat : row.buildInt;
  if (!build || (!isa<FloatType>(computeType) && !computeType.isSignlessInteger()))
    return lowering.error(node) << "element type " << data->element << " is not supported";
  SmallVector<Tensor> inputs;
  SmallVector<int> index(places, -1);
  for (size_t place = 0; place != places; ++place) {
    if (!node.getInput(place)) {
      if (row.maxInputs < 0 || static_cast<int64_t>(place) < row.minInputs)
        return lowering.error(node) << "input " << place << " is missing";
      continue;
    }
    index[place] = inputs.size();
    inputs.push_back(lowering.tensor(node.getInput(place)));
  }
  FailureOr<SmallVector<Dim>> dims = lowering.broadcast(node, inputs);
  if (failed(dims))
    return failure();
  return lowering.bind(node,
                       lowering.elementwise(inputs, *dims, element, [&](OpBuilder &b, Location loc, ValueRange args) {
                         SmallVector<Value> scalars;
                         for (auto [place, position] : llvm::enumerate(index)) {
                           Value scalar = position < 0 ? Value() : args[position];
                           bool isCondition = isWhere && place == 0;
                           scalars.push_back(scalar && !isCondition ? castScalar(b, loc, scalar, computeType) : scalar);
                         }
                         return castScalar(b, loc, build(b, loc, node, scalars), element);
                       }));
}

static LogicalResult convertIdentity(ONNXLowering &lowering, NodeOp node) {
  if (node.getOpType() == "Dropout" && node.getOutput(1))
    return lowering.error(node) << "the mask of a dropout is not supported";
  if (!node.getInput(0))
    return lowering.error(node) << "input 0 is missing";
  if (node.getOpType() == "Dropout" && node.getInput(2) &&
      lowering.constants(node.getInput(2)) != SmallVector<int64_t>{0})
    return lowering.error(node) << "training mode is not supported";
  return lowering.bind(node, Tensor(lowering.lookup(node.getInput(0))));
}

/// Gives constants the values that they have in `element`; false where a size would not be one any more.
static bool narrowElements(Elements &elements, Type element) {
  unsigned width = element.getIntOrFloatBitWidth();
  for (Dim &dim : elements) {
    if (!dim.isConstant() && width < 32)
      return false;
    if (dim.isConstant())
      dim = Dim(APInt(64, dim.getStatic(), /*isSigned=*/true).trunc(width).getSExtValue());
  }
  return true;
}

static LogicalResult convertCast(ONNXLowering &lowering, NodeOp node) {
  if (!node.getInput(0))
    return lowering.error(node) << "input 0 is missing";
  FailureOr<Type> result = lowering.resultElement(node);
  if (failed(result))
    return failure();
  Type element = *result;
  Tensor input = lowering.lookup(node.getInput(0));
  if (input.elements && element.isSignlessInteger() && !element.isInteger(1) &&
      narrowElements(*input.elements, element)) {
    input.value = input.element == element ? input.value : Value();
    input.element = element;
    return lowering.bind(node, input);
  }
  return lowering.bind(node, lowering.cast(lowering.tensor(node.getInput(0)), element));
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static LogicalResult convertConstant(ONNXLowering &lowering, NodeOp node) {
  OpBuilder &b = lowering.b;
  Attribute value;
  for (StringRef name : {"value", "value_float", "value_int", "value_floats", "value_ints"})
    if (Attribute attr = node.getNodeAttr(name))
      value = attr;
  ElementsAttr elements = dyn_cast_or_null<ElementsAttr>(value);
  if (auto number = dyn_cast_or_null<FloatAttr>(value))
    elements = DenseElementsAttr::get(RankedTensorType::get({}, number.getType()), Attribute(number));
  else if (auto integer = dyn_cast_or_null<IntegerAttr>(value))
    elements = DenseElementsAttr::get(RankedTensorType::get({}, integer.getType()), Attribute(integer));
  else if (auto floats = dyn_cast_or_null<DenseF32ArrayAttr>(value))
    elements = DenseElementsAttr::get(RankedTensorType::get({floats.size()}, b.getF32Type()), floats.asArrayRef());
  else if (auto ints = dyn_cast_or_null<DenseI64ArrayAttr>(value))
    elements = DenseElementsAttr::get(RankedTensorType::get({ints.size()}, b.getI64Type()), ints.asArrayRef());
  if (!elements)
    return lowering.error(node) << "a constant must be a tensor or numbers";
  if (!node.getOutput(0))
    return lowering.error(node) << "output 0 is missing";
  return lowering.bindConstant(node.getOutput(0), elements);
}

static LogicalResult convertShape(ONNXLowering &lowering, NodeOp node) {
  if (!node.getInput(0))
    return lowering.error(node) << "input 0 is missing";
  Elements dims = lowering.lookup(node.getInput(0)).dims;
  int64_t rank = dims.size();
  auto bound = [&](int64_t value) { return std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank); };
  int64_t start = bound(getIntAttr(node, "start", 0)), end = std::max(start, bound(getIntAttr(node, "end", rank)));
  Elements elements(dims.begin() + start, dims.begin() + end);
  return lowering.bind(node, Tensor{Value(), lowering.b.getI64Type(), {Dim(end - start)}, elements});
}

static LogicalResult convertSize(ONNXLowering &lowering, NodeOp node) {
  if (!node.getInput(0))
    return lowering.error(node) << "input 0 is missing";
  std::optional<Dim> total = product(lowering.lookup(node.getInput(0)).dims);
  if (!total)
    return lowering.error(node) << "the size is too large";
  return lowering.bind(node, Tensor{Value(), lowering.b.getI64Type(), {}, Elements{*total}});
}

/// The elements of an input that is a shape.
static FailureOr<Elements> shapeInput(ONNXLowering &lowering, NodeOp node, size_t place) {
  Value value = node.getInput(place);
  if (!value)
    return lowering.error(node) << "input " << place << " is missing", failure();
  const Tensor &tensor = lowering.lookup(value);
  if (!tensor.elements || tensor.rank() > 1)
    return lowering.error(node) << "input " << place << " must be a constant or made from shapes", failure();
  return *tensor.elements;
}

static LogicalResult convertReshape(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> input = lowering.input(node, 0);
  FailureOr<Elements> shape = shapeInput(lowering, node, 1);
  if (failed(input) || failed(shape))
    return failure();
  bool allowZero = getIntAttr(node, "allowzero", 0) != 0;
  Elements dims = *shape;
  int64_t inferred = -1;
  Dim known;
  for (auto [i, dim] : llvm::enumerate(dims)) {
    if (dim.isZero() && !allowZero) {
      if (i >= input->rank())
        return lowering.error(node) << "shape " << formatDims(*shape) << " copies axis " << i << " of "
                                    << formatDims(input->dims);
      dim = input->dims[i];
    }
    if (dim == Dim(-1) && inferred >= 0)
      return lowering.error(node) << "shape " << formatDims(*shape) << " has -1 twice";
    if (dim == Dim(-1)) {
      inferred = i;
      continue;
    }
    std::optional<Dim> next = known.times(dim);
    if (!next || (dim.isConstant() && dim.getStatic() < 0))
      return lowering.error(node) << "shape " << formatDims(*shape) << " is not valid";
    known = *next;
  }
  if (inferred >= 0) {
    std::optional<Dim> total = product(input->dims);
    std::optional<Dim> rest = total ? total->dividedBy(known) : std::nullopt;
    if (!rest)
      return lowering.error(node) << "can't see that " << formatDims(input->dims) << " divides into "
                                  << formatDims(*shape);
    dims[inferred] = *rest;
  }
  return lowering.bind(node, lowering.reshape(node, *input, dims));
}

static LogicalResult convertFlatten(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> input = lowering.input(node, 0);
  if (failed(input))
    return failure();
  int64_t rank = input->rank(), axis = getIntAttr(node, "axis", 1);
  if (axis < -rank || axis > rank)
    return lowering.error(node) << "axis " << axis << " is out of range for rank " << rank;
  ArrayRef<Dim> dims = input->dims;
  axis = axis < 0 ? axis + rank : axis;
  std::optional<Dim> left = product(dims.take_front(axis)), right = product(dims.drop_front(axis));
  if (!left || !right)
    return lowering.error(node) << "the size is too large";
  return lowering.bind(node, lowering.reshape(node, *input, {*left, *right}));
}

/// What is an input since version 13 and was an attribute before.
static std::optional<SmallVector<int64_t>> constantList(ONNXLowering &lowering, NodeOp node, size_t place,
                                                        StringRef name) {
  if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr(name)))
    return SmallVector<int64_t>(attr.asArrayRef());
  return lowering.constants(node.getInput(place));
}

/// Squeeze and Unsqueeze.
static LogicalResult convertUnitDims(ONNXLowering &lowering, NodeOp node) {
  bool isSqueeze = node.getOpType() == "Squeeze";
  if (!node.getInput(0))
    return lowering.error(node) << "input 0 is missing";
  Tensor input = lowering.lookup(node.getInput(0));
  std::optional<SmallVector<int64_t>> list = constantList(lowering, node, 1, "axes");
  if (!list && (!isSqueeze || node.getInput(1)))
    return lowering.error(node) << "the axes must be constants";
  Elements dims;
  if (!list) {
    llvm::copy_if(input.dims, std::back_inserter(dims), [](const Dim &dim) { return !dim.isOne(); });
  } else {
    FailureOr<SmallVector<int64_t>> axes = lowering.axes(node, *list, input.rank() + (isSqueeze ? 0 : list->size()));
    if (failed(axes))
      return failure();
    size_t next = 0;
    for (size_t i = 0, e = input.rank() + (isSqueeze ? 0 : axes->size()); i != e; ++i) {
      bool isNamed = llvm::is_contained(*axes, static_cast<int64_t>(i));
      if (isSqueeze && isNamed && !input.dims[i].isOne())
        return lowering.error(node) << "axis " << i << " of " << formatDims(input.dims) << " is not seen to be 1";
      if (!isNamed)
        dims.push_back(input.dims[isSqueeze ? i : next++]);
      else if (!isSqueeze)
        dims.push_back(Dim(1));
    }
  }
  if (input.elements && dims.size() <= 1)
    return lowering.bind(node, Tensor{Value(), input.element, dims, input.elements});
  return lowering.bind(node, lowering.reshape(node, lowering.tensor(node.getInput(0)), dims));
}

static LogicalResult convertTranspose(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> input = lowering.input(node, 0);
  if (failed(input))
    return failure();
  SmallVector<int64_t> permutation;
  if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr("perm")))
    permutation.assign(attr.asArrayRef().begin(), attr.asArrayRef().end());
  else
    for (size_t i = input->rank(); i != 0; --i)
      permutation.push_back(i - 1);
  SmallVector<int64_t> sorted(permutation);
  llvm::sort(sorted);
  if (sorted.size() != input->rank() || !llvm::equal(sorted, llvm::seq<int64_t>(0, input->rank())))
    return lowering.error(node) << "perm is not a permutation of the " << input->rank() << " axes";
  return lowering.bind(node, lowering.transpose(*input, permutation));
}

static LogicalResult convertExpand(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> input = lowering.input(node, 0);
  FailureOr<Elements> shape = shapeInput(lowering, node, 1);
  if (failed(input) || failed(shape))
    return failure();
  for (const Dim &dim : *shape)
    if (dim.isConstant() && dim.getStatic() < 0)
      return lowering.error(node) << "shape " << formatDims(*shape) << " is not valid";
  Tensor target{Value(), input->element, *shape, std::nullopt};
  FailureOr<SmallVector<Dim>> dims = lowering.broadcast(node, {*input, target});
  if (failed(dims))
    return failure();
  if (*dims == input->dims)
    return lowering.bind(node, *input);
  return lowering.bind(node, lowering.elementwise(*input, *dims, input->element,
                                                  [](OpBuilder &, Location, ValueRange args) { return args[0]; }));
}

static LogicalResult convertConstantOfShape(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Elements> shape = shapeInput(lowering, node, 0);
  if (failed(shape))
    return failure();
  OpBuilder &b = lowering.b;
  TypedAttr value = b.getF32FloatAttr(0);
  if (auto attr = dyn_cast_or_null<DenseElementsAttr>(node.getNodeAttr("value")))
    if (attr.getNumElements() == 1)
      value = cast<TypedAttr>(attr.getSplatValue<Attribute>());
  for (const Dim &dim : *shape)
    if (dim.isConstant() && dim.getStatic() < 0)
      return lowering.error(node) << "shape " << formatDims(*shape) << " is not valid";
  auto integer = dyn_cast<IntegerAttr>(value);
  if (integer && integer.getType().isSignlessInteger() && shape->size() <= 1 &&
      llvm::all_of(*shape, [](const Dim &d) { return d.isConstant() && d.getStatic() <= 64; })) {
    int64_t count = shape->empty() ? 1 : (*shape)[0].getStatic();
    return lowering.bind(node, Tensor{Value(), value.getType(), *shape,
                                      Elements(count, elementOf(integer.getType(), integer.getValue()))});
  }
  Value scalar = arith::ConstantOp::create(b, lowering.loc(), value);
  Value init = lowering.empty(*shape, value.getType()).value;
  return lowering.bind(node,
                       lowering.make(linalg::FillOp::create(b, lowering.loc(), scalar, init).getResult(0), *shape));
}

//===----------------------------------------------------------------------===//
// Parts of tensors
//===----------------------------------------------------------------------===//

static Dim sum(ONNXLowering &lowering, const Dim &left, const Dim &right) {
  if (left.isConstant() && right.isConstant())
    return Dim(left.getStatic() + right.getStatic());
  Value value = lowering.b.createOrFold<arith::AddIOp>(lowering.loc(), left.materialize(lowering.b, lowering.loc()),
                                                       right.materialize(lowering.b, lowering.loc()));
  return Dim::symbol(value);
}

static LogicalResult convertConcat(ONNXLowering &lowering, NodeOp node) {
  OpBuilder &b = lowering.b;
  Elements elements;
  bool areShapes = true;
  for (Value value : node.getInputs()) {
    const Tensor &tensor = lowering.lookup(value);
    areShapes &= tensor.elements.has_value() && tensor.rank() == 1;
    if (areShapes)
      elements.append(*tensor.elements);
  }
  if (node.getInputs().empty())
    return lowering.error(node) << "input 0 is missing";
  if (areShapes) {
    Type element = lowering.lookup(node.getInputs().front()).element;
    return lowering.bind(node, Tensor{Value(), element, {Dim(static_cast<int64_t>(elements.size()))}, elements});
  }
  Tensor first = lowering.tensor(node.getInputs().front());
  FailureOr<int64_t> axis = lowering.axis(node, getIntAttr(node, "axis", 0), first.rank());
  if (failed(axis))
    return failure();
  Elements dims = first.dims;
  dims[*axis] = Dim(0);
  SmallVector<Tensor> inputs;
  SmallVector<Dim> offsets;
  for (Value value : node.getInputs()) {
    Tensor input = lowering.tensor(value);
    for (auto [i, dim] : llvm::enumerate(input.dims))
      if (input.rank() != first.rank() || (static_cast<int64_t>(i) != *axis && dim != first.dims[i]))
        return lowering.error(node) << "can't see that " << formatDims(input.dims) << " and " << formatDims(first.dims)
                                    << " fit on axis " << *axis;
    if (input.dims[*axis].isZero())
      continue;
    offsets.push_back(dims[*axis]);
    dims[*axis] = sum(lowering, dims[*axis], input.dims[*axis]);
    inputs.push_back(input);
  }
  if (inputs.size() == 1)
    return lowering.bind(node, inputs.front());
  Value result = lowering.empty(dims, first.element).value;
  for (auto [input, offset] : llvm::zip_equal(inputs, offsets)) {
    if (llvm::any_of(input.dims, [](const Dim &dim) { return dim.isZero(); }))
      continue;
    SmallVector<OpFoldResult> starts(dims.size(), b.getIndexAttr(0)), sizes, strides(dims.size(), b.getIndexAttr(1));
    starts[*axis] = offset.fold(b, lowering.loc());
    for (const Dim &dim : input.dims)
      sizes.push_back(dim.fold(b, lowering.loc()));
    result = tensor::InsertSliceOp::create(b, lowering.loc(), input.value, result, starts, sizes, strides);
  }
  return lowering.bind(node, lowering.make(result, dims));
}

static LogicalResult convertSplit(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> input = lowering.input(node, 0);
  if (failed(input))
    return failure();
  FailureOr<int64_t> axis = lowering.axis(node, getIntAttr(node, "axis", 0), input->rank());
  if (failed(axis))
    return failure();
  int64_t count = node.getNumOutputPlaces(), total = input->dims[*axis].getStatic();
  SmallVector<int64_t> sizes;
  if (std::optional<SmallVector<int64_t>> list = constantList(lowering, node, 1, "split")) {
    sizes = *list;
  } else if (node.getInput(1)) {
    return lowering.error(node) << "the sizes must be constants";
  } else {
    if (ShapedType::isDynamic(total) || getIntAttr(node, "num_outputs", count) != count)
      return lowering.error(node) << "axis " << *axis << " of " << formatDims(input->dims) << " can't be split into "
                                  << count;
    // All parts are equal but the last.
    int64_t part = (total + count - 1) / count;
    for (int64_t i = 0; i != count; ++i)
      sizes.push_back(std::clamp<int64_t>(total - i * part, 0, part));
  }
  int64_t covered = 0;
  bool areValid = static_cast<int64_t>(sizes.size()) == count && llvm::all_of(sizes, [&](int64_t size) {
                    return size >= 0 && !llvm::AddOverflow(covered, size, covered);
                  });
  if (!areValid || Dim(covered) != input->dims[*axis])
    return lowering.error(node) << "the sizes of the parts do not add up to axis " << *axis << " of "
                                << formatDims(input->dims);
  int64_t offset = 0;
  for (int64_t i = 0; i != count; offset += sizes[i++]) {
    if (!node.getOutput(i))
      continue;
    Elements dims = input->dims;
    dims[*axis] = Dim(sizes[i]);
    SmallVector<OpFoldResult> offsets(dims.size(), lowering.b.getIndexAttr(0));
    offsets[*axis] = lowering.b.getIndexAttr(offset);
    lowering.bind(node.getOutput(i), lowering.slice(*input, offsets, dims, SmallVector<int64_t>(dims.size(), 1)));
  }
  return success();
}

/// A bound of a slice: counted from the end if negative, then moved into [0, size].
static Dim sliceBound(ONNXLowering &lowering, const Dim &bound, const Dim &size) {
  if (bound.isZero() || bound == size)
    return bound;
  if (bound.isConstant() && size.isConstant()) {
    int64_t n = size.getStatic(), value = bound.getStatic();
    return Dim(std::clamp<int64_t>(value < 0 ? value + n : value, 0, n));
  }
  // The largest numbers say "to the end".
  if (bound.isConstant() && bound.getStatic() >= std::numeric_limits<int32_t>::max())
    return size;
  OpBuilder &b = lowering.b;
  Location loc = lowering.loc();
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), n = size.materialize(b, loc),
        value = bound.materialize(b, loc);
  Value isNegative = b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, value, zero);
  value = b.createOrFold<arith::SelectOp>(loc, isNegative, b.createOrFold<arith::AddIOp>(loc, value, n), value);
  return Dim::symbol(b.createOrFold<arith::MinSIOp>(loc, b.createOrFold<arith::MaxSIOp>(loc, value, zero), n));
}

/// Tensors have fewer elements than this.
static constexpr int64_t maxElements = int64_t(1) << 48;

/// The number of steps from `start` to `end`.
static Dim sliceSize(ONNXLowering &lowering, const Dim &start, const Dim &end, int64_t step) {
  if (start.isConstant() && end.isConstant())
    return Dim(std::max<int64_t>(0, llvm::divideCeilSigned(end.getStatic() - start.getStatic(), step)));
  if (start.isZero() && step == 1)
    return end;
  OpBuilder &b = lowering.b;
  Location loc = lowering.loc();
  Value length = b.createOrFold<arith::SubIOp>(loc, end.materialize(b, loc), start.materialize(b, loc));
  length = b.createOrFold<arith::MaxSIOp>(loc, length, arith::ConstantIndexOp::create(b, loc, 0));
  if (step == 1)
    return Dim::symbol(length);
  length = b.createOrFold<arith::AddIOp>(loc, length, arith::ConstantIndexOp::create(b, loc, step - 1));
  return Dim::symbol(b.createOrFold<arith::DivSIOp>(loc, length, arith::ConstantIndexOp::create(b, loc, step)));
}

static LogicalResult convertSlice(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Elements> starts = shapeInput(lowering, node, 1), ends = shapeInput(lowering, node, 2);
  if (failed(starts) || failed(ends) || !node.getInput(0))
    return failure();
  Tensor input = lowering.lookup(node.getInput(0));
  std::optional<SmallVector<int64_t>> list = lowering.constants(node.getInput(3)),
                                      steps = lowering.constants(node.getInput(4));
  if ((node.getInput(3) && !list) || (node.getInput(4) && !steps))
    return lowering.error(node) << "axes and steps must be constants";
  if (!list)
    list = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  if (!steps)
    steps = SmallVector<int64_t>(starts->size(), 1);
  if (starts->size() != ends->size() || starts->size() != list->size() || starts->size() != steps->size())
    return lowering.error(node) << "starts, ends, axes and steps must have one length";
  Elements dims = input.dims, offsets(input.rank(), Dim(0));
  SmallVector<int64_t> strides(input.rank(), 1);
  for (auto [start, end, entry, step] : llvm::zip(*starts, *ends, *list, *steps)) {
    FailureOr<int64_t> axis = lowering.axis(node, entry, input.rank());
    if (failed(axis))
      return failure();
    if (step < 1)
      return lowering.error(node) << "step " << step << " is not supported (at least 1)";
    const Dim size = input.dims[*axis];
    offsets[*axis] = sliceBound(lowering, start, size);
    dims[*axis] = sliceSize(lowering, offsets[*axis], sliceBound(lowering, end, size), std::min(step, maxElements));
    // A step past the end takes one row, whatever it is; the largest ones are no strides of memory.
    bool isPastEnd = step >= (size.isConstant() ? size.getStatic() : maxElements);
    strides[*axis] = isPastEnd ? 1 : step;
  }
  if (input.elements && input.rank() == 1 && offsets[0].isConstant() && dims[0].isConstant()) {
    Elements elements;
    for (int64_t i = 0; i != dims[0].getStatic(); ++i)
      elements.push_back((*input.elements)[offsets[0].getStatic() + i * strides[0]]);
    return lowering.bind(node, Tensor{Value(), input.element, dims, elements});
  }
  input = lowering.tensor(node.getInput(0));
  if (input.dims == dims)
    return lowering.bind(node, input);
  SmallVector<OpFoldResult> folded;
  for (const Dim &offset : offsets)
    folded.push_back(offset.fold(lowering.b, lowering.loc()));
  return lowering.bind(node, lowering.slice(input, folded, dims, strides));
}

/// Lets the call fail where an index is not in [-limit, limit).
static void assertInRange(ONNXLowering &lowering, NodeOp node, const Tensor &indices, Value limit) {
  OpBuilder &b = lowering.b;
  Location loc = lowering.loc();
  Type type = b.getI64Type();
  Value size = arith::IndexCastOp::create(b, loc, type, limit);
  Value least = arith::SubIOp::create(b, loc, arith::ConstantIntOp::create(b, loc, 0, 64), size);
  auto axes = llvm::to_vector(llvm::seq<int64_t>(0, indices.rank()));
  Tensor anyOutside = lowering.reduce(
      indices, axes, type, b.getI64IntegerAttr(0), [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
        Value low = arith::CmpIOp::create(nested, at, arith::CmpIPredicate::slt, args[0], least);
        Value high = arith::CmpIOp::create(nested, at, arith::CmpIPredicate::sge, args[0], size);
        Value isOutside = arith::OrIOp::create(nested, at, low, high);
        isOutside = arith::ExtUIOp::create(nested, at, type, isOutside);
        return arith::MaxSIOp::create(nested, at, isOutside, args[1]);
      });
  Value count = tensor::ExtractOp::create(b, loc, anyOutside.value, ValueRange());
  Value isInside =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, count, arith::ConstantIntOp::create(b, loc, 0, 64));
  cf::AssertOp::create(b, loc, isInside, "operator " + node.describe() + ": an index is out of range");
}

/// Writes rows of `data` along `axis`, by indices known at run time, to `init`. An index out of range takes the nearest
/// row, since reading past the tensor must not happen.
static Value gatherRows(OpBuilder &b, Location loc, const Tensor &data, const Tensor &indices, int64_t axis,
                        Value limit, Value init) {
  int64_t rank = cast<RankedTensorType>(init.getType()).getRank();
  SmallVector<AffineExpr> exprs;
  for (size_t i = 0; i != indices.rank(); ++i)
    exprs.push_back(b.getAffineDimExpr(axis + i));
  SmallVector<AffineMap> maps = {AffineMap::get(rank, 0, exprs, b.getContext()), b.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, init.getType(), indices.value, init, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value zero = arith::ConstantIndexOp::create(nested, loc, 0),
              one = arith::ConstantIndexOp::create(nested, loc, 1);
        Value index = arith::IndexCastOp::create(nested, loc, nested.getIndexType(), args[0]);
        Value isNegative = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt, index, zero);
        index =
            arith::SelectOp::create(nested, loc, isNegative, arith::AddIOp::create(nested, loc, index, limit), index);
        index = arith::MinSIOp::create(nested, loc, index, arith::SubIOp::create(nested, loc, limit, one));
        index = arith::MaxSIOp::create(nested, loc, index, zero);
        SmallVector<Value> position;
        for (int64_t i = 0, e = data.rank(); i != e; ++i)
          position.push_back(
              i == axis ? index
                        : linalg::IndexOp::create(nested, loc, i < axis ? i : i + indices.rank() - 1).getResult());
        linalg::YieldOp::create(nested, loc, tensor::ExtractOp::create(nested, loc, data.value, position).getResult());
      });
  return generic.getResult(0);
}

/// Rows of `data` along `axis`; an index out of range fails the call.
static Tensor gather(ONNXLowering &lowering, NodeOp node, const Tensor &data, const Tensor &indices, int64_t axis) {
  OpBuilder &b = lowering.b;
  Location loc = lowering.loc();
  Elements dims(data.dims.begin(), data.dims.begin() + axis);
  dims.append(indices.dims);
  dims.append(data.dims.begin() + axis + 1, data.dims.end());
  Value limit = data.dims[axis].materialize(b, loc), init = lowering.empty(dims, data.element).value;
  assertInRange(lowering, node, indices, limit);
  if (data.dims[axis].isConstant() && !data.dims[axis].isZero())
    return lowering.make(gatherRows(b, loc, data, indices, axis, limit, init), dims);
  // Where there may be no row there may be nothing to read: a loop of one turn or none.
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
  Value turns = arith::MinSIOp::create(b, loc, limit, one);
  auto loop = scf::ForOp::create(b, loc, zero, turns, one, init,
                                 [&](OpBuilder &nested, Location at, Value, ValueRange carried) {
                                   Value rows = gatherRows(nested, at, data, indices, axis, limit, carried.front());
                                   scf::YieldOp::create(nested, at, rows);
                                 });
  return lowering.make(loop.getResult(0), dims);
}

static LogicalResult convertGather(ONNXLowering &lowering, NodeOp node) {
  if (!node.getInput(0) || !node.getInput(1))
    return lowering.error(node) << "an input is missing";
  Tensor data = lowering.lookup(node.getInput(0));
  FailureOr<int64_t> axis = lowering.axis(node, getIntAttr(node, "axis", 0), data.rank());
  if (failed(axis))
    return failure();
  Elements indexDims = lowering.lookup(node.getInput(1)).dims;
  std::optional<SmallVector<int64_t>> indices = lowering.constants(node.getInput(1));
  int64_t size = data.dims[*axis].getStatic();
  if (indices && !ShapedType::isDynamic(size))
    for (int64_t &index : *indices) {
      if (index < -size || index >= size)
        return lowering.error(node) << "index " << index << " is out of range for axis " << *axis << " of "
                                    << formatDims(data.dims);
      index = index < 0 ? index + size : index;
    }
  if (data.elements && data.rank() == 1 && indices) {
    Elements elements;
    for (int64_t index : *indices)
      elements.push_back((*data.elements)[index]);
    return lowering.bind(node, Tensor{Value(), data.element, indexDims, elements});
  }
  data = lowering.tensor(node.getInput(0));
  // One row is a slice.
  if (indices && indices->size() == 1 && (*indices)[0] >= 0 && !ShapedType::isDynamic(size)) {
    Elements dims = data.dims, result(data.dims.begin(), data.dims.begin() + *axis);
    dims[*axis] = Dim(1);
    result.append(indexDims);
    result.append(data.dims.begin() + *axis + 1, data.dims.end());
    SmallVector<OpFoldResult> offsets(dims.size(), lowering.b.getIndexAttr(0));
    offsets[*axis] = lowering.b.getIndexAttr((*indices)[0]);
    Tensor row = lowering.slice(data, offsets, dims, SmallVector<int64_t>(dims.size(), 1));
    return lowering.bind(node, lowering.reshape(node, row, result));
  }
  Tensor positions = lowering.tensor(node.getInput(1));
  return lowering.bind(node, gather(lowering, node, data, positions, *axis));
}

void fgla::onnx::addElementwiseHandlers(llvm::StringMap<OperatorInfo> &operators) {
  for (const auto &entry : elementwiseOperators())
    operators[entry.getKey()] = {convertElementwise, entry.second.version};
}

void fgla::onnx::addStructureHandlers(llvm::StringMap<OperatorInfo> &operators) {
  operators["Identity"] = {convertIdentity, 1};
  operators["Dropout"] = {convertIdentity, 7};
  operators["Cast"] = {convertCast, 6};
  operators["Constant"] = {convertConstant, 1};
  operators["Shape"] = {convertShape, 1};
  operators["Size"] = {convertSize, 1};
  operators["Reshape"] = {convertReshape, 5};
  operators["Flatten"] = {convertFlatten, 1};
  operators["Squeeze"] = operators["Unsqueeze"] = {convertUnitDims, 1};
  operators["Transpose"] = {convertTranspose, 1};
  operators["Expand"] = {convertExpand, 8};
  operators["ConstantOfShape"] = {convertConstantOfShape, 9};
  operators["Concat"] = {convertConcat, 4};
  operators["Split"] = {convertSplit, 2};
  operators["Slice"] = {convertSlice, 10};
  operators["Gather"] = {convertGather, 1};
}
