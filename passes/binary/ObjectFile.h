//===- ObjectFile.h - From the LLVM dialect to machine code ---------------===//
#ifndef FGLA_PASSES_BINARY_OBJECTFILE_H
#define FGLA_PASSES_BINARY_OBJECTFILE_H

#include "dialect/fgla/FGLA.h"
#include "runtime/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Passes/OptimizationLevel.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace fgla::binary {

/// Compiles a module of the LLVM dialect for the machine that `target`
/// describes, and returns the bytes of an object file.
runtime::Result<std::string> emitObject(mlir::ModuleOp module, TargetAttr target);

/// The same module as text of LLVM IR, before or after LLVM's optimizations:
/// for people who read it.
runtime::Result<std::string> emitLLVMText(mlir::ModuleOp module, TargetAttr target, bool optimized);

/// Runs LLVM's own passes.
void optimizeModule(llvm::Module &module, llvm::TargetMachine &machine, llvm::OptimizationLevel level);

/// Links an object file into a shared object. Runs lld.
runtime::Result<std::string> linkSharedObject(llvm::StringRef object);

/// The same, into a file that appears whole or not at all.
runtime::Status linkSharedObject(llvm::StringRef object, const std::string &output);

/// A C header that declares the functions of an artifact, made from its
/// manifest.
runtime::Result<std::string> makeHeader(llvm::StringRef manifest, llvm::StringRef guard);

} // namespace fgla::binary

#endif // FGLA_PASSES_BINARY_OBJECTFILE_H
