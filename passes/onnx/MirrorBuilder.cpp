//===- MirrorBuilder.cpp - New nodes in the mirror of an ONNX graph -------===//
#include "passes/onnx/MirrorBuilder.h"

#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace fgla::onnx;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Value MirrorBuilder::node(StringRef opType, ValueRange inputs, Type type, ArrayRef<NamedAttribute> attributes) {
  return NodeOp::create(builder, loc, type, opType, /*domain=*/"", version, /*node_name=*/"",
                        /*output_names=*/builder.getStrArrayAttr({}), builder.getDictionaryAttr(attributes),
                        /*graph_names=*/builder.getArrayAttr({}), ArrayRef<int64_t>(), ArrayRef<int64_t>(), inputs,
                        /*graphsCount=*/0)
      .getOutputs()
      .front();
}

Value MirrorBuilder::constant(DenseElementsAttr value) {
  return node("Constant", {}, value.getType(), builder.getNamedAttr("value", value));
}

Value MirrorBuilder::constant(ArrayRef<int64_t> numbers) {
  auto type = RankedTensorType::get(static_cast<int64_t>(numbers.size()), builder.getI64Type());
  return constant(DenseElementsAttr::get(type, numbers));
}

Value MirrorBuilder::transpose(Value input, ArrayRef<int64_t> permutation) {
  if (llvm::is_sorted(permutation))
    return input;
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation)
    shape.push_back(typeOf(input).getDimSize(dim));
  return node("Transpose", input, typeOf(input).clone(shape),
              builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr(permutation)));
}

Value MirrorBuilder::reshape(Value input, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> target(shape);
  for (auto [dim, size] : llvm::enumerate(target))
    if (ShapedType::isDynamic(size))
      size = static_cast<int64_t>(dim) < typeOf(input).getRank() && ShapedType::isDynamic(typeOf(input).getDimSize(dim))
                 ? 0
                 : -1;
  return node("Reshape", {input, constant(target)}, typeOf(input).clone(shape));
}

Value MirrorBuilder::concat(ValueRange inputs, int64_t axis) {
  SmallVector<int64_t> shape(typeOf(inputs.front()).getShape());
  for (Value input : inputs.drop_front())
    for (auto [dim, size] : llvm::enumerate(typeOf(input).getShape())) {
      if (static_cast<int64_t>(dim) != axis)
        shape[dim] = ShapedType::isDynamic(shape[dim]) ? size : shape[dim];
      else if (ShapedType::isDynamic(shape[dim]) || ShapedType::isDynamic(size))
        shape[dim] = ShapedType::kDynamic;
      else
        shape[dim] += size;
    }
  return node("Concat", inputs, typeOf(inputs.front()).clone(shape),
              builder.getNamedAttr("axis", builder.getI64IntegerAttr(axis)));
}

Value MirrorBuilder::cast(Value input, Type element) {
  // ONNX's numbers of its types.
  int64_t to = element.isF32() ? 1 : element.isF16() ? 10 : element.isF64() ? 11 : 16;
  return node("Cast", input, typeOf(input).clone(element), builder.getNamedAttr("to", builder.getI64IntegerAttr(to)));
}

Value MirrorBuilder::withSizes(Value input, ArrayRef<int64_t> shape) {
  return typeOf(input).getShape() == shape ? input : node("Identity", input, typeOf(input).clone(shape));
}

Value MirrorBuilder::withRank(Value input, int64_t rank) {
  int64_t missing = rank - typeOf(input).getRank();
  if (missing <= 0)
    return input;
  SmallVector<int64_t> shape(missing, 1), axes = llvm::to_vector(llvm::seq<int64_t>(0, missing));
  shape.append(typeOf(input).getShape().begin(), typeOf(input).getShape().end());
  if (version < 13)
    return node("Unsqueeze", input, typeOf(input).clone(shape),
                builder.getNamedAttr("axes", builder.getDenseI64ArrayAttr(axes)));
  return node("Unsqueeze", {input, constant(axes)}, typeOf(input).clone(shape));
}

void fgla::onnx::eraseDeadOps(func::FuncOp func) {
  func.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
}
