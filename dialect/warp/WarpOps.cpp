//===- WarpOps.cpp - Verification of fgla_warp ops ------------------------===//

#include "dialect/warp/Warp.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace fgla::warp;

#define GET_OP_CLASSES
#include "dialect/warp/WarpOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Channel, role (pipeline: VerifyPipeline.cpp)
//===----------------------------------------------------------------------===//

LogicalResult ChannelOp::verify() {
  if (getReuses() && getReuses().getType() != getResult().getType())
    return emitOpError() << "must have the type of the channel whose memory it reuses, " << getReuses().getType()
                         << ", got " << getResult().getType() << " (channel_c1)";
  return success();
}

LogicalResult RoleOp::verify() {
  auto warps = static_cast<int64_t>(getWarps()), instances = static_cast<int64_t>(getInstances());
  if (warps < 1 || instances < 1)
    return emitOpError() << "must have at least one warp and one instance, got " << warps << " and " << instances
                         << " (role_c1)";
  Block &block = getBody().front();
  if (block.getNumArguments() != 1 || !block.getArgument(0).getType().isIndex())
    return emitOpError() << "must have a body with one argument of type index (role_c2)";
  for (auto walk : block.getOps<fgla::tile::WalkOp>())
    if (walk.getInstance() != block.getArgument(0) || static_cast<int64_t>(walk.getInstances()) != instances)
      return walk.emitOpError() << "in role \"" << getName() << "\" must do the turns of the role's instance out of "
                                << instances << " (role_c3)";
  int64_t scores = 0;
  walk([&](fgla::tile::DecayedScoresOp) { ++scores; });
  if (scores > 1)
    return emitOpError() << "\"" << getName() << "\" must have at most one 'fgla_tile.decayed_scores' in a turn, got "
                         << scores << " (role_c4)";
  return success();
}

//===----------------------------------------------------------------------===//
// Put, get, dispatch
//===----------------------------------------------------------------------===//

static LogicalResult verifyTile(Operation *op, RankedTensorType tile, ChannelType channel, StringRef rule) {
  RankedTensorType expected = channel.getTile();
  if (tile.getShape() == expected.getShape() && tile.getElementType() == expected.getElementType())
    return success();
  return op->emitOpError() << "must have a tile of the channel's shape and element type, " << expected << ", got "
                           << tile << " (" << rule << ")";
}

LogicalResult PutOp::verify() {
  if (failed(verifyTile(*this, getValue().getType(), getChannel().getType(), "put_c1")))
    return failure();
  if (!getAlong())
    return getDecayed() ? emitOpError() << "must name the scores whose operand it is, decayed (put_c3)" : success();
  auto scores = getAlong().getDefiningOp<fgla::tile::DecayedScoresOp>();
  if (!scores || scores->getBlock() != (*this)->getBlock())
    return emitOpError() << "must name scores of the same turn (put_c2)";
  RankedTensorType value = getValue().getType(), query = scores.getQuery().getType();
  if (value.getShape() != query.getShape() || value.getEncoding() != query.getEncoding())
    return emitOpError() << "must have the shape and the layout of the query that it is written along with, " << query
                         << ", got " << value << " (put_c2)";
  return success();
}

LogicalResult GetOp::verify() { return verifyTile(*this, getResult().getType(), getChannel().getType(), "get_c1"); }

LogicalResult ConcatOp::verify() {
  auto left = cast<RankedTensorType>(getLeft().getType()), right = cast<RankedTensorType>(getRight().getType());
  auto both = cast<RankedTensorType>(getResult().getType());
  Type element = both.getElementType();
  if (left.getShape() != right.getShape() || left.getDimSize(0) != both.getDimSize(0) ||
      2 * left.getDimSize(1) != both.getDimSize(1) || left.getElementType() != element ||
      right.getElementType() != element)
    return emitOpError() << "must put two tiles of one shape side by side, got " << left << " and " << right << " as "
                         << both << " (concat_c1)";
  return success();
}

LogicalResult RowOp::verify() {
  RankedTensorType input = getInput().getType(), result = getResult().getType();
  auto row = static_cast<int64_t>(getRow());
  if (result.getDimSize(0) != 1 || result.getDimSize(1) != input.getDimSize(1) ||
      result.getElementType() != input.getElementType() || row < 0 || row >= input.getDimSize(0))
    return emitOpError() << "must take row " << row << " of a tile with more rows as [1, D], got " << input << " and "
                         << result << " (row_c1)";
  return success();
}

LogicalResult ConvertOp::verify() {
  RankedTensorType input = getInput().getType(), result = getResult().getType();
  if (input.getShape() != result.getShape() || input.getElementType() != result.getElementType())
    return emitOpError() << "must change the layout alone, got " << input << " and " << result << " (convert_c1)";
  return success();
}

LogicalResult TensorMapOp::verify() {
  constexpr int64_t kMostDims = 4, kLineBits = 128 * 8;
  auto type = cast<MemRefType>(getArray().getType());
  ArrayRef<int64_t> box = getBox();
  if (type.getRank() != static_cast<int64_t>(box.size()) || box.empty() || type.getRank() > kMostDims ||
      box.back() <= 0 || box.back() * type.getElementTypeBitWidth() % kLineBits != 0)
    return emitOpError() << "must have a size for each of at most " << kMostDims
                         << " dims and lines of 128 bytes along the last of " << type << ", got [" << box
                         << "] (tensor_map_c1)";
  if (llvm::count_if(box.drop_back(), [](int64_t size) { return size != 1; }) > 1)
    return emitOpError() << "must have several rows along one dim alone, got [" << box << "] (tensor_map_c2)";
  return success();
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "names " << getKernelAttr() << ", which is no function (dispatch_c1)";
  if (kernel.getNumArguments() != getArgs().size())
    return emitOpError() << "must pass " << kernel.getNumArguments() << " arguments to " << getKernelAttr() << ", got "
                         << getArgs().size() << " (dispatch_c1)";
  return success();
}
