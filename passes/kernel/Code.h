//===- Code.h - Writing scalar GPU code -----------------------------------===//
//
// Short names for the instructions that kernels consist of.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_KERNEL_CODE_H
#define FGLA_PASSES_KERNEL_CODE_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace fgla::kernel {

class Code {
public:
  Code(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  mlir::Value i32(int64_t value);
  mlir::Value i64(int64_t value);
  mlir::Value index(int64_t value);
  mlir::Value f32(double value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b);
  mlir::Value mul(mlir::Value a, int64_t b);
  mlir::Value shiftRight(mlir::Value a, int64_t bits);
  mlir::Value mask(mlir::Value a, int64_t bits);
  mlir::Value exclusiveOr(mlir::Value a, mlir::Value b);
  mlir::Value less(mlir::Value a, mlir::Value b);
  mlir::Value equal(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  mlir::Value toI32(mlir::Value value);
  mlir::Value toI64(mlir::Value value);
  mlir::Value toIndex(mlir::Value value);
  mlir::Value mulF(mlir::Value a, mlir::Value b);
  /// `value` (i32), of which nothing is known here: what seldom runs and is computed from it stays where it stands, and
  /// takes no registers in front of the loop.
  mlir::Value opaque(mlir::Value value);

  /// The element of a 32-bit word that holds two of `element`, as f32.
  mlir::Value unpack(mlir::Value word, bool high, mlir::Type element);
  /// Element `index` of `count` that are packed in a word or a vector of words, or of one that is not packed.
  mlir::Value unpackFrom(mlir::Value packed, int64_t index, int64_t count, mlir::Type element);
  /// Two f32, rounded to `element`, in one 32-bit word.
  mlir::Value pack(mlir::Value low, mlir::Value high, mlir::Type element);
  /// The products of the two halves of words that hold two of `element`.
  mlir::Value multiplyPacked(mlir::Value a, mlir::Value b, mlir::Type element);
  /// One value, or a vector of several.
  mlir::Value vector(llvm::ArrayRef<mlir::Value> values);
  /// `value` rounded to `element` and widened again.
  mlir::Value round(mlir::Value value, mlir::Type element);

  /// The pointer to byte `offset` after the address `address` (i32) of shared memory.
  mlir::Value sharedPointer(mlir::Value address, int64_t offset) { return pointerTo(kShared, address, offset); }
  /// The same of shared memory of the cluster.
  mlir::Value clusterPointer(mlir::Value address, int64_t offset) {
    return pointerTo(kSharedOfCluster, address, offset);
  }
  /// What `pointer` is in block `rank` (i32) of the cluster.
  mlir::Value inBlock(mlir::Value pointer, mlir::Value rank);
  mlir::Value globalPointer(mlir::Value base, int64_t byteOffset);

  mlir::Value shuffleXor(mlir::Value value, int64_t lane);
  mlir::Value shuffleUp(mlir::Value value, int64_t lanes);
  mlir::Value shuffleDown(mlir::Value value, int64_t lanes);
  mlir::Value shuffleFrom(mlir::Value value, mlir::Value lane);
  void barrier(mlir::Value id, int64_t threads);
  /// The same; whether `predicate` holds in any thread.
  mlir::Value barrierOr(mlir::Value id, int64_t threads, mlir::Value predicate);
  void syncWarp();
  mlir::Value intrinsic(llvm::StringRef name, mlir::Type result, mlir::ValueRange operands);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> then);

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  static constexpr unsigned kShared = 3, kSharedOfCluster = 7;
  mlir::Value pointerTo(unsigned space, mlir::Value address, int64_t offset);
  mlir::Value shuffle(mlir::NVVM::ShflKind kind, mlir::Value value, mlir::Value lanes, int64_t clamp);
};
} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_CODE_H
