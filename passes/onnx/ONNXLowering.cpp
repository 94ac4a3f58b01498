//===- ONNXLowering.cpp - What the conversions of ONNX nodes share --------===//
#include "passes/onnx/ONNXLowering.h"
#include "dialect/fgla/Attributes.h"
#include "dialect/onnx/ExternalData.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace fgla::onnx;

Type fgla::onnx::arithmeticType(Type type) {
  auto floatType = dyn_cast<FloatType>(type);
  return floatType && floatType.getWidth() < 32 ? Float32Type::get(type.getContext()) : type;
}

ONNXLowering::ONNXLowering(func::FuncOp func, StringRef folder, bool raise)
    : b(func.getContext()), func(func), folder(folder), raise(raise), location(func.getLoc()) {}

InFlightDiagnostic ONNXLowering::error(NodeOp node) {
  return emitError(node.getLoc()) << "operator " << node.describe() << ": ";
}

//===----------------------------------------------------------------------===//
// The table of values
//===----------------------------------------------------------------------===//

Tensor ONNXLowering::make(Value value, ArrayRef<Dim> dims) {
  return {value, cast<RankedTensorType>(value.getType()).getElementType(), SmallVector<Dim>(dims), std::nullopt};
}

const Tensor &ONNXLowering::lookup(Value value) {
  auto it = values.find(value);
  if (it != values.end())
    return it->second;
  // A value that something else made.
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(value);
  SmallVector<Dim> dims;
  for (auto [i, size] : llvm::enumerate(cast<RankedTensorType>(value.getType()).getShape()))
    dims.push_back(ShapedType::isDynamic(size) ? Dim::symbol(tensor::DimOp::create(b, value.getLoc(), value, i))
                                               : Dim(size));
  return values.try_emplace(value, make(value, dims)).first->second;
}

Value ONNXLowering::materializeElements(const Tensor &tensor) {
  SmallVector<Value> scalars;
  SmallVector<int64_t> known;
  for (const Dim &element : *tensor.elements)
    if (element.isConstant())
      known.push_back(element.getStatic());
  RankedTensorType type = tensorType(tensor.dims, tensor.element);
  if (known.size() == tensor.elements->size()) {
    SmallVector<APInt> numbers;
    for (int64_t value : known)
      numbers.push_back(
          APInt(tensor.element.getIntOrFloatBitWidth(), value, /*isSigned=*/true, /*implicitTrunc=*/true));
    return arith::ConstantOp::create(b, location, DenseElementsAttr::get(type, numbers));
  }
  for (const Dim &element : *tensor.elements)
    scalars.push_back(arith::IndexCastOp::create(b, location, tensor.element, element.materialize(b, location)));
  return tensor::FromElementsOp::create(b, location, type, scalars);
}

Tensor ONNXLowering::tensor(Value value) {
  Tensor result = lookup(value);
  if (!result.value) {
    result.value = materializeElements(result);
    // Made inside a region, it would not be seen by what follows.
    if (b.getInsertionBlock() == value.getParentBlock())
      values[value].value = result.value;
  }
  return result;
}

FailureOr<Tensor> ONNXLowering::input(NodeOp node, size_t place) {
  Value value = node.getInput(place);
  if (!value)
    return error(node) << "input " << place << " is missing", failure();
  if (!isa<RankedTensorType>(value.getType()) && !values.contains(value))
    return error(node) << "the rank of input " << place << " is not known", failure();
  return tensor(value);
}

std::optional<SmallVector<int64_t>> ONNXLowering::constants(Value value) {
  if (!value)
    return std::nullopt;
  const Tensor &tensor = lookup(value);
  if (!tensor.elements)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const Dim &element : *tensor.elements) {
    if (!element.isConstant())
      return std::nullopt;
    numbers.push_back(element.getStatic());
  }
  return numbers;
}

static Attribute splatOf(Value value) {
  DenseElementsAttr attr;
  if (!value || !matchPattern(value, m_Constant(&attr)) || !attr.isSplat() || attr.getNumElements() == 0)
    return {};
  return attr.getSplatValue<Attribute>();
}

std::optional<double> ONNXLowering::splat(Value value) {
  Attribute attr = splatOf(lookup(value).value);
  if (auto number = dyn_cast_or_null<FloatAttr>(attr))
    return number.getValueAsDouble();
  return std::nullopt;
}

void ONNXLowering::bind(Value value, Tensor tensor) { values[value] = std::move(tensor); }

LogicalResult ONNXLowering::bind(NodeOp node, Tensor tensor) {
  if (Value value = node.getOutput(0))
    bind(value, std::move(tensor));
  return success();
}

FailureOr<Type> ONNXLowering::resultElement(NodeOp node) {
  Value result = node.getOutput(0);
  auto type = result ? dyn_cast<ShapedType>(result.getType()) : ShapedType();
  if (!type)
    return error(node) << "the type of the result is not known", failure();
  return type.getElementType();
}

LogicalResult ONNXLowering::bind(NodeOp node, FailureOr<Tensor> tensor) {
  return failed(tensor) ? failure() : bind(node, *tensor);
}

FailureOr<int64_t> ONNXLowering::axis(NodeOp node, int64_t axis, size_t rank) {
  int64_t count = rank;
  if (axis < -count || axis >= count)
    return error(node) << "axis " << axis << " is out of range for rank " << rank, failure();
  return axis < 0 ? axis + count : axis;
}

FailureOr<SmallVector<int64_t>> ONNXLowering::axes(NodeOp node, ArrayRef<int64_t> list, size_t rank) {
  SmallVector<int64_t> result;
  for (int64_t entry : list) {
    FailureOr<int64_t> normal = axis(node, entry, rank);
    if (failed(normal))
      return failure();
    if (llvm::is_contained(result, *normal))
      return error(node) << "axis " << entry << " is given twice", failure();
    result.push_back(*normal);
  }
  llvm::sort(result);
  return result;
}

//===----------------------------------------------------------------------===//
// Builders
//===----------------------------------------------------------------------===//

static SmallVector<OpFoldResult> foldAll(OpBuilder &b, Location loc, ArrayRef<Dim> dims) {
  SmallVector<OpFoldResult> sizes;
  for (const Dim &dim : dims)
    sizes.push_back(dim.fold(b, loc));
  return sizes;
}

Tensor ONNXLowering::empty(ArrayRef<Dim> dims, Type element) {
  return make(tensor::EmptyOp::create(b, location, foldAll(b, location, dims), element), dims);
}

Tensor ONNXLowering::filled(ArrayRef<Dim> dims, Type element, double value) {
  TypedAttr attr =
      isa<FloatType>(element) ? TypedAttr(b.getFloatAttr(element, value)) : TypedAttr(b.getIntegerAttr(element, value));
  Value scalar = arith::ConstantOp::create(b, location, attr);
  return make(linalg::FillOp::create(b, location, scalar, empty(dims, element).value).getResult(0), dims);
}

Tensor ONNXLowering::root(const Tensor &input) {
  auto it = roots.find(input.value);
  return it == roots.end() ? input : it->second;
}

/// Splits both lists of dims into groups of equal products. The groups of a pure reshape have one dim on one side;
/// others need two ops.
static bool groupDims(ArrayRef<Dim> from, ArrayRef<Dim> to, SmallVectorImpl<ReassociationIndices> &fromGroups,
                      SmallVectorImpl<ReassociationIndices> &toGroups) {
  size_t i = 0, j = 0;
  while (i != from.size() || j != to.size()) {
    Dim left, right;
    ReassociationIndices leftGroup, rightGroup;
    auto take = [](ArrayRef<Dim> dims, size_t &next, Dim &total, ReassociationIndices &group) {
      std::optional<Dim> grown = next == dims.size() ? std::nullopt : total.times(dims[next]);
      if (!grown)
        return false;
      total = *grown;
      group.push_back(next++);
      return true;
    };
    // Ones at the end join the last group.
    if (i == from.size() || j == to.size()) {
      auto &groups = i == from.size() ? toGroups : fromGroups;
      size_t &next = i == from.size() ? j : i;
      if (groups.empty() || !(i == from.size() ? to : from)[next].isOne())
        return false;
      groups.back().push_back(next++);
      continue;
    }
    take(from, i, left, leftGroup);
    take(to, j, right, rightGroup);
    while (left != right) {
      // Growing the side that divides the other keeps groups small; where neither can be seen to, both grow.
      bool growLeft = right.dividedBy(left).has_value(), growRight = left.dividedBy(right).has_value();
      bool moved = false;
      if (growLeft || !growRight)
        moved |= take(from, i, left, leftGroup);
      if (growRight || !growLeft)
        moved |= take(to, j, right, rightGroup);
      if (!moved)
        return false;
    }
    fromGroups.push_back(leftGroup);
    toGroups.push_back(rightGroup);
  }
  return true;
}

FailureOr<Tensor> ONNXLowering::reshape(NodeOp node, const Tensor &input, ArrayRef<Dim> dims) {
  Tensor source = root(input);
  if (ArrayRef<Dim>(input.dims) == dims)
    return input;
  if (ArrayRef<Dim>(source.dims) == dims)
    return source;
  auto isZero = [](const Dim &dim) { return dim.isZero(); };
  if (llvm::any_of(source.dims, isZero) && llvm::any_of(dims, isZero))
    return empty(dims, source.element);
  Tensor result = source;
  SmallVector<ReassociationIndices> fromGroups, toGroups;
  bool isScalar = source.dims.empty() || dims.empty();
  bool allOnes = llvm::all_of(source.dims, [](const Dim &d) { return d.isOne(); }) &&
                 llvm::all_of(dims, [](const Dim &d) { return d.isOne(); });
  if (isScalar ? !allOnes : !groupDims(source.dims, dims, fromGroups, toGroups))
    return error(node) << "can't see that " << formatDims(source.dims) << " and " << formatDims(dims)
                       << " have the same number of elements",
           failure();
  if (isScalar)
    fromGroups.clear(), toGroups.clear();
  // A group with several dims on both sides is joined first and split then.
  SmallVector<Dim> joined;
  for (const ReassociationIndices &group : fromGroups) {
    Dim total;
    for (int64_t i : group)
      total = *total.times(source.dims[i]);
    joined.push_back(total);
  }
  if (joined.size() != source.dims.size())
    result =
        make(tensor::CollapseShapeOp::create(b, location, tensorType(joined, source.element), source.value, fromGroups),
             joined);
  if (joined.size() != dims.size())
    result = make(tensor::ExpandShapeOp::create(b, location, tensorType(dims, source.element), result.value, toGroups,
                                                foldAll(b, location, dims)),
                  dims);
  roots[result.value] = source;
  return result;
}

Tensor ONNXLowering::transpose(const Tensor &input, ArrayRef<int64_t> permutation) {
  SmallVector<Dim> dims;
  for (int64_t axis : permutation)
    dims.push_back(input.dims[axis]);
  if (llvm::is_sorted(permutation))
    return input;
  Value init = empty(dims, input.element).value;
  return make(linalg::TransposeOp::create(b, location, input.value, init, permutation).getResult()[0], dims);
}

FailureOr<SmallVector<Dim>> ONNXLowering::broadcast(NodeOp node, ArrayRef<Tensor> inputs) {
  SmallVector<Dim> result;
  for (const Tensor &input : inputs)
    if (input.rank() > result.size())
      result.insert(result.begin(), input.rank() - result.size(), Dim(1));
  for (const Tensor &input : inputs) {
    size_t shift = result.size() - input.rank();
    for (auto [i, dim] : llvm::enumerate(input.dims)) {
      Dim &merged = result[shift + i];
      if (merged.isOne())
        merged = dim;
      else if (!dim.isOne() && dim != merged)
        return error(node) << "can't see that sizes " << merged.str() << " and " << dim.str() << " of axis "
                           << shift + i << " are equal (give free dims of inputs the same name where they are)",
               failure();
    }
  }
  return result;
}

Tensor ONNXLowering::elementwise(ArrayRef<Tensor> inputs, ArrayRef<Dim> dims, Type element, ScalarBuilder body) {
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  SmallVector<Attribute> scalars;
  for (const Tensor &input : inputs) {
    scalars.push_back(splatOf(input.value));
    if (scalars.back())
      continue;
    SmallVector<AffineExpr> exprs;
    size_t shift = dims.size() - input.rank();
    for (auto [i, dim] : llvm::enumerate(input.dims))
      exprs.push_back(dim.isOne() && !dims[shift + i].isOne() ? b.getAffineConstantExpr(0)
                                                              : b.getAffineDimExpr(shift + i));
    operands.push_back(input.value);
    maps.push_back(AffineMap::get(dims.size(), 0, exprs, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(dims.size()));
  Value init = empty(dims, element).value;
  SmallVector<utils::IteratorType> iterators(dims.size(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, location, init.getType(), operands, init, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        SmallVector<Value> all;
        size_t next = 0;
        for (Attribute scalar : scalars)
          all.push_back(scalar ? Value(arith::ConstantOp::create(nested, loc, cast<TypedAttr>(scalar)))
                               : Value(args[next++]));
        linalg::YieldOp::create(nested, loc, body(nested, loc, all));
      });
  return make(generic.getResult(0), dims);
}

Tensor ONNXLowering::reduce(const Tensor &input, ArrayRef<int64_t> axes, Type accumulator, TypedAttr init,
                            ScalarBuilder body) {
  SmallVector<Dim> dims;
  SmallVector<AffineExpr> exprs;
  SmallVector<utils::IteratorType> iterators;
  for (auto [i, dim] : llvm::enumerate(input.dims)) {
    bool isReduced = llvm::is_contained(axes, static_cast<int64_t>(i));
    iterators.push_back(isReduced ? utils::IteratorType::reduction : utils::IteratorType::parallel);
    if (isReduced)
      continue;
    dims.push_back(dim);
    exprs.push_back(b.getAffineDimExpr(i));
  }
  Value scalar = arith::ConstantOp::create(b, location, init);
  Value start = linalg::FillOp::create(b, location, scalar, empty(dims, accumulator).value).getResult(0);
  SmallVector<AffineMap> maps = {b.getMultiDimIdentityMap(input.rank()),
                                 AffineMap::get(input.rank(), 0, exprs, b.getContext())};
  auto generic = linalg::GenericOp::create(b, location, start.getType(), input.value, start, maps, iterators,
                                           [&](OpBuilder &nested, Location loc, ValueRange args) {
                                             Value x = castScalar(nested, loc, args[0], accumulator);
                                             linalg::YieldOp::create(nested, loc, body(nested, loc, {x, args[1]}));
                                           });
  return make(generic.getResult(0), dims);
}

Tensor ONNXLowering::slice(const Tensor &input, ArrayRef<OpFoldResult> offsets, ArrayRef<Dim> sizes,
                           ArrayRef<int64_t> steps) {
  if (llvm::any_of(sizes, [](const Dim &size) { return size.isZero(); }))
    return empty(sizes, input.element);
  SmallVector<OpFoldResult> strides;
  for (int64_t step : steps)
    strides.push_back(b.getIndexAttr(step));
  auto type = tensorType(sizes, input.element);
  return make(
      tensor::ExtractSliceOp::create(b, location, type, input.value, offsets, foldAll(b, location, sizes), strides),
      sizes);
}

Tensor ONNXLowering::cast(const Tensor &input, Type element) {
  if (input.element == element)
    return input;
  return elementwise(input, input.dims, element, [&](OpBuilder &nested, Location loc, ValueRange args) {
    return castScalar(nested, loc, args[0], element);
  });
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

/// The name of a free dim of an argument; empty where it has none.
static StringRef dimName(func::FuncOp func, unsigned argument, unsigned axis) {
  auto names = func.getArgAttrOfType<ArrayAttr>(argument, fgla::kDimsAttrName);
  auto name = names && axis < names.size() ? dyn_cast<StringAttr>(names[axis]) : StringAttr();
  return name && name.getValue() != "?" ? name.getValue() : StringRef();
}

static void setDimName(func::FuncOp func, unsigned argument, unsigned axis, StringRef text) {
  Builder b(func.getContext());
  SmallVector<Attribute> names;
  for (auto [i, size] : llvm::enumerate(cast<RankedTensorType>(func.getArgument(argument).getType()).getShape())) {
    StringRef old = dimName(func, argument, i);
    std::string free = old.empty() ? "?" : old.str();
    names.push_back(b.getStringAttr(i == axis ? text : ShapedType::isDynamic(size) ? free : std::to_string(size)));
  }
  func.setArgAttr(argument, fgla::kDimsAttrName, b.getArrayAttr(names));
}

bool ONNXLowering::unify(const Dim &left, const Dim &right) {
  Value kept = left.getSymbol(), gone = right.getSymbol();
  if (left == right)
    return true;
  if (!freeDims.contains(kept) || !freeDims.contains(gone))
    return false;
  // One name for both is what makes the runtime refuse other tensors.
  SmallVector<FreeDim, 1> all = freeDims[kept];
  all.append(freeDims[gone]);
  std::string name;
  for (FreeDim dim : all)
    if (name.empty())
      name = dimName(func, dim.argument, dim.axis).str();
  for (int i = 0; name.empty(); ++i) {
    std::string wish = "D" + std::to_string(i);
    bool isTaken = llvm::any_of(freeDims, [&](const auto &entry) {
      return llvm::any_of(entry.second, [&](FreeDim dim) { return dimName(func, dim.argument, dim.axis) == wish; });
    });
    if (!isTaken)
      name = wish;
  }
  for (FreeDim dim : all)
    setDimName(func, dim.argument, dim.axis, name);
  freeDims[kept] = all;
  freeDims.erase(gone);
  for (auto *table : {&values, &roots})
    for (auto &entry : *table) {
      for (Dim &dim : entry.second.dims)
        dim.replace(gone, kept);
      if (entry.second.elements)
        for (Dim &element : *entry.second.elements)
          element.replace(gone, kept);
    }
  return true;
}

LogicalResult ONNXLowering::bindArguments() {
  if (func.isExternal())
    return success();
  b.setInsertionPointToStart(&func.front());
  // Free dims of one name are one size.
  llvm::StringMap<Dim> symbols;
  for (auto [index, argument] : llvm::enumerate(func.getArguments())) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    SmallVector<Dim> dims;
    for (auto [i, size] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(size)) {
        dims.push_back(Dim(size));
        continue;
      }
      StringRef name = dimName(func, index, i);
      if (name.empty() || !symbols.contains(name))
        dims.push_back(Dim::symbol(tensor::DimOp::create(b, location, argument, i)));
      else
        dims.push_back(symbols[name]);
      if (!name.empty())
        symbols[name] = dims.back();
      freeDims[dims.back().getSymbol()].push_back({static_cast<unsigned>(index), static_cast<unsigned>(i)});
    }
    bind(argument, make(argument, dims));
  }
  return success();
}

/// Reads a weight from its file.
static FailureOr<ElementsAttr> loadWeight(InitializerOp op, StringRef folder) {
  auto type = cast<RankedTensorType>(op.getType());
  std::string error;
  ExternalFile file;
  int64_t length = op.getLength();
  if (!file.open(folder.str(), op.getFile()->str(), error) || !file.contains(op.getOffset(), length, error))
    return op.emitError() << "weight '" << op.getWeightName() << "': " << error, failure();
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(std::max<int64_t>(length, 1), 64, /*dataIsMutable=*/true);
  if (!file.read(op.getOffset(), length, blob.getMutableData().data(), error))
    return op.emitError() << "weight '" << op.getWeightName() << "': " << error, failure();
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> bits;
    for (char byte : blob.getData().take_front(length))
      bits.push_back(byte != 0);
    return ElementsAttr(DenseElementsAttr::get(type, ArrayRef<bool>(bits)));
  }
  if (length == 0)
    return ElementsAttr(DenseElementsAttr::get(type, ArrayRef<Attribute>()));
  // Shapes, axes and scalars are for the compiler to read, wherever they lie.
  if (length <= 1024)
    return ElementsAttr(DenseElementsAttr::getFromRawBuffer(type, blob.getData().take_front(length)));
  return ElementsAttr(DenseResourceElementsAttr::get(type, op.getWeightName(), std::move(blob)));
}

Dim fgla::onnx::elementOf(Type type, const APInt &number) {
  return Dim(type.isInteger(1) ? static_cast<int64_t>(number.getZExtValue()) : number.getSExtValue());
}

/// Elements of a small integer constant.
static std::optional<SmallVector<Dim>> elementsOf(ElementsAttr value) {
  auto type = value.getShapedType();
  if (type.getRank() > 1 || !type.getElementType().isSignlessInteger() || type.getNumElements() > 64)
    return std::nullopt;
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return std::nullopt;
  SmallVector<Dim> elements;
  for (const APInt &number : dense.getValues<APInt>())
    elements.push_back(elementOf(type.getElementType(), number));
  return elements;
}

LogicalResult ONNXLowering::convertInitializer(InitializerOp op) {
  ElementsAttr value;
  if (op.getValue()) {
    value = *op.getValue();
  } else {
    FailureOr<ElementsAttr> loaded = loadWeight(op, folder);
    if (failed(loaded))
      return failure();
    value = *loaded;
  }
  return bindConstant(op.getResult(), value);
}

LogicalResult ONNXLowering::bindConstant(Value value, ElementsAttr elements) {
  SmallVector<Dim> dims;
  for (int64_t size : elements.getShapedType().getShape())
    dims.push_back(Dim(size));
  Tensor tensor = make(arith::ConstantOp::create(b, location, ::cast<TypedAttr>(elements)), dims);
  tensor.elements = elementsOf(elements);
  bind(value, tensor);
  return success();
}

const llvm::StringMap<OperatorInfo> &fgla::onnx::operators() {
  static const llvm::StringMap<OperatorInfo> map = [] {
    llvm::StringMap<OperatorInfo> all;
    addElementwiseHandlers(all);
    addStructureHandlers(all);
    addMathHandlers(all);
    addAttentionHandlers(all);
    return all;
  }();
  return map;
}

LogicalResult ONNXLowering::convertNode(NodeOp op) {
  auto it = op.getDomain().empty() ? operators().find(op.getOpType()) : operators().end();
  if (it == operators().end())
    return emitError(op.getLoc()) << "operator " << op.describe()
                                  << " is not supported; docs/onnx-operators.md lists those that are";
  // Before, it meant something else, or had other inputs.
  if (static_cast<int64_t>(op.getVersion()) < it->second.version)
    return error(op) << "version " << op.getVersion() << " of the standard operators is not supported (at least "
                     << it->second.version << " for this operator)";
  // Models always have outputs; text may not.
  if (op.getOutputs().empty())
    return success();
  for (Value value : op.getInputs()) {
    if (values.contains(value))
      continue;
    if (!isa<RankedTensorType>(value.getType()))
      return error(op) << "the type of an input is not known (" << value.getType() << ")";
    if (isa_and_nonnull<NodeOp, InitializerOp>(value.getDefiningOp()))
      return error(op) << "an input is an output that its operator does not have";
  }
  return it->second.convert(*this, op);
}

/// Gives an op that stays what its operands became, with the types that it expects.
LogicalResult ONNXLowering::replaceOperands(Operation *op) {
  for (OpOperand &operand : op->getOpOperands()) {
    Operation *def = operand.get().getDefiningOp();
    if (!def || !isa<NodeOp, InitializerOp>(def))
      continue;
    if (!values.contains(operand.get()))
      return op->emitError("uses a result that the operator ")
             << (isa<NodeOp>(def) ? cast<NodeOp>(def).describe() : "") << " does not give here";
    Value value = tensor(operand.get()).value;
    if (value.getType() != operand.get().getType()) {
      if (!tensor::CastOp::areCastCompatible(value.getType(), operand.get().getType()))
        return op->emitError("expects ") << operand.get().getType() << ", the conversion gives " << value.getType();
      value = tensor::CastOp::create(b, op->getLoc(), operand.get().getType(), value);
    }
    operand.set(value);
  }
  return success();
}

/// An attention that was raised stays, if its operands are seen to have sizes that fit.
LogicalResult ONNXLowering::convertSoftmaxAttention(fgla::SoftmaxAttentionOp op) {
  for (Value operand : op.getOperands()) {
    auto node = operand.getDefiningOp<NodeOp>();
    if (node && !values.contains(operand))
      return error(node) << "has no result that an attention could read";
  }
  auto demand = [&](Value value, ArrayRef<Dim> wanted, StringRef what) -> LogicalResult {
    // What is looked up again has the sizes that the last ones were made equal to.
    for (size_t axis = 0; value && axis != wanted.size(); ++axis) {
      Dim given = lookup(value).dims[axis];
      bool isMask = what == "mask";
      if ((isMask && given.isOne()) || given == wanted[axis] || unify(wanted[axis], given))
        continue;
      // A mask may have one row for all, which is another thing.
      if (isMask || (given.isConstant() && wanted[axis].isConstant()))
        return op.emitError() << "can't see that sizes " << given.str() << " and " << wanted[axis].str() << " of the "
                              << what << " are equal (give free dims of inputs the same name where they are)";
      Value isEqual = arith::CmpIOp::create(b, location, arith::CmpIPredicate::eq, given.materialize(b, location),
                                            wanted[axis].materialize(b, location));
      cf::AssertOp::create(b, location, isEqual, ("the sizes of the " + what + " of an attention must fit").str());
    }
    return success();
  };
  auto dimsOf = [&](Value value) { return lookup(value).dims; };
  if (failed(demand(op.getKey(), dimsOf(op.getQuery())[0], "keys")) ||
      failed(demand(op.getValue(), ArrayRef<Dim>(dimsOf(op.getKey())).take_front(2), "values")))
    return failure();
  Dim queryHeads(op.getNumQueryHeads());
  SmallVector<Dim> query = dimsOf(op.getQuery());
  if (failed(demand(op.getMask(), {query[0], queryHeads, query[1], dimsOf(op.getKey())[1]}, "mask")) ||
      failed(demand(op.getLengths(), query[0], "lengths")) || failed(demand(op.getSinks(), queryHeads, "sinks")))
    return failure();
  query = dimsOf(op.getQuery());
  if (failed(replaceOperands(op)))
    return failure();
  b.setInsertionPointAfter(op);
  bind(op.getOutput(), make(op.getOutput(), {query[0], query[1], queryHeads, Dim(op.getValueDim())}));
  return success();
}

LogicalResult ONNXLowering::run() {
  if (failed(bindArguments()))
    return failure();
  SmallVector<Operation *> converted;
  WalkResult result = func.walk<WalkOrder::PreOrder>([&](Operation *op) {
    b.setInsertionPoint(op);
    location = op->getLoc();
    if (auto node = dyn_cast<NodeOp>(op)) {
      // Later phases tell of the node by this.
      location = NameLoc::get(b.getStringAttr("operator " + node.describe()), location);
      converted.push_back(op);
      return failed(convertNode(node)) ? WalkResult::interrupt() : WalkResult::advance();
    }
    if (auto initializer = dyn_cast<InitializerOp>(op)) {
      converted.push_back(op);
      return failed(convertInitializer(initializer)) ? WalkResult::interrupt() : WalkResult::advance();
    }
    if (auto attention = dyn_cast<fgla::SoftmaxAttentionOp>(op))
      return failed(convertSoftmaxAttention(attention)) ? WalkResult::interrupt() : WalkResult::advance();
    return failed(replaceOperands(op)) ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  for (Operation *op : llvm::reverse(converted))
    op->erase();
  return success();
}
