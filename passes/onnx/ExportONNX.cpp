//===- ExportONNX.cpp - From fgla to the mirror of an ONNX graph ----------===//
#include "passes/onnx/ExportONNX.h"

#include "passes/onnx/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace fgla;
using namespace fgla::onnx;

namespace fgla::onnx {
#define GEN_PASS_DEF_EXPORTONNX
#include "passes/onnx/Passes.h.inc"
} // namespace fgla::onnx

static Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

namespace {
/// Converts the ops of one program, one after the other.
class Exporter {
public:
  Exporter(OpBuilder &builder, Operation *op, ExportForm form, int64_t opset)
      : builder(builder), form(form), n(builder, op->getLoc(), opset) {}

  LogicalResult convert(Operation *op);

private:
  LogicalResult convert(AttentionOp op) { return convertRecurrence(op, op.getSequences(), /*hasTokens=*/true); }
  LogicalResult convert(StepOp op) { return convertRecurrence(op, Value(), /*hasTokens=*/false); }
  template <typename OpType> LogicalResult convertRecurrence(OpType op, Value sequences, bool hasTokens);
  LogicalResult convert(BlockOp op);
  LogicalResult convert(FeatureMapOp op);
  LogicalResult convert(GateOp op);
  LogicalResult convert(NormOp op);
  LogicalResult convert(OutputGateOp op) { return replace(op, n.mul(f32(op.getInput()), silu(f32(op.getGate())))); }
  LogicalResult convert(arith::ConstantOp op);
  LogicalResult convert(tensor::CastOp op) { return replace(op, f32(op.getSource())); }

  /// Numbers are computed in f32, whatever they are stored in.
  Value f32(Value x) { return x ? n.cast(x, elementOf(x), builder.getF32Type()) : Value(); }
  LogicalResult replace(Operation *op, ValueRange results);

  Value softmax(Value x) { return n.op("Softmax", {x}, n.attribute("axis", int64_t(-1))); }
  Value safeExp(Value x);
  Value silu(Value z) { return n.mul(z, n.op("Sigmoid", {z})); }
  Value norm(NormKind kind, Value x, Value weight, Value bias, const APFloat &eps);
  Value logSigmoid(Value z) { return n.neg(n.op("Softplus", {n.neg(z)})); }
  Value namedGate(GateKind kind, bool log, ArrayRef<Value> inputs);
  FailureOr<Value> expression(Region &region, ArrayRef<Value> inputs);
  Value project(Value x, Value weight, Value bias = {});

  OpBuilder &builder;
  ExportForm form;
  ONNXBuilder n;
};
} // namespace

/// The results, which are f32, stored in the types of the op's results.
LogicalResult Exporter::replace(Operation *op, ValueRange results) {
  for (auto [old, value] : llvm::zip(op->getResults(), results)) {
    Value stored = n.cast(value, builder.getF32Type(), elementOf(old));
    if (stored.getType() != old.getType() && !isa<NoneType>(stored.getType()))
      stored = n.op("Identity", {stored});
    if (isa<NoneType>(stored.getType()))
      stored.setType(old.getType());
    old.replaceAllUsesWith(stored);
  }
  op->erase();
  return success();
}

LogicalResult Exporter::convert(arith::ConstantOp op) {
  auto elements = dyn_cast<ElementsAttr>(op.getValue());
  if (!elements)
    return op.emitOpError() << "cannot be written to an ONNX model: its constants are tensors, got " << op.getType();
  Value value = InitializerOp::create(builder, op.getLoc(), op.getType(), "constant", elements, StringAttr(), 0, 0);
  op.replaceAllUsesWith(value);
  op->erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Maps, gates, norms
//===----------------------------------------------------------------------===//

/// e^(x - max x), zero where all x are -inf.
Value Exporter::safeExp(Value x) {
  Value max = n.reduce("ReduceMax", x, {-1}, /*keep=*/true);
  return n.exp(n.sub(x, n.max(max, n.number(std::numeric_limits<float>::lowest()))));
}

LogicalResult Exporter::convert(FeatureMapOp op) {
  Value x = f32(op.getInput());
  if (op.getWeight()) // a matrix for each head: [..., H, 1, Din] [H, Din, D]
    x = n.op("Squeeze", {n.op("MatMul", {n.unsqueeze(x, {-2}), f32(op.getWeight())}), n.integers({-2})});
  if (!op.getKind()) {
    FailureOr<Value> result = expression(op.getExpression(), x);
    return failed(result) ? failure() : replace(op, *result);
  }
  switch (*op.getKind()) {
  case FeatureKind::Identity:
    return replace(op, x);
  case FeatureKind::ReLU:
    return replace(op, n.op("Relu", {x}));
  case FeatureKind::Elu1:
    return replace(op, n.add(n.op("Elu", {x}), n.number(1)));
  case FeatureKind::Exp:
    return replace(op, n.exp(x));
  case FeatureKind::SafeExp:
    return replace(op, safeExp(x));
  case FeatureKind::Softmax:
    return replace(op, softmax(x));
  case FeatureKind::Hedgehog:
    return replace(op, n.op("Concat", {softmax(x), softmax(n.neg(x))}, n.attribute("axis", int64_t(-1))));
  }
  llvm_unreachable("all maps are listed");
}

/// `refined` is g (g + 2 r (1 - g)). Its logarithm is log g + log(e^a + e^b) with a = log g and b = log 2 r (1 - g), in
/// which nothing underflows.
Value Exporter::namedGate(GateKind kind, bool log, ArrayRef<Value> inputs) {
  Value zg = inputs[0];
  if (kind == GateKind::Sigmoid)
    return log ? logSigmoid(zg) : n.op("Sigmoid", {zg});
  Value zr = inputs[1], two = n.number(2);
  if (!log) {
    Value g = n.op("Sigmoid", {zg}), twice = n.mul(two, n.mul(n.op("Sigmoid", {zr}), n.op("Sigmoid", {n.neg(zg)})));
    return n.mul(g, n.add(g, twice));
  }
  Value a = logSigmoid(zg), b = n.add(n.op("Log", {two}), n.add(logSigmoid(zr), logSigmoid(n.neg(zg))));
  Value distance = n.op("Abs", {n.sub(a, b)});
  return n.add(a, n.add(n.max(a, b), n.op("Softplus", {n.neg(distance)})));
}

LogicalResult Exporter::convert(GateOp op) {
  SmallVector<Value> inputs;
  for (Value input : op.getInputs())
    inputs.push_back(f32(input));
  if (op.getKind())
    return replace(op, namedGate(*op.getKind(), op.getLog(), inputs));
  FailureOr<Value> result = expression(op.getExpression(), inputs);
  return failed(result) ? failure() : replace(op, *result);
}

Value Exporter::norm(NormKind kind, Value x, Value weight, Value bias, const APFloat &eps) {
  if (kind == NormKind::Layer)
    x = n.sub(x, n.reduce("ReduceMean", x, {-1}, /*keep=*/true));
  Value square = n.reduce("ReduceMean", n.mul(x, x), {-1}, /*keep=*/true);
  Value y = n.div(x, n.op("Sqrt", {n.add(square, n.number(eps.convertToDouble()))}));
  if (weight)
    y = n.mul(y, weight);
  return bias ? n.add(y, bias) : y;
}

LogicalResult Exporter::convert(NormOp op) {
  return replace(op, norm(op.getKind(), f32(op.getInput()), f32(op.getWeight()), f32(op.getBias()), op.getEps()));
}

/// The operator of ONNX that is a scalar op on every element, or none.
static StringRef elementwiseOperator(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](arith::AddFOp) { return "Add"; })
      .Case([](arith::SubFOp) { return "Sub"; })
      .Case([](arith::MulFOp) { return "Mul"; })
      .Case([](arith::DivFOp) { return "Div"; })
      .Case([](arith::NegFOp) { return "Neg"; })
      .Case([](arith::MaximumFOp) { return "Max"; })
      .Case([](arith::MinimumFOp) { return "Min"; })
      .Case([](arith::SelectOp) { return "Where"; })
      .Case([](math::AbsFOp) { return "Abs"; })
      .Case([](math::CeilOp) { return "Ceil"; })
      .Case([](math::CosOp) { return "Cos"; })
      .Case([](math::ErfOp) { return "Erf"; })
      .Case([](math::ExpOp) { return "Exp"; })
      .Case([](math::FloorOp) { return "Floor"; })
      .Case([](math::LogOp) { return "Log"; })
      .Case([](math::PowFOp) { return "Pow"; })
      .Case([](math::SinOp) { return "Sin"; })
      .Case([](math::SqrtOp) { return "Sqrt"; })
      .Case([](math::TanOp) { return "Tan"; })
      .Case([](math::TanhOp) { return "Tanh"; })
      .Case([](arith::CmpFOp compare) -> StringRef {
        switch (compare.getPredicate()) {
        case arith::CmpFPredicate::OLT:
          return "Less";
        case arith::CmpFPredicate::OLE:
          return "LessOrEqual";
        case arith::CmpFPredicate::OGT:
          return "Greater";
        case arith::CmpFPredicate::OGE:
          return "GreaterOrEqual";
        case arith::CmpFPredicate::OEQ:
          return "Equal";
        default:
          return {};
        }
      })
      .Default(StringRef());
}

/// What a region computes for each element.
FailureOr<Value> Exporter::expression(Region &region, ArrayRef<Value> inputs) {
  IRMapping values;
  values.map(region.front().getArguments(), ValueRange(inputs));
  for (Operation &op : region.front().without_terminator()) {
    Value result;
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto number = dyn_cast<FloatAttr>(constant.getValue());
      if (number)
        result = n.number(number.getValueAsDouble());
    } else if (StringRef type = elementwiseOperator(&op); !type.empty()) {
      result = n.op(type, llvm::map_to_vector(op.getOperands(), [&](Value v) { return values.lookupOrDefault(v); }));
    }
    if (!result)
      return op.emitError() << "'" << op.getName() << "' has no operator in ONNX that computes it as exactly";
    values.map(op.getResult(0), result);
  }
  Value yielded = region.front().getTerminator()->getOperand(0);
  return values.lookupOrDefault(yielded);
}

//===----------------------------------------------------------------------===//
// Attention, block
//===----------------------------------------------------------------------===//

template <typename OpType> LogicalResult Exporter::convertRecurrence(OpType op, Value sequences, bool hasTokens) {
  if (sequences)
    return op.emitOpError() << "has packed sequences ('sequences'), which no LinearAttention of ONNX has";
  if (op.getAxis() == DecayAxis::Value)
    return op.emitOpError() << "has a decay of 'axis(value)'; LinearAttention of ONNX has one for each channel of the "
                               "keys, or one for a head";
  auto tokens = [&](Value x) {
    Value value = f32(x);
    return !value || hasTokens ? value : n.unsqueeze(value, {1});
  };
  Recurrence r{op.getNumQueryHeads(), op.getNumHeads(), op.getKeyDim(), op.getValueDim()};
  r.query = tokens(op.getQuery());
  r.key = tokens(op.getKey());
  r.value = tokens(op.getValue());
  r.decay = op.getAxis() == DecayAxis::Constant ? f32(op.getAnyDecay()) : tokens(op.getAnyDecay());
  r.isLog = !op.getDecay();
  r.beta = tokens(op.getBeta());
  r.state = f32(op.getInitialState());
  r.max = f32(op.getInitialMax());
  r.axis = op.getAxis();
  r.stabilizer = op.getStabilizer();
  r.rule = op.getRule();
  r.scale = op.getEffectiveScale();
  exportRecurrence(n, form, op->template getParentOfType<ModuleOp>(), r);
  SmallVector<Value> results{hasTokens ? r.output : n.op("Squeeze", {r.output, n.integers({1})})};
  if (op.getFinalState())
    results.push_back(r.finalState);
  if (op.getFinalMax())
    results.push_back(r.finalMax);
  return replace(op, results);
}

/// x W + bias in heads: [B, T, M] [M, H, D] is [B, T, H, D].
Value Exporter::project(Value x, Value weight, Value bias) {
  auto shape = cast<RankedTensorType>(weight.getType()).getShape();
  Value product = n.op("MatMul", {x, n.reshape(f32(weight), {shape[0], shape[1] * shape[2]})});
  product = n.reshape(product, {0, 0, shape[1], shape[2]});
  return bias ? n.add(product, f32(bias)) : product;
}

LogicalResult Exporter::convert(BlockOp op) {
  Value x = f32(op.getInput());
  auto value = cast<RankedTensorType>(op.getValueWeight().getType()).getShape();
  auto key = cast<RankedTensorType>(op.getKeyWeight().getType()).getShape();
  Recurrence r{value[1], value[1], key[2], value[2]};
  r.query = safeExp(project(x, op.getQueryWeight()));
  r.key = project(x, op.getKeyWeight());
  r.value = project(x, op.getValueWeight());
  Value zg = project(x, op.getGateWeight(), op.getGateBias());
  Value zr = project(x, op.getRefineWeight(), op.getRefineBias());
  r.decay = namedGate(GateKind::Refined, /*log=*/true, {zg, zr});
  r.axis = DecayAxis::Key;
  r.state = f32(op.getInitialState());
  r.max = f32(op.getInitialMax());
  r.stabilizer = op.getStabilizer();
  r.scale = op.getScale() ? op.getScale()->convertToDouble() : getDefaultScale(key[2]);
  exportRecurrence(n, form, op->getParentOfType<ModuleOp>(), r);
  Value y = norm(op.getNorm(), r.output, f32(op.getNormWeight()), Value(), op.getEps());
  if (op.getOutputGateWeight())
    y = n.mul(y, silu(project(x, op.getOutputGateWeight())));
  int64_t width = value[1] * value[2];
  Value weight = n.reshape(f32(op.getOutputWeight()), {width, value[0]});
  SmallVector<Value> results{n.op("MatMul", {n.reshape(y, {0, 0, width}), weight})};
  if (op.getFinalState())
    results.push_back(r.finalState);
  if (op.getFinalMax())
    results.push_back(r.finalMax);
  return replace(op, results);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

LogicalResult Exporter::convert(Operation *op) {
  for (Type type : llvm::concat<Type>(llvm::to_vector(op->getOperandTypes()), llvm::to_vector(op->getResultTypes())))
    if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.getElementType().isF64())
      return op->emitOpError() << "has numbers of f64; a program is written to ONNX in f32, f16 or bf16";
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<AttentionOp, StepOp, BlockOp, FeatureMapOp, GateOp, NormOp, OutputGateOp, arith::ConstantOp,
            tensor::CastOp>([&](auto concrete) { return convert(concrete); })
      .Default([&](Operation *) {
        return op->emitOpError() << "cannot be written to an ONNX model: the ops of 'fgla' but gradients can, and "
                                    "constants";
      });
}

/// The function as one node that holds its text, for frontends/onnxruntime.
static void exportWhole(func::FuncOp func) {
  std::string text;
  llvm::raw_string_ostream(text) << func;
  Block &block = func.front();
  auto returned = cast<func::ReturnOp>(block.getTerminator());
  OpBuilder builder(returned);
  NamedAttribute program = builder.getNamedAttr("program", builder.getStringAttr(text));
  NodeOp node = ONNXBuilder(builder, func.getLoc(), /*opset=*/13)
                    .node("Program", SmallVector<Value>(func.getArguments().begin(), func.getArguments().end()),
                          program, func.getNumResults(), "fgla");
  for (auto [output, type] : llvm::zip(node.getOutputs(), func.getResultTypes()))
    output.setType(type);
  returned->setOperands(node.getOutputs());
  while (Operation *op = node->getPrevNode())
    op->erase();
}

namespace {
struct ExportONNXPass : fgla::onnx::impl::ExportONNXBase<ExportONNXPass> {
  using ExportONNXBase::ExportONNXBase;

  void runOnOperation() override {
    auto parsed = llvm::StringSwitch<std::optional<ExportForm>>(form)
                      .Case("onnx27", ExportForm::ONNX27)
                      .Case("function", ExportForm::Function)
                      .Case("ort-contrib", ExportForm::Contrib)
                      .Case("custom-op", ExportForm::CustomOp)
                      .Default(std::nullopt);
    if (!parsed) {
      getOperation()->emitError() << "option 'form' must be 'onnx27', 'function', 'ort-contrib' or 'custom-op', got '"
                                  << form << "'";
      return signalPassFailure();
    }
    // Of the older sets, 13 is the first in which all operators take bf16 and axes are where they still are.
    int64_t opset = *parsed == ExportForm::ONNX27 ? 27 : 13;
    for (auto func : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (func.isExternal())
        continue;
      if (*parsed == ExportForm::CustomOp) {
        exportWhole(func);
        continue;
      }
      for (Operation &op : llvm::make_early_inc_range(func.front().without_terminator())) {
        OpBuilder builder(&op);
        if (failed(Exporter(builder, &op, *parsed, opset).convert(&op)))
          return signalPassFailure();
      }
    }
  }
};
} // namespace
