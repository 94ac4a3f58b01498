//===- TileLowering.cpp - What the lowerings of tile ops share ------------===//

#include "passes/cpu/TileLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fgla::cpu;

SmallVector<Value> VectorLoops::loop(Value begin, Value end, int64_t step, ValueRange carried, Body body) {
  auto loop = scf::ForOp::create(builder, loc, begin, end, index(step), carried);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  // Without carried values the builder has made the terminator.
  if (!carried.empty())
    scf::YieldOp::create(builder, loc, next);
  return loop.getResults();
}

SmallVector<Value> VectorLoops::loop(int64_t begin, int64_t end, int64_t step, ValueRange carried, Body body) {
  if (end - begin == step) // a loop of one turn
    return body(index(begin), carried);
  return loop(index(begin), index(end), step, carried, body);
}

Value VectorLoops::index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
Value VectorLoops::add(Value a, Value b) { return arith::AddIOp::create(builder, loc, a, b); }
Value VectorLoops::sub(Value a, Value b) { return arith::SubIOp::create(builder, loc, a, b); }

Value VectorLoops::constant(Type type, double value) {
  TypedAttr attr = builder.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(builder, loc, attr);
}

VectorType VectorLoops::vectorFor(Type element, int64_t count) {
  int64_t lanes = vectorBits / std::max(32u, element.getIntOrFloatBitWidth());
  while (count % lanes != 0)
    lanes /= 2;
  return VectorType::get(lanes, element);
}

Value VectorLoops::read(Value source, ValueRange indices, VectorType type) {
  return vector::TransferReadOp::create(builder, loc, type, source, indices, constant(type.getElementType(), 0),
                                        ArrayRef<bool>{true});
}

Value VectorLoops::write(Value vector, Value dest, ValueRange indices) {
  auto op = vector::TransferWriteOp::create(builder, loc, vector, dest, indices, ArrayRef<bool>{true});
  return op->getNumResults() ? op->getResult(0) : Value();
}

Value VectorLoops::extract(Value tile, ValueRange indices) {
  return tensor::ExtractOp::create(builder, loc, tile, indices);
}

Value VectorLoops::insert(Value scalar, Value tile, ValueRange indices) {
  return tensor::InsertOp::create(builder, loc, scalar, tile, indices);
}

Value VectorLoops::splat(VectorType type, Value scalar) {
  return vector::BroadcastOp::create(builder, loc, type, scalar);
}

Value VectorLoops::empty(RankedTensorType type) {
  return tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
}

Value VectorLoops::destination(Value result) {
  for (OpOperand &use : result.getUses())
    if (auto loop = dyn_cast<scf::ForOp>(use.getOwner()->getParentOp());
        loop && isa<scf::YieldOp>(use.getOwner()) && loop.getBody() == result.getParentBlock())
      return loop.getRegionIterArg(use.getOperandNumber());
  return empty(cast<RankedTensorType>(result.getType()));
}

Value VectorLoops::collapse(Value tile) {
  return tensor::CollapseShapeOp::create(builder, loc, tile, ArrayRef<ReassociationIndices>{{0, 1}});
}

Value VectorLoops::expand(Value tensor, RankedTensorType type) {
  return tensor::ExpandShapeOp::create(builder, loc, type, tensor, ArrayRef<ReassociationIndices>{{0, 1}});
}

Value fgla::cpu::buildFma(VectorLoops &loops, Value a, Value b, Value c) {
  if (isa<VectorType>(c.getType()))
    return vector::FMAOp::create(loops.builder, loops.loc, a, b, c);
  Value product = arith::MulFOp::create(loops.builder, loops.loc, a, b);
  return arith::AddFOp::create(loops.builder, loops.loc, product, c);
}
