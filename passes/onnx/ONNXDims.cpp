//===- ONNXDims.cpp - Sizes as products of known and unknown factors ------===//
#include "passes/onnx/ONNXDims.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/BuiltinTypes.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fgla::onnx;

Dim Dim::symbol(Value value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return Dim(*constant);
  Dim dim;
  dim.symbols.push_back(value);
  return dim;
}

int64_t Dim::getStatic() const { return isConstant() ? factor : ShapedType::kDynamic; }

/// Removes the symbols of `part` from `all`, one for one; false if one is missing.
static bool removeAll(SmallVectorImpl<Value> &all, ArrayRef<Value> part) {
  for (Value value : part) {
    auto *it = llvm::find(all, value);
    if (it == all.end())
      return false;
    all.erase(it);
  }
  return true;
}

bool Dim::operator==(const Dim &other) const {
  SmallVector<Value, 2> rest(symbols);
  return factor == other.factor && symbols.size() == other.symbols.size() && removeAll(rest, other.symbols);
}

std::optional<Dim> Dim::times(const Dim &other) const {
  Dim result = *this;
  if (llvm::MulOverflow(factor, other.factor, result.factor))
    return std::nullopt;
  result.symbols.append(other.symbols);
  if (result.factor == 0)
    result.symbols.clear();
  return result;
}

std::optional<Dim> Dim::dividedBy(const Dim &other) const {
  Dim result = *this;
  SmallVector<Value, 2> rest(symbols);
  // The quotient by -1 may overflow, which stops a process; sizes are not negative.
  if (other.factor == 0 || other.factor == -1 || factor % other.factor != 0 || !removeAll(rest, other.symbols))
    return std::nullopt;
  result.symbols = rest;
  result.factor = factor / other.factor;
  return result;
}

void Dim::replace(Value from, Value to) { llvm::replace(symbols, from, to); }

Value Dim::materialize(OpBuilder &b, Location loc) const {
  Value result;
  for (Value value : symbols)
    result = result ? b.createOrFold<arith::MulIOp>(loc, result, value) : value;
  if (result && factor == 1)
    return result;
  Value constant = arith::ConstantIndexOp::create(b, loc, factor);
  return result ? b.createOrFold<arith::MulIOp>(loc, result, constant) : constant;
}

OpFoldResult Dim::fold(OpBuilder &b, Location loc) const {
  if (isConstant())
    return b.getIndexAttr(factor);
  return materialize(b, loc);
}

std::string Dim::str() const {
  std::string text;
  if (factor != 1 || symbols.empty())
    text = std::to_string(factor);
  for (size_t i = 0; i != symbols.size(); ++i)
    text += text.empty() ? "?" : " * ?";
  return text;
}

std::optional<Dim> fgla::onnx::product(ArrayRef<Dim> dims) {
  Dim result;
  for (const Dim &dim : dims) {
    std::optional<Dim> next = result.times(dim);
    if (!next)
      return std::nullopt;
    result = *next;
  }
  return result;
}

std::string fgla::onnx::formatDims(ArrayRef<Dim> dims) {
  std::string text = "[";
  for (auto [i, dim] : llvm::enumerate(dims))
    text += (i ? ", " : "") + dim.str();
  return text + "]";
}

RankedTensorType fgla::onnx::tensorType(ArrayRef<Dim> dims, Type element) {
  SmallVector<int64_t> shape;
  for (const Dim &dim : dims)
    shape.push_back(dim.getStatic());
  return RankedTensorType::get(shape, element);
}
