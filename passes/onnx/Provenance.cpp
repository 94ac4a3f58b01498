//===- Provenance.cpp - Where the operands of an attention come from ------===//
#include "passes/onnx/Provenance.h"

#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace fgla::onnx;

/// Between an attention and its projections are a few dozen nodes; who finds more is lost.
static constexpr unsigned kMostNodes = 4096;

namespace {

/// What a node does to the operand that is traced.
enum class Effect { Moves, Rotates, Normalizes, Multiplies, Adds, Concatenates, Projects, Other };

/// The products that the paths from a value lead to.
using Projections = llvm::SmallSetVector<Operation *, 2>;

class Tracer {
public:
  explicit Tracer(Provenance &found) : found(found) {}
  Projections visit(Value value);

private:
  Projections visitAll(ValueRange values);
  Projections visitConcat(NodeOp node);

  Provenance &found;
  llvm::DenseMap<Value, Projections> known;
};

} // namespace

static Effect classify(NodeOp node) {
  return llvm::StringSwitch<Effect>(node.getOpType())
      .Cases({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Identity", "Cast",
              "CastLike", "Slice", "Split", "Gather", "Dropout", "Neg"},
             Effect::Moves)
      .Case("RotaryEmbedding", Effect::Rotates)
      .Cases({"RMSNormalization", "LayerNormalization", "SimplifiedLayerNormalization", "InstanceNormalization",
              "LpNormalization"},
             Effect::Normalizes)
      .Cases({"Mul", "Div"}, Effect::Multiplies)
      .Cases({"Add", "Sub", "Sum"}, Effect::Adds)
      .Case("Concat", Effect::Concatenates)
      .Cases({"MatMul", "Gemm", "FusedMatMul", "MatMulNBits", "MatMulInteger", "Conv", "DynamicQuantizeMatMul"},
             Effect::Projects)
      .Default(Effect::Other);
}

bool fgla::onnx::isConstantValue(Value value) {
  SmallVector<Value> open{value};
  for (unsigned count = 0; !open.empty(); ++count) {
    Value next = open.pop_back_val();
    auto node = next.getDefiningOp<NodeOp>();
    if (count == kMostNodes || isa<BlockArgument>(next))
      return false;
    if (node)
      open.append(node.getInputs().begin(), node.getInputs().end());
  }
  return true;
}

/// The function's argument that a value is, but for its layout.
static Value findArgument(Value value) {
  while (auto node = value.getDefiningOp<NodeOp>()) {
    if (classify(node) != Effect::Moves || !node.getInput(0))
      return {};
    value = node.getInput(0);
  }
  return isa<BlockArgument>(value) ? value : Value();
}

/// Concatenated are the parts of a rotated head, or a past and what is new.
Projections Tracer::visitConcat(NodeOp node) {
  Projections result;
  Value past;
  for (Value part : node.getInputs()) {
    Value argument = findArgument(part);
    if (argument && !past)
      past = argument;
    else
      for (Operation *projection : visit(part))
        result.insert(projection);
  }
  if (past && node.getInputs().size() > 1)
    found.past = past;
  return result;
}

Projections Tracer::visitAll(ValueRange values) {
  Projections result;
  for (Value value : values)
    for (Operation *projection : visit(value))
      result.insert(projection);
  return result;
}

Projections Tracer::visit(Value value) {
  auto node = value ? value.getDefiningOp<NodeOp>() : NodeOp();
  if (!node || known.size() >= kMostNodes)
    return {};
  if (auto it = known.find(value); it != known.end())
    return it->second;
  known[value];
  Projections result;
  // Both sides of a product or a sum may lead to one projection: x * norm(x), x * cos + turned(x) * sin.
  auto meets = [&](bool &flag) {
    unsigned leading = llvm::count_if(node.getInputs(), [&](Value input) {
      return llvm::any_of(visit(input), [&](Operation *op) { return result.contains(op); });
    });
    flag |= leading > 1;
  };
  switch (classify(node)) {
  case Effect::Rotates:
    found.isRotated = true;
    result = visit(node.getInput(0));
    break;
  case Effect::Normalizes:
    found.isNormalized = true;
    result = visit(node.getInput(0));
    break;
  case Effect::Moves:
    result = visit(node.getInput(0));
    break;
  case Effect::Projects:
    if (llvm::any_of(llvm::drop_begin(node.getInputs()), [](Value input) { return isConstantValue(input); }))
      result.insert(node);
    break;
  case Effect::Concatenates:
    result = visitConcat(node);
    break;
  case Effect::Multiplies:
    result = visitAll(node.getInputs());
    meets(found.isNormalized);
    break;
  case Effect::Adds:
    result = visitAll(node.getInputs());
    meets(found.isRotated);
    break;
  case Effect::Other:
    result = visitAll(node.getInputs());
    break;
  }
  return known[value] = result;
}

Provenance fgla::onnx::traceOperand(Value value) {
  Provenance found;
  found.projections = Tracer(found).visit(value);
  return found;
}

Value Provenance::getSource() const {
  Value source;
  for (Operation *projection : projections) {
    // What lies between a state and its projections, a change of rank, is none of the difference.
    Value input = cast<NodeOp>(projection).getInput(0);
    while (auto node = input.getDefiningOp<NodeOp>()) {
      if (classify(node) != Effect::Moves || !node.getInput(0))
        break;
      input = node.getInput(0);
    }
    if (source && source != input)
      return {};
    source = input;
  }
  return source;
}

NodeOp fgla::onnx::findOutputProjection(Value value) {
  for (unsigned count = 0; count != kMostNodes; ++count) {
    NodeOp next;
    for (Operation *user : value.getUsers())
      if (auto node = dyn_cast<NodeOp>(user); node && classify(node) != Effect::Other)
        next = node;
    if (!next || next.getOutputs().empty())
      return {};
    if (classify(next) == Effect::Projects)
      return next;
    if (classify(next) != Effect::Moves || next.getInput(0) != value)
      return {};
    value = next.getOutputs().front();
  }
  return {};
}

int64_t fgla::onnx::countParameters(NodeOp projection) {
  int64_t count = 0;
  for (Value input : llvm::drop_begin(projection.getInputs())) {
    auto type = dyn_cast<RankedTensorType>(input.getType());
    if (isConstantValue(input) && type && type.hasStaticShape())
      count += type.getNumElements();
  }
  return count;
}
