//===- RaiseAttentionOperator.cpp - ONNX's Attention to fgla --------------===//
#include "passes/onnx/MirrorBuilder.h"
#include "passes/onnx/ONNXElementwise.h"
#include "passes/onnx/RaiseAttention.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace fgla::onnx;
using fgla::Alignment;
using fgla::SoftmaxAttentionOp;

static RankedTensorType typeOf(Value value) {
  return dyn_cast_or_null<RankedTensorType>(value ? value.getType() : Type());
}

static bool isUsed(Value value) { return value && !value.use_empty(); }

namespace {

/// Raises one `Attention` of the standard domain. All is read before anything is built.
class AttentionOperator {
public:
  AttentionOperator(NodeOp node, Obstacle &obstacle)
      : node(node), obstacle(obstacle), builder(node), mirror(builder, node.getLoc(), node.getVersion()) {}
  FailureOr<SoftmaxAttentionOp> raise();

private:
  LogicalResult give(StringRef code, const Twine &text) {
    obstacle = {code, text.str()};
    return failure();
  }
  LogicalResult readSizes();
  LogicalResult readMask();
  LogicalResult readPlaces();
  /// `[B, S, H, D]` of an operand that is `[B, H, S, D]` or `[B, S, H * D]`.
  Value toTokens(Value value, int64_t count);
  /// The same as `[B, H, S, D]`.
  Value toHeads(Value value, int64_t count);
  Value buildMask();
  Value buildPresent(Value value, Value past, unsigned result);

  NodeOp node;
  Obstacle &obstacle;
  OpBuilder builder;
  MirrorBuilder mirror;
  bool isPacked = false; ///< [B, S, H * D]
  int64_t queryHeads = 0, heads = 0, maskPadding = 0;
  IntegerAttr behind, ahead;
  fgla::AlignmentAttr alignment;
};

} // namespace

LogicalResult AttentionOperator::readSizes() {
  RankedTensorType types[] = {typeOf(node.getInput(0)), typeOf(node.getInput(1)), typeOf(node.getInput(2))};
  for (auto [name, type] : llvm::zip(ArrayRef<StringRef>{"Q", "K", "V"}, types)) {
    if (!type || (type.getRank() != 3 && type.getRank() != 4) || type.getRank() != types[0].getRank())
      return give("shape", "the rank of '" + name + "' is not known to be 3 or 4");
    if (type.getElementType() != types[0].getElementType() || !isa<FloatType>(type.getElementType()))
      return give("type", "'Q', 'K' and 'V' have several types");
  }
  isPacked = types[0].getRank() == 3;
  queryHeads = isPacked ? getIntAttr(node, "q_num_heads", 0) : types[0].getDimSize(1);
  heads = isPacked ? getIntAttr(node, "kv_num_heads", 0) : types[1].getDimSize(1);
  if (queryHeads < 1 || heads < 1 || queryHeads % heads != 0)
    return give("shape", "the number of heads is not known, or not a multiple of that of keys");
  for (auto [name, type, count] :
       llvm::zip(ArrayRef<StringRef>{"Q", "K", "V"}, types, ArrayRef<int64_t>{queryHeads, heads, heads})) {
    int64_t size = type.getShape().back();
    if (size < 1 || (isPacked && size % count != 0) || (!isPacked && type.getDimSize(1) != count))
      return give("shape", "the heads of '" + name + "' are not known, or have no channels");
  }
  return success();
}

LogicalResult AttentionOperator::readMask() {
  Value mask = node.getInput(3);
  RankedTensorType type = typeOf(mask);
  if (!mask)
    return success();
  if (!type || type.getRank() < 1 || type.getRank() > 4 ||
      !(type.getElementType().isInteger(1) || isa<FloatType>(type.getElementType())))
    return give("mask", "the mask's type is not known to be one of booleans or floats");
  // A short mask hides the keys that it has nothing for.
  int64_t tokenAxis = isPacked ? 1 : 2, keys = typeOf(node.getInput(1)).getDimSize(tokenAxis), past = 0;
  if (Value value = node.getInput(4))
    past = typeOf(value) && typeOf(value).getRank() == 4 ? typeOf(value).getDimSize(2) : ShapedType::kDynamic;
  int64_t last = type.getShape().back();
  if (ShapedType::isDynamic(keys) || ShapedType::isDynamic(past) || ShapedType::isDynamic(last))
    return success();
  maskPadding = last == 1 && keys + past != 1 && type.getRank() > 1 ? 0 : keys + past - last;
  if (maskPadding < 0 || (maskPadding > 0 && !type.hasStaticShape()))
    return give("mask", "the mask is not as long as there are keys");
  return success();
}

LogicalResult AttentionOperator::readPlaces() {
  bool isCausal = getIntAttr(node, "is_causal", 0) != 0;
  int64_t left = getIntAttr(node, "left_window_size", -1), right = getIntAttr(node, "right_window_size", -1);
  if (isCausal)
    right = 0;
  if (left < 0 && right < 0)
    return success();
  if (node.getInput(6))
    return give("alignment", "with 'nonpad_kv_seqlen', versions of ONNX differ in which keys a causal attention sees");
  if (left >= 0)
    behind = builder.getI64IntegerAttr(left);
  if (right >= 0)
    ahead = builder.getI64IntegerAttr(right);
  alignment = fgla::AlignmentAttr::get(builder.getContext(), node.getInput(4) ? Alignment::End : Alignment::Start);
  if (!node.getInput(4))
    return success();
  // Queries follow the past, so they are at the end only where there is a key for each.
  int64_t axis = isPacked ? 1 : 2, queries = typeOf(node.getInput(0)).getDimSize(axis);
  if (queries != typeOf(node.getInput(1)).getDimSize(axis))
    return give("alignment", "a causal attention with a past has another number of new keys than of queries");
  return success();
}

Value AttentionOperator::toTokens(Value value, int64_t count) {
  if (typeOf(value).getRank() == 4)
    return mirror.transpose(value, {0, 2, 1, 3});
  ArrayRef<int64_t> shape = typeOf(value).getShape();
  return mirror.reshape(value, {shape[0], shape[1], count, shape[2] / count});
}

Value AttentionOperator::toHeads(Value value, int64_t count) {
  return typeOf(value).getRank() == 4 ? value : mirror.transpose(toTokens(value, count), {0, 2, 1, 3});
}

Value AttentionOperator::buildMask() {
  Value mask = node.getInput(3);
  if (!mask)
    return {};
  RankedTensorType type = typeOf(mask);
  if (maskPadding > 0) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = maskPadding;
    auto part = RankedTensorType::get(shape, type.getElementType());
    bool isBoolean = type.getElementType().isInteger(1);
    Attribute hidden =
        isBoolean ? Attribute(builder.getBoolAttr(false))
                  : Attribute(builder.getFloatAttr(type.getElementType(), -std::numeric_limits<double>::infinity()));
    mask = mirror.concat({mask, mirror.constant(DenseElementsAttr::get(part, hidden))}, type.getRank() - 1);
  }
  return mirror.withRank(mask, 4);
}

/// The keys or values with the past in front, which are a result too.
Value AttentionOperator::buildPresent(Value value, Value past, unsigned result) {
  Value present = node.getOutput(result);
  if (!past && !isUsed(present))
    return toTokens(value, heads);
  Value all = toHeads(value, heads);
  if (past)
    all = mirror.concat({past, all}, 2);
  if (present)
    present.replaceAllUsesWith(all);
  return toTokens(all, heads);
}

FailureOr<SoftmaxAttentionOp> AttentionOperator::raise() {
  if (isUsed(node.getOutput(3)))
    return give("scores-used", "the scores are an output of their own");
  if (failed(readSizes()) || failed(readMask()) || failed(readPlaces()))
    return failure();
  double scale = getFloatAttr(node, "scale", 0), softcap = getFloatAttr(node, "softcap", 0);
  if (!std::isfinite(scale) || !std::isfinite(softcap) || softcap < 0)
    return give("attribute", "'scale' and 'softcap' must be finite, and the second not negative");
  for (unsigned place : {4u, 5u})
    if (Value past = node.getInput(place); past && (!typeOf(past) || typeOf(past).getRank() != 4))
      return give("shape", "the rank of the past is not known");
  Value query = toTokens(node.getInput(0), queryHeads), key = buildPresent(node.getInput(1), node.getInput(4), 1),
        value = buildPresent(node.getInput(2), node.getInput(5), 2), mask = buildMask();
  SmallVector<int64_t> shape(typeOf(query).getShape());
  shape[3] = typeOf(value).getDimSize(3);
  // In what ONNX calls it, zero means that there is none.
  auto number = [&](double given) { return given == 0 ? FloatAttr() : builder.getF64FloatAttr(given); };
  Location loc = node.getNodeName().empty() ? node.getLoc() : NameLoc::get(node.getNodeNameAttr());
  auto op = SoftmaxAttentionOp::create(
      builder, loc, typeOf(query).clone(shape), query, key, value, mask, node.getInput(6), /*sinks=*/Value(), behind,
      ahead, alignment, node.getNodeAttr("scale") ? builder.getF64FloatAttr(scale) : FloatAttr(), number(softcap));
  Value output = op.getOutput();
  output = isPacked ? mirror.reshape(output, {shape[0], shape[1], queryHeads * shape[3]})
                    : mirror.transpose(output, {0, 2, 1, 3});
  node.getOutput(0).replaceAllUsesWith(output);
  node.erase();
  return op;
}

bool fgla::onnx::isAttentionOperator(NodeOp node) {
  StringRef name = node.getOpType();
  bool isOfRuntime = node.getDomain() == "com.microsoft" && name.ends_with("Attention") && name != "LinearAttention";
  return isOfRuntime || (node.getDomain().empty() && name == "Attention");
}

FailureOr<SoftmaxAttentionOp> fgla::onnx::raiseAttentionOperator(NodeOp node, Obstacle &obstacle) {
  if (!node.getDomain().empty()) {
    obstacle = {"operator", "ONNX Runtime's own operators are not looked into"};
    return failure();
  }
  return AttentionOperator(node, obstacle).raise();
}
