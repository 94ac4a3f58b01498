//===- NarrowOperands.cpp - Operands of matrix instructions ---------------===//

#include "dialect/fgla/FGLA.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/roles/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_NARROWOPERANDS
#include "passes/roles/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

/// The 16-bit float type of the kernel's arrays, or null.
static Type findNarrowType(func::FuncOp kernel) {
  for (Type type : kernel.getArgumentTypes())
    if (auto array = dyn_cast<MemRefType>(type);
        array && (array.getElementType().isBF16() || array.getElementType().isF16()))
      return array.getElementType();
  return {};
}

/// The tile of `element` that `tile` is, or was widened from, if that is all that was done to it.
static Value findNarrowSource(Value tile, Type element) {
  if (cast<RankedTensorType>(tile.getType()).getElementType() == element)
    return tile;
  auto map = tile.getDefiningOp<tile::MapOp>();
  if (!map || map.getInputs().size() != 1 || map.getNumResults() != 1)
    return {};
  auto yield = cast<tile::YieldOp>(map.getBody().front().getTerminator());
  auto extend = yield.getValues()[0].getDefiningOp<arith::ExtFOp>();
  Value source = map.getInputs()[0];
  bool isWidened = extend && extend.getIn() == map.getBody().front().getArgument(0) &&
                   tile::shapeOf(source) == tile::shapeOf(tile) &&
                   cast<RankedTensorType>(source.getType()).getElementType() == element;
  return isWidened ? source : Value();
}

static Value narrow(OpBuilder &builder, Value tile, Type element) {
  if (Value source = findNarrowSource(tile, element))
    return source;
  builder.setInsertionPointAfterValue(tile);
  return tile::buildMap(builder, tile.getLoc(), tile, tile::shapeOf(tile), element,
                        [&](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                          return {arith::TruncFOp::create(b, l, element, v[0])};
                        })
      .getResult(0);
}

namespace {
struct NarrowOperands : fgla::impl::NarrowOperandsBase<NarrowOperands> {
  void runOnOperation() override {
    getOperation()->walk([&](func::FuncOp kernel) {
      Type element = kernel->hasAttr(kKernelAttrName) ? findNarrowType(kernel) : Type();
      if (!element)
        return;
      SmallVector<tile::DotOp> dots;
      kernel.walk([&](tile::DotOp dot) { dots.push_back(dot); });
      OpBuilder builder(kernel);
      DenseMap<std::pair<Value, Type>, Value> narrowed;
      auto get = [&](Value tile, Type type) {
        Value &known = narrowed[{tile, type}];
        if (!known)
          known = narrow(builder, tile, type);
        return known;
      };
      for (tile::DotOp dot : dots) {
        // What was computed may pass the largest f16, 65,504, where what goes in and what comes out do not: a state, or
        // scores.
        bool isOfArrays = findNarrowSource(dot.getA(), element) && findNarrowSource(dot.getB(), element);
        Type type = isOfArrays ? element : Type(builder.getBF16Type());
        Value a = get(dot.getA(), type), b = get(dot.getB(), type);
        dot.getAMutable().assign(a);
        dot.getBMutable().assign(b);
      }
    });
  }
};
} // namespace
