//===- LoopBody.cpp - Who computes what in a walk over tiles --------------===//

#include "passes/roles/LoopBody.h"
#include "dialect/fgla/Schedule.h"
#include "dialect/tile/Diagnostics.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/schedule/Choices.h"

using namespace mlir;
using namespace fgla;

static bool isTile(Value value) { return isa<RankedTensorType>(value.getType()); }

/// One number, or one number for each row.
static bool isPerRow(Operation *op) {
  return llvm::all_of(op->getResults(), [](Value v) { return isTile(v) && tile::shapeOf(v)[1] == 1; });
}

/// Some of the columns of a tile that is loaded.
static bool isPartOfLoad(Operation *op) {
  auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op);
  return slice && slice.getSource().getDefiningOp<tile::LoadOp>() &&
         slice.getType().getDimSize(0) == slice.getSourceType().getDimSize(0);
}

/// Whether computing `op` again costs less than a trip through shared memory.
static bool isCheap(Operation *op) {
  if (llvm::none_of(op->getOperands(), isTile) && !isa<tile::LoadOp>(op))
    return true; // index arithmetic, masks, constants
  if (isa<tile::TransposeOp>(op) || isPartOfLoad(op))
    return true; // a change of names
  auto map = dyn_cast<tile::MapOp>(op);
  constexpr size_t kFew = 3;
  if (!map || llvm::range_size(map.getBody().front().without_terminator()) > kFew)
    return false;
  if (map.getBody()
          .front()
          .walk([](Operation *nested) {
            return isa<math::MathDialect>(nested->getDialect()) || isa<arith::DivFOp>(nested) ? WalkResult::interrupt()
                                                                                              : WalkResult::advance();
          })
          .wasInterrupted())
    return false;
  bool isMask = llvm::any_of(map.getInputs(), [](Value input) { return input.getDefiningOp<tile::ValidOp>(); });
  return llvm::all_of(map.getInputs(), [&](Value input) {
    Operation *def = input.getDefiningOp();
    return isa_and_nonnull<tile::LoadOp, tile::ValidOp>(def) || isPartOfLoad(def) ||
           (isMask && isa_and_nonnull<tile::MapOp>(def) && isCheap(def));
  });
}

bool LoopBody::hasTurns(scf::ForallOp forall) { return !forall.getBody()->getOps<tile::WalkOp>().empty(); }

FailureOr<LoopBody> LoopBody::analyze(scf::ForallOp forall) {
  LoopBody result;
  for (auto walk : forall.getBody()->getOps<tile::WalkOp>()) {
    if (result.walk)
      return emitNamedError(walk) << "is the second one in one body, which no GPU kernel has yet";
    result.walk = walk;
  }
  if (!result.walk)
    return emitNamedError(forall) << "has no 'fgla_tile.walk' in its body, which every GPU kernel has";
  for (auto slice : result.walk.getBody()->getOps<tensor::ExtractSliceOp>())
    if (!isPartOfLoad(slice) &&
        (slice.getType().getDimSize(0) != 1 || slice.getType().getDimSize(1) != slice.getSourceType().getDimSize(1)))
      return emitNamedError(slice) << "takes " << slice.getType().getDimSize(1) << " of "
                                   << slice.getSourceType().getDimSize(1)
                                   << " columns of a computed tile, which has no role on a GPU yet: a map that puts "
                                      "tiles side by side ('hedgehog') needs all keys of a head in one program, and no "
                                      "'key_slice'";
  for (Operation &op : *result.walk.getBody())
    if (op.getNumRegions() && !isa<tile::MapOp>(op))
      return emitNamedError(&op) << "in the walk has no role on a GPU yet";
  result.assignMatrix();
  result.assignRest();
  return result;
}

int LoopBody::addRole(RoleKind kind, std::string name) {
  roles.emplace_back();
  roles.back().kind = kind;
  roles.back().name = std::move(name);
  return roles.size() - 1;
}

/// Whether it is a product that a product of `role` is added to, and nothing else.
static bool startsSum(Operation &op, const RoleSpec &role) {
  auto dot = dyn_cast<tile::DotOp>(op);
  return dot && llvm::all_of(dot->getUses(), [&](OpOperand &use) {
           auto user = dyn_cast<tile::DotOp>(use.getOwner());
           return user && user.getAcc() == use.get() && role.ops.contains(user);
         });
}

/// What depends on the carried tiles. One carried number is the rows' own (the running maximum).
void LoopBody::assignMatrix() {
  llvm::DenseSet<Value> dependent;
  for (Value arg : walk.getRegionIterArgs())
    if (tile::shapeOf(arg)[0] * tile::shapeOf(arg)[1] > 1)
      dependent.insert(arg);
  if (dependent.empty())
    return;
  int role = addRole(RoleKind::Matrix, role::kMatrix.str());
  for (Operation &op : walk.getBody()->without_terminator()) {
    if (llvm::none_of(op.getOperands(), [&](Value v) { return dependent.contains(v); }))
      continue;
    owners[&op] = role;
    roles[role].ops.insert(&op);
    dependent.insert(op.result_begin(), op.result_end());
  }
  for (Operation &op : walk.getBody()->without_terminator())
    if (startsSum(op, roles[role])) {
      owners[&op] = role;
      roles[role].ops.insert(&op);
    }
  splitEpilogue(role);
}

/// What follows from products and leads to no product and nothing carried: the rows of a tile, one by one. It has warps
/// of its own, so that the next turn's products need not wait for it. What it reads crosses as 16-bit floats; where
/// arrays are wider, that would lose too much.
void LoopBody::splitEpilogue(int matrix) {
  bool isNarrow = llvm::all_of(walk.getBody()->getOps<tile::DotOp>(), [](tile::DotOp dot) {
    return dot.getA().getType().getElementType().getIntOrFloatBitWidth() == 16;
  });
  llvm::SetVector<Operation *> kept;
  for (Operation *op : roles[matrix].ops)
    if (isa<tile::DotOp>(op))
      kept.insert(op);
  for (Value yielded : walk.getBody()->getTerminator()->getOperands())
    if (Operation *def = yielded.getDefiningOp())
      kept.insert(def);
  for (size_t i = 0; i < kept.size(); ++i)
    for (Value operand : kept[i]->getOperands())
      if (Operation *def = operand.getDefiningOp(); def && def->getBlock() == walk.getBody())
        kept.insert(def);
  SmallVector<Operation *> rest;
  bool stores = false, combinesRows = false;
  for (Operation *op : roles[matrix].ops)
    if (!kept.contains(op)) {
      rest.push_back(op);
      stores |= isa<tile::StoreOp>(op);
      combinesRows |= isa<tile::ReduceOp, tile::RowNormOp, tile::ExchangeOp>(op);
    }
  if (!isNarrow || !stores || !combinesRows)
    return;
  int role = addRole(RoleKind::Epilogue, role::kEpilogue.str());
  for (Operation *op : rest) {
    owners[op] = role;
    roles[matrix].ops.remove(op);
    roles[role].ops.insert(op);
  }
}

bool LoopBody::dependsOn(Operation *op, int role) const {
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    Operation *def = operand.getDefiningOp();
    if (!def || def->getBlock() != walk.getBody())
      return false;
    return isReplicated(def) ? dependsOn(def, role) : owners.lookup(def) == role;
  });
}

/// A map whose rows are combined, as the exponentials of a softmax are. Where it is made of loaded tiles and numbers of
/// rows, the rows' role makes it for the sum, and other users make it again.
bool LoopBody::isSummed(Operation &op) const {
  auto isReduction = [](Operation *user) {
    auto reduce = dyn_cast<tile::ReduceOp>(user);
    return reduce && reduce.getDim() == 1;
  };
  return isa<tile::MapOp>(op) && llvm::any_of(op.getUsers(), isReduction) &&
         llvm::all_of(op.getOperands(), [&](Value operand) {
           Operation *def = operand.getDefiningOp();
           return !def || isReplicated(def) || isa<tile::LoadOp>(def) || isPerRow(def);
         });
}

/// Whether functions of elements are combined in rows, and no turn needs what another has found: all rows are one
/// role's then, whose instances take turns.
static bool sumsFunctions(tile::WalkOp walk) {
  Block &body = *walk.getBody();
  bool carriesNumbers = llvm::any_of(walk.getRegionIterArgs(),
                                     [](Value arg) { return tile::shapeOf(arg)[0] * tile::shapeOf(arg)[1] == 1; });
  auto hasFunction = [](tile::MapOp map) {
    return map && llvm::any_of(map.getBody().front(), [](Operation &op) { return isa<math::ExpOp>(op); });
  };
  auto isSum = [&](tile::ReduceOp reduce) {
    return reduce.getDim() == 1 && hasFunction(reduce.getInput().getDefiningOp<tile::MapOp>());
  };
  return !carriesNumbers && llvm::any_of(body.getOps<tile::ReduceOp>(), isSum) && body.getOps<tile::GatherOp>().empty();
}

/// Whether rows are read and stored, and nothing else is done: no products, no running combinations, nothing carried.
static bool worksOnRows(Block &body) {
  bool stores = false;
  for (Operation &op : body.without_terminator()) {
    stores |= isa<tile::StoreOp>(op);
    if (auto reduce = dyn_cast<tile::ReduceOp>(op); reduce && reduce.getDim() == 0)
      return false;
    if (op.getNumResults() > 0 && isTile(op.getResult(0)) &&
        !isa<tile::LoadOp, tile::MapOp, tile::ReduceOp, tile::RowNormOp, tile::ValidOp>(op))
      return false;
  }
  return stores;
}

void LoopBody::assignRest() {
  int load = -1, elementwise = -1, giver = -1;
  // Then rows are whole in a warp from end to end.
  bool onRows = walk.getRegionIterArgs().empty() && worksOnRows(*walk.getBody());
  bool sums = sumsFunctions(walk);
  if (onRows)
    elementwise = addRole(RoleKind::Epilogue, role::kEpilogue.str());
  auto assign = [&](Operation &op, int role) {
    owners[&op] = role;
    roles[role].ops.insert(&op);
  };
  for (Operation &op : walk.getBody()->without_terminator()) {
    if (owners.contains(&op) || isCheap(&op) || (!onRows && isSummed(op)))
      continue;
    if (isa<tile::LoadOp>(op)) {
      if (load < 0)
        load = addRole(RoleKind::Load, role::kLoad.str());
      assign(op, load);
    } else if (!onRows && isPerRow(&op) && !(elementwise >= 0 && dependsOn(&op, elementwise))) {
      // (Rows of what the elementwise role makes are its own: it would wait for another role within the turn.)
      // With what it depends on, if that is of rows too; else it has a warp of its own.
      // What other programs of a cluster are given is done by one role, with what they have given begins another.
      bool isGiven = llvm::any_of(op.getUsers(), llvm::IsaPred<tile::GatherOp>);
      int role = isGiven ? giver : -1;
      for (auto [number, spec] : llvm::enumerate(roles))
        if (spec.kind == RoleKind::Rows && !isa<tile::GatherOp>(op) && (sums || dependsOn(&op, number)))
          role = number;
      if (role < 0)
        role = addRole(RoleKind::Rows, "rows." + std::to_string(llvm::count_if(roles, [](const RoleSpec &spec) {
                                         return spec.kind == RoleKind::Rows;
                                       })));
      roles[role].instances = sums ? kInstancesOfSums : 1;
      giver = isGiven ? role : giver;
      assign(op, role);
    } else {
      if (elementwise < 0)
        elementwise = addRole(RoleKind::Elementwise, role::kElementwise.str());
      assign(op, elementwise);
    }
  }
}

int LoopBody::getOwner(Value value) const {
  if (Operation *op = value.getDefiningOp()) {
    auto found = owners.find(op);
    return found == owners.end() ? -1 : found->second;
  }
  // A carried value is its maker's.
  OpOperand *yielded = walk.getTiedLoopYieldedValue(cast<BlockArgument>(value));
  return !yielded || yielded->get() == value ? -1 : getOwner(yielded->get());
}

LoopBody::Needs LoopBody::getNeeds(int role) const {
  Needs needs;
  llvm::DenseSet<Operation *> included;
  llvm::SmallVector<Operation *> work(roles[role].ops.begin(), roles[role].ops.end());
  while (!work.empty()) {
    Operation *op = work.pop_back_val();
    if (!included.insert(op).second)
      continue;
    for (Value operand : op->getOperands()) {
      bool inBody = operand.getParentBlock() == walk.getBody();
      int owner = inBody ? getOwner(operand) : -1;
      if (owner >= 0 && owner != role)
        needs.fromOthers.insert(operand);
      else if (Operation *def = operand.getDefiningOp(); inBody && def)
        work.push_back(def);
    }
  }
  for (Operation &op : walk.getBody()->without_terminator())
    if (included.contains(&op))
      needs.ops.insert(&op);
  return needs;
}
