//===- ElementwiseOperators.cpp - one element at a time -------------------===//
#include "frontends/torch/onnx/Operators.h"

#include <limits>

using namespace fgla::onnx;
using at::Tensor;

using Unary = Tensor (*)(const Tensor &);
using Binary = Tensor (*)(const Tensor &, const Tensor &);

static Operator unary(Unary function) {
  return [function](const Call &call) { return std::vector{function(call[0])}; };
}

/// Small integer tensors stay on the CPU, where shapes are made; here they meet the others.
static Operator binary(Binary function) {
  return [function](const Call &call) {
    at::Device device = call[0].is_cpu() ? call[1].device() : call[0].device();
    return std::vector{function(call[0].to(device), call[1].to(device))};
  };
}

/// An operator of any number of inputs, left to right.
static Operator fold(Binary function) {
  return [function](const Call &call) {
    Tensor result = call[0];
    for (size_t i = 1; i != call.size(); ++i)
      result = function(result, call[i]);
    return std::vector{result};
  };
}

static Tensor divide(const Tensor &a, const Tensor &b) {
  return at::isIntegralType(a.scalar_type(), /*includeBool=*/false) ? at::div(a, b, "trunc") : at::div(a, b);
}

static std::vector<Tensor> clip(const Call &call) {
  Tensor x = call[0];
  if (call.version() < 11) {
    double low = call.number("min", -std::numeric_limits<float>::infinity());
    double high = call.number("max", std::numeric_limits<float>::infinity());
    return {at::clamp(x, low, high)};
  }
  // The lower bound first: where they cross, the upper one holds.
  if (call.has(1))
    x = at::maximum(x, call[1].to(x.device()));
  if (call.has(2))
    x = at::minimum(x, call[2].to(x.device()));
  return {x};
}

static std::vector<Tensor> cast(const Call &call) {
  at::ScalarType type = scalarTypeOfONNX(call.integer("to", 0));
  return {call[0].to(type)};
}

static std::vector<Tensor> gelu(const Call &call) { return {at::gelu(call[0], call.text("approximate", "none"))}; }

static std::vector<Tensor> isInfinite(const Call &call) {
  Tensor x = call[0];
  Tensor above = at::isposinf(x), below = at::isneginf(x);
  if (!call.integer("detect_positive", 1))
    above = at::zeros_like(above);
  if (!call.integer("detect_negative", 1))
    below = at::zeros_like(below);
  return {at::logical_or(above, below)};
}

static void addArithmetic(OperatorTable &table) {
  table["Add"] = binary([](const Tensor &a, const Tensor &b) { return at::add(a, b); });
  table["Sub"] = binary([](const Tensor &a, const Tensor &b) { return at::sub(a, b); });
  table["Mul"] = binary([](const Tensor &a, const Tensor &b) { return at::mul(a, b); });
  table["Div"] = binary(divide);
  table["Pow"] = binary([](const Tensor &a, const Tensor &b) { return at::pow(a, b).to(a.scalar_type()); });
  table["Mod"] = [](const Call &call) {
    return std::vector{call.integer("fmod", 0) ? at::fmod(call[0], call[1]) : at::remainder(call[0], call[1])};
  };
  table["Max"] = fold([](const Tensor &a, const Tensor &b) { return at::maximum(a, b); });
  table["Min"] = fold([](const Tensor &a, const Tensor &b) { return at::minimum(a, b); });
  table["Sum"] = fold([](const Tensor &a, const Tensor &b) { return at::add(a, b); });
  table["Mean"] = [sum = table["Sum"]](const Call &call) {
    return std::vector{at::div(sum(call)[0], static_cast<double>(call.size()))};
  };
  table["Neg"] = unary([](const Tensor &x) { return at::neg(x); });
  table["Abs"] = unary([](const Tensor &x) { return at::abs(x); });
  table["Sign"] = unary([](const Tensor &x) { return at::sign(x); });
  table["Floor"] = unary([](const Tensor &x) { return at::floor(x); });
  table["Ceil"] = unary([](const Tensor &x) { return at::ceil(x); });
  table["Round"] = unary([](const Tensor &x) { return at::round(x); });
  table["Reciprocal"] = unary([](const Tensor &x) { return at::reciprocal(x); });
  table["Sqrt"] = unary([](const Tensor &x) { return at::sqrt(x); });
  table["Clip"] = clip;
}

static void addFunctions(OperatorTable &table) {
  table["Exp"] = unary([](const Tensor &x) { return at::exp(x); });
  table["Log"] = unary([](const Tensor &x) { return at::log(x); });
  table["Erf"] = unary([](const Tensor &x) { return at::erf(x); });
  table["Sin"] = unary([](const Tensor &x) { return at::sin(x); });
  table["Cos"] = unary([](const Tensor &x) { return at::cos(x); });
  table["Tan"] = unary([](const Tensor &x) { return at::tan(x); });
  table["Asin"] = unary([](const Tensor &x) { return at::asin(x); });
  table["Acos"] = unary([](const Tensor &x) { return at::acos(x); });
  table["Atan"] = unary([](const Tensor &x) { return at::atan(x); });
  table["Sinh"] = unary([](const Tensor &x) { return at::sinh(x); });
  table["Cosh"] = unary([](const Tensor &x) { return at::cosh(x); });
  table["Tanh"] = unary([](const Tensor &x) { return at::tanh(x); });
  table["Asinh"] = unary([](const Tensor &x) { return at::asinh(x); });
  table["Acosh"] = unary([](const Tensor &x) { return at::acosh(x); });
  table["Atanh"] = unary([](const Tensor &x) { return at::atanh(x); });
  table["Sigmoid"] = unary([](const Tensor &x) { return at::sigmoid(x); });
  table["Relu"] = unary([](const Tensor &x) { return at::relu(x); });
  table["Softplus"] = unary([](const Tensor &x) { return at::softplus(x); });
  table["Softsign"] = unary([](const Tensor &x) { return at::div(x, at::add(at::abs(x), 1)); });
  table["HardSwish"] = unary([](const Tensor &x) { return at::hardswish(x); });
  table["Mish"] = unary([](const Tensor &x) { return at::mish(x); });
  table["Gelu"] = gelu;
  table["LeakyRelu"] = [](const Call &call) {
    return std::vector{at::leaky_relu(call[0], call.number("alpha", 0.01))};
  };
  table["Elu"] = [](const Call &call) { return std::vector{at::elu(call[0], call.number("alpha", 1))}; };
  table["Celu"] = [](const Call &call) { return std::vector{at::celu(call[0], call.number("alpha", 1))}; };
  table["Selu"] = [](const Call &call) {
    double alpha = call.number("alpha", 1.67326319217681884765625);
    return std::vector{at::elu(call[0], alpha, call.number("gamma", 1.05070102214813232421875))};
  };
  table["HardSigmoid"] = [](const Call &call) {
    Tensor line = at::add(at::mul(call[0], call.number("alpha", 0.2)), call.number("beta", 0.5));
    return std::vector{at::clamp(line, 0, 1)};
  };
  table["ThresholdedRelu"] = [](const Call &call) {
    return std::vector{at::threshold(call[0], call.number("alpha", 1), 0)};
  };
  table["Swish"] = [](const Call &call) {
    return std::vector{at::mul(call[0], at::sigmoid(at::mul(call[0], call.number("alpha", 1))))};
  };
  table["PRelu"] =
      binary([](const Tensor &x, const Tensor &slope) { return at::where(at::lt(x, 0), at::mul(x, slope), x); });
}

static void addComparisons(OperatorTable &table) {
  table["Equal"] = binary([](const Tensor &a, const Tensor &b) { return at::eq(a, b); });
  table["Less"] = binary([](const Tensor &a, const Tensor &b) { return at::lt(a, b); });
  table["LessOrEqual"] = binary([](const Tensor &a, const Tensor &b) { return at::le(a, b); });
  table["Greater"] = binary([](const Tensor &a, const Tensor &b) { return at::gt(a, b); });
  table["GreaterOrEqual"] = binary([](const Tensor &a, const Tensor &b) { return at::ge(a, b); });
  table["And"] = binary([](const Tensor &a, const Tensor &b) { return at::logical_and(a, b); });
  table["Or"] = binary([](const Tensor &a, const Tensor &b) { return at::logical_or(a, b); });
  table["Xor"] = binary([](const Tensor &a, const Tensor &b) { return at::logical_xor(a, b); });
  table["BitwiseAnd"] = binary([](const Tensor &a, const Tensor &b) { return at::bitwise_and(a, b); });
  table["BitwiseOr"] = binary([](const Tensor &a, const Tensor &b) { return at::bitwise_or(a, b); });
  table["BitwiseXor"] = binary([](const Tensor &a, const Tensor &b) { return at::bitwise_xor(a, b); });
  table["BitwiseNot"] = unary([](const Tensor &x) { return at::bitwise_not(x); });
  table["Not"] = unary([](const Tensor &x) { return at::logical_not(x); });
  table["IsNaN"] = unary([](const Tensor &x) { return at::isnan(x); });
  table["IsInf"] = isInfinite;
  table["Where"] = [](const Call &call) {
    at::Device device = call[1].is_cpu() ? call[2].device() : call[1].device();
    return std::vector{at::where(call[0].to(device), call[1].to(device), call[2].to(device))};
  };
}

void fgla::onnx::addElementwiseOperators(OperatorTable &table) {
  addArithmetic(table);
  addFunctions(table);
  addComparisons(table);
  table["Identity"] = unary([](const Tensor &x) { return x; });
  table["Cast"] = cast;
  table["CastLike"] = [](const Call &call) { return std::vector{call[0].to(call[1].scalar_type())}; };
  table["Dropout"] = [](const Call &call) {
    double ratio = call.has(1) ? call[1].item<double>() : call.number("ratio", 0.5);
    bool drops = call.isTraining() && (call.version() < 12 || (call.has(2) && call[2].item<bool>()));
    if (!drops || ratio == 0)
      return std::vector{call[0], at::ones_like(call[0], at::TensorOptions(at::kBool))};
    auto [result, mask] = at::native_dropout(call[0], ratio, /*train=*/true);
    return std::vector{result, mask};
  };
}
