//===- VerifyPipeline.cpp - That roles neither wait for ever nor read what is gone ------===//
//
// A turn is one round of the walk over tiles. In a kernel, a role has one barrier for each turn under way ("all that I
// put is there"). A turn has one more ("all readers are done with it"). So the rules are about turns: a channel is put
// once and got in each, a turn is released after the last use, and roles do not wait for each other in a circle.
//
//===----------------------------------------------------------------------===//

#include "dialect/warp/Warp.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace fgla::warp;

namespace {
class PipelineVerifier {
public:
  explicit PipelineVerifier(PipelineOp pipeline) : pipeline(pipeline) {}

  LogicalResult verify();

private:
  /// What is known of a channel once it is known to be put once and got in each turn.
  struct Channel {
    int64_t number; ///< as in drawings (fgla-view-roles): by the order in the pipeline
    PutOp put;
    RoleOp putter;
    SmallVector<GetOp> gets;
  };

  LogicalResult collect(ChannelOp op);
  LogicalResult checkTurn(Operation *op, Value turn, int64_t channel, StringRef rule);
  LogicalResult checkRelease(RoleOp role);
  LogicalResult checkCircles();
  LogicalResult checkReuse(ChannelOp op);
  /// Whether `reader` has read `channel` when `putter` puts into it again: what it hands on, to `putter` or to others
  /// that hand on to it, is put after all that reads.
  bool isReadBefore(const Channel &channel, RoleOp reader, const Channel &again);

  PipelineOp pipeline;
  llvm::MapVector<Operation *, Channel> channels;
};
} // namespace

/// The ops that read what `get` got, or parts of it.
static SmallVector<Operation *> getReaders(GetOp get) {
  SmallVector<Operation *> readers(get->getUsers());
  for (Operation *user : get->getUsers())
    if (isa<fgla::tile::ExchangeOp, fgla::tile::GatherOp, tensor::ExtractSliceOp>(user))
      llvm::append_range(readers, user->getUsers());
  return readers;
}

static RoleOp getRole(Operation *op) { return op->getParentOfType<RoleOp>(); }

/// In the body of the role, or in a loop there over the turns.
LogicalResult PipelineVerifier::checkTurn(Operation *op, Value turn, int64_t channel, StringRef rule) {
  RoleOp role = getRole(op);
  if (!role || role->getParentOp() != pipeline)
    return op->emitOpError() << "of channel " << channel << " must stand in a role of the channel's pipeline (" << rule
                             << ")";
  if (op->getParentOp() == role)
    return success();
  auto loop = dyn_cast<LoopLikeOpInterface>(op->getParentOp());
  if (!loop || loop->getParentOp() != role)
    return op->emitOpError() << "of channel " << channel << " must be done once in each turn by role \""
                             << role.getName() << "\", stands in '" << op->getParentOp()->getName() << "' (" << rule
                             << ")";
  std::optional<Value> counter = loop.getSingleInductionVar();
  if (!counter || *counter != turn)
    return op->emitOpError() << "of channel " << channel << " must name the turn of the loop in role \""
                             << role.getName() << "\" that it stands in (" << rule << ")";
  return success();
}

LogicalResult PipelineVerifier::collect(ChannelOp op) {
  Channel channel{static_cast<int64_t>(channels.size()), {}, {}, {}};
  llvm::SetVector<RoleOp> putters;
  llvm::MapVector<RoleOp, int64_t> count;
  SmallVector<PutOp> puts;
  for (Operation *user : op->getUsers()) {
    if (auto put = dyn_cast<PutOp>(user)) {
      if (failed(checkTurn(put, put.getTurn(), channel.number, "pipeline_c2")))
        return failure();
      puts.push_back(put);
      putters.insert(getRole(put));
    } else if (auto get = dyn_cast<GetOp>(user)) {
      if (failed(checkTurn(get, get.getTurn(), channel.number, "pipeline_c4")))
        return failure();
      channel.gets.push_back(get);
    }
  }
  RoleOp putter = putters.empty() ? RoleOp() : *putters.begin();
  if (putters.size() != 1)
    return op.emitOpError() << "must be put by one role, channel " << channel.number << " is put by " << putters.size()
                            << " (pipeline_c2)";
  if (puts.size() != 1)
    return op.emitOpError() << "must be put once in a turn, channel " << channel.number << " is put " << puts.size()
                            << " times by role \"" << putter.getName() << "\" (pipeline_c2)";
  if (channel.gets.empty())
    return op.emitOpError() << "must be got by a role, channel " << channel.number << " of role \"" << putter.getName()
                            << "\" is got by none (pipeline_c4)";
  channel.put = puts.front();
  channel.putter = putter;
  channels[op] = channel;
  return success();
}

/// A turn that is not released is never free; what is read after the release may be another turn's.
LogicalResult PipelineVerifier::checkRelease(RoleOp role) {
  SmallVector<GetOp> gets;
  SmallVector<ReleaseOp> releases;
  role.walk([&](Operation *op) {
    if (auto get = dyn_cast<GetOp>(op))
      gets.push_back(get);
    if (auto release = dyn_cast<ReleaseOp>(op))
      releases.push_back(release);
  });
  if (gets.empty())
    return success();
  if (releases.size() != 1)
    return role.emitOpError() << "\"" << role.getName() << "\" must release each turn once, has " << releases.size()
                              << " releases (pipeline_c5)";
  ReleaseOp release = releases.front();
  for (GetOp get : gets) {
    int64_t number = channels.lookup(get.getChannel().getDefiningOp()).number;
    if (get->getBlock() != release->getBlock() || get.getTurn() != release.getTurn())
      return release.emitOpError() << "must stand with the 'fgla_warp.get' of channel " << number << " in role \""
                                   << role.getName() << "\", and name its turn (pipeline_c5)";
    if (release->isBeforeInBlock(get))
      return get.emitOpError() << "of channel " << number << " must come before role \"" << role.getName()
                               << "\" releases the turn (pipeline_c5)";
    for (Operation *user : getReaders(get)) {
      Operation *inTurn = release->getBlock()->findAncestorOpInBlock(*user);
      if (!inTurn || release->isBeforeInBlock(inTurn))
        return release.emitOpError() << "must come behind all that reads channel " << number << " in role \""
                                     << role.getName() << "\", '" << user->getName() << "' is behind it (pipeline_c5)";
    }
  }
  return success();
}

/// Roles that wait for each other in a circle within a turn wait for ever: a role has one barrier for all that it puts.
LogicalResult PipelineVerifier::checkCircles() {
  llvm::MapVector<Operation *, SmallVector<std::pair<RoleOp, int64_t>>> readers; // of a role, and through which channel
  for (auto &[op, channel] : channels)
    for (GetOp get : channel.gets)
      readers[channel.putter].push_back({getRole(get), channel.number});
  llvm::DenseMap<Operation *, int> state; // 1: being visited, 2: done
  SmallVector<std::pair<RoleOp, int64_t>> path;
  std::function<LogicalResult(RoleOp)> visit = [&](RoleOp role) -> LogicalResult {
    state[role] = 1;
    for (auto [reader, number] : readers.lookup(role)) {
      path.push_back({role, number});
      if (state.lookup(reader) == 1) {
        auto error = reader.emitOpError()
                     << "\"" << reader.getName() << "\" waits for a tile that it puts itself in the same turn:";
        const auto *first = llvm::find_if(path, [&, reader = reader](auto &step) { return step.first == reader; });
        for (auto [on, through] : llvm::drop_begin(path, first - path.begin()))
          error << " \"" << on.getName() << "\", channel " << through << ",";
        return error << " \"" << reader.getName() << "\" (pipeline_c3)";
      }
      if (state.lookup(reader) == 0 && failed(visit(reader)))
        return failure();
      path.pop_back();
    }
    state[role] = 2;
    return success();
  };
  for (auto role : pipeline.getBody().getOps<RoleOp>())
    if (state.lookup(role) == 0 && failed(visit(role)))
      return failure();
  return success();
}

/// Whether all that reads the channel in `role` stands in front of `op`.
static bool readsBefore(ArrayRef<GetOp> gets, RoleOp role, Operation *op) {
  for (GetOp get : gets) {
    if (getRole(get) != role)
      continue;
    for (Operation *user : getReaders(get)) {
      Operation *inTurn = op->getBlock()->findAncestorOpInBlock(*user);
      // (What is put as it was got is read by the put.)
      if (!inTurn || (inTurn != op && !inTurn->isBeforeInBlock(op)))
        return false;
    }
  }
  return true;
}

bool PipelineVerifier::isReadBefore(const Channel &channel, RoleOp reader, const Channel &again) {
  if (reader == again.putter)
    return readsBefore(channel.gets, reader, again.put);
  llvm::SetVector<Operation *> heard; // roles that have a tile which `reader` put after its last reading
  for (auto &[op, other] : channels)
    if (other.putter == reader && readsBefore(channel.gets, reader, other.put))
      for (GetOp get : other.gets)
        if (getRole(get) != again.putter || get->isBeforeInBlock(again.put))
          heard.insert(getRole(get));
  for (size_t i = 0; i < heard.size(); ++i)
    if (heard[i] != again.putter)
      for (auto &[op, other] : channels)
        if (other.putter == heard[i])
          for (GetOp get : other.gets)
            if (getRole(get) != again.putter || get->isBeforeInBlock(again.put))
              heard.insert(getRole(get));
  return heard.contains(again.putter);
}

LogicalResult PipelineVerifier::checkReuse(ChannelOp op) {
  if (!op.getReuses())
    return success();
  auto reused = op.getReuses().getDefiningOp<ChannelOp>();
  if (!reused || !channels.contains(reused))
    return op.emitOpError() << "must reuse a channel of its own pipeline (pipeline_c6)";
  const Channel place = channels.lookup(reused);
  Channel channel = channels.lookup(op);
  for (auto other : pipeline.getBody().getOps<ChannelOp>())
    if (other != op && other.getReuses() == op.getReuses())
      return op.emitOpError() << "must be alone in the memory of channel " << place.number << ", channel "
                              << channels[other].number << " reuses it too (pipeline_c6)";
  for (GetOp get : place.gets)
    if (RoleOp reader = getRole(get); !isReadBefore(place, reader, channel))
      return op.emitOpError() << "must be put when the memory of channel " << place.number << " has been read: role \""
                              << reader.getName() << "\" may still read it when role \"" << channel.putter.getName()
                              << "\" puts channel " << channel.number << " (pipeline_c6)";
  return success();
}

LogicalResult PipelineVerifier::verify() {
  for (auto channel : pipeline.getBody().getOps<ChannelOp>())
    if (failed(collect(channel)))
      return failure();
  if (failed(checkCircles()))
    return failure();
  for (auto role : pipeline.getBody().getOps<RoleOp>())
    if (failed(checkRelease(role)))
      return failure();
  for (auto channel : pipeline.getBody().getOps<ChannelOp>())
    if (failed(checkReuse(channel)))
      return failure();
  return success();
}

LogicalResult PipelineOp::verifyRegions() {
  if (auto stages = static_cast<int64_t>(getStages()); stages < 1)
    return emitOpError() << "must have at least one stage, got " << stages << " (pipeline_c1)";
  return PipelineVerifier(*this).verify();
}
