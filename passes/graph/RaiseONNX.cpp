//===- RaiseONNX.cpp - What the ops around an attention compute -----------===//
#include "passes/graph/RaiseONNX.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace fgla::onnx;
using fgla::FeatureKind;
using fgla::GateKind;

/// Expressions in models have a handful of steps; more than this is something else.
static constexpr size_t maxSteps = 64;

Expression::Expression(ONNXLowering &lowering, Value value, int64_t channels) : lowering(lowering), channels(channels) {
  element = lowering.lookup(value).element;
  visit(value);
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
  static const llvm::StringMap<Kind> reductions = {{"ReduceMax", Kind::ReduceMax},
                                                   {"ReduceSum", Kind::ReduceSum},
                                                   {"ReduceMean", Kind::ReduceMean},
                                                   {"Softmax", Kind::Softmax}};
  StringRef name = node.getOpType();
  // Row-major order makes a reshape nothing for elementwise steps; reductions look at the last axis themselves.
  bool isReshape =
      name == "Reshape" || name == "Squeeze" || name == "Unsqueeze" || name == "Flatten" || name == "Identity";
  if (isReshape)
    return known[value] = visit(node.getInput(0));
  auto reduction = reductions.find(name);
  if (reduction != reductions.end()) {
    if (!isChannelAxis(node))
      return addInput(value);
    hasReduction = true;
    int arg = visit(node.getInput(0));
    return addStep({reduction->second, node, {arg}, 0, 0}, value);
  }
  const ElementwiseOp *row = lookupElementwise(node);
  if (!row || !row->evaluate || !row->buildFloat || static_cast<int64_t>(node.getNumInputPlaces()) < row->minInputs)
    return addInput(value);
  // Only scalars and a head's own reductions may be broadcast.
  SmallVector<Dim> dims = lowering.lookup(value).dims, perHead = dims;
  if (!perHead.empty())
    perHead.back() = Dim(1);
  for (Value input : node.getInputs()) {
    const Tensor &tensor = lowering.lookup(input);
    auto def = input.getDefiningOp<NodeOp>();
    bool isReduced =
        def && reductions.contains(def.getOpType()) && tensor.dims == perHead && dims.back() == Dim(channels);
    if (tensor.element != element || (tensor.dims != dims && !isReduced && !lowering.splat(input)))
      return addInput(value);
  }
  Step step{Kind::Elementwise, node, {}, 0, 0};
  for (size_t place = 0, e = node.getNumInputPlaces(); place != e; ++place)
    step.args.push_back(node.getInput(place) ? visit(node.getInput(place)) : -1);
  return addStep(step, value);
}

//===----------------------------------------------------------------------===//
// Trying
//===----------------------------------------------------------------------===//

static double sumOf(ArrayRef<double> x) {
  double sum = 0;
  for (double value : x)
    sum += value;
  return sum;
}

static Expression::Vector softmaxOf(ArrayRef<double> x) {
  double max = *std::max_element(x.begin(), x.end()), sum = 0;
  Expression::Vector y(x);
  for (double &value : y)
    sum += value = std::exp(value - max);
  for (double &value : y)
    value /= sum;
  return y;
}

Expression::Vector Expression::evaluate(ArrayRef<Vector> samples) const {
  size_t size = samples.front().size();
  SmallVector<Vector> results;
  for (const Step &step : steps) {
    const Vector *x = step.args.empty() || step.args[0] < 0 ? nullptr : &results[step.args[0]];
    switch (step.kind) {
    case Kind::Input:
      results.push_back(samples[step.input]);
      continue;
    case Kind::Constant:
      results.push_back(Vector(size, step.number));
      continue;
    case Kind::ReduceMax:
      results.push_back(Vector(size, *std::max_element(x->begin(), x->end())));
      continue;
    case Kind::ReduceSum:
      results.push_back(Vector(size, sumOf(*x)));
      continue;
    case Kind::ReduceMean:
      results.push_back(Vector(size, sumOf(*x) / size));
      continue;
    case Kind::Softmax:
      results.push_back(softmaxOf(*x));
      continue;
    case Kind::Elementwise:
      break;
    }
    Vector y(size);
    for (size_t i = 0; i != size; ++i) {
      SmallVector<double> arguments;
      for (int arg : step.args)
        arguments.push_back(arg < 0 ? std::nan("") : results[arg][i]);
      y[i] = lookupElementwise(step.node)->evaluate(step.node, arguments);
    }
    results.push_back(y);
  }
  return results.back();
}

bool Expression::equals(llvm::function_ref<Vector(ArrayRef<Vector>)> candidate) const {
  // Fixed samples: the same model always compiles to the same code. Constants of the model are f32, hence the
  // tolerance. Beyond 12 the ways to write a gate differ by what they lose, not by what they mean.
  std::mt19937 random(20250205);
  for (double range : {0.5, 3.0, 12.0})
    for (int repeat = 0; repeat != 32; ++repeat) {
      SmallVector<Vector> samples;
      for (size_t i = 0; i != leaves.size(); ++i) {
        Vector sample;
        for (int channel = 0; channel != 5; ++channel)
          sample.push_back(range * (random() / 2147483648.0 - 1));
        samples.push_back(sample);
      }
      Vector got = evaluate(samples), expected = candidate(samples);
      for (auto [a, b] : llvm::zip(got, expected))
        if (!(std::fabs(a - b) <= 1e-6 * std::max(std::fabs(a), std::fabs(b)) + 1e-12))
          return false;
    }
  return true;
}

/// A candidate from a function of one number.
static Expression::Vector mapOf(ArrayRef<double> x, double (*function)(double)) {
  Expression::Vector y;
  for (double value : x)
    y.push_back(function(value));
  return y;
}

static double sigmoidOf(double x) { return 1 / (1 + std::exp(-x)); }
static double logSigmoidOf(double x) { return -std::max(-x, 0.0) - std::log1p(std::exp(-std::fabs(x))); }

std::optional<FeatureKind> fgla::onnx::classifyFeature(const Expression &expression) {
  using Vector = Expression::Vector;
  if (expression.inputs().size() != 1)
    return std::nullopt;
  auto isMap = [&](double (*function)(double)) {
    return expression.equals([&](ArrayRef<Vector> x) { return mapOf(x[0], function); });
  };
  if (expression.isElementwise()) {
    if (isMap([](double x) { return x; }))
      return FeatureKind::Identity;
    if (isMap([](double x) { return std::max(x, 0.0); }))
      return FeatureKind::ReLU;
    if (isMap([](double x) { return x >= 0 ? 1 + x : std::exp(x); }))
      return FeatureKind::Elu1;
    if (isMap([](double x) { return std::exp(x); }))
      return FeatureKind::Exp;
    return std::nullopt;
  }
  if (expression.equals([](ArrayRef<Vector> x) {
        double max = *std::max_element(x[0].begin(), x[0].end());
        Vector y(x[0]);
        for (double &value : y)
          value = std::exp(value - max);
        return y;
      }))
    return FeatureKind::SafeExp;
  if (expression.equals([](ArrayRef<Vector> x) { return softmaxOf(x[0]); }))
    return FeatureKind::Softmax;
  return std::nullopt;
}

std::optional<GateKind> fgla::onnx::classifyLogGate(const Expression &expression, SmallVectorImpl<unsigned> &order) {
  using Vector = Expression::Vector;
  if (!expression.isElementwise())
    return std::nullopt;
  order.clear();
  if (expression.inputs().size() == 1) {
    order.push_back(0);
    if (expression.equals([](ArrayRef<Vector> x) { return mapOf(x[0], logSigmoidOf); }))
      return GateKind::Sigmoid;
  }
  if (expression.inputs().size() != 2)
    return std::nullopt;
  for (unsigned gate : {0u, 1u})
    if (expression.equals([&](ArrayRef<Vector> x) {
          Vector y;
          for (auto [zg, zr] : llvm::zip(x[gate], x[1 - gate])) {
            double g = sigmoidOf(zg), r = sigmoidOf(zr);
            y.push_back(std::log(g * (g + 2 * r * sigmoidOf(-zg))));
          }
          return y;
        })) {
      order.assign({gate, 1 - gate});
      return GateKind::Refined;
    }
  return std::nullopt;
}

bool fgla::onnx::isSilu(const Expression &expression) {
  using Vector = Expression::Vector;
  return expression.isElementwise() && expression.inputs().size() == 1 && !expression.isTrivial() &&
         expression.equals([](ArrayRef<Vector> x) { return mapOf(x[0], [](double v) { return v * sigmoidOf(v); }); });
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
