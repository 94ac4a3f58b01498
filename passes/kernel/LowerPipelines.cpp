//===- LowerPipelines.cpp - Pipelines become GPU kernels ------------------===//

#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/kernel/Passes.h"
#include "passes/kernel/RoleEmitter.h"
#include "passes/kernel/TurnCosts.h"
#include "passes/roles/TensorCopies.h"
#include "passes/schedule/Choices.h"
#include "llvm/ADT/StringExtras.h"

namespace fgla::kernel {
#define GEN_PASS_DEF_LOWERPIPELINES
#include "passes/kernel/Passes.h.inc"
} // namespace fgla::kernel

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;

static constexpr int64_t kWarpSize = 32, kWarpsOfGroup = 4; // a group of warps has one number of registers

namespace {
/// Roles whose warps share a register budget, in a row of warps.
struct WarpGroup {
  SmallVector<warp::RoleOp> roles;
  int64_t firstWarp = 0, numWarps = 0;
  int64_t registers = 0;
};

/// What a kernel's place among those of its function is. The next one may start while it ends (on targets that have
/// such launches), and waits for its end where it reads what this one writes.
struct Sequence {
  bool hasNext = false;
  llvm::DenseSet<Value> written, read; ///< arrays, by the kernels before

  /// Whether what `scope` does has to come after what the kernels before did.
  bool isAwaitedBy(Operation *scope) const {
    return scope
        ->walk([&](Operation *op) {
          if (auto load = dyn_cast<tile::LoadOp>(op); load && written.contains(load.getSource()))
            return WalkResult::interrupt();
          auto store = dyn_cast<tile::StoreOp>(op);
          bool overwrites = store && (written.contains(store.getDest()) || read.contains(store.getDest()));
          return overwrites ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }
  void add(Operation *scope) {
    scope->walk([&](tile::LoadOp load) { read.insert(load.getSource()); });
    scope->walk([&](tile::StoreOp store) { written.insert(store.getDest()); });
  }
};

/// Writes the kernel of one `scf.forall`.
class KernelBuilder {
public:
  KernelBuilder(scf::ForallOp forall, warp::PipelineOp pipeline, gpu::GPUModuleOp module, const GPUTarget &target,
                std::string name, bool everyLaneArrives, const Sequence &sequence)
      : forall(forall), pipeline(pipeline), module(module), name(std::move(name)), plan(pipeline),
        context(target, plan, pipeline.getStages(), everyLaneArrives), sequence(sequence), loc(forall.getLoc()),
        builder(forall.getContext()), code(builder, forall.getLoc()) {
    if (auto given = forall->getParentOfType<func::FuncOp>()->getAttrOfType<PrecisionAttr>(kPrecisionAttrName))
      context.precision = given.getValue();
  }

  LogicalResult build();

private:
  LogicalResult findCluster();
  LogicalResult groupRoles();
  void shareRegisters();
  /// Arrays and numbers from outside, and the sizes that addresses need, as arguments.
  void collectArguments();
  DictionaryAttr describe();
  DictionaryAttr describeLaunch(const TurnWork &turn);
  ArrayAttr remark();
  void remarkSlices(function_ref<void(const Twine &)> add);
  LLVM::LLVMFuncOp makeFunction();
  void bindArguments(LLVM::LLVMFuncOp function);
  void decodeGrid();
  void initializeBarriers(Value thread);
  /// All threads of all blocks of the cluster.
  void meetCluster();
  LogicalResult emitGroup(const WarpGroup &group, Value warp, Value lane);
  void dispatch(LLVM::LLVMFuncOp function);
  /// Whether it may start while the kernel before it ends. Only of use where some roles need not wait.
  bool isDependent() const {
    return context.target.hasBulkCopies && plan.numBarriers > 0 && sequence.isAwaitedBy(pipeline);
  }
  /// Blocks that are to run on a multiprocessor at once.
  int64_t countBlocks() const {
    constexpr int64_t kRegisters = 128; // enough for a step
    bool isStep = plan.numBarriers == 0;
    return isStep ? std::max<int64_t>(context.target.registersPerMultiprocessor / (getNumThreads() * kRegisters), 1)
                  : 1;
  }
  int64_t getRegistersAtStart() const { return context.target.registersPerMultiprocessor / getNumThreads() / 8 * 8; }
  int64_t getNumThreads() const { return (groups.back().firstWarp + groups.back().numWarps) * kWarpSize; }

  scf::ForallOp forall;
  warp::PipelineOp pipeline;
  gpu::GPUModuleOp module;
  std::string name;
  SharedMemoryPlan plan;
  KernelContext context;
  const Sequence &sequence;
  Location loc;
  OpBuilder builder;
  Code code;
  SmallVector<WarpGroup> groups;
  llvm::SetVector<Value> arrays, numbers; ///< of the host
  /// Arrays that the copy engine reads, by the columns of one copy, and what it moves.
  llvm::MapVector<std::pair<Value, int64_t>, SmallVector<int64_t>> maps;
  llvm::DenseMap<std::pair<Value, int64_t>, Value> sizes;
  llvm::DenseMap<Operation *, int64_t> barriers; ///< the first named barrier of each role
  std::optional<LaunchWork> launch;              ///< at the shape that a report is for
  IRMapping scalars;
};
} // namespace

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

template <typename... Ops> static bool contains(warp::RoleOp role) {
  return role.walk([](Operation *op) { return isa<Ops...>(op) ? WalkResult::interrupt() : WalkResult::advance(); })
      .wasInterrupted();
}

/// The registers of tiles that a role carries from turn to turn.
static int64_t countSums(warp::RoleOp role) {
  int64_t most = 0;
  role.walk([&](LoopLikeOpInterface loop) {
    int64_t count = 0;
    for (Value arg : loop.getRegionIterArgs())
      if (auto type = dyn_cast<RankedTensorType>(arg.getType()); type && type.getDimSize(0) > 1)
        count += cast<warp::LayoutAttr>(type.getEncoding()).getMap().getNumRegisters();
    most = std::max(most, count);
  });
  return most;
}

/// The registers of an epilogue: its elements, what it has loaded before the loop, and words of what it reads beside
/// the sums. With fewer it computes one element after the other and waits for each.
static int64_t countRowRegisters(warp::RoleOp role) {
  int64_t elements = 0, parameters = 0, gets = 0;
  auto countOf = [](Value tile) {
    auto layout = dyn_cast_or_null<warp::LayoutAttr>(cast<RankedTensorType>(tile.getType()).getEncoding());
    return layout ? layout.getMap().getNumRegisters() : 0;
  };
  role.walk([&](Operation *op) {
    if (isa<tile::StoreOp>(op))
      elements = std::max(elements, countOf(op->getOperand(0)));
    else if (isa<tile::LoadOp>(op))
      parameters += countOf(op->getResult(0));
    else if (isa<warp::GetOp>(op))
      gets += tile::shapeOf(op->getResult(0))[1] > 1;
  });
  int64_t words = std::max<int64_t>(gets - 1, 0) * elements / 2;
  return std::max(RegisterShares::kRows,
                  int64_t(llvm::alignTo(RegisterShares::kBesidesRows + elements + parameters + words, 8)));
}

LogicalResult KernelBuilder::findCluster() {
  WalkResult result = pipeline.walk([&](Operation *op) {
    if (!isa<tile::ExchangeOp, tile::GatherOp>(op))
      return WalkResult::advance();
    auto get = op->getOperand(0).getDefiningOp<warp::GetOp>();
    if (!get) {
      emitNamedError(op) << "must read a tile of a channel, which other programs of the cluster can read";
      return WalkResult::interrupt();
    }
    context.cluster = op->getNumResults();
    context.takers.insert(op->getParentOfType<warp::RoleOp>());
    for (Operation *user : get.getChannel().getUsers())
      if (isa<warp::PutOp>(user))
        context.givers.insert(user->getParentOfType<warp::RoleOp>());
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Whether few registers are enough: a role that loads, or makes one number of each row.
static bool isLight(warp::RoleOp role) {
  if (!contains<warp::GetOp>(role))
    return true;
  WalkResult result = role.walk([](Operation *op) {
    bool isMade = isa<warp::PutOp, tile::StoreOp>(op) && tile::shapeOf(op->getOperand(0))[1] > 1;
    return isMade ? WalkResult::interrupt() : WalkResult::advance();
  });
  return !result.wasInterrupted();
}

LogicalResult KernelBuilder::groupRoles() {
  auto warpsOf = [](warp::RoleOp role) { return static_cast<int64_t>(role.getWarps() * role.getInstances()); };
  auto roles = llvm::to_vector(pipeline.getBody().getOps<warp::RoleOp>());
  // Small roles share a group; each large one has its own, and so has a small one that needs registers, where a group
  // can have more of them.
  WarpGroup small;
  auto sharesGroup = [&](warp::RoleOp role) {
    return warpsOf(role) < kWarpsOfGroup && (!context.target.hasRegisterMoves || isLight(role));
  };
  for (auto [number, role] : llvm::enumerate(roles)) {
    context.roles[role] = number;
    if (sharesGroup(role)) {
      small.roles.push_back(role);
      small.numWarps += warpsOf(role);
    }
  }
  if (!small.roles.empty())
    groups.push_back(small);
  for (warp::RoleOp role : roles)
    if (!sharesGroup(role))
      groups.push_back({{role}, 0, warpsOf(role)});
  int64_t next = 0;
  for (WarpGroup &group : groups) {
    group.firstWarp = next;
    group.numWarps = llvm::alignTo(group.numWarps, kWarpsOfGroup);
    next += group.numWarps;
  }
  int64_t nextBarrier = 1; // 0 is everybody's
  for (warp::RoleOp role : roles) {
    barriers[role] = nextBarrier;
    int64_t together = getInstancesOfRound(role, context.stages);
    nextBarrier +=
        (role.getWarps() > 1 ? role.getInstances() : 0) + (together > 1 ? role.getInstances() / together : 0);
  }
  constexpr int64_t kNamedBarriers = 16; // of a block
  if (nextBarrier > kNamedBarriers)
    return pipeline.emitError() << "needs " << nextBarrier
                                << " named barriers for the instances of its roles, a block has " << kNamedBarriers;
  if (context.target.hasRegisterMoves && groups.size() > 1)
    shareRegisters();
  return success();
}

/// The registers that all threads have at the start are shared out anew among the groups: small roles need few, carried
/// sums have to fit, the rest is for the others. More than all had can't be given: the last group would wait for ever.
void KernelBuilder::shareRegisters() {
  using Shares = RegisterShares;
  int64_t left = 0, units = 0;
  SmallVector<WarpGroup *> others;
  bool hasSums = llvm::any_of(groups, [](const WarpGroup &group) { return countSums(group.roles[0]) > 0; });
  for (WarpGroup &group : groups) {
    int64_t size = group.numWarps / kWarpsOfGroup, sums = countSums(group.roles[0]);
    left += getRegistersAtStart() * size;
    bool multiplies = contains<tile::DotOp, tile::DecayedScoresOp>(group.roles[0]);
    if (group.roles.size() > 1 || !contains<warp::GetOp>(group.roles[0])) // what gets nothing loads
      group.registers = Shares::kSmall;
    else if (sums > 0)
      group.registers = std::min<int64_t>(llvm::alignTo(sums + Shares::kBesidesSums, 8), Shares::kMost);
    else if (hasSums && !multiplies && contains<tile::StoreOp>(group.roles[0]))
      group.registers = countRowRegisters(group.roles[0]);
    else
      others.push_back(&group);
    left -= group.registers * size;
    units += group.registers ? 0 : size;
  }
  for (WarpGroup *group : others)
    group->registers = std::min(left / units / 8 * 8, Shares::kMost);
  if (left < Shares::kLeast * units) // all stay with what they had
    for (WarpGroup &group : groups)
      group.registers = 0;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

void KernelBuilder::collectArguments() {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(forall);
  auto addNumber = [&](Value value) {
    if (!matchPattern(value, m_Constant()))
      numbers.insert(value);
  };
  for (OpFoldResult bound : forall.getMixedUpperBound())
    if (auto value = dyn_cast<Value>(bound))
      addNumber(value);
  forall.walk([&](Operation *op) {
    for (Value operand : op->getOperands()) {
      if (op == forall || forall.getRegion().isAncestor(operand.getParentRegion()))
        continue;
      if (isa<MemRefType>(operand.getType())) {
        if (SmallVector<int64_t> box = getTensorCopyBox(op, context.target); !box.empty())
          maps.insert({{operand, box.back()}, box});
        else
          arrays.insert(operand);
      } else {
        addNumber(operand);
      }
    }
  });
  llvm::DenseMap<int64_t, Value> known; // arrays [B, T, ...] of a kernel have one T
  for (Value array : arrays) {
    auto type = cast<MemRefType>(array.getType());
    for (int64_t dim = 1; dim < type.getRank(); ++dim) {
      if (!type.isDynamicDim(dim))
        continue;
      bool isTokens = dim == 1 && type.isDynamicDim(0) && isa<BlockArgument>(array);
      Value size = isTokens ? known.lookup(dim) : Value();
      if (!size)
        size = memref::DimOp::create(builder, loc, array, dim);
      if (isTokens)
        known[dim] = size;
      sizes[{array, dim}] = size;
      numbers.insert(size);
    }
  }
}

static void addNumber(SmallVectorImpl<NamedAttribute> &members, OpBuilder &builder, StringRef key, double value) {
  members.push_back(builder.getNamedAttr(key, builder.getI64IntegerAttr(std::llround(value))));
}

/// What `--report` says of the schedule.
DictionaryAttr KernelBuilder::describe() {
  SmallVector<Attribute> roles;
  for (const WarpGroup &group : groups)
    for (warp::RoleOp role : group.roles) {
      std::string text = (role.getName() + ": " + Twine(role.getWarps()) + " warps").str();
      if (role.getInstances() > 1)
        text += " x " + std::to_string(role.getInstances());
      if (group.registers)
        text += ", " + std::to_string(group.registers) + " registers";
      roles.push_back(builder.getStringAttr(text));
    }
  TurnWork turn = countTurn(pipeline);
  // The share of one multiprocessor in the bandwidth of the board.
  double nanoseconds = turn.bytes * context.target.multiprocessors / context.target.bandwidth;
  SmallVector<NamedAttribute> members{builder.getNamedAttr("roles", builder.getArrayAttr(roles))};
  addNumber(members, builder, "turns_under_way", context.stages);
  addNumber(members, builder, "bytes_of_a_turn", turn.bytes);
  addNumber(members, builder, "matrix_flops_of_a_turn", turn.matrixFlops);
  addNumber(members, builder, "special_functions_of_a_turn", turn.specialFunctions);
  addNumber(members, builder, "memory_ns_of_a_turn", nanoseconds);
  addNumber(members, builder, "shared_memory_cycles_of_a_turn", std::floor(turn.getSharedCycles()));
  addNumber(members, builder, "special_function_cycles_of_a_turn", std::floor(turn.getSpecialCycles()));
  if (launch && launch->blocks > 0)
    members.push_back(builder.getNamedAttr("at_shape", describeLaunch(turn)));
  else if (launch)
    members.push_back(builder.getNamedAttr("at_shape", builder.getStringAttr("not launched")));
  return builder.getDictionaryAttr(members);
}

/// What the kernel moves and computes at the shape of the report, and the times that follow.
DictionaryAttr KernelBuilder::describeLaunch(const TurnWork &turn) {
  double turns = double(launch->blocks) * launch->turns, bytes = turns * (turn.bytes - launch->cachedBytes),
         flops = turns * turn.matrixFlops;
  launch->blocksOfMultiprocessor = countBlocks();
  Prediction prediction = predict(context.target, turn, *launch);
  Roofline roofline = getRoofline(context.target, bytes, flops);
  SmallVector<NamedAttribute> members;
  addNumber(members, builder, "blocks", launch->blocks);
  addNumber(members, builder, "waves", prediction.waves);
  addNumber(members, builder, "turns_of_a_block", launch->turns);
  addNumber(members, builder, "bytes", bytes);
  addNumber(members, builder, "matrix_flops", flops);
  addNumber(members, builder, "matrix_flops_of_a_byte", turn.bytes > 0 ? turn.matrixFlops / turn.bytes : 0);
  addNumber(members, builder, "roofline_memory_ns", roofline.memorySeconds * 1e9);
  addNumber(members, builder, "roofline_matrix_ns", roofline.matrixSeconds * 1e9);
  addNumber(members, builder, "predicted_ns", prediction.seconds * 1e9);
  StringRef bound = roofline.isBoundByMemory() ? "memory" : "matrix units";
  members.push_back(builder.getNamedAttr("roofline", builder.getStringAttr(bound)));
  members.push_back(builder.getNamedAttr("limited_by", builder.getStringAttr(prediction.limit)));
  return builder.getDictionaryAttr(members);
}

/// Where a head is cut into slices, the last kernel does what needs whole rows of outputs.
void KernelBuilder::remarkSlices(function_ref<void(const Twine &)> add) {
  auto schedule = forall->getParentOfType<func::FuncOp>()->getAttrOfType<ScheduleAttr>(kKernelAttrName);
  bool isLast = !llvm::any_of(llvm::make_range(std::next(forall->getIterator()), forall->getBlock()->end()),
                              llvm::IsaPred<scf::ForallOp>);
  if (!schedule || (!schedule.getKeySlice() && !schedule.getValueSlice()) || !isLast ||
      llvm::any_of(pipeline.getBody().getOps<warp::RoleOp>(),
                   [](warp::RoleOp role) { return contains<tile::DotOp>(role); }))
    return;
  SmallVector<std::string, 2> sizes;
  if (schedule.getKeySlice())
    sizes.push_back(std::to_string(schedule.getKeySlice()) + " keys");
  if (schedule.getValueSlice())
    sizes.push_back(std::to_string(schedule.getValueSlice()) + " values");
  add("heads are cut into slices of " + llvm::join(sizes, " and ") +
      ", so no program has whole outputs: what needs them (sums of parts, norm, output gate) is not fused but this "
      "kernel's, and outputs go through memory once more");
}

/// What could have been faster, and why it is not: for `--report`.
ArrayAttr KernelBuilder::remark() {
  llvm::SetVector<Attribute> remarks; // one for all tiles that are alike
  auto add = [&](const Twine &text) { remarks.insert(builder.getStringAttr(text)); };
  const GPUTarget &target = context.target;
  bool isShared = llvm::any_of(groups, [](const WarpGroup &group) { return group.registers > 0; });
  if (groups.size() > 1 && !isShared)
    add("all roles have the same number of registers: " +
        (target.hasRegisterMoves ? Twine("what small roles could give does not reach the others")
                                 : "'" + target.name + "' cannot move them between warps"));
  int64_t instances = 1;
  for (auto role : pipeline.getBody().getOps<warp::RoleOp>())
    instances = std::max<int64_t>(instances, role.getInstances());
  if (plan.numBarriers > 0 && context.stages < 2 * instances)
    add(Twine(context.stages) + " turns under way, two for each of " + Twine(instances) + " instances would take " +
        Twine(plan.getTotal(2 * instances)) + " bytes of shared memory of the " + Twine(target.sharedPerBlock) +
        " of '" + target.name + "'");
  pipeline.walk([&](warp::PutOp put) {
    auto load = put.getValue().getDefiningOp<tile::LoadOp>();
    if (load && load.getRows() && target.hasBulkCopies && getTensorCopyBox(load, target).empty()) {
      TileMemory memory(load.getResult().getType());
      add("threads copy a tile with rows of " + Twine(memory.columns * memory.elementBytes) +
          " bytes: the copy engine takes whole lines of 128 bytes");
    }
  });
  remarkSlices(add);
  pipeline.walk([&](tile::DotOp dot) {
    if (dot.getA().getType().getElementType().isF32() && context.precision == Precision::F32)
      add("a product of f32 is six of bf16 parts; with --precision=tf32 it is one, and less exact");
  });
  pipeline.walk([&](tile::DecayedScoresOp scores) {
    int64_t products = llvm::Log2_64(tile::shapeOf(scores.getQuery())[0]) + 1;
    add("scores of a tile with a product of decays under 2^-60 over half of it take 2 products in place of one, " +
        Twine(products) + " where one over a quarter is under 2^-90");
  });
  return builder.getArrayAttr(remarks.getArrayRef());
}

LLVM::LLVMFuncOp KernelBuilder::makeFunction() {
  builder.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> types(maps.size(), LLVM::LLVMPointerType::get(builder.getContext()));
  types.append(arrays.size(), LLVM::LLVMPointerType::get(builder.getContext(), 1));
  for (Value number : numbers)
    types.push_back(number.getType().isIndex() ? builder.getI64Type() : number.getType());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), types);
  auto function = LLVM::LLVMFuncOp::create(builder, loc, name, type);
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), builder.getUnitAttr());
  function->setAttr("nvvm.maxntid", builder.getDenseI32ArrayAttr({static_cast<int32_t>(getNumThreads())}));
  if (context.cluster > 1)
    function->setAttr("nvvm.cluster_dim", builder.getDenseI32ArrayAttr({static_cast<int32_t>(context.cluster), 1, 1}));
  function->setAttr("nvvm.minctasm", builder.getI32IntegerAttr(countBlocks()));
  function->setAttr(kSharedBytesAttrName, builder.getI64IntegerAttr(plan.getTotal(context.stages)));
  function->setAttr(kReportAttrName, describe());
  if (ArrayAttr remarks = remark(); !remarks.empty())
    function->setAttr(kRemarksAttrName, remarks);
  auto isNarrow = [](Type type) {
    auto array = dyn_cast<MemRefType>(type);
    return array && array.getElementTypeBitWidth() == 16;
  };
  if (isDependent())
    function->setAttr(kDependentAttrName, builder.getUnitAttr());
  if (context.precision == Precision::F32 &&
      llvm::none_of(forall->getParentOfType<func::FuncOp>().getArgumentTypes(), isNarrow))
    function->setAttr(kPreciseAttrName, builder.getUnitAttr());
  for (size_t i = 0; i < maps.size(); ++i) {
    constexpr int64_t kMapBytes = 128, kMapAlignment = 64;
    Type map = LLVM::LLVMArrayType::get(builder.getI8Type(), kMapBytes);
    function.setArgAttr(i, LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(map));
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(kMapAlignment));
    // Without it, LLVM copies the map to the stack, where the copy engine finds nothing.
    function.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(), builder.getUnitAttr());
  }
  for (size_t i = maps.size(); i < maps.size() + arrays.size(); ++i) {
    // (What is written while this kernel runs may not be read as if it were constant.)
    if (!isDependent() || !sequence.written.contains(arrays[i - maps.size()]))
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(16));
  }
  return function;
}

void KernelBuilder::bindArguments(LLVM::LLVMFuncOp function) {
  unsigned next = 0;
  for (auto &[key, box] : maps)
    context.maps[key] = function.getArgument(next++);
  for (Value array : arrays)
    context.arrays[array] = {function.getArgument(next++), {}, cast<MemRefType>(array.getType()).getElementType()};
  for (Value number : numbers) {
    Value argument = function.getArgument(next++);
    if (number.getType().isIndex())
      argument = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), argument);
    scalars.map(number, argument);
  }
  for (Value array : arrays) {
    auto type = cast<MemRefType>(array.getType());
    SmallVector<Value> strides(type.getRank());
    Value stride = code.i64(1);
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      strides[dim] = stride;
      if (dim == 0)
        break;
      Value size =
          type.isDynamicDim(dim) ? code.toI64(scalars.lookup(sizes[{array, dim}])) : code.i64(type.getDimSize(dim));
      stride = arith::MulIOp::create(builder, loc, stride, size);
    }
    context.arrays[array].strides = strides;
  }
}

/// Blocks are numbered along x, the last dim of the loop fastest.
void KernelBuilder::decodeGrid() {
  Value block = NVVM::BlockIdXOp::create(builder, loc, builder.getI32Type());
  SmallVector<OpFoldResult> bounds = forall.getMixedUpperBound();
  for (int64_t dim = bounds.size() - 1; dim >= 0; --dim) {
    Value position = block;
    if (dim > 0) {
      Value size = isa<Value>(bounds[dim]) ? code.toI32(scalars.lookup(cast<Value>(bounds[dim])))
                                           : code.i32(*getConstantIntValue(bounds[dim]));
      position = arith::RemUIOp::create(builder, loc, block, size);
      block = arith::DivUIOp::create(builder, loc, block, size);
    }
    scalars.map(forall.getInductionVar(dim),
                arith::IndexCastOp::create(builder, loc, builder.getIndexType(), position).getResult());
  }
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

/// How often a barrier is arrived at in a turn: once by what starts copies of the copy engine, else by each thread that
/// copies, in other roles by each warp.
static int64_t countArrivals(warp::RoleOp role, const GPUTarget &target, int64_t arrivalsOfWarp) {
  bool copies = false;
  role.walk([&](warp::PutOp put) { copies |= isa_and_nonnull<tile::LoadOp>(put.getValue().getDefiningOp()); });
  if (copies && hasOnlyTensorCopies(role, target))
    return 1;
  bool hasTensorCopies = TensorCopies(role, target).tiles > 0;
  return role.getWarps() * (copies ? kWarpSize * (1 + hasElementCopies(role, target)) : arrivalsOfWarp) +
         hasTensorCopies;
}

void KernelBuilder::initializeBarriers(Value thread) {
  if (plan.numBarriers == 0)
    return;
  auto pointer = [&](int64_t offset) {
    return LLVM::GEPOp::create(builder, loc, context.shared.getType(), builder.getI8Type(), context.shared,
                               LLVM::GEPArg(static_cast<int32_t>(offset)));
  };
  code.ifThen(code.equal(thread, code.i32(0)), [&] {
    int64_t releases = 0, arrivalsOfWarp = context.everyLaneArrives ? kWarpSize : 1;
    SmallVector<int64_t> counts;
    for (auto role : pipeline.getBody().getOps<warp::RoleOp>()) {
      counts.push_back(countArrivals(role, context.target, arrivalsOfWarp) *
                       (context.givers.contains(role) ? context.cluster : 1));
      if (role.walk([](warp::ReleaseOp) { return WalkResult::interrupt(); }).wasInterrupted())
        releases += role.getWarps() * arrivalsOfWarp * (context.takers.contains(role) ? context.cluster : 1);
    }
    counts.push_back(releases);
    for (int64_t stage = 0; stage < context.stages; ++stage)
      for (auto [number, count] : llvm::enumerate(counts))
        NVVM::MBarrierInitOp::create(builder, loc, pointer(stage * plan.turnBytes + plan.barriers + number * 8),
                                     code.i32(count), Value());
    if (context.target.hasBulkCopies)
      NVVM::FenceMbarrierInitOp::create(builder, loc);
  });
  if (context.cluster > 1)
    meetCluster(); // others arrive at these barriers
  else
    NVVM::Barrier0Op::create(builder, loc);
}

void KernelBuilder::meetCluster() {
  NVVM::ClusterArriveOp::create(builder, loc, /*aligned=*/UnitAttr());
  NVVM::ClusterWaitOp::create(builder, loc, /*aligned=*/UnitAttr());
}

LogicalResult KernelBuilder::emitGroup(const WarpGroup &group, Value warp, Value lane) {
  if (group.registers) {
    int64_t atStart = getRegistersAtStart();
    auto action =
        group.registers > atStart ? NVVM::SetMaxRegisterAction::increase : NVVM::SetMaxRegisterAction::decrease;
    NVVM::SetMaxRegisterOp::create(builder, loc, group.registers, action);
  }
  int64_t first = group.firstWarp;
  for (warp::RoleOp role : group.roles) {
    int64_t warps = role.getWarps(), end = first + warps * role.getInstances();
    Value inRole = code.add(warp, -first);
    Value isHere = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, inRole, code.i32(end - first));
    LogicalResult result = success();
    code.ifThen(isHere, [&] {
      if (isDependent() && sequence.isAwaitedBy(role))
        NVVM::GriddepcontrolOp::create(builder, loc, NVVM::GridDepActionKind::wait);
      RoleThreads threads;
      threads.lane = lane;
      threads.warps = warps;
      // The warps of an instance run the same code at the same time: on one of the four schedulers, which take the
      // warps in turn, they fetch it once.
      int64_t instances = role.getInstances();
      threads.instance = arith::RemUIOp::create(builder, loc, inRole, code.i32(instances));
      threads.warp = arith::DivUIOp::create(builder, loc, inRole, code.i32(instances));
      threads.barrier = code.add(threads.instance, barriers[role]);
      threads.roundBarrier = barriers[role] + (warps > 1 ? instances : 0);
      result = RoleEmitter(builder, context, role, threads, scalars).emit();
    });
    if (failed(result))
      return failure();
    first = end;
  }
  return success();
}

void KernelBuilder::dispatch(LLVM::LLVMFuncOp function) {
  builder.setInsertionPoint(forall);
  Value blocks = code.index(1), one = code.index(1);
  for (OpFoldResult bound : forall.getMixedUpperBound()) {
    Value size = isa<Value>(bound) ? cast<Value>(bound) : code.index(*getConstantIntValue(bound));
    blocks = arith::MulIOp::create(builder, loc, blocks, size);
  }
  SmallVector<Value> arguments;
  for (auto &[key, box] : maps)
    arguments.push_back(
        warp::TensorMapOp::create(builder, loc, warp::TensorMapType::get(builder.getContext()), key.first, box));
  llvm::append_range(arguments, arrays);
  llvm::append_range(arguments, numbers);
  auto symbol = SymbolRefAttr::get(module.getNameAttr(), {FlatSymbolRefAttr::get(function)});
  warp::DispatchOp::create(builder, loc, symbol, blocks, one, one, arguments);
  forall.erase();
}

/// Whether all entry functions have arguments of one shape.
static bool hasStaticArguments(ModuleOp module) {
  return llvm::all_of(module.getOps<func::FuncOp>(), [](func::FuncOp function) {
    return function.isPrivate() || function->hasAttr(kShapeFunctionAttrName) ||
           llvm::all_of(function.getArgumentTypes(), [](Type type) {
             auto shaped = dyn_cast<ShapedType>(type);
             return shaped && shaped.hasStaticShape();
           });
  });
}

LogicalResult KernelBuilder::build() {
  // Beyond, the compiler would keep the state in local memory, and take minutes to find out how.
  constexpr int64_t kMostSums = 160;
  for (auto role : pipeline.getBody().getOps<warp::RoleOp>())
    if (int64_t sums = countSums(role); sums > kMostSums)
      return pipeline.emitError() << "role \"" << role.getName() << "\" needs " << sums
                                  << " registers in each thread for the state it carries, at most " << kMostSums
                                  << " are there: the head is too large for one block of a GPU";
  if (failed(findCluster()) || failed(groupRoles()))
    return failure();
  auto program = module->getParentOfType<ModuleOp>();
  auto sizes = program->getAttrOfType<DictionaryAttr>(kShapeAttrName);
  if (!sizes && hasStaticArguments(program)) // one shape is all there is
    sizes = builder.getDictionaryAttr({});
  if (sizes) {
    FailureOr<std::optional<LaunchWork>> counted = countLaunch(forall, pipeline, context.target, sizes);
    if (failed(counted))
      return failure();
    launch = *counted;
  }
  collectArguments();
  LLVM::LLVMFuncOp function = makeFunction();
  Block *end = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(end);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  builder.setInsertionPointToStart(end);
  auto memory = module.lookupSymbol<LLVM::GlobalOp>("shared_memory");
  context.shared = LLVM::AddressOfOp::create(builder, loc, memory);
  bindArguments(function);
  decodeGrid();
  Value thread = NVVM::ThreadIdXOp::create(builder, loc, builder.getI32Type());
  Value lane = code.mask(thread, kWarpSize - 1);
  // The same in all lanes, and known to be.
  Value warp = code.shuffleFrom(code.shiftRight(thread, 5), code.i32(0));
  if (context.cluster > 1)
    context.rank = NVVM::ClusterId::create(builder, loc, builder.getI32Type());
  initializeBarriers(thread);
  if (context.target.hasBulkCopies && sequence.hasNext)
    NVVM::GriddepcontrolOp::create(builder, loc, NVVM::GridDepActionKind::launch_dependents);
  for (const WarpGroup &group : groups) {
    Value inGroup = code.add(warp, -group.firstWarp);
    Value isHere = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, inGroup, code.i32(group.numWarps));
    LogicalResult result = success();
    code.ifThen(isHere, [&] { result = emitGroup(group, warp, lane); });
    if (failed(result))
      return failure();
  }
  if (context.cluster > 1)
    meetCluster(); // a block's memory is there until all have read it
  dispatch(function);
  return success();
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

/// Every tile that is computed is in registers: it has a layout. What is read from a channel, or goes from memory to
/// one, lies in shared memory.
static LogicalResult checkLayouts(warp::PipelineOp pipeline) {
  auto lacksLayout = [](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && (type.getRank() != 2 || !isa_and_nonnull<warp::LayoutAttr>(type.getEncoding()));
  };
  WalkResult result = pipeline.walk([&](Operation *op) {
    bool isMemory = op->use_empty() || isa<warp::GetOp, tile::ExchangeOp, tile::GatherOp, tensor::ExtractSliceOp>(op) ||
                    (isa<tile::LoadOp>(op) && llvm::all_of(op->getUsers(), llvm::IsaPred<warp::PutOp>));
    auto loop = dyn_cast<scf::ForOp>(op);
    if ((isMemory || llvm::none_of(op->getResults(), lacksLayout)) &&
        (!loop || llvm::none_of(loop.getRegionIterArgs(), lacksLayout)))
      return WalkResult::advance();
    emitNamedError(op) << "makes a tile without a layout, which fgla-assign-layouts gives it";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static gpu::GPUModuleOp makeModule(func::FuncOp kernel) {
  OpBuilder builder(kernel);
  auto module = gpu::GPUModuleOp::create(builder, kernel.getLoc(), (kernel.getName() + "_gpu").str());
  builder.setInsertionPointToStart(module.getBody());
  // Its size is given at the launch.
  LLVM::GlobalOp::create(builder, kernel.getLoc(), LLVM::LLVMArrayType::get(builder.getI8Type(), 0),
                         /*isConstant=*/false, LLVM::Linkage::External, "shared_memory", Attribute(),
                         /*alignment=*/1024, /*addrSpace=*/3);
  return module;
}

namespace {
struct LowerPipelines : fgla::kernel::impl::LowerPipelinesBase<LowerPipelines> {
  using LowerPipelinesBase::LowerPipelinesBase;

  void runOnOperation() override {
    const GPUTarget *target = requireGPUTarget(getOperation());
    if (!target)
      return signalPassFailure();
    for (auto kernel : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (!kernel->hasAttr(kKernelAttrName))
        continue;
      if (kernel.walk([](warp::PipelineOp pipeline) { return WalkResult(checkLayouts(pipeline)); }).wasInterrupted())
        return signalPassFailure();
      gpu::GPUModuleOp module = makeModule(kernel);
      Sequence sequence;
      auto foralls = llvm::to_vector(kernel.getOps<scf::ForallOp>());
      for (auto [number, forall] : llvm::enumerate(foralls)) {
        auto pipelines = forall.getBody()->getOps<warp::PipelineOp>();
        if (pipelines.empty()) {
          forall.emitError() << "has no pipeline";
          return signalPassFailure();
        }
        std::string name = (kernel.getName() + "_" + Twine(number)).str();
        sequence.hasNext = number + 1 < foralls.size();
        Sequence withThis = sequence; // the builder erases the loop
        withThis.add(forall);
        if (failed(KernelBuilder(forall, *pipelines.begin(), module, *target, name, checkRaces, sequence).build()))
          return signalPassFailure();
        sequence = std::move(withThis);
      }
    }
  }
};
} // namespace
