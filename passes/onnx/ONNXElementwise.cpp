//===- ONNXElementwise.cpp - The scalar meaning of elementwise ONNX ops ---===//
#include "passes/onnx/ONNXElementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include "llvm/ADT/StringMap.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace fgla::onnx;

using Scalars = ElementwiseOp::Scalars;
using Terms = ElementwiseOp::Terms;
using Term = ElementwiseOp::Term;
using fgla::ScalarFormulas;

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

/// `arith` knows integers without a sign; whether one is unsigned is for the op to say.
static Value reinterpret(OpBuilder &b, Location loc, Value value, Type type) {
  return value.getType() == type ? value : UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
}

Value fgla::onnx::castScalar(OpBuilder &b, Location loc, Value value, Type type) {
  Type from = value.getType();
  if (from == type)
    return value;
  if (isa<FloatType>(from) && isa<FloatType>(type))
    return castFloat(b, loc, value, type);
  bool isUnsigned = from.isUnsignedInteger() || from.isInteger(1);
  if (from.isUnsignedInteger())
    value = reinterpret(b, loc, value, b.getIntegerType(from.getIntOrFloatBitWidth()));
  if (isa<FloatType>(type))
    return isUnsigned ? Value(arith::UIToFPOp::create(b, loc, type, value))
                      : Value(arith::SIToFPOp::create(b, loc, type, value));
  if (isa<FloatType>(from) && type.isInteger(1))
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, value, constant(b, loc, from, 0));
  Type plain = b.getIntegerType(type.getIntOrFloatBitWidth());
  if (isa<FloatType>(from)) {
    value = type.isUnsignedInteger() ? Value(arith::FPToUIOp::create(b, loc, plain, value))
                                     : Value(arith::FPToSIOp::create(b, loc, plain, value));
    return reinterpret(b, loc, value, type);
  }
  unsigned width = from.getIntOrFloatBitWidth(), wanted = type.getIntOrFloatBitWidth();
  if (type.isInteger(1))
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, constant(b, loc, value.getType(), 0));
  if (width > wanted)
    value = arith::TruncIOp::create(b, loc, plain, value);
  else if (width < wanted)
    value = isUnsigned ? Value(arith::ExtUIOp::create(b, loc, plain, value))
                       : Value(arith::ExtSIOp::create(b, loc, plain, value));
  return reinterpret(b, loc, value, type);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

using Formulas = ScalarFormulas;

/// A formula of one, or of two operands that are always there.
template <Term (Formulas::*make)(Term)> static Term unaryOf(Formulas &f, NodeOp, Terms x) { return (f.*make)(*x[0]); }
template <Term (Formulas::*make)(Term, Term)> static Term binaryOf(Formulas &f, NodeOp, Terms x) {
  return (f.*make)(*x[0], *x[1]);
}
template <Term (Formulas::*make)(Term, Term)> static Term variadicOf(Formulas &f, NodeOp, Terms x) {
  Term result = *x[0];
  for (std::optional<Term> term : x.drop_front())
    result = (f.*make)(result, *term);
  return result;
}
/// A function that no proof takes apart; its attributes make it another one.
static Term opaqueOf(Formulas &f, NodeOp node, Terms x) {
  std::string name;
  llvm::raw_string_ostream(name) << node.getOpType() << node.getNodeAttributes();
  return f.opaque(name, *x[0]);
}
/// `x` where it is not negative, else `negative`.
static Term whereNotNegativeOf(Formulas &f, Term x, Term negative) {
  return f.select(f.lessOrEqual(f.constant(0), x), x, negative);
}
static Term clipOf(Formulas &f, NodeOp, Terms x) {
  Term result = *x[0];
  if (x.size() > 1 && x[1])
    result = f.max(result, *x[1]);
  if (x.size() > 2 && x[2])
    result = f.min(result, *x[2]);
  return result;
}
static Term swishOf(Formulas &f, NodeOp node, Terms x) {
  return f.mul(*x[0], f.sigmoid(f.mul(f.constant(getFloatAttr(node, "alpha", 1)), *x[0])));
}
static Term leakyReluOf(Formulas &f, NodeOp node, Terms x) {
  return whereNotNegativeOf(f, *x[0], f.mul(f.constant(getFloatAttr(node, "alpha", 0.01)), *x[0]));
}
static Term eluOf(Formulas &f, NodeOp node, Terms x) {
  Term below = f.sub(f.exp(*x[0]), f.constant(1));
  return whereNotNegativeOf(f, *x[0], f.mul(f.constant(getFloatAttr(node, "alpha", 1)), below));
}
static Term whereOf(Formulas &f, NodeOp, Terms x) { return f.select(*x[0], *x[1], *x[2]); }
static Term greaterOf(Formulas &f, NodeOp, Terms x) { return f.less(*x[1], *x[0]); }
static Term greaterOrEqualOf(Formulas &f, NodeOp, Terms x) { return f.lessOrEqual(*x[1], *x[0]); }
static Term identityOf(Formulas &, NodeOp, Terms x) { return *x[0]; }

const llvm::StringMap<ElementwiseOp> &fgla::onnx::elementwiseOperators() {
  using FP = arith::CmpFPredicate;
  using IP = arith::CmpIPredicate;
  using F = ScalarFormulas;
  // clang-format off
  static const llvm::StringMap<ElementwiseOp> rows = {
    {"Add", {7, 2, 2, binary<arith::AddFOp>, binary<arith::AddIOp>, binaryOf<&F::add>}},
    {"Sub", {7, 2, 2, binary<arith::SubFOp>, binary<arith::SubIOp>, binaryOf<&F::sub>}},
    {"Mul", {7, 2, 2, binary<arith::MulFOp>, binary<arith::MulIOp>, binaryOf<&F::mul>}},
    {"Div", {7, 2, 2, binary<arith::DivFOp>, divideInt, binaryOf<&F::div>}},
    {"Pow", {7, 2, 2, binary<math::PowFOp>, nullptr, binaryOf<&F::power>}},
    {"Max", {8, 1, -1, variadic<arith::MaximumFOp>, variadic<arith::MaxSIOp>, variadicOf<&F::max>}},
    {"Min", {8, 1, -1, variadic<arith::MinimumFOp>, variadic<arith::MinSIOp>, variadicOf<&F::min>}},
    {"Sum", {8, 1, -1, variadic<arith::AddFOp>, nullptr, variadicOf<&F::add>}},
    {"Neg", {6, 1, 1, unary<arith::NegFOp>, negateInt, unaryOf<&F::neg>}},
    {"Abs", {6, 1, 1, unary<math::AbsFOp>, unary<math::AbsIOp>, unaryOf<&F::abs>}},
    {"Exp", {6, 1, 1, unary<math::ExpOp>, nullptr, unaryOf<&F::exp>}},
    {"Log", {6, 1, 1, unary<math::LogOp>, nullptr, unaryOf<&F::log>}},
    {"Sqrt", {6, 1, 1, unary<math::SqrtOp>, nullptr, opaqueOf}},
    {"Reciprocal", {6, 1, 1, reciprocal, nullptr, unaryOf<&F::reciprocal>}},
    {"Sigmoid", {6, 1, 1, sigmoid, nullptr, unaryOf<&F::sigmoid>}},
    {"Softplus", {1, 1, 1, softplus, nullptr, unaryOf<&F::softplus>}},
    {"Tanh", {6, 1, 1, unary<math::TanhOp>, nullptr, unaryOf<&F::tanh>}},
    {"Sin", {7, 1, 1, unary<math::SinOp>, nullptr, opaqueOf}},
    {"Cos", {7, 1, 1, unary<math::CosOp>, nullptr, opaqueOf}},
    {"Erf", {9, 1, 1, unary<math::ErfOp>, nullptr, opaqueOf}},
    {"Floor", {6, 1, 1, unary<math::FloorOp>, nullptr, opaqueOf}},
    {"Ceil", {6, 1, 1, unary<math::CeilOp>, nullptr, opaqueOf}},
    {"Relu", {6, 1, 1, relu, reluInt, unaryOf<&F::relu>}},
    {"LeakyRelu", {6, 1, 1, leakyRelu, nullptr, leakyReluOf}},
    {"Elu", {6, 1, 1, elu, nullptr, eluOf}},
    {"Swish", {24, 1, 1, swish, nullptr, swishOf}},
    {"Gelu", {20, 1, 1, gelu, nullptr, opaqueOf}},
    {"Clip", {11, 1, 3, clip<arith::MaximumFOp, arith::MinimumFOp>, clip<arith::MaxSIOp, arith::MinSIOp>, clipOf}},
    {"Identity", {1, 1, 1, identity, identity, identityOf}},
    {"Where", {9, 3, 3, select, select, whereOf}},
    {"Equal", {7, 2, 2, compareFloat<FP::OEQ>, compareInt<IP::eq>, binaryOf<&F::equal>, true}},
    {"Less", {7, 2, 2, compareFloat<FP::OLT>, compareInt<IP::slt>, binaryOf<&F::less>, true}},
    {"LessOrEqual", {12, 2, 2, compareFloat<FP::OLE>, compareInt<IP::sle>, binaryOf<&F::lessOrEqual>, true}},
    {"Greater", {7, 2, 2, compareFloat<FP::OGT>, compareInt<IP::sgt>, greaterOf, true}},
    {"GreaterOrEqual", {12, 2, 2, compareFloat<FP::OGE>, compareInt<IP::sge>, greaterOrEqualOf, true}},
    {"And", {7, 2, 2, nullptr, binary<arith::AndIOp>, nullptr}},
    {"Or", {7, 2, 2, nullptr, binary<arith::OrIOp>, nullptr}},
    {"Xor", {7, 2, 2, nullptr, binary<arith::XOrIOp>, nullptr}},
    {"Not", {1, 1, 1, nullptr, logicalNot, nullptr}},
  };
  // clang-format on
  return rows;
}

const ElementwiseOp *fgla::onnx::lookupElementwise(NodeOp node) {
  if (!node.getDomain().empty())
    return nullptr;
  auto it = elementwiseOperators().find(node.getOpType());
  return it == elementwiseOperators().end() ? nullptr : &it->second;
}
