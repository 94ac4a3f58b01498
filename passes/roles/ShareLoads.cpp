//===- ShareLoads.cpp - Slices of tiles that are loaded whole anyway ------===//

#include "dialect/fgla/FGLA.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/roles/Passes.h"
#include "passes/schedule/Choices.h"

namespace fgla {
#define GEN_PASS_DEF_SHARELOADS
#include "passes/roles/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

/// A tile's lines are stored one after the other, so some of them are a tile themselves.
static bool isMultipleOfLine(Value number) {
  APInt constant;
  if (matchPattern(number, m_ConstantInt(&constant)))
    return constant.getSExtValue() % kChannelsOfLine == 0;
  auto product = number.getDefiningOp<arith::MulIOp>();
  return product && (isMultipleOfLine(product.getLhs()) || isMultipleOfLine(product.getRhs()));
}

/// Whether `slice` reads some columns of what `whole` reads, and lines of it.
static bool isPartOf(tile::LoadOp slice, tile::LoadOp whole) {
  RankedTensorType type = slice.getResult().getType(), wholeType = whole.getResult().getType();
  int64_t columnDim = slice.getDims()[1], columns = type.getDimSize(1), wholeColumns = wholeType.getDimSize(1);
  if (slice.getSource() != whole.getSource() || slice.getDims() != whole.getDims() ||
      slice.getRows() != whole.getRows() || slice->getBlock() != whole->getBlock() || columnDim < 0 ||
      type.getDimSize(0) != wholeType.getDimSize(0) || columns >= wholeColumns || type.getElementTypeBitWidth() != 16 ||
      columns % kChannelsOfLine != 0 || wholeColumns % kChannelsOfLine != 0)
    return false;
  for (auto [dim, index, other] : llvm::enumerate(slice.getIndices(), whole.getIndices()))
    if (static_cast<int64_t>(dim) == columnDim ? !matchPattern(other, m_Zero()) || !isMultipleOfLine(index)
                                               : index != other)
      return false;
  return true;
}

namespace {
struct ShareLoads : fgla::impl::ShareLoadsBase<ShareLoads> {
  void runOnOperation() override {
    SmallVector<tile::LoadOp> loads;
    getOperation()->walk([&](func::FuncOp kernel) {
      if (kernel->hasAttr(kKernelAttrName))
        kernel.walk([&](tile::LoadOp load) {
          if (load.getRows() && isa<tile::WalkOp>(load->getParentOp())) // of tokens: these go through channels
            loads.push_back(load);
        });
    });
    for (tile::LoadOp &slice : loads) {
      auto *whole = llvm::find_if(loads, [&](tile::LoadOp other) { return other && isPartOf(slice, other); });
      if (whole == loads.end())
        continue;
      if (slice->isBeforeInBlock(*whole)) // what it reads of the walk is the same
        (*whole)->moveBefore(slice);
      share(slice, *whole);
      slice = {};
    }
  }

  void share(tile::LoadOp slice, tile::LoadOp whole) {
    OpBuilder builder(slice);
    RankedTensorType type = slice.getResult().getType();
    SmallVector<OpFoldResult> offsets{builder.getIndexAttr(0), slice.getIndices()[slice.getDims()[1]]};
    SmallVector<OpFoldResult> sizes{builder.getIndexAttr(type.getDimSize(0)), builder.getIndexAttr(type.getDimSize(1))};
    SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
    Value part =
        tensor::ExtractSliceOp::create(builder, slice.getLoc(), type, whole.getResult(), offsets, sizes, strides);
    slice.replaceAllUsesWith(part);
    slice.erase();
  }
};
} // namespace
