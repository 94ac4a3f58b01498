//===- ConvertONNXMath.cpp - ONNX ops that contract, reduce and normalize -===//
#include "passes/onnx/ONNXLowering.h"

#include "dialect/fgla/FGLA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fgla::onnx;

static LogicalResult checkFloat(ONNXLowering &lowering, NodeOp node, const Tensor &tensor) {
  if (isa<FloatType>(tensor.element))
    return success();
  return lowering.error(node) << "element type " << tensor.element << " is not supported";
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// Rows of `left` times `right [K, N]`, as `element`: all leading axes of `left` are rows of one matrix.
static FailureOr<Tensor> multiplyMatrix(ONNXLowering &lowering, NodeOp node, const Tensor &left, const Tensor &right,
                                        Type element) {
  ArrayRef<Dim> leading = ArrayRef<Dim>(left.dims).drop_back();
  std::optional<Dim> rows = product(leading);
  if (!rows)
    return lowering.error(node) << "the size is too large", failure();
  FailureOr<Tensor> matrix = lowering.reshape(node, left, {*rows, left.dims.back()});
  if (failed(matrix))
    return failure();
  SmallVector<Dim> dims = {*rows, right.dims[1]};
  Value init = lowering.filled(dims, arithmeticType(left.element), 0).value;
  auto op = linalg::MatmulOp::create(lowering.b, lowering.loc(), init.getType(), ValueRange{matrix->value, right.value},
                                     init);
  Tensor result = lowering.cast(lowering.make(op.getResult(0), dims), element);
  dims.assign(leading.begin(), leading.end());
  dims.push_back(right.dims[1]);
  return lowering.reshape(node, result, dims);
}

/// A product with batch axes on both sides, which are made equal and joined first.
static FailureOr<Tensor> multiplyBatches(ONNXLowering &lowering, NodeOp node, Tensor left, Tensor right) {
  auto leading = [&](const Tensor &tensor) {
    return Tensor{Value(), tensor.element, SmallVector<Dim>(ArrayRef<Dim>(tensor.dims).drop_back(2)), std::nullopt};
  };
  FailureOr<SmallVector<Dim>> batch = lowering.broadcast(node, {leading(left), leading(right)});
  if (failed(batch))
    return failure();
  std::optional<Dim> count = product(*batch);
  if (!count)
    return lowering.error(node) << "the size is too large", failure();
  for (Tensor *side : {&left, &right}) {
    SmallVector<Dim> dims(*batch), matrix = {side->dims[side->rank() - 2], side->dims[side->rank() - 1]};
    dims.append(matrix);
    if (side->dims != dims)
      *side = lowering.elementwise(*side, dims, side->element,
                                   [](OpBuilder &, Location, ValueRange args) { return args[0]; });
    FailureOr<Tensor> joined = lowering.reshape(node, *side, {*count, matrix[0], matrix[1]});
    if (failed(joined))
      return failure();
    *side = *joined;
  }
  SmallVector<Dim> dims = {*count, left.dims[1], right.dims[2]};
  Value init = lowering.filled(dims, arithmeticType(left.element), 0).value;
  auto op = linalg::BatchMatmulOp::create(lowering.b, lowering.loc(), init.getType(),
                                          ValueRange{left.value, right.value}, init);
  Tensor result = lowering.cast(lowering.make(op.getResult(0), dims), left.element);
  batch->append({left.dims[1], right.dims[2]});
  return lowering.reshape(node, result, *batch);
}

static LogicalResult convertMatMul(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> left = lowering.input(node, 0), right = lowering.input(node, 1);
  if (failed(left) || failed(right) || failed(checkFloat(lowering, node, *left)) ||
      failed(checkFloat(lowering, node, *right)))
    return failure();
  if (left->rank() == 0 || right->rank() == 0)
    return lowering.error(node) << "a scalar is no matrix";
  // A vector is a matrix of one row or column, which vanishes from the result.
  bool isRow = left->rank() == 1, isColumn = right->rank() == 1;
  if (isRow)
    left = lowering.reshape(node, *left, {Dim(1), left->dims[0]});
  if (isColumn)
    right = lowering.reshape(node, *right, {right->dims[0], Dim(1)});
  if (failed(left) || failed(right))
    return failure();
  if (left->dims.back() != right->dims[right->rank() - 2])
    return lowering.error(node) << "can't see that " << formatDims(left->dims) << " and " << formatDims(right->dims)
                                << " can be multiplied";
  FailureOr<Tensor> result = right->rank() == 2 ? multiplyMatrix(lowering, node, *left, *right, left->element)
                                                : multiplyBatches(lowering, node, *left, *right);
  if (failed(result) || (!isRow && !isColumn))
    return lowering.bind(node, result);
  SmallVector<Dim> dims = result->dims;
  if (isRow)
    dims.erase(dims.end() - 2);
  if (isColumn)
    dims.pop_back();
  return lowering.bind(node, lowering.reshape(node, *result, dims));
}

static LogicalResult convertGemm(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> left = lowering.input(node, 0), right = lowering.input(node, 1);
  if (failed(left) || failed(right) || failed(checkFloat(lowering, node, *left)))
    return failure();
  if (left->rank() != 2 || right->rank() != 2)
    return lowering.error(node) << "needs matrices, got " << formatDims(left->dims) << " and "
                                << formatDims(right->dims);
  if (getIntAttr(node, "transA", 0))
    left = lowering.transpose(*left, {1, 0});
  if (getIntAttr(node, "transB", 0))
    right = lowering.transpose(*right, {1, 0});
  if (left->dims[1] != right->dims[0])
    return lowering.error(node) << "can't see that " << formatDims(left->dims) << " and " << formatDims(right->dims)
                                << " can be multiplied";
  // Narrow floats are rounded once, at the end.
  Type type = arithmeticType(left->element);
  FailureOr<Tensor> result = multiplyMatrix(lowering, node, *left, *right, type);
  if (failed(result))
    return failure();
  double alpha = getFloatAttr(node, "alpha", 1), beta = getFloatAttr(node, "beta", 1);
  SmallVector<Tensor> inputs = {*result};
  if (node.getInput(2) && beta != 0)
    inputs.push_back(lowering.tensor(node.getInput(2)));
  if (inputs.size() == 1 && alpha == 1)
    return lowering.bind(node, lowering.cast(*result, left->element));
  FailureOr<SmallVector<Dim>> dims = lowering.broadcast(node, inputs);
  if (failed(dims) || *dims != result->dims)
    return failed(dims) ? failure()
                        : lowering.error(node) << "input 2 does not broadcast to " << formatDims(result->dims);
  return lowering.bind(
      node, lowering.elementwise(inputs, *dims, left->element, [&](OpBuilder &b, Location loc, ValueRange args) {
        auto scaled = [&](Value value, double factor) -> Value {
          value = castScalar(b, loc, value, type);
          if (factor == 1)
            return value;
          return arith::MulFOp::create(b, loc, value, arith::ConstantOp::create(b, loc, b.getFloatAttr(type, factor)));
        };
        Value sum = scaled(args[0], alpha);
        if (args.size() > 1)
          sum = arith::AddFOp::create(b, loc, sum, scaled(args[1], beta));
        return castScalar(b, loc, sum, left->element);
      }));
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

namespace {
enum class Reduction { Max, Sum };
} // namespace

/// The maximum or sum over axes, which vanish. Narrow floats are summed in f32.
static Tensor reduceAxes(ONNXLowering &lowering, const Tensor &input, ArrayRef<int64_t> axes, Reduction kind) {
  Type type = arithmeticType(input.element);
  OpBuilder &b = lowering.b;
  TypedAttr init;
  auto floatType = dyn_cast<FloatType>(type);
  if (kind == Reduction::Sum)
    init = cast<TypedAttr>(b.getZeroAttr(type));
  else if (floatType)
    init = b.getFloatAttr(type, APFloat::getInf(floatType.getFloatSemantics(), /*Negative=*/true));
  else
    init = b.getIntegerAttr(type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth()));
  return lowering.reduce(input, axes, type, init, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
    if (floatType)
      return kind == Reduction::Sum ? Value(arith::AddFOp::create(b, loc, args[0], args[1]))
                                    : Value(arith::MaximumFOp::create(b, loc, args[0], args[1]));
    return kind == Reduction::Sum ? Value(arith::AddIOp::create(b, loc, args[0], args[1]))
                                  : Value(arith::MaxSIOp::create(b, loc, args[0], args[1]));
  });
}

/// The dims with ones where `axes` were.
static SmallVector<Dim> keepDims(ArrayRef<Dim> dims, ArrayRef<int64_t> axes) {
  SmallVector<Dim> kept(dims);
  for (int64_t axis : axes)
    kept[axis] = Dim(1);
  return kept;
}

/// A sum over axes of `input` becomes a mean.
static FailureOr<Tensor> divideByCount(ONNXLowering &lowering, NodeOp node, const Tensor &sum, const Tensor &input,
                                       ArrayRef<int64_t> axes) {
  SmallVector<Dim> reduced;
  for (int64_t axis : axes)
    reduced.push_back(input.dims[axis]);
  std::optional<Dim> count = product(reduced);
  if (!count)
    return lowering.error(node) << "the size is too large", failure();
  OpBuilder &b = lowering.b;
  Value number = count->materialize(b, lowering.loc());
  number = arith::IndexCastOp::create(b, lowering.loc(), b.getI64Type(), number);
  Value divisor = arith::SIToFPOp::create(b, lowering.loc(), sum.element, number);
  return lowering.elementwise(sum, sum.dims, sum.element,
                              [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
                                return arith::DivFOp::create(nested, loc, args[0], divisor);
                              });
}

static LogicalResult convertReduce(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> input = lowering.input(node, 0);
  if (failed(input))
    return failure();
  if (!isa<FloatType>(input->element) && (!input->element.isSignlessInteger() || input->element.isInteger(1)))
    return lowering.error(node) << "element type " << input->element << " is not supported";
  bool isMean = node.getOpType() == "ReduceMean";
  if (isMean && failed(checkFloat(lowering, node, *input)))
    return failure();
  std::optional<SmallVector<int64_t>> list;
  if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr("axes")))
    list.emplace(attr.asArrayRef());
  else if (node.getInput(1) && !(list = lowering.constants(node.getInput(1))))
    return lowering.error(node) << "the axes must be constants";
  if (!list || list->empty()) {
    if (getIntAttr(node, "noop_with_empty_axes", 0))
      return lowering.bind(node, *input);
    list = llvm::to_vector(llvm::seq<int64_t>(0, input->rank()));
  }
  FailureOr<SmallVector<int64_t>> axes = lowering.axes(node, *list, input->rank());
  if (failed(axes))
    return failure();
  Tensor result =
      reduceAxes(lowering, *input, *axes, node.getOpType() == "ReduceMax" ? Reduction::Max : Reduction::Sum);
  if (isMean) {
    FailureOr<Tensor> mean = divideByCount(lowering, node, result, *input, *axes);
    if (failed(mean))
      return failure();
    result = *mean;
  }
  result = lowering.cast(result, input->element);
  if (!getIntAttr(node, "keepdims", 1))
    return lowering.bind(node, result);
  return lowering.bind(node, lowering.reshape(node, result, keepDims(input->dims, *axes)));
}

static LogicalResult convertSoftmax(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> input = lowering.input(node, 0);
  if (failed(input) || failed(checkFloat(lowering, node, *input)))
    return failure();
  FailureOr<int64_t> axis = lowering.axis(node, getIntAttr(node, "axis", -1), input->rank());
  if (failed(axis))
    return failure();
  Type type = arithmeticType(input->element);
  SmallVector<Dim> kept = keepDims(input->dims, *axis);
  FailureOr<Tensor> maximum = lowering.reshape(node, reduceAxes(lowering, *input, *axis, Reduction::Max), kept);
  if (failed(maximum))
    return failure();
  Tensor exps = lowering.elementwise(
      {*input, *maximum}, input->dims, type, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Value x = castScalar(b, loc, args[0], type), m = castScalar(b, loc, args[1], type);
        return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, x, m));
      });
  FailureOr<Tensor> sums = lowering.reshape(node, reduceAxes(lowering, exps, *axis, Reduction::Sum), kept);
  if (failed(sums))
    return failure();
  return lowering.bind(
      node, lowering.elementwise(
                {exps, *sums}, input->dims, input->element, [&](OpBuilder &b, Location loc, ValueRange args) {
                  return castScalar(b, loc, arith::DivFOp::create(b, loc, args[0], args[1]), input->element);
                }));
}

//===----------------------------------------------------------------------===//
// CumSum
//===----------------------------------------------------------------------===//

/// `x + sum` in the type of `sum`.
static Value addScalars(OpBuilder &b, Location loc, Value x, Value sum) {
  x = castScalar(b, loc, x, sum.getType());
  return isa<FloatType>(sum.getType()) ? Value(arith::AddFOp::create(b, loc, x, sum))
                                       : Value(arith::AddIOp::create(b, loc, x, sum));
}

static LogicalResult convertCumSum(ONNXLowering &lowering, NodeOp node) {
  FailureOr<Tensor> input = lowering.input(node, 0);
  std::optional<SmallVector<int64_t>> list = lowering.constants(node.getInput(1));
  if (failed(input))
    return failure();
  if (!isa<FloatType>(input->element) && !input->element.isSignlessInteger())
    return lowering.error(node) << "element type " << input->element << " is not supported";
  if (!list || list->size() != 1)
    return lowering.error(node) << "the axis must be a constant";
  FailureOr<int64_t> axis = lowering.axis(node, list->front(), input->rank());
  if (failed(axis))
    return failure();
  // A loop over rows that have no elements would read and write outside of them.
  if (llvm::any_of(input->dims, [](const Dim &dim) { return dim.isZero(); }))
    return lowering.bind(node, *input);
  OpBuilder &b = lowering.b;
  Location loc = lowering.loc();
  bool isExclusive = getIntAttr(node, "exclusive", 0), isReverse = getIntAttr(node, "reverse", 0);
  SmallVector<Dim> rowDims = keepDims(input->dims, *axis);
  Type type = arithmeticType(input->element);
  Value count = input->dims[*axis].materialize(b, loc);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
  Value init = lowering.empty(input->dims, input->element).value, start = lowering.filled(rowDims, type, 0).value;
  SmallVector<OpFoldResult> sizes, strides(input->rank(), b.getIndexAttr(1));
  for (const Dim &dim : rowDims)
    sizes.push_back(dim.fold(b, loc));
  auto loop = scf::ForOp::create(b, loc, zero, count, one, ValueRange{init, start});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value position = loop.getInductionVar();
    if (isReverse)
      position = arith::SubIOp::create(b, loc, arith::SubIOp::create(b, loc, count, position), one);
    SmallVector<OpFoldResult> offsets(input->rank(), b.getIndexAttr(0));
    offsets[*axis] = position;
    Tensor row = lowering.slice(*input, offsets, rowDims, SmallVector<int64_t>(input->rank(), 1));
    Value sum = loop.getRegionIterArg(1), result = loop.getRegionIterArg(0);
    auto write = [&] {
      Value written = lowering.cast(lowering.make(sum, rowDims), input->element).value;
      result = tensor::InsertSliceOp::create(b, loc, written, result, offsets, sizes, strides);
    };
    // The sum is added to in its place, so what is written before it and what after it matters.
    if (isExclusive)
      write();
    SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(input->rank()));
    SmallVector<utils::IteratorType> iterators(input->rank(), utils::IteratorType::parallel);
    sum = linalg::GenericOp::create(b, loc, sum.getType(), row.value, sum, maps, iterators,
                                    [&](OpBuilder &nested, Location nestedLoc, ValueRange args) {
                                      linalg::YieldOp::create(nested, nestedLoc,
                                                              addScalars(nested, nestedLoc, args[0], args[1]));
                                    })
              .getResult(0);
    if (!isExclusive)
      write();
    scf::YieldOp::create(b, loc, ValueRange{result, sum});
  }
  return lowering.bind(node, lowering.make(loop.getResult(0), input->dims));
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// A parameter of a norm over `count` channels, as `[count]`.
static FailureOr<Value> normParameter(ONNXLowering &lowering, NodeOp node, size_t place, const Dim &count) {
  if (!node.getInput(place))
    return Value();
  Tensor parameter = lowering.tensor(node.getInput(place));
  std::optional<Dim> size = product(parameter.dims);
  if (!size || *size != count)
    return lowering.error(node) << "input " << place << " must have the shape of the normalized axes, got "
                                << formatDims(parameter.dims),
           failure();
  FailureOr<Tensor> flat = lowering.reshape(node, parameter, count);
  return failed(flat) ? FailureOr<Value>(failure()) : flat->value;
}

/// The mean and the inverse standard deviation that LayerNormalization may also give, in f32.
static LogicalResult bindStatistics(ONNXLowering &lowering, NodeOp node, const Tensor &input, int64_t axis) {
  Value meanOutput = node.getOutput(1), deviationOutput = node.getOutput(2);
  if ((!meanOutput || meanOutput.use_empty()) && (!deviationOutput || deviationOutput.use_empty()))
    return success();
  Type type = arithmeticType(input.element);
  double eps = getFloatAttr(node, "epsilon", 1e-5);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(axis, input.rank()));
  SmallVector<Dim> kept = keepDims(input.dims, axes);
  auto mean = [&](const Tensor &x) -> FailureOr<Tensor> {
    FailureOr<Tensor> result = divideByCount(lowering, node, reduceAxes(lowering, x, axes, Reduction::Sum), x, axes);
    return failed(result) ? result : lowering.reshape(node, *result, kept);
  };
  FailureOr<Tensor> center = mean(input);
  if (failed(center))
    return failure();
  Tensor squares = lowering.elementwise(
      {input, *center}, input.dims, type, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Value distance = arith::SubFOp::create(b, loc, castScalar(b, loc, args[0], type), args[1]);
        return arith::MulFOp::create(b, loc, distance, distance);
      });
  FailureOr<Tensor> variance = mean(squares);
  if (failed(variance))
    return failure();
  Tensor deviation =
      lowering.elementwise(*variance, kept, type, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Value sum =
            arith::AddFOp::create(b, loc, args[0], arith::ConstantOp::create(b, loc, b.getFloatAttr(type, eps)));
        Value one = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 1));
        return arith::DivFOp::create(b, loc, one, math::SqrtOp::create(b, loc, sum));
      });
  for (auto [output, value] : {std::pair(meanOutput, *center), std::pair(deviationOutput, deviation)})
    if (output)
      lowering.bind(output, lowering.cast(value, cast<ShapedType>(output.getType()).getElementType()));
  return success();
}

/// RMSNormalization and LayerNormalization. The axes before the normalized ones become [B, T, H] of fgla.norm: as they
/// are for rank 4, so that a norm of attention's heads stays next to attention; all of them in T else.
static LogicalResult convertNorm(ONNXLowering &lowering, NodeOp node) {
  bool isLayer = node.getOpType() == "LayerNormalization";
  FailureOr<Tensor> input = lowering.input(node, 0);
  if (failed(input) || failed(checkFloat(lowering, node, *input)))
    return failure();
  FailureOr<int64_t> axis = lowering.axis(node, getIntAttr(node, "axis", -1), input->rank());
  if (failed(axis))
    return failure();
  if (failed(bindStatistics(lowering, node, *input, *axis)))
    return failure();
  ArrayRef<Dim> dims = input->dims;
  std::optional<Dim> channels = product(dims.drop_front(*axis)), tokens = product(dims.take_front(*axis));
  if (!tokens || !channels || !channels->isConstant() || channels->getStatic() < 1)
    return lowering.error(node) << "the normalized axes of " << formatDims(dims) << " must have known sizes";
  SmallVector<Dim> shape = {Dim(1), *tokens, Dim(1), *channels};
  if (*axis == 3 && dims[2].isConstant() && !dims[2].isZero())
    shape = {dims[0], dims[1], dims[2], *channels};
  FailureOr<Tensor> source = lowering.reshape(node, *input, shape);
  FailureOr<Value> weight = normParameter(lowering, node, 1, *channels);
  FailureOr<Value> bias = isLayer ? normParameter(lowering, node, 2, *channels) : FailureOr<Value>(Value());
  if (failed(source) || failed(weight) || failed(bias))
    return failure();
  OpBuilder &b = lowering.b;
  auto kind = isLayer ? fgla::NormKind::Layer : fgla::NormKind::RMS;
  Value result = fgla::NormOp::create(b, lowering.loc(), source->value.getType(), source->value, *weight, *bias, kind,
                                      APFloat(getFloatAttr(node, "epsilon", 1e-5)));
  return lowering.bind(node, lowering.reshape(node, lowering.make(result, shape), dims));
}

void fgla::onnx::addMathHandlers(llvm::StringMap<OperatorInfo> &operators) {
  operators["MatMul"] = {convertMatMul, 1};
  operators["Gemm"] = {convertGemm, 7};
  operators["ReduceMax"] = operators["ReduceSum"] = operators["ReduceMean"] = {convertReduce, 1};
  operators["Softmax"] = {convertSoftmax, 13};
  operators["CumSum"] = {convertCumSum, 11};
  operators["LayerNormalization"] = {convertNorm, 17};
  operators["RMSNormalization"] = {convertNorm, 23};
}
