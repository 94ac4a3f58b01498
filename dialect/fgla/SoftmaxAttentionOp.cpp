//===- SoftmaxAttentionOp.cpp - What a model has before it is linearized --===//

#include "dialect/Segments.h"
#include "dialect/fgla/Verify.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;
using namespace fgla;

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
static Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

double SoftmaxAttentionOp::getEffectiveScale() {
  return getScale() ? getScale()->convertToDouble() : 1 / std::sqrt(static_cast<double>(getKeyDim()));
}

static LogicalResult verifyMainOperands(SoftmaxAttentionOp op) {
  std::string label = "softmax_attention_c1";
  ArrayRef<int64_t> query = shapeOf(op.getQuery());
  if (failed(verifyShape(op, op.getQuery().getType(),
                         {"operand 'query'", "[B, T, Hq, K]", {kAny, kAny, kAny, kAny}, label, {2, 3}})) ||
      failed(verifyShape(op, op.getKey().getType(),
                         {"operand 'key'", "[B, S, H, K]", {query[0], kAny, kAny, query[3]}, label, {2, 3}})))
    return failure();
  ArrayRef<int64_t> key = shapeOf(op.getKey());
  if (failed(verifyShape(op, op.getValue().getType(),
                         {"operand 'value'", "[B, S, H, V]", {key[0], key[1], key[2], kAny}, label, {2, 3}})))
    return failure();
  for (auto [value, what] : {std::pair<Value, StringRef>(op.getKey(), "operand 'key'"),
                             {op.getValue(), "operand 'value'"},
                             {op.getOutput(), "the output"}})
    if (elementOf(value) != elementOf(op.getQuery()))
      return op.emitOpError() << what << " must have the element type of 'query', " << elementOf(op.getQuery())
                              << ", got " << elementOf(value) << " (softmax_attention_c2)";
  if (query[2] % key[2] != 0)
    return op.emitOpError() << "number of query heads must be a multiple of the number of key/value heads, got "
                            << query[2] << " and " << key[2] << " (softmax_attention_c3)";
  SmallVector<int64_t> output{query[0], query[1], query[2], shapeOf(op.getValue())[3]};
  return verifyShape(op, op.getOutput().getType(), {"the output", "[B, T, Hq, V]", output, "softmax_attention_c4", {}});
}

static LogicalResult verifyMasks(SoftmaxAttentionOp op) {
  ArrayRef<int64_t> query = shapeOf(op.getQuery());
  if (op.getMask()) {
    SmallVector<int64_t> sizes{query[0], query[2], query[1], shapeOf(op.getKey())[1]};
    for (auto [size, given] : llvm::zip(sizes, shapeOf(op.getMask())))
      if (given == 1)
        size = kAny;
    if (failed(verifyShape(op, op.getMask().getType(),
                           {"operand 'mask'", "[B or 1, Hq or 1, T or 1, S or 1]", sizes, "softmax_attention_c5", {}})))
      return failure();
  }
  if (op.getLengths() && failed(verifyShape(op, op.getLengths().getType(),
                                            {"operand 'lengths'", "[B]", {query[0]}, "softmax_attention_c6", {}})))
    return failure();
  if (op.getSinks() && failed(verifyShape(op, op.getSinks().getType(),
                                          {"operand 'sinks'", "[Hq]", {query[2]}, "softmax_attention_c6", {}})))
    return failure();
  for (auto [bound, what] : {std::pair(op.getBehind(), "behind"), {op.getAhead(), "ahead"}})
    if (bound && static_cast<int64_t>(*bound) < 0)
      return op.emitOpError() << "'" << what << "' must not be negative, got " << static_cast<int64_t>(*bound)
                              << " (softmax_attention_c7)";
  if ((op.getBehind() || op.getAhead()) != op.getAlignment().has_value())
    return op.emitOpError() << "'aligned' must be given if and only if 'behind' or 'ahead' is, got "
                            << (op.getAlignment() ? "it alone" : "none") << " (softmax_attention_c7)";
  return success();
}

LogicalResult SoftmaxAttentionOp::verify() {
  if (failed(verifyRequiredOperands(*this, {0, 1, 2})) || failed(verifyMainOperands(*this)) ||
      failed(verifyMasks(*this)))
    return failure();
  if (getScale() && !getScale()->isFinite())
    return emitOpError() << "'scale' must be finite, got " << getScale()->convertToDouble()
                         << " (softmax_attention_c8)";
  if (getSoftcap() && !(getSoftcap()->isFinite() && getSoftcap()->convertToDouble() > 0))
    return emitOpError() << "'softcap' must be finite and positive, got " << getSoftcap()->convertToDouble()
                         << " (softmax_attention_c8)";
  return success();
}

LogicalResult SoftmaxAttentionOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, getLoc(), getQuery());
  sizes[3] = builder.getIndexAttr(getValueDim());
  // What the type knows is static here too.
  for (auto [size, known] : llvm::zip(sizes, shapeOf(getOutput())))
    if (!ShapedType::isDynamic(known))
      size = builder.getIndexAttr(known);
  shapes.push_back(sizes);
  return success();
}
