//===- ONNXElementwise.cpp - The scalar meaning of elementwise ONNX ops ---===//
#include "passes/graph/ONNXElementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include "llvm/ADT/StringMap.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace fgla::onnx;

using Scalars = ElementwiseOp::Scalars;
using Numbers = ElementwiseOp::Numbers;

double fgla::onnx::getFloatAttr(NodeOp node, StringRef name, double defaultValue) {
  auto attr = dyn_cast_or_null<FloatAttr>(node.getNodeAttr(name));
  return attr ? attr.getValueAsDouble() : defaultValue;
}

int64_t fgla::onnx::getIntAttr(NodeOp node, StringRef name, int64_t defaultValue) {
  auto attr = dyn_cast_or_null<IntegerAttr>(node.getNodeAttr(name));
  return attr ? attr.getInt() : defaultValue;
}

static Value constant(OpBuilder &b, Location loc, Type type, double value) {
  if (auto floatType = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(floatType, value));
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, static_cast<int64_t>(value)));
}

//===----------------------------------------------------------------------===//
// Builders
//===----------------------------------------------------------------------===//

template <typename OpTy> static Value unary(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return OpTy::create(b, loc, x[0]);
}

template <typename OpTy> static Value binary(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return OpTy::create(b, loc, x[0], x[1]);
}

/// Max, Min, Sum: any number of inputs.
template <typename OpTy> static Value variadic(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  Value result = x[0];
  for (Value value : x.drop_front())
    result = OpTy::create(b, loc, result, value);
  return result;
}

template <arith::CmpFPredicate predicate> static Value compareFloat(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return arith::CmpFOp::create(b, loc, predicate, x[0], x[1]);
}

template <arith::CmpIPredicate predicate> static Value compareInt(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return arith::CmpIOp::create(b, loc, predicate, x[0], x[1]);
}

static Value identity(OpBuilder &, Location, NodeOp, Scalars x) { return x[0]; }

static Value negateInt(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return arith::SubIOp::create(b, loc, constant(b, loc, x[0].getType(), 0), x[0]);
}

/// A division by zero has no meaning in ONNX, but must not stop the program; it gives the dividend. The quotient of the
/// smallest number and -1 would stop it too, so -1 is taken apart.
static Value divideInt(OpBuilder &b, Location loc, NodeOp node, Scalars x) {
  Type type = x[0].getType();
  auto isEqual = [&](double value) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x[1], constant(b, loc, type, value));
  };
  Value isZero = isEqual(0), isMinusOne = isEqual(-1);
  Value unsafe = arith::OrIOp::create(b, loc, isZero, isMinusOne);
  Value divisor = arith::SelectOp::create(b, loc, unsafe, constant(b, loc, type, 1), x[1]);
  Value quotient = arith::DivSIOp::create(b, loc, x[0], divisor);
  return arith::SelectOp::create(b, loc, isMinusOne, negateInt(b, loc, node, x), quotient);
}

static Value sigmoid(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  Value one = constant(b, loc, x[0].getType(), 1);
  Value e = math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, x[0]));
  return arith::DivFOp::create(b, loc, one, arith::AddFOp::create(b, loc, one, e));
}

/// max(x, 0) + log1p(exp(-|x|)): neither end overflows.
static Value softplus(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  Value zero = constant(b, loc, x[0].getType(), 0);
  Value negative = arith::NegFOp::create(b, loc, math::AbsFOp::create(b, loc, x[0]));
  Value log = math::Log1pOp::create(b, loc, math::ExpOp::create(b, loc, negative));
  return arith::AddFOp::create(b, loc, arith::MaximumFOp::create(b, loc, x[0], zero), log);
}

static Value reciprocal(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return arith::DivFOp::create(b, loc, constant(b, loc, x[0].getType(), 1), x[0]);
}

static Value relu(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return arith::MaximumFOp::create(b, loc, x[0], constant(b, loc, x[0].getType(), 0));
}

static Value reluInt(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return arith::MaxSIOp::create(b, loc, x[0], constant(b, loc, x[0].getType(), 0));
}

/// `x` where it is not negative, else `negative`.
static Value whereNotNegative(OpBuilder &b, Location loc, Value x, Value negative) {
  Value zero = constant(b, loc, x.getType(), 0);
  Value condition = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, x, zero);
  return arith::SelectOp::create(b, loc, condition, x, negative);
}

static Value leakyRelu(OpBuilder &b, Location loc, NodeOp node, Scalars x) {
  Value slope = constant(b, loc, x[0].getType(), getFloatAttr(node, "alpha", 0.01));
  return whereNotNegative(b, loc, x[0], arith::MulFOp::create(b, loc, slope, x[0]));
}

static Value elu(OpBuilder &b, Location loc, NodeOp node, Scalars x) {
  Value alpha = constant(b, loc, x[0].getType(), getFloatAttr(node, "alpha", 1));
  Value negative = arith::MulFOp::create(b, loc, alpha, math::ExpM1Op::create(b, loc, x[0]));
  return whereNotNegative(b, loc, x[0], negative);
}

static Value swish(OpBuilder &b, Location loc, NodeOp node, Scalars x) {
  Value scaled = x[0];
  if (double alpha = getFloatAttr(node, "alpha", 1); alpha != 1)
    scaled = arith::MulFOp::create(b, loc, constant(b, loc, x[0].getType(), alpha), x[0]);
  return arith::MulFOp::create(b, loc, x[0], sigmoid(b, loc, node, scaled));
}

static bool isTanhGelu(NodeOp node) {
  auto attr = dyn_cast_or_null<StringAttr>(node.getNodeAttr("approximate"));
  return attr && attr.getValue() == "tanh";
}

static Value gelu(OpBuilder &b, Location loc, NodeOp node, Scalars x) {
  Type type = x[0].getType();
  auto c = [&](double value) { return constant(b, loc, type, value); };
  auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(b, loc, l, r); };
  Value inner;
  if (isTanhGelu(node)) {
    Value cube = mul(x[0], mul(x[0], x[0]));
    Value sum = arith::AddFOp::create(b, loc, x[0], mul(c(0.044715), cube));
    inner = math::TanhOp::create(b, loc, mul(c(std::sqrt(2 / M_PI)), sum));
  } else {
    inner = math::ErfOp::create(b, loc, mul(x[0], c(std::sqrt(0.5))));
  }
  return mul(mul(c(0.5), x[0]), arith::AddFOp::create(b, loc, c(1), inner));
}

template <typename MaxOp, typename MinOp> static Value clip(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  Value result = x[0];
  if (x.size() > 1 && x[1])
    result = MaxOp::create(b, loc, result, x[1]);
  if (x.size() > 2 && x[2])
    result = MinOp::create(b, loc, result, x[2]);
  return result;
}

static Value select(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return arith::SelectOp::create(b, loc, x[0], x[1], x[2]);
}

static Value logicalNot(OpBuilder &b, Location loc, NodeOp, Scalars x) {
  return arith::XOrIOp::create(b, loc, x[0], constant(b, loc, x[0].getType(), 1));
}

static Value castFloat(OpBuilder &b, Location loc, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (from < to)
    return arith::ExtFOp::create(b, loc, type, value);
  // f16 and bf16 have no direct conversion: by way of f32.
  if (from == to)
    value = arith::ExtFOp::create(b, loc, b.getF32Type(), value);
  return arith::TruncFOp::create(b, loc, type, value);
}

Value fgla::onnx::castScalar(OpBuilder &b, Location loc, Value value, Type type) {
  Type from = value.getType();
  if (from == type)
    return value;
  if (isa<FloatType>(from) && isa<FloatType>(type))
    return castFloat(b, loc, value, type);
  if (isa<FloatType>(type))
    return from.isInteger(1) ? Value(arith::UIToFPOp::create(b, loc, type, value))
                             : Value(arith::SIToFPOp::create(b, loc, type, value));
  if (isa<FloatType>(from))
    return type.isInteger(1)
               ? Value(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, value, constant(b, loc, from, 0)))
               : Value(arith::FPToSIOp::create(b, loc, type, value));
  if (type.isInteger(1))
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, constant(b, loc, from, 0));
  if (from.getIntOrFloatBitWidth() > type.getIntOrFloatBitWidth())
    return arith::TruncIOp::create(b, loc, type, value);
  return from.isInteger(1) ? Value(arith::ExtUIOp::create(b, loc, type, value))
                           : Value(arith::ExtSIOp::create(b, loc, type, value));
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static double sigmoidOf(double x) { return 1 / (1 + std::exp(-x)); }
static double softplusOf(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
static double geluOf(NodeOp node, double x) {
  double inner =
      isTanhGelu(node) ? std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)) : std::erf(x * std::sqrt(0.5));
  return 0.5 * x * (1 + inner);
}
static double clipOf(Numbers x) {
  double y = x[0];
  if (x.size() > 1 && !std::isnan(x[1]))
    y = std::max(y, x[1]);
  if (x.size() > 2 && !std::isnan(x[2]))
    y = std::min(y, x[2]);
  return y;
}
static double sumOf(Numbers x) {
  double sum = 0;
  for (double value : x)
    sum += value;
  return sum;
}

static const llvm::StringMap<ElementwiseOp> &table() {
  using FP = arith::CmpFPredicate;
  using IP = arith::CmpIPredicate;
  // clang-format off
  static const llvm::StringMap<ElementwiseOp> rows = {
    {"Add", {2, 2, binary<arith::AddFOp>, binary<arith::AddIOp>, [](NodeOp, Numbers x) { return x[0] + x[1]; }}},
    {"Sub", {2, 2, binary<arith::SubFOp>, binary<arith::SubIOp>, [](NodeOp, Numbers x) { return x[0] - x[1]; }}},
    {"Mul", {2, 2, binary<arith::MulFOp>, binary<arith::MulIOp>, [](NodeOp, Numbers x) { return x[0] * x[1]; }}},
    {"Div", {2, 2, binary<arith::DivFOp>, divideInt, [](NodeOp, Numbers x) { return x[0] / x[1]; }}},
    {"Pow", {2, 2, binary<math::PowFOp>, nullptr, [](NodeOp, Numbers x) { return std::pow(x[0], x[1]); }}},
    {"Max", {1, -1, variadic<arith::MaximumFOp>, variadic<arith::MaxSIOp>,
             [](NodeOp, Numbers x) { return *std::max_element(x.begin(), x.end()); }}},
    {"Min", {1, -1, variadic<arith::MinimumFOp>, variadic<arith::MinSIOp>,
             [](NodeOp, Numbers x) { return *std::min_element(x.begin(), x.end()); }}},
    {"Sum", {1, -1, variadic<arith::AddFOp>, nullptr, [](NodeOp, Numbers x) { return sumOf(x); }}},
    {"Neg", {1, 1, unary<arith::NegFOp>, negateInt, [](NodeOp, Numbers x) { return -x[0]; }}},
    {"Abs", {1, 1, unary<math::AbsFOp>, unary<math::AbsIOp>, [](NodeOp, Numbers x) { return std::fabs(x[0]); }}},
    {"Exp", {1, 1, unary<math::ExpOp>, nullptr, [](NodeOp, Numbers x) { return std::exp(x[0]); }}},
    {"Log", {1, 1, unary<math::LogOp>, nullptr, [](NodeOp, Numbers x) { return std::log(x[0]); }}},
    {"Sqrt", {1, 1, unary<math::SqrtOp>, nullptr, [](NodeOp, Numbers x) { return std::sqrt(x[0]); }}},
    {"Reciprocal", {1, 1, reciprocal, nullptr, [](NodeOp, Numbers x) { return 1 / x[0]; }}},
    {"Sigmoid", {1, 1, sigmoid, nullptr, [](NodeOp, Numbers x) { return sigmoidOf(x[0]); }}},
    {"Softplus", {1, 1, softplus, nullptr, [](NodeOp, Numbers x) { return softplusOf(x[0]); }}},
    {"Tanh", {1, 1, unary<math::TanhOp>, nullptr, [](NodeOp, Numbers x) { return std::tanh(x[0]); }}},
    {"Sin", {1, 1, unary<math::SinOp>, nullptr, [](NodeOp, Numbers x) { return std::sin(x[0]); }}},
    {"Cos", {1, 1, unary<math::CosOp>, nullptr, [](NodeOp, Numbers x) { return std::cos(x[0]); }}},
    {"Erf", {1, 1, unary<math::ErfOp>, nullptr, [](NodeOp, Numbers x) { return std::erf(x[0]); }}},
    {"Floor", {1, 1, unary<math::FloorOp>, nullptr, [](NodeOp, Numbers x) { return std::floor(x[0]); }}},
    {"Ceil", {1, 1, unary<math::CeilOp>, nullptr, [](NodeOp, Numbers x) { return std::ceil(x[0]); }}},
    {"Relu", {1, 1, relu, reluInt, [](NodeOp, Numbers x) { return std::max(x[0], 0.0); }}},
    {"LeakyRelu", {1, 1, leakyRelu, nullptr,
                   [](NodeOp n, Numbers x) { return x[0] >= 0 ? x[0] : getFloatAttr(n, "alpha", 0.01) * x[0]; }}},
    {"Elu", {1, 1, elu, nullptr,
             [](NodeOp n, Numbers x) { return x[0] >= 0 ? x[0] : getFloatAttr(n, "alpha", 1) * std::expm1(x[0]); }}},
    {"Swish", {1, 1, swish, nullptr,
               [](NodeOp n, Numbers x) { return x[0] * sigmoidOf(getFloatAttr(n, "alpha", 1) * x[0]); }}},
    {"Gelu", {1, 1, gelu, nullptr, [](NodeOp n, Numbers x) { return geluOf(n, x[0]); }}},
    {"Clip", {1, 3, clip<arith::MaximumFOp, arith::MinimumFOp>, clip<arith::MaxSIOp, arith::MinSIOp>,
              [](NodeOp, Numbers x) { return clipOf(x); }}},
    {"Identity", {1, 1, identity, identity, [](NodeOp, Numbers x) { return x[0]; }}},
    {"Where", {3, 3, select, select, nullptr}},
    {"Equal", {2, 2, compareFloat<FP::OEQ>, compareInt<IP::eq>, nullptr}},
    {"Less", {2, 2, compareFloat<FP::OLT>, compareInt<IP::slt>, nullptr}},
    {"LessOrEqual", {2, 2, compareFloat<FP::OLE>, compareInt<IP::sle>, nullptr}},
    {"Greater", {2, 2, compareFloat<FP::OGT>, compareInt<IP::sgt>, nullptr}},
    {"GreaterOrEqual", {2, 2, compareFloat<FP::OGE>, compareInt<IP::sge>, nullptr}},
    {"And", {2, 2, nullptr, binary<arith::AndIOp>, nullptr}},
    {"Or", {2, 2, nullptr, binary<arith::OrIOp>, nullptr}},
    {"Xor", {2, 2, nullptr, binary<arith::XOrIOp>, nullptr}},
    {"Not", {1, 1, nullptr, logicalNot, nullptr}},
  };
  // clang-format on
  return rows;
}

const ElementwiseOp *fgla::onnx::lookupElementwise(NodeOp node) {
  if (!node.getDomain().empty())
    return nullptr;
  auto it = table().find(node.getOpType());
  return it == table().end() ? nullptr : &it->second;
}

SmallVector<StringRef> fgla::onnx::elementwiseNames() { return llvm::to_vector(table().keys()); }
