//===- RaiseDecomposed.cpp - Attention that a graph is made of ------------===//
//
// Anchored at a Softmax between two contractions. From its input back to the first contraction, each step must be
// known: a scale, a cap, a mask. What lies between the operands of the contractions and where they come from is
// computed, not matched: if the elements of an operand are those of an earlier value in one of a few orders, that value
// is taken.
//
//===----------------------------------------------------------------------===//
#include "passes/onnx/Evaluate.h"
#include "passes/onnx/EvaluateNode.h"
#include "passes/onnx/MirrorBuilder.h"
#include "passes/onnx/ONNXElementwise.h"
#include "passes/onnx/OperandLayout.h"
#include "passes/onnx/Provenance.h"
#include "passes/onnx/RaiseAttention.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace fgla::onnx;
using fgla::SoftmaxAttentionOp;

/// Between a contraction and its softmax are a few nodes.
static constexpr unsigned kMostSteps = 64;

static RankedTensorType typeOf(Value value) {
  return dyn_cast_or_null<RankedTensorType>(value ? value.getType() : Type());
}

static bool isNode(Value value, StringRef opType) {
  auto node = value ? value.getDefiningOp<NodeOp>() : NodeOp();
  return node && node.getOpType() == opType;
}

/// A product of two activations. One with weights is a projection.
static bool isContraction(NodeOp node) {
  StringRef name = node.getOpType();
  return (name == "MatMul" || name == "FusedMatMul" || name == "Einsum") && node.getInputs().size() == 2 &&
         llvm::none_of(node.getInputs(), isConstantValue);
}

namespace {

/// What is added to scores, or hides some of them.
struct Mask {
  Value value;        ///< added; or, with a filling, a condition
  bool isKept = true; ///< a score is kept where the condition is true
  bool isFilled = false;
  double filling = 0;
};

/// One softmax and what is around it.
class Decomposition {
public:
  Decomposition(NodeOp softmax, Samples &samples, Obstacle &obstacle)
      : softmax(softmax), samples(samples), obstacle(obstacle), builder(softmax),
        mirror(builder, softmax.getLoc(), softmax.getVersion()), reader(samples) {}

  /// Finds the contractions. Without both it is no attention.
  bool find();
  FailureOr<SoftmaxAttentionOp> raise();

private:
  LogicalResult give(StringRef code, const Twine &text) {
    obstacle = {code, text.str()};
    return failure();
  }
  std::optional<double> splat(Value value);
  bool leadsToProduct(Value value, unsigned steps = 0);
  bool isStepToProduct(Value value, unsigned steps);
  LogicalResult readScores();
  LogicalResult readFactor(Value other, bool isDivisor);
  LogicalResult readCap(double factor);
  LogicalResult addMask(Mask mask);
  LogicalResult checkMask(const Mask &mask);
  NodeOp findValueProduct(Value weights, unsigned steps = 0);
  LogicalResult readLayouts();
  Value buildMask();
  Value buildTerm(const Mask &mask);
  void replaceOutput(Value output);

  NodeOp softmax;
  Samples &samples;
  Obstacle &obstacle;
  OpBuilder builder;
  MirrorBuilder mirror;

  llvm::DenseMap<Value, bool> leading; ///< whether a value leads to a product
  NodeOp product, valueProduct;
  double scale = 1, softcap = 0;
  SmallVector<Mask> masks;
  ContractionRoles scoreRoles, valueRoles;
  LayoutReader reader;
  OperandLayout query, key, value;
};

} // namespace

/// The number that all elements are, whatever the sizes.
std::optional<double> Decomposition::splat(Value value) {
  std::optional<double> number;
  for (Evaluator &sample : samples) {
    const Array *array = sample.get(value);
    std::optional<double> here = array ? array->splat() : std::nullopt;
    if (!here || (number && *number != *here))
      return std::nullopt;
    number = here;
  }
  return number;
}

//===----------------------------------------------------------------------===//
// From the softmax back to the first contraction
//===----------------------------------------------------------------------===//

/// Steps that change no score.
static bool isPassed(NodeOp node) {
  StringRef name = node.getOpType();
  return name == "Cast" || name == "Identity" || name == "Dropout" || name == "Reshape" || name == "Squeeze" ||
         name == "Unsqueeze";
}

bool Decomposition::leadsToProduct(Value value, unsigned steps) {
  // Who adds a value to itself again and again has many paths and few nodes.
  if (auto it = leading.find(value); it != leading.end())
    return it->second;
  bool leads = steps != kMostSteps && isStepToProduct(value, steps);
  return leading[value] = leads;
}

bool Decomposition::isStepToProduct(Value value, unsigned steps) {
  auto node = value.getDefiningOp<NodeOp>();
  if (!node || !node.getInput(0))
    return false;
  if (isContraction(node))
    return true;
  StringRef name = node.getOpType();
  if (isPassed(node) || name == "Div" || name == "Tanh")
    return leadsToProduct(node.getInput(0), steps + 1);
  if (name == "Where" && node.getInputs().size() == 3)
    return leadsToProduct(node.getInput(1), steps + 1) || leadsToProduct(node.getInput(2), steps + 1);
  if ((name == "Add" || name == "Mul" || name == "Sub") && node.getInputs().size() == 2)
    return leadsToProduct(node.getInput(0), steps + 1) ||
           (name != "Sub" && leadsToProduct(node.getInput(1), steps + 1));
  return false;
}

LogicalResult Decomposition::addMask(Mask mask) {
  if (scale != 1 || softcap != 0)
    return give("scale", "scores are scaled after they are masked");
  masks.push_back(mask);
  return success();
}

/// c * tanh(x / c), where `factor` is c. The op divides by it, so that what is inside is multiplied.
LogicalResult Decomposition::readCap(double factor) {
  if (softcap != 0 || scale != 1 || factor <= 0)
    return give("operator", "scores are capped in a way that is not known");
  softcap = factor;
  scale = factor;
  return success();
}

LogicalResult Decomposition::readFactor(Value other, bool isDivisor) {
  std::optional<double> factor = splat(other);
  if (!factor || *factor == 0 || !std::isfinite(*factor))
    return give("scale", "scores are multiplied by what is not one number");
  scale *= isDivisor ? 1 / *factor : *factor;
  return success();
}

LogicalResult Decomposition::readScores() {
  Value value = softmax.getInput(0);
  for (unsigned step = 0; step != kMostSteps; ++step) {
    auto node = value.getDefiningOp<NodeOp>();
    if (!node || !node.getInput(0))
      break;
    if (isContraction(node)) {
      product = node;
      if (auto alpha = dyn_cast_or_null<FloatAttr>(node.getNodeAttr("alpha")))
        scale *= alpha.getValueAsDouble();
      return success();
    }
    StringRef name = node.getOpType();
    Value left = node.getInput(0), right = node.getInput(1);
    if (isPassed(node)) {
      value = left;
      continue;
    }
    bool isLeft = name != "Where" && leadsToProduct(left);
    if ((name == "Add" || name == "Mul") && isLeft && leadsToProduct(right))
      return give("bias", "scores are a sum or product of two contractions");
    Value scores = isLeft ? left : right, other = isLeft ? right : left;
    LogicalResult read = success();
    if (name == "Mul" && isNode(scores, "Tanh") && splat(other)) {
      read = readCap(*splat(other));
      scores = scores.getDefiningOp<NodeOp>().getInput(0);
    } else if (name == "Mul" || name == "Div") {
      read = readFactor(other, name == "Div");
    } else if (name == "Add") {
      read = addMask({other});
    } else if (name == "Sub") {
      read = addMask({MirrorBuilder(builder, node.getLoc(), node.getVersion()).node("Neg", other, other.getType())});
    } else if (name == "Where") {
      Value first = node.getInput(1), second = node.getInput(2);
      bool isFirst = leadsToProduct(first);
      std::optional<double> filling = splat(isFirst ? second : first);
      if (!filling)
        return give("mask", "scores are replaced by what is not one number");
      scores = isFirst ? first : second;
      read = addMask({node.getInput(0), isFirst, true, *filling});
    } else {
      return give("operator", "'" + name + "' between the scores and their softmax is not known");
    }
    if (failed(read))
      return failure();
    value = scores;
  }
  return give("operator", "too many nodes between the scores and their softmax");
}

//===----------------------------------------------------------------------===//
// From the softmax on to the second contraction
//===----------------------------------------------------------------------===//

/// Whether `node` puts zeros where `weights` are no numbers.
static bool isGuard(NodeOp node, Value weights) {
  return node.getOpType() == "Where" && node.getInputs().size() == 3 && node.getInput(2) == weights &&
         isNode(node.getInput(0), "IsNaN") && node.getInput(0).getDefiningOp<NodeOp>().getInput(0) == weights;
}

/// The contraction that `weights` go into. What else they are used for is an obstacle.
NodeOp Decomposition::findValueProduct(Value weights, unsigned steps) {
  NodeOp found;
  unsigned others = 0;
  for (Operation *user : weights.getUsers()) {
    auto node = dyn_cast<NodeOp>(user);
    if (node && node.getOpType() == "IsNaN")
      continue;
    NodeOp next;
    if (node && steps != kMostSteps && !node.getOutputs().empty()) {
      if (isContraction(node) && node.getInput(0) == weights)
        next = node;
      else if ((isPassed(node) && node.getInput(0) == weights) || isGuard(node, weights))
        next = findValueProduct(node.getOutputs().front(), steps + 1);
    }
    if (next && !found)
      found = next;
    else
      ++others;
  }
  if (found && others != 0)
    obstacle = {"scores-used", "the weights are used beside the values"};
  return found;
}

bool Decomposition::find() {
  auto type = typeOf(softmax.getInput(0));
  int64_t axis = getIntAttr(softmax, "axis", softmax.getVersion() < 13 ? 1 : -1);
  bool isLast = axis == -1 || (type && axis == type.getRank() - 1);
  if (!isLast)
    if (const Array *scores = samples.front().get(softmax.getInput(0)))
      isLast = axis == static_cast<int64_t>(scores->shape.size()) - 1;
  if (!isLast || !leadsToProduct(softmax.getInput(0)))
    return false;
  valueProduct = findValueProduct(softmax.getOutput(0));
  return valueProduct != nullptr;
}

//===----------------------------------------------------------------------===//
// The operands
//===----------------------------------------------------------------------===//

LogicalResult Decomposition::readLayouts() {
  if (!readRoles(product, /*isOfValues=*/false, scoreRoles) ||
      !readRoles(valueProduct, /*isOfValues=*/true, valueRoles))
    return give("operator", "a contraction of the attention is of a form that is not known");
  if (!reader.readSizes(product, scoreRoles, valueProduct, valueRoles))
    return give("shape", "the sizes of the attention are not known");
  std::string reason;
  double factor = 1;
  if (!reader.read(product.getInput(0), scoreRoles.left, /*isQuery=*/true, query, factor) ||
      !reader.read(product.getInput(1), scoreRoles.right, /*isQuery=*/false, key, factor))
    return give("layout", "which elements of queries or keys belong to which head is not known");
  scale *= factor;
  double valueFactor = 1;
  if (!reader.read(valueProduct.getInput(1), valueRoles.right, /*isQuery=*/false, value, valueFactor) ||
      valueFactor != 1)
    return give("layout", "which elements of the values belong to which head is not known");
  if (key.heads != value.heads && (!reader.expandHeads(product.getInput(1), scoreRoles.right, key) ||
                                   !reader.expandHeads(valueProduct.getInput(1), valueRoles.right, value)))
    return give("layout", "keys and values have different numbers of heads");
  if (query.heads % key.heads != 0)
    return give("layout", "the number of query heads is not a multiple of that of keys");
  Type element = typeOf(query.source).getElementType();
  if (!isa<FloatType>(element) || typeOf(key.source).getElementType() != element ||
      typeOf(value.source).getElementType() != element)
    return give("type", "queries, keys and values have several types");
  return success();
}

/// A mask must be one of `[B, Hq, T, S]`.
LogicalResult Decomposition::checkMask(const Mask &mask) {
  auto type = typeOf(mask.value);
  if (!type || type.getRank() > 4)
    return give("mask", "the rank of a mask is not known, or more than 4");
  for (auto [index, sample] : llvm::enumerate(samples)) {
    const Array *array = sample.get(mask.value);
    if (!array || static_cast<int64_t>(array->shape.size()) != type.getRank())
      return give("mask", "the shape of a mask is not known");
    SmallVector<int64_t> scores = reader.getScoreShape(index);
    for (auto [size, whole] : llvm::zip(llvm::reverse(array->shape), llvm::reverse(scores)))
      if (size != 1 && size != whole)
        return give("mask", "the shape of a mask is not that of the scores");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// One mask as booleans, where it hides with -inf, or as what is added.
Value Decomposition::buildTerm(const Mask &mask) {
  if (!mask.isFilled)
    return mask.value;
  auto type = typeOf(mask.value);
  if (mask.filling == -std::numeric_limits<double>::infinity())
    return mask.isKept ? mask.value : mirror.node("Not", mask.value, type);
  auto scalar = RankedTensorType::get({}, builder.getF32Type());
  auto constant = [&](double number) {
    return mirror.constant(DenseElementsAttr::get(scalar, builder.getF32FloatAttr(number)));
  };
  Value zero = constant(0), filling = constant(mask.filling);
  return mirror.node("Where", {mask.value, mask.isKept ? zero : filling, mask.isKept ? filling : zero},
                     type.clone(builder.getF32Type()));
}

Value Decomposition::buildMask() {
  Value all;
  for (const Mask &mask : masks) {
    Value term = buildTerm(mask);
    if (!all) {
      all = term;
      continue;
    }
    auto left = typeOf(all), right = typeOf(term);
    SmallVector<int64_t> shape = left.getRank() >= right.getRank() ? SmallVector<int64_t>(left.getShape())
                                                                   : SmallVector<int64_t>(right.getShape());
    auto shorter = left.getRank() >= right.getRank() ? right : left;
    for (auto [i, size] : llvm::enumerate(shorter.getShape())) {
      int64_t &to = shape[shape.size() - shorter.getRank() + i];
      to = to == 1 ? size : to;
    }
    bool areBooleans = left.getElementType().isInteger(1) && right.getElementType().isInteger(1);
    if (left.getElementType() != right.getElementType())
      return {};
    all = mirror.node(areBooleans ? "And" : "Add", {all, term}, left.clone(shape));
  }
  return all ? mirror.withRank(all, 4) : Value();
}

/// `[B, T, Hq, V]` in the place of what the second contraction gives.
void Decomposition::replaceOutput(Value output) {
  Value old = valueProduct.getOutput(0);
  auto oldType = typeOf(old);
  SmallVector<int64_t> order;
  // [B, H, T, V], or in the order that the contraction gives.
  for (DimRole role : valueRoles.output)
    order.push_back(role.kind == DimRole::Token ? 1 : role.kind == DimRole::Channel ? 3 : 2 * role.batch);
  if (valueRoles.numBatch == 2) {
    output = mirror.transpose(output, order);
  } else {
    // Batch and heads are one dim, or heads are two: what the queries of the product say.
    output = mirror.transpose(output, {0, 2, 1, 3});
    auto sizes = RankedTensorType::get(static_cast<int64_t>(valueRoles.output.size()), builder.getI64Type());
    auto parts = RankedTensorType::get(sizes.getDimSize(0) - 1, builder.getI64Type());
    Value shape = mirror.node("Shape", product.getInput(0), sizes);
    Value leading = mirror.node(
        "Slice",
        {shape, mirror.constant(ArrayRef<int64_t>{0}), mirror.constant(ArrayRef<int64_t>{sizes.getDimSize(0) - 1})},
        parts);
    Value target = mirror.concat({leading, mirror.constant(ArrayRef<int64_t>{value.channels})}, 0);
    SmallVector<int64_t> dims(valueRoles.output.size(), ShapedType::kDynamic);
    dims.back() = value.channels;
    output = mirror.node("Reshape", {output, target}, typeOf(output).clone(dims));
  }
  if (oldType && oldType.getElementType() != typeOf(output).getElementType())
    output = mirror.cast(output, oldType.getElementType());
  old.replaceAllUsesWith(output);
}

FailureOr<SoftmaxAttentionOp> Decomposition::raise() {
  if (!obstacle.code.empty() || failed(readScores()) || failed(readLayouts()))
    return failure();
  for (const Mask &mask : masks)
    if (failed(checkMask(mask)))
      return failure();
  // Everything that is read stands in front of the second contraction.
  builder.setInsertionPoint(valueProduct);
  Value mask = buildMask();
  if (!masks.empty() && !mask)
    return give("mask", "masks of several types meet");
  Value q = query.build(mirror), k = key.build(mirror), v = value.build(mirror);
  SmallVector<int64_t> shape(typeOf(q).getShape());
  shape[3] = value.channels;
  Location loc = softmax.getNodeName().empty() ? softmax.getLoc() : NameLoc::get(softmax.getNodeNameAttr());
  auto op = SoftmaxAttentionOp::create(builder, loc, typeOf(q).clone(shape), q, k, v, mask, /*lengths=*/Value(),
                                       /*sinks=*/Value(), IntegerAttr(), IntegerAttr(), fgla::AlignmentAttr(),
                                       builder.getF64FloatAttr(scale),
                                       softcap == 0 ? FloatAttr() : builder.getF64FloatAttr(softcap));
  replaceOutput(op.getOutput());
  return op;
}

bool fgla::onnx::raiseDecomposedAttention(NodeOp softmax, Samples &samples, SoftmaxAttentionOp &op,
                                          Obstacle &obstacle) {
  Decomposition decomposition(softmax, samples, obstacle);
  if (!decomposition.find())
    return false;
  FailureOr<SoftmaxAttentionOp> raised = decomposition.raise();
  op = succeeded(raised) ? *raised : SoftmaxAttentionOp();
  return true;
}
