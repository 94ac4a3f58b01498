//===- LowerExpandShapes.cpp - Expansions into several dynamic dims -------===//

#include "passes/host/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::host {
#define GEN_PASS_DEF_LOWEREXPANDSHAPES
#include "passes/host/Passes.h.inc"
} // namespace fgla::host

using namespace mlir;

/// Upstream takes a size that it does not know to be what the group's other sizes leave, so there can be one for each
/// group.
static bool hasGroupWithDynamicDims(memref::ExpandShapeOp op) {
  MemRefType type = op.getResultType();
  return llvm::any_of(op.getReassociationIndices(), [&](const ReassociationIndices &group) {
    return llvm::count_if(group, [&](int64_t dim) { return type.isDynamicDim(dim); }) > 1;
  });
}

static void lower(memref::ExpandShapeOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  auto metadata = memref::ExtractStridedMetadataOp::create(builder, loc, op.getSrc());
  auto [knownStrides, knownOffset] = op.getResultType().getStridesAndOffset();
  // What the type says has to be said by attributes.
  auto known = [&](int64_t number, Value value) -> OpFoldResult {
    return ShapedType::isDynamic(number) ? OpFoldResult(value) : OpFoldResult(builder.getIndexAttr(number));
  };
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape(), strides(sizes.size());
  for (auto [index, group] : llvm::enumerate(op.getReassociationIndices())) {
    Value stride = metadata.getStrides()[index];
    for (int64_t dim : llvm::reverse(group)) {
      strides[dim] = known(knownStrides[dim], stride);
      Value size = getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]);
      stride = arith::MulIOp::create(builder, loc, stride, size);
    }
  }
  Value cast = memref::ReinterpretCastOp::create(builder, loc, op.getResultType(), metadata.getBaseBuffer(),
                                                 known(knownOffset, metadata.getOffset()), sizes, strides);
  op.replaceAllUsesWith(cast);
  op.erase();
}

namespace {
struct LowerExpandShapes : fgla::host::impl::LowerExpandShapesBase<LowerExpandShapes> {
  void runOnOperation() override {
    getOperation().walk([](memref::ExpandShapeOp op) {
      if (hasGroupWithDynamicDims(op))
        lower(op);
    });
  }
};
} // namespace
