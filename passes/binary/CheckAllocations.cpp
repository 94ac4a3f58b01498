//===- CheckAllocations.cpp - Without memory a call fails -----------------===//

#include "passes/binary/Passes.h"
#include "runtime/fgla.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"

namespace fgla::binary {
#define GEN_PASS_DEF_CHECKALLOCATIONS
#include "passes/binary/Passes.h.inc"
} // namespace fgla::binary

using namespace mlir;

/// Blocks of memory know each other, so that what is left can be freed from anywhere: they form a ring, in which a
/// head, that is no block, stands for the list. A block begins with its next and its previous one. What is a ring by
/// itself is a spare (see Checker), which is not freed.
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
  %all = llvm.intr.uadd.sat(%bytes, %header) : (i64, i64) -> i64
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
  %isSpare = llvm.icmp "eq" %next, %block : !llvm.ptr
  llvm.cond_br %isSpare, ^done, ^free
^free:
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

  LogicalResult check();

private:
  /// Appends the parameter and the result of a function that is no entry.
  void changeType();
  /// A new, empty list, from the builder's place on.
  Value beginList();
  void call(LLVM::LLVMFuncOp callee, ValueRange args) { LLVM::CallOp::create(builder, loc, callee, args); }
  /// Each thread of `parallel` has a list, which ends with it.
  void checkParallel(omp::ParallelOp parallel);
  /// Gives threads of `parallel` that have to go on without memory a spare, which they share: what they compute is
  /// thrown away.
  LogicalResult addSpare(omp::ParallelOp parallel);
  /// `size` anew, from values outside of `region`, as the largest number where its sums and products overflow; null
  /// where something of it is only known inside.
  Value saturate(Value size, Region *region);
  /// Returns whether `call` failed, to be known behind it.
  Value checkCall(LLVM::CallOp call);
  /// From here on nothing is done in the region of `op` if `failed`.
  void leaveAfter(Operation *op, Value failed);
  /// Whether one can leave `region`. From the middle of a team one cannot: the others would wait for ever.
  static bool canLeave(Region *region) { return isa<omp::LoopNestOp, LLVM::LLVMFuncOp>(region->getParentOp()); }
  /// Where `region` goes without memory.
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
  llvm::DenseMap<Region *, Value> spares;
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
  Block *&block = failures[region];
  if (!block) {
    OpBuilder::InsertionGuard guard(builder);
    block = makeFailure(region);
  }
  return block;
}

Value Checker::saturate(Value size, Region *region) {
  auto constantOf = [&](int64_t value) { return constant(builder.getI64Type(), value); };
  auto multiply = [&](Value a, Value b) -> Value {
    if (!a || !b)
      return {};
    Type type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {builder.getI64Type(), builder.getI1Type()});
    Value both = LLVM::UMulWithOverflowOp::create(builder, loc, type, a, b);
    Value product = LLVM::ExtractValueOp::create(builder, loc, both, 0);
    Value overflows = LLVM::ExtractValueOp::create(builder, loc, both, 1);
    return LLVM::SelectOp::create(builder, loc, overflows, constantOf(-1), product);
  };
  if (llvm::APInt number; matchPattern(size, m_ConstantInt(&number)))
    return constantOf(number.getSExtValue());
  if (auto product = size.getDefiningOp<LLVM::MulOp>())
    return multiply(saturate(product.getLhs(), region), saturate(product.getRhs(), region));
  if (auto sum = size.getDefiningOp<LLVM::AddOp>()) {
    Value a = saturate(sum.getLhs(), region), b = saturate(sum.getRhs(), region);
    return a && b ? Value(LLVM::UAddSat::create(builder, loc, a, b)) : Value();
  }
  // The address of an element of an array that begins at zero.
  auto address = size.getDefiningOp<LLVM::PtrToIntOp>();
  auto element = address ? address.getArg().getDefiningOp<LLVM::GEPOp>() : LLVM::GEPOp();
  if (element && element.getIndices().size() == 1 && element.getBase().getDefiningOp<LLVM::ZeroOp>()) {
    PointerUnion<IntegerAttr, Value> index = element.getIndices()[0];
    Value count =
        isa<IntegerAttr>(index) ? constantOf(cast<IntegerAttr>(index).getInt()) : saturate(cast<Value>(index), region);
    auto bytes = static_cast<int64_t>(DataLayout::closest(element).getTypeSize(element.getElemType()));
    return multiply(count, constantOf(bytes));
  }
  if (!region || !region->isAncestor(size.getParentRegion()))
    return size;
  // What the team computes out of what is known outside of it is computed there too.
  Operation *op = size.getDefiningOp();
  if (!op || !isPure(op) || op->getNumRegions() != 0)
    return {};
  IRMapping outside;
  for (Value operand : op->getOperands()) {
    Value known = saturate(operand, region);
    if (!known)
      return {};
    outside.map(operand, known);
  }
  return builder.clone(*op, outside)->getResult(cast<OpResult>(size).getResultNumber());
}

LogicalResult Checker::addSpare(omp::ParallelOp parallel) {
  Region &region = parallel.getRegion();
  builder.setInsertionPoint(parallel);
  Value most;
  for (LLVM::CallOp call : region.getOps<LLVM::CallOp>()) {
    if (!isCallOf(call, "malloc"))
      continue;
    Value size = saturate(call.getArgOperands()[0], &region);
    if (!size)
      return call.emitError() << "must allocate a number of bytes that is known outside of its team";
    most = most ? Value(LLVM::UMaxOp::create(builder, loc, most, size)) : size;
  }
  if (!most)
    return success();
  constexpr int64_t kHeader = 16;
  Value list = lists.lookup(parallel->getParentRegion());
  Value bytes = LLVM::UAddSat::create(builder, loc, most, constant(builder.getI64Type(), kHeader));
  Value block = LLVM::CallOp::create(builder, loc, functions.allocate, ValueRange{list, bytes}).getResult();
  Value failed =
      LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, block, LLVM::ZeroOp::create(builder, loc, ptr));
  leaveAfter(failed.getDefiningOp(), failed);
  builder.setInsertionPoint(parallel);
  call(functions.begin, block);
  spares[&region] = LLVM::GEPOp::create(builder, loc, ptr, builder.getI8Type(), block, LLVM::GEPArg(kHeader));
  builder.setInsertionPointAfter(parallel);
  call(functions.release, block);
  return success();
}

Value Checker::checkCall(LLVM::CallOp op) {
  Region *region = op->getParentRegion();
  while (!lists.contains(region))
    region = region->getParentRegion();
  SmallVector<Value> args(op.getArgOperands());
  bool isMalloc = isCallOf(op, "malloc");
  builder.setInsertionPoint(op);
  if (isMalloc)
    args = {saturate(args[0], /*region=*/nullptr)};
  args.insert(isMalloc ? args.begin() : args.end(), lists.lookup(region));
  LLVM::LLVMFuncOp callee = isMalloc ? functions.allocate : findCallee(op);
  // The type of the callee may be still to be changed.
  Type type = isMalloc ? ptr : builder.getI1Type();
  auto changed = LLVM::CallOp::create(builder, op.getLoc(), type, callee.getSymName(), args);
  Value failed = changed.getResult();
  if (isMalloc) {
    Value memory = failed, null = LLVM::ZeroOp::create(builder, loc, ptr);
    failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, memory, null);
    if (Value spare = spares.lookup(op->getParentRegion()))
      memory = LLVM::SelectOp::create(builder, loc, failed, spare, memory);
    op.getResult().replaceAllUsesWith(memory);
  }
  op.erase();
  return failed;
}

void Checker::leaveAfter(Operation *op, Value failed) {
  if (!canLeave(op->getParentRegion())) {
    builder.setInsertionPointAfter(op);
    return setFlag(LLVM::ZExtOp::create(builder, loc, builder.getI8Type(), failed));
  }
  Block *target = getFailure(op->getParentRegion()), *rest = op->getBlock()->splitBlock(op->getNextNode());
  builder.setInsertionPointToEnd(op->getBlock());
  LLVM::CondBrOp::create(builder, loc, failed, target, rest);
}

LogicalResult Checker::check() {
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
  for (omp::ParallelOp parallel : parallels) {
    if (failed(addSpare(parallel)))
      return failure();
    checkParallel(parallel);
  }
  for (LLVM::CallOp call : calls) {
    Value failed = checkCall(call);
    leaveAfter(failed.getDefiningOp(), failed);
  }
  return success();
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
      if (failed(Checker(cast<LLVM::LLVMFuncOp>(function), functions).check()))
        return signalPassFailure();
  }
};
} // namespace
