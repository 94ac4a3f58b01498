//===- RaiseONNX.cpp - What the ops around an attention compute -----------===//
#include "passes/onnx/RaiseONNX.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace fgla::onnx;
using fgla::FeatureKind;
using fgla::GateKind;
using fgla::ScalarFormulas;
using Term = ScalarFormulas::Term;

/// Expressions in models have a handful of steps; more than this is something else.
static constexpr size_t maxSteps = 64;

Expression::Expression(ONNXLowering &lowering, Value value, int64_t channels) : lowering(lowering), channels(channels) {
  element = lowering.lookup(value).element;
  visit(value);
  // A value that is broadcast, and yet could not be looked into, has other sizes than the expression.
  std::optional<Dim> size = product(lowering.lookup(value).dims);
  auto fits = [&](Value leaf) { return size && product(lowering.lookup(leaf).dims) == size; };
  if (llvm::all_of(leaves, fits))
    return;
  steps.clear(), leaves.clear(), known.clear();
  hasReduction = false;
  addInput(value);
}

int Expression::addStep(Step step, Value value) {
  steps.push_back(std::move(step));
  return known[value] = steps.size() - 1;
}

int Expression::addInput(Value value) {
  leaves.push_back(value);
  Step step{Kind::Input, {}, {}, 0, static_cast<int>(leaves.size() - 1)};
  return addStep(step, value);
}

std::optional<Expression::Kind> Expression::reductionKind(NodeOp node) {
  return llvm::StringSwitch<std::optional<Kind>>(node.getDomain().empty() ? node.getOpType() : "")
      .Case("ReduceMax", Kind::ReduceMax)
      .Case("ReduceSum", Kind::ReduceSum)
      .Case("ReduceMean", Kind::ReduceMean)
      .Case("Softmax", Kind::Softmax)
      .Default(std::nullopt);
}

/// Whether the node works along the channels of one head.
bool Expression::isChannelAxis(NodeOp node) const {
  const Tensor &input = lowering.lookup(node.getInput(0));
  int64_t rank = input.rank(), axis = -1;
  if (rank == 0 || input.dims.back() != Dim(channels))
    return false;
  if (node.getOpType() == "Softmax") {
    axis = getIntAttr(node, "axis", -1);
  } else {
    std::optional<SmallVector<int64_t>> list = lowering.constants(node.getInput(1));
    if (auto attr = dyn_cast_or_null<DenseI64ArrayAttr>(node.getNodeAttr("axes")))
      list.emplace(attr.asArrayRef());
    if (!list || list->size() != 1 || !getIntAttr(node, "keepdims", 1))
      return false;
    axis = list->front();
  }
  return axis == -1 || axis == rank - 1;
}

int Expression::visit(Value value) {
  auto it = known.find(value);
  if (it != known.end())
    return it->second;
  const Tensor &tensor = lowering.lookup(value);
  if (tensor.element != element)
    return addInput(value);
  if (std::optional<double> number = lowering.splat(value))
    return addStep({Kind::Constant, {}, {}, *number, 0}, value);
  auto node = value.getDefiningOp<NodeOp>();
  return node && node.getDomain().empty() && steps.size() < maxSteps ? visitNode(node, value) : addInput(value);
}

int Expression::visitNode(NodeOp node, Value value) {
  StringRef name = node.getOpType();
  // Row-major order makes a reshape nothing for elementwise steps; reductions look at the last axis themselves.
  bool isReshape =
      name == "Reshape" || name == "Squeeze" || name == "Unsqueeze" || name == "Flatten" || name == "Identity";
  if (isReshape)
    return known[value] = visit(node.getInput(0));
  if (std::optional<Kind> reduction = reductionKind(node)) {
    if (!isChannelAxis(node))
      return addInput(value);
    hasReduction = true;
    int arg = visit(node.getInput(0));
    return addStep({*reduction, node, {arg}, 0, 0}, value);
  }
  const ElementwiseOp *row = lookupElementwise(node);
  if (!row || !row->describe || !row->buildFloat || static_cast<int64_t>(node.getNumInputPlaces()) < row->minInputs)
    return addInput(value);
  const SmallVector<Dim> &dims = lowering.lookup(value).dims;
  for (Value input : node.getInputs())
    if (!isOperand(input, dims) && !isCondition(node, input, dims))
      return addInput(value);
  Step step{Kind::Elementwise, node, {}, 0, 0};
  for (size_t place = 0, e = node.getNumInputPlaces(); place != e; ++place) {
    Value input = node.getInput(place);
    bool isComparison = input && lowering.lookup(input).element != element;
    step.args.push_back(!input         ? -1
                        : isComparison ? visitComparison(input.getDefiningOp<NodeOp>(), input)
                                       : visit(input));
  }
  return addStep(step, value);
}

/// Only scalars and a head's own reductions may be broadcast.
bool Expression::isOperand(Value value, ArrayRef<Dim> dims) {
  const Tensor &tensor = lowering.lookup(value);
  if (tensor.element != element)
    return false;
  if (ArrayRef<Dim>(tensor.dims) == dims || lowering.splat(value))
    return true;
  auto def = value.getDefiningOp<NodeOp>();
  if (!def || def.getOpType() == "Softmax" || !reductionKind(def) || !isChannelAxis(def) ||
      dims.back() != Dim(channels))
    return false;
  SmallVector<Dim> perHead(dims);
  perHead.back() = Dim(1);
  return tensor.dims == perHead;
}

/// Whether `value` is a comparison that `node` selects by.
bool Expression::isCondition(NodeOp node, Value value, ArrayRef<Dim> dims) {
  auto def = value.getDefiningOp<NodeOp>();
  const ElementwiseOp *row = def ? lookupElementwise(def) : nullptr;
  return node.getOpType() == "Where" && value == node.getInput(0) && row && row->isComparison &&
         def.getInputs().size() == 2 &&
         llvm::all_of(def.getInputs(), [&](Value input) { return isOperand(input, dims); });
}

int Expression::visitComparison(NodeOp node, Value value) {
  auto it = known.find(value);
  if (it != known.end())
    return it->second;
  int left = visit(node.getInputs()[0]), right = visit(node.getInputs()[1]);
  return addStep({Kind::Elementwise, node, {left, right}, 0, 0}, value);
}

//===----------------------------------------------------------------------===//
// Recognizing
//===----------------------------------------------------------------------===//

Term Expression::describe(ScalarFormulas &formulas) const {
  SmallVector<Term> terms;
  for (const Step &step : steps) {
    SmallVector<std::optional<Term>> args;
    for (int arg : step.args)
      args.push_back(arg < 0 ? std::nullopt : std::optional<Term>(terms[arg]));
    switch (step.kind) {
    case Kind::Input:
      terms.push_back(formulas.input(step.input));
      break;
    case Kind::Constant:
      terms.push_back(formulas.constant(step.number));
      break;
    case Kind::ReduceMax:
      terms.push_back(formulas.rowMax(*args[0]));
      break;
    case Kind::ReduceSum:
      terms.push_back(formulas.rowSum(*args[0]));
      break;
    case Kind::ReduceMean:
      terms.push_back(formulas.rowMean(*args[0]));
      break;
    case Kind::Softmax:
      terms.push_back(formulas.softmax(*args[0]));
      break;
    case Kind::Elementwise:
      terms.push_back(lookupElementwise(step.node)->describe(formulas, step.node, args));
      break;
    }
  }
  return terms.back();
}

std::optional<FeatureKind> fgla::onnx::classifyFeature(const Expression &expression) {
  if (expression.inputs().size() != 1)
    return std::nullopt;
  ScalarFormulas f;
  Term given = expression.describe(f), x = f.input(0);
  const std::pair<FeatureKind, Term> named[] = {
      {FeatureKind::Identity, x},
      {FeatureKind::ReLU, f.relu(x)},
      {FeatureKind::Elu1, f.add(f.exp(f.min(x, f.constant(0))), f.relu(x))},
      {FeatureKind::Exp, f.exp(x)},
      {FeatureKind::SafeExp, f.exp(f.sub(x, f.rowMax(x)))},
      {FeatureKind::Softmax, f.softmax(x)},
  };
  for (auto [kind, term] : named)
    if (f.areEqual(given, term))
      return kind;
  return std::nullopt;
}

std::optional<GateKind> fgla::onnx::classifyLogGate(const Expression &expression, SmallVectorImpl<unsigned> &order) {
  size_t count = expression.inputs().size();
  if (!expression.isElementwise() || count == 0 || count > 2)
    return std::nullopt;
  ScalarFormulas f;
  // Logarithms are equal where what they are of is.
  Term given = f.exp(expression.describe(f));
  if (count == 1) {
    order.assign({0});
    return f.areEqual(given, f.sigmoid(f.input(0))) ? std::optional(GateKind::Sigmoid) : std::nullopt;
  }
  for (unsigned gate : {0u, 1u}) {
    Term zg = f.input(gate), g = f.sigmoid(zg), r = f.sigmoid(f.input(1 - gate));
    Term twice = f.mul(f.constant(2), f.mul(r, f.sigmoid(f.neg(zg))));
    order.assign({gate, 1 - gate});
    if (f.areEqual(given, f.mul(g, f.add(g, twice))))
      return GateKind::Refined;
  }
  return std::nullopt;
}

bool fgla::onnx::isSilu(const Expression &expression) {
  if (!expression.isElementwise() || expression.inputs().size() != 1 || expression.isTrivial())
    return false;
  ScalarFormulas f;
  Term x = f.input(0);
  return f.areEqual(expression.describe(f), f.mul(x, f.sigmoid(x)));
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

void Expression::build(OpBuilder &b, Location loc, Region &region, Type type) const {
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&region);
  SmallVector<Value> scalars;
  for (size_t i = 0; i != leaves.size(); ++i)
    block->addArgument(type, loc);
  for (const Step &step : steps) {
    if (step.kind == Kind::Input) {
      scalars.push_back(block->getArgument(step.input));
      continue;
    }
    if (step.kind == Kind::Constant) {
      scalars.push_back(arith::ConstantOp::create(b, loc, b.getFloatAttr(type, step.number)));
      continue;
    }
    SmallVector<Value> arguments;
    for (int arg : step.args)
      arguments.push_back(arg < 0 ? Value() : scalars[arg]);
    NodeOp node = step.node;
    scalars.push_back(lookupElementwise(node)->buildFloat(b, loc, node, arguments));
  }
  fgla::YieldOp::create(b, loc, scalars.back());
}
