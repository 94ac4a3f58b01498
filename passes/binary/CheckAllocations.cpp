//===- CheckAllocations.cpp - Without memory a call fails -----------------===//

#include "passes/binary/Passes.h"
#include "runtime/fgla.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"

namespace fgla::binary {
#define GEN_PASS_DEF_CHECKALLOCATIONS
#include "passes/binary/Passes.h.inc"
} // namespace fgla::binary

using namespace mlir;

/// Blocks of memory know each other, so that what is left can be freed from anywhere: they form a ring, in which a
/// head, that is no block, stands for the list. A block begins with its next and its previous one.
static constexpr StringLiteral kAllocator = R"mlir(
llvm.func @malloc(i64) -> !llvm.ptr
llvm.func @free(!llvm.ptr)

llvm.func internal @fgla.list.begin(%list: !llvm.ptr) {
  %previous = llvm.getelementptr %list[8] : (!llvm.ptr) -> !llvm.ptr, i8
  llvm.store %list, %list : !llvm.ptr, !llvm.ptr
  llvm.store %list, %previous : !llvm.ptr, !llvm.ptr
  llvm.return
}

llvm.func internal @fgla.list.allocate(%list: !llvm.ptr, %bytes: i64) -> (!llvm.ptr {llvm.noalias})
    attributes {no_inline} {
  %header = llvm.mlir.constant(16 : i64) : i64
  %null = llvm.mlir.zero : !llvm.ptr
  %all = llvm.add %bytes, %header : i64
  %block = llvm.call @malloc(%all) : (i64) -> !llvm.ptr
  %failed = llvm.icmp "eq" %block, %null : !llvm.ptr
  llvm.cond_br %failed, ^done(%null : !llvm.ptr), ^add
^add:
  %first = llvm.load %list : !llvm.ptr -> !llvm.ptr
  %previous = llvm.getelementptr %block[8] : (!llvm.ptr) -> !llvm.ptr, i8
  %previousOfFirst = llvm.getelementptr %first[8] : (!llvm.ptr) -> !llvm.ptr, i8
  llvm.store %first, %block : !llvm.ptr, !llvm.ptr
  llvm.store %list, %previous : !llvm.ptr, !llvm.ptr
  llvm.store %block, %previousOfFirst : !llvm.ptr, !llvm.ptr
  llvm.store %block, %list : !llvm.ptr, !llvm.ptr
  %memory = llvm.getelementptr %block[16] : (!llvm.ptr) -> !llvm.ptr, i8
  llvm.br ^done(%memory : !llvm.ptr)
^done(%result: !llvm.ptr):
  llvm.return %result : !llvm.ptr
}

llvm.func internal @fgla.list.release(%memory: !llvm.ptr) attributes {no_inline} {
  %null = llvm.mlir.zero : !llvm.ptr
  %isNone = llvm.icmp "eq" %memory, %null : !llvm.ptr
  llvm.cond_br %isNone, ^done, ^remove
^remove:
  %block = llvm.getelementptr %memory[-16] : (!llvm.ptr) -> !llvm.ptr, i8
  %previousAt = llvm.getelementptr %block[8] : (!llvm.ptr) -> !llvm.ptr, i8
  %next = llvm.load %block : !llvm.ptr -> !llvm.ptr
  %previous = llvm.load %previousAt : !llvm.ptr -> !llvm.ptr
  %previousOfNext = llvm.getelementptr %next[8] : (!llvm.ptr) -> !llvm.ptr, i8
  llvm.store %next, %previous : !llvm.ptr, !llvm.ptr
  llvm.store %previous, %previousOfNext : !llvm.ptr, !llvm.ptr
  llvm.call @free(%block) : (!llvm.ptr) -> ()
  llvm.br ^done
^done:
  llvm.return
}

llvm.func internal @fgla.list.end(%list: !llvm.ptr) attributes {no_inline} {
  %first = llvm.load %list : !llvm.ptr -> !llvm.ptr
  llvm.br ^each(%first : !llvm.ptr)
^each(%block: !llvm.ptr):
  %isEnd = llvm.icmp "eq" %block, %list : !llvm.ptr
  llvm.cond_br %isEnd, ^done, ^free
^free:
  %next = llvm.load %block : !llvm.ptr -> !llvm.ptr
  llvm.call @free(%block) : (!llvm.ptr) -> ()
  llvm.br ^each(%next : !llvm.ptr)
^done:
  llvm.return
}
)mlir";

namespace {
/// The functions of the allocator in a module, and which of the module's functions allocate.
struct Functions {
  LLVM::LLVMFuncOp begin, allocate, release, end;
  llvm::SetVector<Operation *> allocating;
};

/// Gives one function its checks. An entry function owns the list of its call; others are given one, and return
/// whether they failed.
class Checker {
public:
  Checker(LLVM::LLVMFuncOp function, const Functions &functions)
      : function(function), functions(functions), builder(function.getContext()), loc(function.getLoc()),
        ptr(LLVM::LLVMPointerType::get(function.getContext())) {}

  void check();

private:
  /// Appends the parameter and the result of a function that is no entry.
  void changeType();
  /// A new, empty list, from the builder's place on.
  Value beginList();
  void call(LLVM::LLVMFuncOp callee, ValueRange args) { LLVM::CallOp::create(builder, loc, callee, args); }
  /// Each thread of `parallel` has a list, which ends with it.
  void checkParallel(omp::ParallelOp parallel);
  /// Returns whether `call` failed, to be known behind it.
  Value checkCall(LLVM::CallOp call);
  /// From here on nothing is done in the region of `op` if `failed`.
  void leaveAfter(Operation *op, Value failed);
  /// Where `region` goes without memory; null where a thread has to go on, for others wait for it.
  Block *getFailure(Region *region);
  Block *makeFailure(Region *region);
  Value constant(Type type, int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, type, builder.getIntegerAttr(type, value));
  }
  Value isFlagSet();
  void setFlag(Value value);

  LLVM::LLVMFuncOp function;
  const Functions &functions;
  OpBuilder builder;
  Location loc;
  Type ptr;
  /// Says whether a thread has failed.
  Value flag;
  /// Of the function's own region and of parallel ones.
  llvm::DenseMap<Region *, Value> lists;
  llvm::DenseMap<Region *, Block *> failures;
};
} // namespace

Value Checker::isFlagSet() {
  Value value = LLVM::LoadOp::create(builder, loc, builder.getI8Type(), flag, /*alignment=*/1, /*isVolatile=*/false,
                                     /*isNonTemporal=*/false, /*isInvariant=*/false, /*isInvariantGroup=*/false,
                                     LLVM::AtomicOrdering::monotonic);
  return LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, value, constant(builder.getI8Type(), 0));
}

/// Several threads may do so at once.
void Checker::setFlag(Value value) {
  LLVM::AtomicRMWOp::create(builder, loc, LLVM::AtomicBinOp::_or, flag, value, LLVM::AtomicOrdering::monotonic);
}

static bool isEntry(LLVM::LLVMFuncOp function) { return function.getLinkage() == LLVM::Linkage::External; }

static bool isCallOf(LLVM::CallOp call, StringRef name) { return call.getCallee() == name; }

static LLVM::LLVMFuncOp findCallee(LLVM::CallOp call) {
  return SymbolTable::lookupNearestSymbolFrom<LLVM::LLVMFuncOp>(call, call.getCalleeAttr());
}

/// Whether `op` can be without memory.
static bool canFail(Operation *op, const Functions &functions) {
  auto call = dyn_cast<LLVM::CallOp>(op);
  return call && call.getCallee() && (isCallOf(call, "malloc") || functions.allocating.contains(findCallee(call)));
}

void Checker::changeType() {
  LLVM::LLVMFunctionType type = function.getFunctionType();
  SmallVector<Type> params(type.getParams());
  params.push_back(ptr);
  function.setFunctionType(LLVM::LLVMFunctionType::get(builder.getI1Type(), params));
  if (ArrayAttr attrs = function.getArgAttrsAttr()) {
    SmallVector<Attribute> all(attrs.begin(), attrs.end());
    all.push_back(builder.getDictionaryAttr({}));
    function.setArgAttrsAttr(builder.getArrayAttr(all));
  }
  lists[&function.getBody()] = function.getBody().front().addArgument(ptr, loc);
  function.walk([&](LLVM::ReturnOp op) {
    builder.setInsertionPoint(op);
    LLVM::ReturnOp::create(builder, loc, constant(builder.getI1Type(), 0));
    op.erase();
  });
}

Value Checker::beginList() {
  Value list = LLVM::AllocaOp::create(builder, loc, ptr, ptr, constant(builder.getI64Type(), 2));
  call(functions.begin, list);
  return list;
}

void Checker::checkParallel(omp::ParallelOp parallel) {
  Region &region = parallel.getRegion();
  builder.setInsertionPointToStart(&region.front());
  Value list = lists[&region] = beginList();
  region.walk([&](omp::LoopNestOp loop) {
    if (loop->getParentOfType<omp::ParallelOp>() != parallel)
      return;
    builder.setInsertionPointToStart(&loop.getRegion().front());
    Value failed = isFlagSet();
    // What was left behind in one turn is not left behind in each.
    leaveAfter(failed.getDefiningOp(), failed);
  });
  for (Block &block : region)
    if (isa<omp::TerminatorOp>(block.getTerminator())) {
      builder.setInsertionPoint(block.getTerminator());
      call(functions.end, list);
    }
  builder.setInsertionPointAfter(parallel);
  Value failed = isFlagSet();
  leaveAfter(failed.getDefiningOp(), failed);
}

Block *Checker::makeFailure(Region *region) {
  Operation *parent = region->getParentOp();
  auto *block = new Block;
  if (isa<omp::LoopNestOp>(parent)) {
    Operation *yield = nullptr;
    for (Block &each : *region)
      if (isa<omp::YieldOp>(each.getTerminator()))
        yield = each.getTerminator();
    Block *exit = yield->getBlock()->splitBlock(yield);
    builder.setInsertionPointToEnd(exit->getPrevNode());
    LLVM::BrOp::create(builder, loc, exit);
    region->getBlocks().insert(exit->getIterator(), block);
    builder.setInsertionPointToStart(block);
    setFlag(constant(builder.getI8Type(), 1));
    LLVM::BrOp::create(builder, loc, exit);
    return block;
  }
  region->push_back(block);
  builder.setInsertionPointToStart(block);
  SmallVector<Value> result;
  if (!isEntry(function))
    result.push_back(constant(builder.getI1Type(), 1));
  else {
    call(functions.end, lists.lookup(region));
    // A shape function has no status: its caller sees that there are no dims.
    if (Type type = function.getFunctionType().getReturnType(); !isa<LLVM::LLVMVoidType>(type))
      result.push_back(constant(type, FGLA_OUT_OF_MEMORY));
  }
  LLVM::ReturnOp::create(builder, loc, result);
  return block;
}

Block *Checker::getFailure(Region *region) {
  if (!isa<omp::LoopNestOp, LLVM::LLVMFuncOp>(region->getParentOp()))
    return nullptr;
  Block *&block = failures[region];
  if (!block) {
    OpBuilder::InsertionGuard guard(builder);
    block = makeFailure(region);
  }
  return block;
}

Value Checker::checkCall(LLVM::CallOp op) {
  Region *region = op->getParentRegion();
  while (!lists.contains(region))
    region = region->getParentRegion();
  SmallVector<Value> args(op.getArgOperands());
  bool isMalloc = isCallOf(op, "malloc");
  args.insert(isMalloc ? args.begin() : args.end(), lists.lookup(region));
  builder.setInsertionPoint(op);
  LLVM::LLVMFuncOp callee = isMalloc ? functions.allocate : findCallee(op);
  // The type of the callee may be still to be changed.
  Type type = isMalloc ? ptr : builder.getI1Type();
  auto changed = LLVM::CallOp::create(builder, op.getLoc(), type, callee.getSymName(), args);
  Value failed = changed.getResult();
  if (isMalloc) {
    op.getResult().replaceAllUsesWith(failed);
    Value null = LLVM::ZeroOp::create(builder, loc, ptr);
    failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, failed, null);
  }
  op.erase();
  return failed;
}

void Checker::leaveAfter(Operation *op, Value failed) {
  if (Block *target = getFailure(op->getParentRegion())) {
    Block *rest = op->getBlock()->splitBlock(op->getNextNode());
    builder.setInsertionPointToEnd(op->getBlock());
    LLVM::CondBrOp::create(builder, loc, failed, target, rest);
    return;
  }
  // The memory that a callee has not got is its own, so one may go on.
  builder.setInsertionPointAfter(op);
  setFlag(LLVM::ZExtOp::create(builder, loc, builder.getI8Type(), failed));
}

void Checker::check() {
  SmallVector<LLVM::CallOp> calls;
  llvm::SetVector<omp::ParallelOp> parallels; // inner ones first
  function.walk([&](Operation *op) {
    if (canFail(op, functions))
      calls.push_back(cast<LLVM::CallOp>(op));
    if (auto parallel = dyn_cast<omp::ParallelOp>(op))
      if (parallel
              .walk([&](Operation *inner) {
                return canFail(inner, functions) ? WalkResult::interrupt() : WalkResult::advance();
              })
              .wasInterrupted())
        parallels.insert(parallel);
  });
  Block &start = function.getBody().front();
  if (!isEntry(function))
    changeType();
  builder.setInsertionPointToStart(&start);
  if (isEntry(function))
    lists[&function.getBody()] = beginList();
  if (!parallels.empty()) {
    flag = LLVM::AllocaOp::create(builder, loc, ptr, builder.getI8Type(), constant(builder.getI64Type(), 1));
    LLVM::StoreOp::create(builder, loc, constant(builder.getI8Type(), 0), flag);
  }
  for (omp::ParallelOp parallel : parallels)
    checkParallel(parallel);
  for (LLVM::CallOp call : calls) {
    Value failed = checkCall(call);
    leaveAfter(failed.getDefiningOp(), failed);
  }
}

/// The functions of `module` that allocate, by themselves or through others.
static void findAllocating(ModuleOp module, Functions &functions) {
  auto allocates = [&](LLVM::LLVMFuncOp function) {
    return function
        .walk([&](Operation *op) { return canFail(op, functions) ? WalkResult::interrupt() : WalkResult::advance(); })
        .wasInterrupted();
  };
  size_t before;
  do {
    before = functions.allocating.size();
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (allocates(function))
        functions.allocating.insert(function);
  } while (functions.allocating.size() != before);
}

/// OpenMP's library ends the process where it can't start its threads. So `entry` starts them in the first call,
/// before memory is taken for anything else.
static void startThreadsFirst(LLVM::LLVMFuncOp entry) {
  constexpr StringLiteral kName = "fgla.threads.started";
  Location loc = entry.getLoc();
  OpBuilder builder(entry);
  Type type = builder.getI8Type(), ptr = LLVM::LLVMPointerType::get(entry.getContext());
  if (!SymbolTable::lookupNearestSymbolFrom(entry, builder.getStringAttr(kName)))
    LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, kName,
                           builder.getI8IntegerAttr(0));
  Block *start = &entry.getBody().front();
  Block *rest = start->splitBlock(start->begin());
  Block *first = builder.createBlock(rest);
  builder.setInsertionPointToEnd(start);
  Value flag = LLVM::AddressOfOp::create(builder, loc, ptr, kName);
  Value before = LLVM::LoadOp::create(builder, loc, type, flag, /*alignment=*/1, /*isVolatile=*/false,
                                      /*isNonTemporal=*/false, /*isInvariant=*/false, /*isInvariantGroup=*/false,
                                      LLVM::AtomicOrdering::monotonic);
  Value zero = LLVM::ConstantOp::create(builder, loc, type, builder.getI8IntegerAttr(0));
  Value isStarted = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, before, zero);
  LLVM::CondBrOp::create(builder, loc, isStarted, rest, first);
  builder.setInsertionPointToEnd(first);
  auto parallel = omp::ParallelOp::create(builder, loc, omp::ParallelOperands());
  LLVM::BrOp::create(builder, loc, rest);
  builder.createBlock(&parallel.getRegion());
  Value one = LLVM::ConstantOp::create(builder, loc, type, builder.getI8IntegerAttr(1));
  LLVM::AtomicRMWOp::create(builder, loc, LLVM::AtomicBinOp::_or, flag, one, LLVM::AtomicOrdering::monotonic);
  omp::TerminatorOp::create(builder, loc);
}

/// Puts the allocator into `module`.
static LogicalResult addAllocator(ModuleOp module, Functions &functions) {
  OwningOpRef<ModuleOp> source = parseSourceString<ModuleOp>(kAllocator, module.getContext());
  if (!source)
    return failure();
  SymbolTable symbols(module);
  std::pair<StringRef, LLVM::LLVMFuncOp *> parts[] = {{"fgla.list.begin", &functions.begin},
                                                      {"fgla.list.allocate", &functions.allocate},
                                                      {"fgla.list.release", &functions.release},
                                                      {"fgla.list.end", &functions.end}};
  for (auto [name, function] : parts)
    *function = source->lookupSymbol<LLVM::LLVMFuncOp>(name);
  for (Operation &op : llvm::make_early_inc_range(*source->getBody())) {
    StringRef name = SymbolTable::getSymbolName(&op);
    if (cast<LLVM::LLVMFuncOp>(op).isExternal() && symbols.lookup(name))
      continue;
    op.remove();
    symbols.insert(&op);
  }
  return success();
}

namespace {
struct CheckAllocations : fgla::binary::impl::CheckAllocationsBase<CheckAllocations> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    Functions functions;
    findAllocating(module, functions);
    if (functions.allocating.empty())
      return;
    for (Operation *op : functions.allocating)
      if (auto function = cast<LLVM::LLVMFuncOp>(op);
          !isEntry(function) && !isa<LLVM::LLVMVoidType>(function.getFunctionType().getReturnType())) {
        function.emitError("must have no result to return whether it had memory");
        return signalPassFailure();
      }
    bool isParallel = module.walk([](omp::ParallelOp) { return WalkResult::interrupt(); }).wasInterrupted();
    SmallVector<LLVM::CallOp> frees;
    module.walk([&](LLVM::CallOp call) {
      if (isCallOf(call, "free"))
        frees.push_back(call);
    });
    if (failed(addAllocator(module, functions)))
      return signalPassFailure();
    for (LLVM::CallOp call : frees)
      call.setCallee(functions.release.getSymName());
    for (Operation *function : functions.allocating)
      Checker(cast<LLVM::LLVMFuncOp>(function), functions).check();
    if (isParallel)
      for (Operation *function : functions.allocating)
        if (isEntry(cast<LLVM::LLVMFuncOp>(function)))
          startThreadsFirst(cast<LLVM::LLVMFuncOp>(function));
  }
};
} // namespace
