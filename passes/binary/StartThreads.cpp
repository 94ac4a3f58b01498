//===- StartThreads.cpp - Threads that can't be had are an error ----------===//

#include "passes/binary/Passes.h"
#include "runtime/fgla.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"

namespace fgla::binary {
#define GEN_PASS_DEF_STARTTHREADS
#include "passes/binary/Passes.h.inc"
} // namespace fgla::binary

using namespace mlir;

/// `fgla.threads.start` returns whether there can't be as many threads as OpenMP's library would start now, or `team`,
/// if that is more. Threads that are only tried wait behind a gate until there are all, so that they are there at once.
/// Their stacks, and what is allocated beside them, are a little larger than the library's: then it gets by with the
/// memory that they leave behind. Each thread that calls has a team of its own.
static constexpr StringLiteral kFunctions = R"mlir(
llvm.func @malloc(i64) -> !llvm.ptr
llvm.func @free(!llvm.ptr)
llvm.func @omp_get_max_threads() -> i32
llvm.func @kmp_get_stacksize_s() -> i64
llvm.func @pthread_attr_init(!llvm.ptr) -> i32
llvm.func @pthread_attr_setstacksize(!llvm.ptr, i64) -> i32
llvm.func @pthread_attr_destroy(!llvm.ptr) -> i32
llvm.func @pthread_mutex_init(!llvm.ptr, !llvm.ptr) -> i32
llvm.func @pthread_mutex_lock(!llvm.ptr) -> i32
llvm.func @pthread_mutex_unlock(!llvm.ptr) -> i32
llvm.func @pthread_create(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
llvm.func @pthread_join(i64, !llvm.ptr) -> i32

llvm.mlir.global internal thread_local @fgla.threads.started(0 : i32) : i32

llvm.func internal @fgla.threads.wait(%gate: !llvm.ptr) -> !llvm.ptr {
  %null = llvm.mlir.zero : !llvm.ptr
  %0 = llvm.call @pthread_mutex_lock(%gate) : (!llvm.ptr) -> i32
  %1 = llvm.call @pthread_mutex_unlock(%gate) : (!llvm.ptr) -> i32
  llvm.return %null : !llvm.ptr
}

llvm.func internal @fgla.threads.try(%count: i32) -> i1 attributes {no_inline} {
  %null = llvm.mlir.zero : !llvm.ptr
  %zero = llvm.mlir.constant(0 : i32) : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %16 = llvm.mlir.constant(16 : i32) : i32
  %false = llvm.mlir.constant(false) : i1
  %true = llvm.mlir.constant(true) : i1
  %beside = llvm.mlir.constant(65536 : i64) : i64
  %attributes = llvm.alloca %16 x i64 : (i32) -> !llvm.ptr
  %gate = llvm.alloca %16 x i64 : (i32) -> !llvm.ptr
  %size = llvm.call @kmp_get_stacksize_s() : () -> i64
  %stack = llvm.add %size, %beside : i64
  %wide = llvm.zext %count : i32 to i64
  %bytes = llvm.mul %wide, %beside : i64
  %threads = llvm.call @malloc(%bytes) : (i64) -> !llvm.ptr
  %hasNone = llvm.icmp "eq" %threads, %null : !llvm.ptr
  llvm.cond_br %hasNone, ^end(%true : i1), ^begin
^begin:
  %0 = llvm.call @pthread_attr_init(%attributes) : (!llvm.ptr) -> i32
  %1 = llvm.call @pthread_attr_setstacksize(%attributes, %stack) : (!llvm.ptr, i64) -> i32
  %2 = llvm.call @pthread_mutex_init(%gate, %null) : (!llvm.ptr, !llvm.ptr) -> i32
  %3 = llvm.call @pthread_mutex_lock(%gate) : (!llvm.ptr) -> i32
  %wait = llvm.mlir.addressof @fgla.threads.wait : !llvm.ptr
  llvm.br ^create(%zero : i32)
^create(%i: i32):
  %isLast = llvm.icmp "eq" %i, %count : i32
  llvm.cond_br %isLast, ^open(%i, %false : i32, i1), ^next
^next:
  %thread = llvm.getelementptr %threads[%i] : (!llvm.ptr, i32) -> !llvm.ptr, i64
  %4 = llvm.call @pthread_create(%thread, %attributes, %wait, %gate) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
  %isMade = llvm.icmp "eq" %4, %zero : i32
  %after = llvm.add %i, %one : i32
  llvm.cond_br %isMade, ^create(%after : i32), ^open(%i, %true : i32, i1)
^open(%made: i32, %failed: i1):
  %5 = llvm.call @pthread_mutex_unlock(%gate) : (!llvm.ptr) -> i32
  llvm.br ^join(%zero : i32)
^join(%j: i32):
  %isJoined = llvm.icmp "eq" %j, %made : i32
  llvm.cond_br %isJoined, ^clean, ^joinOne
^joinOne:
  %at = llvm.getelementptr %threads[%j] : (!llvm.ptr, i32) -> !llvm.ptr, i64
  %joined = llvm.load %at : !llvm.ptr -> i64
  %6 = llvm.call @pthread_join(%joined, %null) : (i64, !llvm.ptr) -> i32
  %nextJoin = llvm.add %j, %one : i32
  llvm.br ^join(%nextJoin : i32)
^clean:
  %7 = llvm.call @pthread_attr_destroy(%attributes) : (!llvm.ptr) -> i32
  llvm.call @free(%threads) : (!llvm.ptr) -> ()
  llvm.br ^end(%failed : i1)
^end(%result: i1):
  llvm.return %result : i1
}

llvm.func internal @fgla.threads.start(%team: i32) -> i1 {
  %one = llvm.mlir.constant(1 : i32) : i32
  %false = llvm.mlir.constant(false) : i1
  %most = llvm.call @omp_get_max_threads() : () -> i32
  %count = llvm.intr.umax(%most, %team) : (i32, i32) -> i32
  %started = llvm.mlir.addressof @fgla.threads.started : !llvm.ptr
  %before = llvm.load %started : !llvm.ptr -> i32
  %isEnough = llvm.icmp "ule" %count, %before : i32
  llvm.cond_br %isEnough, ^end(%false : i1), ^try
^try:
  %others = llvm.sub %count, %one : i32
  %failed = llvm.call @fgla.threads.try(%others) : (i32) -> i1
  llvm.cond_br %failed, ^end(%failed : i1), ^start
^start:
  %running = llvm.alloca %one x i32 : (i32) -> !llvm.ptr
  omp.parallel num_threads(%count : i32) {
    %0 = llvm.atomicrmw add %running, %one monotonic : !llvm.ptr, i32
    omp.terminator
  }
  llvm.store %count, %started : i32, !llvm.ptr
  llvm.br ^end(%false : i1)
^end(%result: i1):
  llvm.return %result : i1
}
)mlir";

/// Puts what is not there yet into `module`.
static LogicalResult addFunctions(ModuleOp module) {
  OwningOpRef<ModuleOp> source = parseSourceString<ModuleOp>(kFunctions, module.getContext());
  if (!source)
    return failure();
  SymbolTable symbols(module);
  for (Operation &op : llvm::make_early_inc_range(*source->getBody()))
    if (!symbols.lookup(SymbolTable::getSymbolName(&op))) {
      op.remove();
      symbols.insert(&op);
    }
  return success();
}

/// The largest number of threads that one of `teams` asks for.
static int64_t findLargestTeam(ArrayRef<omp::ParallelOp> teams) {
  int64_t most = 1;
  for (omp::ParallelOp team : teams)
    if (llvm::APInt count; team.getNumThreads() && matchPattern(team.getNumThreads(), m_ConstantInt(&count)))
      most = std::max(most, count.getSExtValue());
  return most;
}

/// Where threads can't be had, `entry` says so before it does anything.
static void startFirst(LLVM::LLVMFuncOp entry, int64_t team) {
  Location loc = entry.getLoc();
  Block *start = &entry.getBody().front(), *rest = start->splitBlock(start->begin());
  OpBuilder builder = OpBuilder::atBlockEnd(start);
  Value count = LLVM::ConstantOp::create(builder, loc, builder.getI32Type(), team);
  Value failed = LLVM::CallOp::create(builder, loc, builder.getI1Type(), "fgla.threads.start", count).getResult();
  Block *failure = builder.createBlock(&entry.getBody(), entry.getBody().end());
  Value status = LLVM::ConstantOp::create(builder, loc, builder.getI32Type(), FGLA_OUT_OF_MEMORY);
  LLVM::ReturnOp::create(builder, loc, status);
  builder.setInsertionPointToEnd(start);
  LLVM::CondBrOp::create(builder, loc, failed, failure, rest);
}

namespace {
struct StartThreads : fgla::binary::impl::StartThreadsBase<StartThreads> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<omp::ParallelOp> teams;
    module.walk([&](omp::ParallelOp team) { teams.push_back(team); });
    if (teams.empty())
      return;
    int64_t team = findLargestTeam(teams);
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (bool isEntry = function.getLinkage() == LLVM::Linkage::External && !function.isExternal();
          isEntry && function.getFunctionType().getReturnType().isInteger(32)) // a shape function has no team
        startFirst(function, team);
    if (failed(addFunctions(module)))
      signalPassFailure();
  }
};
} // namespace
