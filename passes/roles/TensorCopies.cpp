//===- TensorCopies.cpp - What the copy engine loads ----------------------===//

#include "passes/roles/TensorCopies.h"

using namespace mlir;
using namespace fgla;

SmallVector<int64_t> fgla::getTensorCopyBox(Operation *op, const GPUTarget &target) {
  auto load = dyn_cast<tile::LoadOp>(op);
  if (!load || !load.getRows() || !load->hasOneUse() || !isa<warp::PutOp>(*load->user_begin()))
    return {};
  constexpr int64_t kMostDims = 4, kLineColumns = 64, kRowsOfPattern = 8, kMostRows = 256;
  auto array = cast<MemRefType>(load.getSource().getType());
  auto tile = tile::shapeOf(load.getResult());
  int64_t rank = array.getRank(), rowDim = load.getDims()[0], last = rank - 1;
  if (!target.hasBulkCopies || array.getElementTypeBitWidth() != 16 || rank > kMostDims)
    return {};
  if (rowDim < 0 || rowDim == last || load.getDims()[1] != last || !array.getLayout().isIdentity())
    return {};
  if (array.isDynamicDim(last) || array.getDimSize(last) % kLineColumns != 0)
    return {};
  if (tile[0] % kRowsOfPattern != 0 || tile[0] > kMostRows || tile[1] % kLineColumns != 0)
    return {};
  SmallVector<int64_t> box(rank, 1);
  box[rowDim] = tile[0];
  box[last] = tile[1];
  return box;
}

bool fgla::hasOnlyTensorCopies(warp::RoleOp role, const GPUTarget &target) {
  bool only = true;
  role.walk([&](warp::PutOp put) {
    auto load = put.getValue().getDefiningOp<tile::LoadOp>();
    only &= load && !getTensorCopyBox(load, target).empty();
  });
  return only;
}
