//===- RoleSignals.cpp - How roles on threads wait for each other ---------===//

#include "passes/cpu/RoleSignals.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace fgla::cpu;
using LLVM::AtomicOrdering;

static constexpr llvm::StringLiteral kAwaitName = "fgla_role_await", kAdvanceName = "fgla_role_advance";

LLVM::LLVMFuncOp RoleSignals::getOrMake(StringRef name, llvm::function_ref<LLVM::LLVMFuncOp()> make) {
  auto known = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  return known ? known : make();
}

LLVM::LLVMFuncOp RoleSignals::declare(StringRef name, Type result, ArrayRef<Type> arguments, bool isVarArg) {
  return getOrMake(name, [&] {
    auto builder = OpBuilder::atBlockBegin(module.getBody());
    return LLVM::LLVMFuncOp::create(builder, module.getLoc(), name,
                                    LLVM::LLVMFunctionType::get(result, arguments, isVarArg));
  });
}

Value RoleSignals::text(OpBuilder &builder, Location loc, const std::string &content) {
  std::string name = "fgla_role_text_" + std::to_string(numTexts++);
  return LLVM::createGlobalString(loc, builder, name, content + '\0', LLVM::Linkage::Internal);
}

Block *RoleSignals::makeFailure(OpBuilder &builder, LLVM::LLVMFuncOp function, Value turn, Value message,
                                const std::string &reason, bool waits) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = function.getLoc();
  MLIRContext *context = builder.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context), nothing = LLVM::LLVMVoidType::get(context);
  Type i32 = builder.getI32Type();
  LLVM::LLVMFuncOp print = declare("dprintf", i32, {i32, pointer}, /*isVarArg=*/true);
  LLVM::LLVMFuncOp end = declare("_exit", nothing, {i32});
  Block *block = builder.createBlock(&function.getBody(), function.getBody().end());
  Value errors = LLVM::ConstantOp::create(builder, loc, i32, builder.getI32IntegerAttr(2));
  Value why = text(builder, loc, reason);
  LLVM::CallOp::create(builder, loc, print, ValueRange{errors, message, turn, why});
  if (waits) { // others that wait say so too
    LLVM::LLVMFuncOp sleep = declare("sleep", i32, {i32});
    Value seconds = LLVM::ConstantOp::create(builder, loc, i32, builder.getI32IntegerAttr(2));
    LLVM::CallOp::create(builder, loc, sleep, ValueRange{seconds});
  }
  Value code = LLVM::ConstantOp::create(builder, loc, i32, builder.getI32IntegerAttr(1));
  LLVM::CallOp::create(builder, loc, end, ValueRange{code});
  LLVM::UnreachableOp::create(builder, loc);
  return block;
}

static Value load(OpBuilder &builder, Location loc, Value counter) {
  return LLVM::LoadOp::create(builder, loc, builder.getI64Type(), counter, /*alignment=*/8, /*isVolatile=*/false,
                              /*isNonTemporal=*/false, /*isInvariant=*/false, /*isInvariantGroup=*/false,
                              AtomicOrdering::acquire);
}

/// A function (counter, value…, turn, message) without a body yet.
static LLVM::LLVMFuncOp makeFunction(ModuleOp module, StringRef name, unsigned numValues) {
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  SmallVector<Type> types{pointer};
  types.append(numValues + 1, builder.getI64Type());
  types.push_back(pointer);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), types);
  return LLVM::LLVMFuncOp::create(builder, module.getLoc(), name, type, LLVM::Linkage::Internal);
}

/// while (*counter < least) { if (too late) fail; sched_yield(); } if (*counter > most) fail;
LLVM::LLVMFuncOp RoleSignals::makeAwait() {
  LLVM::LLVMFuncOp function = makeFunction(module, kAwaitName, 2);
  Location loc = function.getLoc();
  OpBuilder builder(function.getContext());
  Type i32 = builder.getI32Type(), i64 = builder.getI64Type();
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  LLVM::LLVMFuncOp time = declare("time", i64, {pointer}), yield = declare("sched_yield", i32, {});
  Block *entry = function.addEntryBlock(builder);
  Value counter = entry->getArgument(0), least = entry->getArgument(1), most = entry->getArgument(2);
  Value turn = entry->getArgument(3), message = entry->getArgument(4);
  Region &body = function.getBody();
  Block *look = builder.createBlock(&body, body.end()), *rest = builder.createBlock(&body, body.end()),
        *there = builder.createBlock(&body, body.end()), *done = builder.createBlock(&body, body.end());
  builder.setInsertionPointToEnd(done);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  Block *late = makeFailure(builder, function, turn, message,
                            "nothing happened for " + std::to_string(timeout) + " seconds", /*waits=*/true);
  Block *beyond = makeFailure(builder, function, turn, message, "a later turn is there already", /*waits=*/false);

  builder.setInsertionPointToEnd(entry);
  Value null = LLVM::ZeroOp::create(builder, loc, pointer);
  Value limit = LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(timeout));
  Value start = LLVM::CallOp::create(builder, loc, time, ValueRange{null}).getResult();
  LLVM::BrOp::create(builder, loc, look);

  builder.setInsertionPointToEnd(look);
  Value now = load(builder, loc, counter);
  Value isThere = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::sge, now, least);
  LLVM::CondBrOp::create(builder, loc, isThere, there, rest);
  builder.setInsertionPointToEnd(there);
  Value isBeyond = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::sgt, now, most);
  LLVM::CondBrOp::create(builder, loc, isBeyond, beyond, done);
  builder.setInsertionPointToEnd(rest);
  LLVM::CallOp::create(builder, loc, yield, ValueRange());
  Value clock = LLVM::CallOp::create(builder, loc, time, ValueRange{null}).getResult();
  Value waited = LLVM::SubOp::create(builder, loc, clock, start);
  Value isLate = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::sgt, waited, limit);
  LLVM::CondBrOp::create(builder, loc, isLate, late, look);
  return function;
}

/// if (*counter != before) fail; *counter = after;
LLVM::LLVMFuncOp RoleSignals::makeAdvance() {
  LLVM::LLVMFuncOp function = makeFunction(module, kAdvanceName, 2);
  Location loc = function.getLoc();
  OpBuilder builder(function.getContext());
  Block *entry = function.addEntryBlock(builder);
  Block *write = builder.createBlock(&function.getBody(), function.getBody().end());
  Value counter = entry->getArgument(0), before = entry->getArgument(1), after = entry->getArgument(2);
  Block *fail = makeFailure(builder, function, entry->getArgument(3), entry->getArgument(4),
                            "its place in the ring holds another turn", /*waits=*/false);
  builder.setInsertionPointToEnd(entry);
  Value now = load(builder, loc, counter);
  Value isFree = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, now, before);
  LLVM::CondBrOp::create(builder, loc, isFree, write, fail);
  builder.setInsertionPointToEnd(write);
  LLVM::StoreOp::create(builder, loc, after, counter, /*alignment=*/8, /*isVolatile=*/false, /*isNonTemporal=*/false,
                        /*isInvariantGroup=*/false, AtomicOrdering::release);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return function;
}

void RoleSignals::buildAwait(OpBuilder &builder, Location loc, Value counter, Value least, Value most, Value turn,
                             const std::string &message) {
  LLVM::LLVMFuncOp function = getOrMake(kAwaitName, [&] { return makeAwait(); });
  Value number = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), turn);
  Value what = text(builder, loc, "error: " + message + ": %s\n");
  LLVM::CallOp::create(builder, loc, function, ValueRange{counter, least, most, number, what});
}

void RoleSignals::buildAdvance(OpBuilder &builder, Location loc, Value counter, Value before, Value after, Value turn,
                               const std::string &message) {
  LLVM::LLVMFuncOp function = getOrMake(kAdvanceName, [&] { return makeAdvance(); });
  Value number = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), turn);
  Value what = text(builder, loc, "error: " + message + ": %s\n");
  LLVM::CallOp::create(builder, loc, function, ValueRange{counter, before, after, number, what});
}
