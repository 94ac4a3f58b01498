//===- AssignRoles.cpp - Splits kernels among groups of warps -------------===//

#include "dialect/fgla/FGLA.h"
#include "dialect/tile/Diagnostics.h"
#include "dialect/warp/Warp.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Targets.h"
#include "passes/roles/LoopBody.h"
#include "passes/roles/Passes.h"
#include "passes/roles/TensorCopies.h"
#include "passes/schedule/Choices.h"
#include "passes/tiled/TileReader.h"
#include "llvm/Support/MathExtras.h"

namespace fgla {
#define GEN_PASS_DEF_ASSIGNROLES
#include "passes/roles/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

namespace {
/// Rewrites the body of one `scf.forall`.
class PipelineBuilder {
public:
  PipelineBuilder(scf::ForallOp forall, LoopBody &body)
      : forall(forall), body(body), walk(body.walk), loc(forall.getLoc()), builder(forall.getContext()) {
    for (size_t role = 0; role < body.roles.size(); ++role)
      needs.push_back(body.getNeeds(role));
  }

  LogicalResult build();

private:
  ScheduleAttr getGivenSchedule() {
    return forall->getParentOfType<func::FuncOp>()->getAttrOfType<ScheduleAttr>(kKernelAttrName);
  }
  void sizeRoles();
  bool isRounded(Value value) const;
  static bool isExchanged(Value value) { return llvm::any_of(value.getUsers(), llvm::IsaPred<tile::ExchangeOp>); }
  void makeChannels();
  void shareMatrixMemory();
  void shareMemory();
  /// Whether the elementwise role has read `place` for the last time when it puts `value`.
  bool isReadBeforePut(Value place, Value value);
  void buildRole(int role);
  void buildWalk(int role, Value instance, IRMapping &mapping);
  void buildTurn(int role, Value turn, IRMapping &mapping);
  void cloneExchange(tile::ExchangeOp exchange, IRMapping &mapping);
  /// Ops after the walk that store what `role` carried; an `scf.if` around them comes along.
  void cloneTail(int role, Block &block, IRMapping &mapping);
  bool storesFor(int role, Operation *op);
  /// Values from outside of the walk, computed where the builder stands.
  Value materialize(Value value, IRMapping &mapping);
  void cloneLoop(scf::ForOp outer, IRMapping &mapping);
  llvm::SmallVector<unsigned> getCarried(int role);

  scf::ForallOp forall;
  LoopBody &body;
  tile::WalkOp walk;
  Location loc;
  OpBuilder builder;
  std::vector<LoopBody::Needs> needs;
  llvm::MapVector<Value, warp::ChannelOp> channels;
  llvm::DenseSet<Value> usedOfLoops; ///< results of earlier loops that the role being built starts from
  warp::PipelineOp pipeline;
};
} // namespace

//===----------------------------------------------------------------------===//
// Roles and channels
//===----------------------------------------------------------------------===//

/// What the schedule says, and for what it leaves open what the loop suggests.
void PipelineBuilder::sizeRoles() {
  KernelShape shape;
  auto isElementwise = [&](int role) { return role >= 0 && body.roles[role].kind == RoleKind::Elementwise; };
  for (Operation &op : *walk.getBody()) {
    if (auto scan = dyn_cast<tile::ScanOp>(op))
      shape.keys = std::max(shape.keys, tile::shapeOf(scan.getResult())[1]);
    if (auto scores = dyn_cast<tile::DecayedScoresOp>(op))
      shape.keys = std::max(shape.keys, tile::shapeOf(scores.getQuery())[1]);
    if (auto dot = dyn_cast<tile::DotOp>(op); dot && isElementwise(body.getOwner(dot.getResult())))
      shape.keys = std::max(shape.keys, tile::shapeOf(dot.getA())[!dot.getTransposeA()]);
  }
  for (Value arg : walk.getRegionIterArgs())
    if (auto [rows, columns] = std::tuple(tile::shapeOf(arg)[0], tile::shapeOf(arg)[1]); rows > 1) {
      shape.sums += rows * columns;
      shape.isWide |= shape.sums > rows * columns; // what sums lose is carried too
      shape.values = std::max(shape.values, columns);
    }
  ScheduleAttr schedule = completeSchedule(getGivenSchedule(), shape, getGPUTarget(forall));
  for (RoleSpec &role : body.roles) {
    RoleSize given = schedule.getRole(role.name);
    if (given.warps)
      role.warps = given.warps;
    if (role.kind == RoleKind::Elementwise) {
      // A loop that runs down fewer columns than the kernel's other one has more instances of fewer warps.
      int64_t all = given.warps * given.instances;
      role.warps = std::min<int64_t>(given.warps, getMostElementwiseWarps(shape));
      // What one turn hands to the next does not reach another instance.
      bool carries = !getCarried(&role - body.roles.data()).empty();
      role.instances = carries ? 1 : all / role.warps;
    } else if (role.kind == RoleKind::Epilogue) {
      // Where it is all that is done, memory is to be kept busy.
      if (llvm::none_of(body.roles, [](const RoleSpec &other) { return other.kind == RoleKind::Matrix; }))
        role.instances = kInstancesOfRows;
      // Of the few rows that a program of a cluster does, a turn takes as long as the way there and back: so several
      // are under way.
      for (auto exchange : walk.getBody()->getOps<tile::ExchangeOp>()) {
        auto part = cast<RankedTensorType>(exchange.getParts().front().getType());
        int64_t wanted = llvm::bit_floor<uint64_t>(part.getNumElements()) / kElementsOfRowWarp, all = role.warps;
        role.warps = std::clamp<int64_t>(wanted, 1, all);
        role.instances = all / role.warps;
      }
    } else if (role.kind == RoleKind::Load && !given.warps) {
      role.warps = kLoadWarps;
    }
  }
}

/// Whether it crosses as bf16, which has the range of f32: sums of products, on their way to the epilogue.
bool PipelineBuilder::isRounded(Value value) const {
  int owner = body.getOwner(value);
  return owner >= 0 && body.roles[owner].kind == RoleKind::Matrix && tile::shapeOf(value)[1] > 1;
}

void PipelineBuilder::makeChannels() {
  for (LoopBody::Needs &need : needs)
    for (Value value : need.fromOthers)
      channels.try_emplace(value);
  for (auto &[value, channel] : channels) {
    auto type = cast<RankedTensorType>(value.getType());
    if (isRounded(value))
      type = RankedTensorType::get(type.getShape(), builder.getBF16Type());
    channel = warp::ChannelOp::create(builder, loc, warp::ChannelType::get(builder.getContext(), type), Value());
  }
}

bool PipelineBuilder::isReadBeforePut(Value place, Value value) {
  Operation *put = nullptr;
  for (Operation *user : channels[value]->getUsers())
    if (isa<warp::PutOp>(user))
      put = user;
  for (Operation *get : channels[place]->getUsers())
    if (put && isa<warp::GetOp>(get))
      for (Operation *reader : get->getUsers())
        if (reader->getBlock() != put->getBlock() || !reader->isBeforeInBlock(put))
          return false;
  return put;
}

/// A tile that the elementwise role puts overwrites a loaded tile of its type that this role has read for the last time
/// and no other role reads.
void PipelineBuilder::shareMemory() {
  int elementwise = llvm::find_if(body.roles, [](const RoleSpec &role) { return role.kind == RoleKind::Elementwise; }) -
                    body.roles.begin();
  if (elementwise == static_cast<int>(body.roles.size()))
    return;
  llvm::SetVector<Operation *> kept; // what queries and keys of scores are computed from
  for (Operation *op : body.roles[elementwise].ops)
    if (auto scores = dyn_cast<tile::DecayedScoresOp>(op))
      for (Value operand : {scores.getQuery(), scores.getKey()})
        if (Operation *def = operand.getDefiningOp())
          kept.insert(def);
  for (size_t i = 0; i < kept.size(); ++i)
    for (Value operand : kept[i]->getOperands())
      if (Operation *def = operand.getDefiningOp())
        kept.insert(def);
  SmallVector<Value> free;
  for (Value value : needs[elementwise].fromOthers) {
    bool onlyHere = llvm::none_of(llvm::enumerate(needs), [&](const auto &need) {
      return static_cast<int>(need.index()) != elementwise && need.value().fromOthers.contains(value);
    });
    // Scores read queries and keys again where a decay is strong; what only decays are made of is dead by then.
    if (onlyHere && isa_and_nonnull<tile::LoadOp>(value.getDefiningOp()) && !kept.contains(value.getDefiningOp()))
      free.push_back(value);
  }
  for (auto &[value, channel] : channels) {
    if (body.getOwner(value) != elementwise)
      continue;
    auto *place = llvm::find_if(
        free, [&](Value other) { return other.getType() == value.getType() && isReadBeforePut(other, value); });
    if (place == free.end())
      continue;
    channel.getReusesMutable().assign(channels[*place].getResult());
    channel->moveAfter(channels[*place]);
    free.erase(place);
  }
}

/// What the matrix role puts goes where the values were that it alone read: as the second operand of its products, so
/// that each warp read the columns that it writes now.
void PipelineBuilder::shareMatrixMemory() {
  for (auto &[value, channel] : channels) {
    int matrix = body.getOwner(value);
    if (matrix < 0 || body.roles[matrix].kind != RoleKind::Matrix)
      continue;
    for (Value other : needs[matrix].fromOthers) {
      bool onlyHere = llvm::none_of(llvm::enumerate(needs), [&, other = other](const auto &need) {
        return static_cast<int>(need.index()) != matrix && need.value().fromOthers.contains(other);
      });
      bool isSecondOperand = llvm::all_of(other.getUsers(), [&, other = other](Operation *user) {
        auto dot = dyn_cast<tile::DotOp>(user);
        return dot && dot.getB() == other && dot.getA() != other && !dot.getTransposeB();
      });
      if (!onlyHere || !isSecondOperand || channels[other].getType() != channel.getType() || channel.getReuses())
        continue;
      channel.getReusesMutable().assign(channels[other].getResult());
      channel->moveAfter(channels[other]);
    }
  }
}

LogicalResult PipelineBuilder::build() {
  sizeRoles();
  constexpr int64_t kMostWarps = 32; // of a block
  int64_t warps = 0;
  for (const RoleSpec &role : body.roles)
    warps += role.warps * role.instances;
  warps = llvm::alignTo(warps, 4); // groups of four share registers
  if (warps > kMostWarps)
    return emitNamedError(forall) << "needs " << warps << " warps by its schedule, a block has at most " << kMostWarps;
  builder.setInsertionPoint(walk);
  pipeline = warp::PipelineOp::create(builder, loc, /*stages=*/1);
  builder.setInsertionPointToStart(&pipeline.getBody().emplaceBlock());
  makeChannels();
  SmallVector<int> order = llvm::to_vector(llvm::seq<int>(body.roles.size()));
  llvm::sort(order,
             [&](int a, int b) { return std::pair(body.roles[a].kind, a) < std::pair(body.roles[b].kind, b); });
  llvm::for_each(order, [&](int role) { buildRole(role); });
  shareMemory();
  shareMatrixMemory();
  // All that is left of the old body is in the roles now.
  SmallVector<Operation *> old;
  for (Operation &op : forall.getBody()->without_terminator())
    if (&op != pipeline)
      old.push_back(&op);
  for (Operation *op : llvm::reverse(old)) {
    op->dropAllUses();
    op->erase();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The body of a role
//===----------------------------------------------------------------------===//

/// The carried values that a role makes.
SmallVector<unsigned> PipelineBuilder::getCarried(int role) {
  SmallVector<unsigned> carried;
  for (auto [index, arg] : llvm::enumerate(walk.getRegionIterArgs()))
    if (body.getOwner(arg) == role)
      carried.push_back(index);
  return carried;
}

void PipelineBuilder::buildRole(int index) {
  RoleSpec &spec = body.roles[index];
  OpBuilder::InsertionGuard guard(builder);
  auto role = warp::RoleOp::create(builder, loc, spec.name, spec.warps, spec.instances);
  Block &block = role.getBody().emplaceBlock();
  Value instance = block.addArgument(builder.getIndexType(), loc);
  builder.setInsertionPointToStart(&block);
  IRMapping mapping;
  usedOfLoops.clear();
  for (unsigned carried : getCarried(index))
    usedOfLoops.insert(walk.getInits()[carried]);
  buildWalk(index, instance, mapping);
  cloneTail(index, *forall.getBody(), mapping);
  const GPUTarget *target = getGPUTarget(forall);
  bool isOpen = getGivenSchedule().getRole(spec.name).warps == 0;
  if (spec.kind == RoleKind::Load && isOpen && target && hasOnlyTensorCopies(role, *target))
    role.setWarps(kCopyEngineWarps);
}

void PipelineBuilder::buildWalk(int role, Value instance, IRMapping &mapping) {
  SmallVector<unsigned> carried = getCarried(role);
  SmallVector<Value> initial;
  for (unsigned index : carried)
    initial.push_back(materialize(walk.getInits()[index], mapping));
  for (Operation *op : needs[role].ops)
    for (Value operand : op->getOperands())
      if (operand.getParentBlock() != walk.getBody())
        materialize(operand, mapping);
  Value begin = materialize(walk.getBegin(), mapping), end = materialize(walk.getEnd(), mapping);
  auto copy = tile::WalkOp::create(builder, loc, begin, end, walk.getStep(), walk.getReverse(), initial, instance,
                                   body.roles[role].instances);
  mapping.map(walk.getToken(), copy.getToken());
  mapping.map(walk.getRows(), copy.getRows());
  for (auto [newIndex, index] : llvm::enumerate(carried)) {
    mapping.map(walk.getRegionIterArgs()[index], copy.getRegionIterArgs()[newIndex]);
    mapping.map(walk.getResult(index), copy.getResult(newIndex));
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(copy.getBody());
  buildTurn(role, copy.getTurn(), mapping);
  SmallVector<Value> results;
  for (unsigned index : carried)
    results.push_back(mapping.lookup(walk.getYield().getOperand(index)));
  tile::YieldOp::create(builder, loc, results);
}

/// Products first, then the release, then what follows from the products alone: the next turn can begin.
void PipelineBuilder::buildTurn(int role, Value turn, IRMapping &mapping) {
  const LoopBody::Needs &need = needs[role];
  auto put = [&](Value value) {
    auto found = channels.find(value);
    if (found == channels.end() || body.getOwner(value) != role)
      return;
    Type element = found->second.getType().getTile().getElementType();
    Value tile = convertTile(builder, loc, mapping.lookup(value), element);
    warp::PutOp::create(builder, loc, tile, found->second, turn, /*along=*/Value(), /*decayed=*/false);
  };
  for (Value value : need.fromOthers) {
    warp::ChannelOp channel = channels[value];
    Value got = warp::GetOp::create(builder, loc, channel.getType().getTile(), channel, turn);
    Type element = cast<RankedTensorType>(value.getType()).getElementType();
    // What is exchanged is what lies in memory.
    mapping.map(value, isExchanged(value) ? got : convertTile(builder, loc, got, element));
  }
  for (Value arg : walk.getRegionIterArgs())
    put(arg);
  // Where products read is where one of them goes: not before all have read it.
  bool isMatrix = body.roles[role].kind == RoleKind::Matrix;
  SmallVector<Value> made;
  auto cloneOp = [&](Operation *op) {
    if (auto exchange = dyn_cast<tile::ExchangeOp>(op))
      return cloneExchange(exchange, mapping);
    builder.clone(*op, mapping);
    for (Value result : op->getResults())
      isMatrix ? made.push_back(result) : put(result);
  };
  llvm::SetVector<Operation *> products;
  for (Operation *op : need.ops)
    if (isa<tile::DotOp>(op))
      products.insert(op);
  for (size_t i = 0; i < products.size(); ++i)
    for (Value operand : products[i]->getOperands())
      if (Operation *def = operand.getDefiningOp(); def && need.ops.contains(def))
        products.insert(def);
  bool later = false; // something got is read after the products
  for (Operation *op : need.ops)
    if (!products.contains(op))
      later |= llvm::any_of(op->getOperands(), [&](Value v) { return need.fromOthers.contains(v); });
  for (Operation *op : need.ops)
    if (products.contains(op))
      cloneOp(op);
  for (Value value : made)
    put(value);
  made.clear();
  bool gets = !need.fromOthers.empty();
  if (gets && !later)
    warp::ReleaseOp::create(builder, loc, turn);
  for (Operation *op : need.ops)
    if (!products.contains(op))
      cloneOp(op);
  for (Value value : made)
    put(value);
  if (gets && later)
    warp::ReleaseOp::create(builder, loc, turn);
}

/// Of elements as they have crossed.
void PipelineBuilder::cloneExchange(tile::ExchangeOp exchange, IRMapping &mapping) {
  Value input = mapping.lookup(exchange.getInput());
  Type crossed = cast<RankedTensorType>(input.getType()).getElementType();
  auto part = cast<RankedTensorType>(exchange.getParts().front().getType());
  SmallVector<Type> types(exchange.getNumResults(), RankedTensorType::get(part.getShape(), crossed));
  auto copy = tile::ExchangeOp::create(builder, loc, types, input, mapping.lookupOrDefault(exchange.getRank()));
  for (auto [old, created] : llvm::zip_equal(exchange.getParts(), copy.getParts()))
    mapping.map(old, convertTile(builder, loc, created, part.getElementType()));
}

//===----------------------------------------------------------------------===//
// What stands around the walk
//===----------------------------------------------------------------------===//

Value PipelineBuilder::materialize(Value value, IRMapping &mapping) {
  Operation *op = value.getDefiningOp();
  if (mapping.contains(value))
    return mapping.lookup(value);
  if (!op || op->getBlock() != forall.getBody())
    return value;
  if (auto outer = dyn_cast<scf::ForOp>(op)) {
    cloneLoop(outer, mapping);
    return mapping.lookup(value);
  }
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (operand.getParentBlock() == forall.getBody())
        materialize(operand, mapping);
  });
  builder.clone(*op, mapping);
  return mapping.lookup(value);
}

/// A loop in front of the walk (the merging of segments), with only what the role uses of it.
void PipelineBuilder::cloneLoop(scf::ForOp outer, IRMapping &mapping) {
  auto yields = outer.getBody()->getTerminator()->getOperands();
  llvm::SetVector<unsigned> carried;
  for (OpResult result : outer.getResults())
    if (usedOfLoops.contains(result))
      carried.insert(result.getResultNumber());
  llvm::DenseSet<Operation *> included;
  for (size_t i = 0; i < carried.size(); ++i) {
    SmallVector<Value> work{yields[carried[i]]};
    while (!work.empty()) {
      Value value = work.pop_back_val();
      if (value.getParentBlock() != outer.getBody())
        continue;
      if (auto arg = dyn_cast<BlockArgument>(value)) {
        if (arg != outer.getInductionVar())
          carried.insert(arg.getArgNumber() - 1);
      } else if (included.insert(value.getDefiningOp()).second) {
        llvm::append_range(work, value.getDefiningOp()->getOperands());
      }
    }
  }
  SmallVector<Value> initial;
  for (unsigned index : carried)
    initial.push_back(materialize(outer.getInitArgs()[index], mapping));
  Value lower = materialize(outer.getLowerBound(), mapping), upper = materialize(outer.getUpperBound(), mapping);
  Value step = materialize(outer.getStep(), mapping);
  for (Operation *op : included)
    for (Value operand : op->getOperands())
      if (operand.getParentBlock() == forall.getBody())
        materialize(operand, mapping);
  auto copy = scf::ForOp::create(builder, loc, lower, upper, step, initial);
  mapping.map(outer.getInductionVar(), copy.getInductionVar());
  for (auto [newIndex, index] : llvm::enumerate(carried)) {
    mapping.map(outer.getRegionIterArg(index), copy.getRegionIterArg(newIndex));
    mapping.map(outer.getResult(index), copy.getResult(newIndex));
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(copy.getBody());
  for (Operation &op : outer.getBody()->without_terminator())
    if (included.contains(&op))
      builder.clone(op, mapping);
  SmallVector<Value> results;
  for (unsigned index : carried)
    results.push_back(mapping.lookup(yields[index]));
  if (!results.empty())
    scf::YieldOp::create(builder, loc, results);
}

bool PipelineBuilder::storesFor(int role, Operation *op) {
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return llvm::any_of(branch.getThenRegion().getOps(), [&](Operation &nested) { return storesFor(role, &nested); });
  auto store = dyn_cast<tile::StoreOp>(op);
  if (!store)
    return false;
  SmallVector<Value> work{store.getValue()};
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (value.getDefiningOp() == walk)
      return body.getOwner(walk.getRegionIterArgs()[cast<OpResult>(value).getResultNumber()]) == role;
    if (Operation *def = value.getDefiningOp())
      llvm::append_range(work, def->getOperands());
  }
  return role == 0;
}

void PipelineBuilder::cloneTail(int role, Block &block, IRMapping &mapping) {
  for (Operation &op : block.without_terminator()) {
    bool behind =
        op.getBlock() != forall.getBody() || (op.getBlock() == walk->getBlock() && walk->isBeforeInBlock(&op));
    if (!behind || !storesFor(role, &op))
      continue;
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      Value condition = materialize(branch.getCondition(), mapping);
      branch.walk([&](Operation *nested) {
        if (nested != branch && storesFor(role, nested))
          for (Value operand : nested->getOperands())
            if (operand.getParentBlock() == forall.getBody())
              materialize(operand, mapping);
      });
      auto copy = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(&copy.getThenRegion().front());
      cloneTail(role, branch.getThenRegion().front(), mapping);
      continue;
    }
    for (Value operand : op.getOperands())
      materialize(operand, mapping);
    builder.clone(op, mapping);
  }
}

/// All loads are under way before anything waits for one; first those of rows, which there is the most to do with.
static void hoistLoads(Block &body) {
  auto isTile = [](Value value) { return isa<RankedTensorType>(value.getType()); };
  SmallVector<Operation *> numbers, rows, others;
  for (Operation &op : body)
    if (auto load = dyn_cast<tile::LoadOp>(op))
      (tile::shapeOf(load.getResult())[0] == 1 ? rows : others).push_back(&op);
    else if (isPure(&op) && op.getNumRegions() == 0 && llvm::none_of(op.getOperands(), isTile))
      numbers.push_back(&op);
  numbers.append(rows);
  numbers.append(others);
  for (Operation *op : llvm::reverse(numbers))
    op->moveBefore(&body, body.begin());
}

static bool storesTiles(scf::ForallOp forall) {
  return forall.walk([](tile::StoreOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// A body without a walk has one role: all warps share out each tile.
static void buildOneRole(scf::ForallOp forall) {
  // So that a thread has at most 64 elements of the largest tile: two blocks fit a multiprocessor, and while one
  // computes or stores, the other loads.
  constexpr int64_t kElementsOfThread = 64, kLeast = 4, kMost = 8;
  int64_t largest = 1;
  forall.getBody()->walk(
      [&](tile::LoadOp load) { largest = std::max(largest, load.getResult().getType().getNumElements()); });
  int64_t warps = std::clamp<int64_t>(llvm::PowerOf2Ceil(largest) / (32 * kElementsOfThread), kLeast, kMost);
  Location loc = forall.getLoc();
  OpBuilder builder = OpBuilder::atBlockBegin(forall.getBody());
  auto pipeline = warp::PipelineOp::create(builder, loc, /*stages=*/1);
  builder.setInsertionPointToStart(&pipeline.getBody().emplaceBlock());
  auto role = warp::RoleOp::create(builder, loc, "state", warps, /*instances=*/1);
  Block &body = role.getBody().emplaceBlock();
  body.addArgument(builder.getIndexType(), loc);
  auto &ops = forall.getBody()->getOperations();
  body.getOperations().splice(body.end(), ops, std::next(pipeline->getIterator()), std::prev(ops.end()));
  hoistLoads(body);
}

namespace {
struct AssignRoles : fgla::impl::AssignRolesBase<AssignRoles> {
  void runOnOperation() override {
    SmallVector<scf::ForallOp> foralls;
    getOperation()->walk([&](func::FuncOp kernel) {
      if (kernel->hasAttr(kKernelAttrName))
        llvm::append_range(foralls, kernel.getOps<scf::ForallOp>());
    });
    for (scf::ForallOp forall : foralls) {
      if (!LoopBody::hasTurns(forall) && storesTiles(forall)) {
        buildOneRole(forall);
        continue;
      }
      FailureOr<LoopBody> body = LoopBody::analyze(forall);
      if (failed(body) || failed(PipelineBuilder(forall, *body).build()))
        return signalPassFailure();
    }
  }
};
} // namespace
