//===- ONNXLowering.h - What the conversions of ONNX nodes share ----------===//
//
// A walk over a function in order, with a table from ONNX values to what they became. A converted value knows its sizes
// as products of symbols (see ONNXDims.h), and small integer tensors, which are mostly shapes, know their elements: so
// `Shape -> Gather -> Concat -> Reshape` leaves nothing behind but an `expand_shape`.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_ONNXLOWERING_H
#define FGLA_PASSES_ONNX_ONNXLOWERING_H

#include "dialect/fgla/FGLA.h"
#include "dialect/onnx/ONNX.h"
#include "passes/onnx/ONNXDims.h"
#include "passes/onnx/ONNXElementwise.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/StringMap.h"

namespace fgla::onnx {

/// A tensor and its sizes. The value is null for a shape whose elements are known and that nobody needed as a tensor
/// yet.
struct Tensor {
  mlir::Value value;
  mlir::Type element;
  llvm::SmallVector<Dim> dims;
  /// The elements of an integer tensor of rank 0 or 1, where they are known.
  std::optional<llvm::SmallVector<Dim>> elements;

  size_t rank() const { return dims.size(); }
};

class ONNXLowering {
public:
  using Handler = mlir::LogicalResult (*)(ONNXLowering &, NodeOp);
  using ScalarBuilder = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

  ONNXLowering(mlir::func::FuncOp func, llvm::StringRef folder, bool raise);
  mlir::LogicalResult run();

  bool isRaising() const { return raise; }
  mlir::InFlightDiagnostic error(NodeOp node);

  // From ONNX values to converted ones.
  /// The converted input, which must be there (the checker sees to that for models; text may lack it).
  mlir::FailureOr<Tensor> input(NodeOp node, size_t place);
  /// The converted value. Always has a `value`.
  Tensor tensor(mlir::Value value);
  /// The converted value, `value` may be null where there are elements.
  const Tensor &lookup(mlir::Value value);
  /// The elements of an integer input if they are all constants.
  std::optional<llvm::SmallVector<int64_t>> constants(mlir::Value value);
  /// The number of a constant whose elements are all equal.
  std::optional<double> splat(mlir::Value value);
  /// The element type of the first output.
  mlir::FailureOr<mlir::Type> resultElement(NodeOp node);
  void bind(mlir::Value value, Tensor tensor);
  /// Binds the node's first result.
  mlir::LogicalResult bind(NodeOp node, Tensor tensor);
  mlir::LogicalResult bind(NodeOp node, mlir::FailureOr<Tensor> tensor);
  mlir::LogicalResult bindConstant(mlir::Value value, mlir::ElementsAttr elements);

  // Builders of tensors, at the insertion point. All keep sizes.
  Tensor make(mlir::Value value, llvm::ArrayRef<Dim> dims);
  Tensor empty(llvm::ArrayRef<Dim> dims, mlir::Type element);
  Tensor filled(llvm::ArrayRef<Dim> dims, mlir::Type element, double value);
  /// A reshape that can be seen to keep the number of elements; no op at all if the dims are the same.
  mlir::FailureOr<Tensor> reshape(NodeOp node, const Tensor &input, llvm::ArrayRef<Dim> dims);
  Tensor transpose(const Tensor &input, llvm::ArrayRef<int64_t> permutation);
  /// The dims that numpy's rules give for inputs of these dims.
  mlir::FailureOr<llvm::SmallVector<Dim>> broadcast(NodeOp node, llvm::ArrayRef<Tensor> inputs);
  /// An elementwise op with numpy broadcasting to `dims`. Constants whose elements are equal become scalars of the
  /// body.
  Tensor elementwise(llvm::ArrayRef<Tensor> inputs, llvm::ArrayRef<Dim> dims, mlir::Type element, ScalarBuilder body);
  /// Reduces `axes` (which vanish) from `init`; the body gets the element and the accumulator, both of type
  /// `accumulator`.
  Tensor reduce(const Tensor &input, llvm::ArrayRef<int64_t> axes, mlir::Type accumulator, mlir::TypedAttr init,
                ScalarBuilder body);
  Tensor slice(const Tensor &input, llvm::ArrayRef<mlir::OpFoldResult> offsets, llvm::ArrayRef<Dim> sizes,
               llvm::ArrayRef<int64_t> steps);
  Tensor cast(const Tensor &input, mlir::Type element);
  /// The tensor that a chain of reshapes began with.
  Tensor root(const Tensor &input);

  /// Makes two sizes one, where the operator says that they are and both are free dims of arguments, which the runtime
  /// checks then; false where that can't be. What was looked up before has the old sizes.
  bool unify(const Dim &left, const Dim &right);

  /// A normal axis from one that may be negative; an error if it is out of range.
  mlir::FailureOr<int64_t> axis(NodeOp node, int64_t axis, size_t rank);
  mlir::FailureOr<llvm::SmallVector<int64_t>> axes(NodeOp node, llvm::ArrayRef<int64_t> list, size_t rank);

  mlir::Location loc() const { return location; }
  mlir::OpBuilder b;

private:
  mlir::LogicalResult bindArguments();
  mlir::LogicalResult convertInitializer(InitializerOp op);
  mlir::LogicalResult convertNode(NodeOp op);
  mlir::LogicalResult convertSoftmaxAttention(SoftmaxAttentionOp op);
  mlir::LogicalResult replaceOperands(mlir::Operation *op);
  mlir::Value materializeElements(const Tensor &tensor);

  struct FreeDim {
    unsigned argument, axis;
  };

  mlir::func::FuncOp func;
  std::string folder;
  bool raise;
  mlir::Location location;
  llvm::DenseMap<mlir::Value, Tensor> values;
  llvm::DenseMap<mlir::Value, Tensor> roots;
  /// The dims of arguments that a symbol stands for.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<FreeDim, 1>> freeDims;
};

/// What there is for an operator of the standard domain. docs/onnx-operators.md lists them all.
struct OperatorInfo {
  ONNXLowering::Handler convert = nullptr;
  /// The version of the operator set since which it has had this meaning and these inputs.
  int64_t version = 0;
};
/// By name.
const llvm::StringMap<OperatorInfo> &operators();

void addElementwiseHandlers(llvm::StringMap<OperatorInfo> &operators);
void addStructureHandlers(llvm::StringMap<OperatorInfo> &operators);
void addMathHandlers(llvm::StringMap<OperatorInfo> &operators);
void addAttentionHandlers(llvm::StringMap<OperatorInfo> &operators);

/// The element of an integer tensor of type `type` that `number` is: booleans are 0 and 1.
Dim elementOf(mlir::Type type, const llvm::APInt &number);

/// Where `node` multiplies the output of attention or its norm by silu of something, the fgla op for that.
std::optional<Tensor> raiseOutputGate(ONNXLowering &lowering, NodeOp node);

/// The type that arithmetic on a type is done in: f32 for narrower floats.
mlir::Type arithmeticType(mlir::Type type);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_ONNXLOWERING_H
