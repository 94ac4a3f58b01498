//===- LowerAsserts.cpp - What fails a call -------------------------------===//

#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_LOWERASSERTS
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;

/// The message goes to where `failure` points, unless the condition holds.
static void lower(cf::AssertOp op, Value failure, StringRef name) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  std::string text = op.getMsg().str() + '\0';
  Value message = LLVM::createGlobalString(loc, builder, name, text, LLVM::Linkage::Internal);
  Value before = LLVM::LoadOp::create(builder, loc, failure.getType(), failure);
  Value after = arith::SelectOp::create(builder, loc, op.getArg(), before, message);
  LLVM::StoreOp::create(builder, loc, after, failure);
  op.erase();
}

namespace {
struct LowerAsserts : fgla::cpu::impl::LowerAssertsBase<LowerAsserts> {
  void runOnOperation() override {
    unsigned number = 0;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      SmallVector<cf::AssertOp> asserts;
      function.walk([&](cf::AssertOp op) { asserts.push_back(op); });
      if (asserts.empty())
        continue;
      if (!function.isPublic()) {
        asserts.front().emitOpError("must be in an entry function, whose call can fail");
        return signalPassFailure();
      }
      auto type = LLVM::LLVMPointerType::get(&getContext());
      if (failed(function.insertArgument(function.getNumArguments(), type, {}, function.getLoc())))
        return signalPassFailure();
      for (cf::AssertOp op : asserts)
        lower(op, function.getArguments().back(), "fgla_message_" + std::to_string(number++));
    }
  }
};
} // namespace
