//===- IndexNotation.cpp - linalg.generic from index notation -------------===//

#include "passes/graph/IndexNotation.h"
#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fgla;

static Type elementOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

namespace {
/// The letters of a notation, numbered as loops: the output's first, then those that are reduced over. Where an input
/// is as contiguous in the output's last dim as the output is, that one is the innermost loop.
class Loops {
public:
  Loops(MLIRContext *context, StringRef inputs, StringRef output) : context(context) {
    char last = output.back();
    bool lastIsInnermost = (inputs + ",").str().find({last, ','}) != std::string::npos;
    for (char letter : lastIsInnermost ? output.drop_back() : output)
      add(letter, utils::IteratorType::parallel);
    for (char letter : inputs)
      if (letter != last)
        add(letter, utils::IteratorType::reduction);
    add(last, utils::IteratorType::parallel);
  }

  AffineMap mapOf(StringRef dims) const {
    SmallVector<AffineExpr> results;
    for (char letter : dims)
      results.push_back(getAffineDimExpr(letters.find(letter), context));
    return AffineMap::get(letters.size(), 0, results, context);
  }

  ArrayRef<utils::IteratorType> types() const { return iterators; }

private:
  void add(char letter, utils::IteratorType iterator) {
    if (letter == ',' || letters.find(letter) != std::string::npos)
      return;
    letters.push_back(letter);
    iterators.push_back(iterator);
  }

  MLIRContext *context;
  std::string letters;
  SmallVector<utils::IteratorType> iterators;
};
} // namespace

Value graph::convertFloat(OpBuilder &builder, Location loc, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, value);
  return arith::TruncFOp::create(builder, loc, type, value);
}

Value graph::buildGeneric(OpBuilder &builder, Location loc, StringRef notation, ValueRange inputs, Value init,
                          ScalarBody body) {
  auto [inputDims, outputDims] = notation.split("->");
  Loops loops(builder.getContext(), inputDims, outputDims);
  SmallVector<AffineMap> maps;
  if (!inputs.empty())
    for (StringRef dims : llvm::split(inputDims, ','))
      maps.push_back(loops.mapOf(dims));
  maps.push_back(loops.mapOf(outputDims));

  Type storage = elementOf(init), compute = getComputeType(storage);
  auto buildBody = [&](OpBuilder &b, Location l, ValueRange scalars) {
    SmallVector<Value> converted =
        llvm::map_to_vector(scalars, [&](Value scalar) { return convertFloat(b, l, scalar, compute); });
    Value result = body(b, l, converted);
    linalg::YieldOp::create(b, l, convertFloat(b, l, result, storage));
  };
  auto generic = linalg::GenericOp::create(builder, loc, init.getType(), inputs, init, maps, loops.types(), buildBody);
  return generic.getResult(0);
}

Value graph::buildEmpty(OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> sizes, Type element) {
  return tensor::EmptyOp::create(builder, loc, sizes, element);
}

Value graph::buildFill(OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> sizes, Type element, double value) {
  Value scalar = arith::ConstantOp::create(builder, loc, builder.getFloatAttr(element, value));
  return linalg::FillOp::create(builder, loc, scalar, buildEmpty(builder, loc, sizes, element)).getResult(0);
}

Value graph::convertTensor(OpBuilder &builder, Location loc, Value tensor, Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getElementType() == element)
    return tensor;
  std::string dims = StringRef("abcdefgh").take_front(type.getRank()).str();
  Value init = buildEmpty(builder, loc, tensor::getMixedSizes(builder, loc, tensor), element);
  return buildGeneric(builder, loc, dims + "->" + dims, tensor, init,
                      [](OpBuilder &, Location, ValueRange v) { return v[0]; });
}

Value graph::castTensor(OpBuilder &builder, Location loc, Value value, Type type) {
  return value.getType() == type ? value : tensor::CastOp::create(builder, loc, type, value);
}
