//===- RoleSignals.h - How roles on threads wait for each other -----------===//
//
// Counters that only grow. Who waits for one too long, or finds it beyond what it waits for, ends the program with a
// message: on a GPU this would hang, or compute with another turn's tile.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_CPU_ROLESIGNALS_H
#define FGLA_PASSES_CPU_ROLESIGNALS_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::cpu {

class RoleSignals {
public:
  /// `timeout` in seconds.
  RoleSignals(mlir::ModuleOp module, int64_t timeout) : module(module), timeout(timeout) {}

  /// Waits until the counter is `least`, and finds it `most` at most. `message` is what fails otherwise, with one %ld
  /// for the turn.
  void buildAwait(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value counter, mlir::Value least,
                  mlir::Value most, mlir::Value turn, const std::string &message);
  /// Sets the counter from `before` to `after`.
  void buildAdvance(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value counter, mlir::Value before,
                    mlir::Value after, mlir::Value turn, const std::string &message);

private:
  mlir::LLVM::LLVMFuncOp getOrMake(llvm::StringRef name, llvm::function_ref<mlir::LLVM::LLVMFuncOp()> make);
  mlir::LLVM::LLVMFuncOp declare(llvm::StringRef name, mlir::Type result, llvm::ArrayRef<mlir::Type> arguments,
                                 bool isVarArg = false);
  mlir::LLVM::LLVMFuncOp makeAwait();
  mlir::LLVM::LLVMFuncOp makeAdvance();
  /// A block that prints the message and ends the program.
  mlir::Block *makeFailure(mlir::OpBuilder &builder, mlir::LLVM::LLVMFuncOp function, mlir::Value turn,
                           mlir::Value message, const std::string &reason, bool waits);
  mlir::Value text(mlir::OpBuilder &builder, mlir::Location loc, const std::string &content);

  mlir::ModuleOp module;
  int64_t timeout;
  int64_t numTexts = 0;
};

} // namespace fgla::cpu

#endif // FGLA_PASSES_CPU_ROLESIGNALS_H
