//===- ElementwiseOps.cpp - Feature maps, gates, norms, output gates ------===//

#include "dialect/Segments.h"
#include "dialect/fgla/Verify.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;
using namespace fgla;

/// The sizes of a result that has the first three dims of `input` and `lastDim` channels.
static LogicalResult reifyTokenShape(OpBuilder &builder, Location loc, Value input, Value result,
                                     ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, input);
  auto type = cast<RankedTensorType>(result.getType());
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (!ShapedType::isDynamic(size))
      sizes[dim] = builder.getIndexAttr(size);
  shapes.assign(1, std::move(sizes));
  return success();
}

//===----------------------------------------------------------------------===//
// FeatureMapOp
//===----------------------------------------------------------------------===//

LogicalResult FeatureMapOp::verify() {
  // feature_map_c1
  if (failed(verifyTokenTensor(*this, getInput().getType(), "operand 'input'", "feature_map_c1")))
    return failure();
  // feature_map_c2
  if (failed(verifyKindOrRegion(*this, getKind().has_value(), getExpression(), "feature_map_c2")))
    return failure();
  ArrayRef<int64_t> shape = getInput().getType().getShape();
  int64_t rank = shape.size(), heads = shape[rank - 2], dim = shape[rank - 1];
  // feature_map_c3
  if (Value weight = getWeight()) {
    if (failed(verifyShape(*this, weight.getType(),
                           {"operand 'weight'", "[H, Din, D]", {heads, dim, kAny}, "feature_map_c3", {0, 1, 2}})))
      return failure();
    dim = cast<RankedTensorType>(weight.getType()).getDimSize(2);
  }
  // feature_map_c4
  SmallVector<int64_t> expected(shape);
  expected.back() = getFeatureDim(getKind(), dim);
  SmallVector<unsigned> isStatic{static_cast<unsigned>(rank - 2), static_cast<unsigned>(rank - 1)};
  if (failed(verifyShape(*this, getOutput().getType(),
                         {"result", rank == 4 ? "[B, T, H, D]" : "[B, H, D]", expected, "feature_map_c4", isStatic})))
    return failure();
  Type element = getInput().getType().getElementType();
  if (getOutput().getType().getElementType() != element)
    return emitOpError() << "result must have the element type of 'input', " << element << ", got "
                         << getOutput().getType().getElementType() << " (feature_map_c4)";
  return success();
}

LogicalResult FeatureMapOp::verifyRegions() {
  // feature_map_c5
  if (getExpression().empty())
    return success();
  return verifyExpression(*this, getExpression(), 1, getComputeType(getInput().getType().getElementType()),
                          "feature_map_c5");
}

OpFoldResult FeatureMapOp::fold(FoldAdaptor) {
  // feature_map identity (x) -> x
  if (getKind() == FeatureKind::Identity && !getWeight() && getInput().getType() == getOutput().getType())
    return getInput();
  return {};
}

LogicalResult FeatureMapOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyTokenShape(builder, getLoc(), getInput(), getOutput(), shapes);
}

bool FeatureMapOp::isTokenOperand(unsigned operand) { return operand == 0; }

//===----------------------------------------------------------------------===//
// GateOp
//===----------------------------------------------------------------------===//

LogicalResult GateOp::verify() {
  // gate_c1
  if (getInputs().empty())
    return emitOpError() << "must have at least one input (gate_c1)";
  if (failed(verifyTokenTensor(*this, getOutput().getType(), "result", "gate_c1")))
    return failure();
  for (Type input : getInputs().getTypes())
    if (input != getOutput().getType())
      return emitOpError() << "inputs must have the type of the result, " << getOutput().getType() << ", got " << input
                           << " (gate_c1)";
  // gate_c2
  if (failed(verifyKindOrRegion(*this, getKind().has_value(), getExpression(), "gate_c2")))
    return failure();
  // gate_c3
  if (std::optional<GateKind> kind = getKind()) {
    unsigned arity = *kind == GateKind::Refined ? 2 : 1;
    if (getInputs().size() != arity)
      return emitOpError() << "'" << stringifyGateKind(*kind) << "' takes " << arity << " input"
                           << (arity == 1 ? "" : "s") << ", got " << getInputs().size() << " (gate_c3)";
  }
  return success();
}

LogicalResult GateOp::verifyRegions() {
  // gate_c4
  if (getExpression().empty())
    return success();
  return verifyExpression(*this, getExpression(), getInputs().size(),
                          getComputeType(getOutput().getType().getElementType()), "gate_c4");
}

LogicalResult GateOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyTokenShape(builder, getLoc(), getInputs().front(), getOutput(), shapes);
}

bool GateOp::isTokenOperand(unsigned) { return true; }

//===----------------------------------------------------------------------===//
// NormOp
//===----------------------------------------------------------------------===//

LogicalResult NormOp::verify() {
  if (failed(verifyRequiredOperands(*this, {0})))
    return failure();
  // norm_c1
  if (failed(verifyTokenTensor(*this, getInput().getType(), "operand 'input'", "norm_c1")))
    return failure();
  ArrayRef<int64_t> shape = getInput().getType().getShape().take_back(2);
  // norm_c2
  for (auto [value, what] : {std::pair(getWeight(), "operand 'weight'"), std::pair(getBias(), "operand 'bias'")}) {
    if (!value)
      continue;
    bool perHead = cast<RankedTensorType>(value.getType()).getRank() == 2;
    ShapeRule rule = perHead ? ShapeRule{what, "[D] or [H, D]", {shape[0], shape[1]}, "norm_c2", {0, 1}}
                             : ShapeRule{what, "[D] or [H, D]", {shape[1]}, "norm_c2", {0}};
    if (failed(verifyShape(*this, value.getType(), rule)))
      return failure();
  }
  // norm_c3
  double eps = getEps().convertToDouble();
  if (!std::isfinite(eps) || eps < 0)
    return emitOpError() << "'eps' must be finite and not negative, got " << eps << " (norm_c3)";
  return success();
}

LogicalResult NormOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyTokenShape(builder, getLoc(), getInput(), getOutput(), shapes);
}

bool NormOp::isTokenOperand(unsigned operand) { return operand == 0; }

//===----------------------------------------------------------------------===//
// OutputGateOp
//===----------------------------------------------------------------------===//

LogicalResult OutputGateOp::verify() {
  // output_gate_c1; equal types are a trait
  return verifyTokenTensor(*this, getInput().getType(), "operand 'input'", "output_gate_c1");
}

LogicalResult OutputGateOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return reifyTokenShape(builder, getLoc(), getInput(), getOutput(), shapes);
}

bool OutputGateOp::isTokenOperand(unsigned) { return true; }
