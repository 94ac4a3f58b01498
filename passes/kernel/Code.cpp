//===- Code.cpp - Writing scalar GPU code ---------------------------------===//

#include "passes/kernel/Code.h"

using namespace mlir;
using namespace fgla::kernel;

Value Code::i32(int64_t value) { return arith::ConstantIntOp::create(builder, loc, value, 32); }
Value Code::i64(int64_t value) { return arith::ConstantIntOp::create(builder, loc, value, 64); }
Value Code::index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
Value Code::f32(double value) {
  return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(static_cast<float>(value)));
}
Value Code::add(Value a, Value b) { return arith::AddIOp::create(builder, loc, a, b); }
static Value constantLike(Code &code, Value like, int64_t value) {
  return like.getType().isInteger(32) ? code.i32(value) : code.i64(value);
}
Value Code::add(Value a, int64_t b) { return b == 0 ? a : add(a, constantLike(*this, a, b)); }
Value Code::mul(Value a, int64_t b) {
  return b == 1 ? a : Value(arith::MulIOp::create(builder, loc, a, constantLike(*this, a, b)));
}
Value Code::shiftRight(Value a, int64_t bits) {
  return bits == 0 ? a : Value(arith::ShRUIOp::create(builder, loc, a, i32(bits)));
}
Value Code::mask(Value a, int64_t bits) { return arith::AndIOp::create(builder, loc, a, i32(bits)); }
Value Code::exclusiveOr(Value a, Value b) { return arith::XOrIOp::create(builder, loc, a, b); }
Value Code::less(Value a, Value b) { return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, a, b); }
Value Code::equal(Value a, Value b) { return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, a, b); }
Value Code::select(Value condition, Value a, Value b) { return arith::SelectOp::create(builder, loc, condition, a, b); }
Value Code::toI32(Value value) {
  if (value.getType().isInteger(32))
    return value;
  if (value.getType().isIndex())
    return arith::IndexCastOp::create(builder, loc, builder.getI32Type(), value);
  return arith::TruncIOp::create(builder, loc, builder.getI32Type(), value);
}
Value Code::toIndex(Value value) { return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value); }

Value Code::toI64(Value value) {
  if (value.getType().isInteger(64))
    return value;
  if (value.getType().isIndex())
    return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value);
  return arith::ExtSIOp::create(builder, loc, builder.getI64Type(), value);
}
Value Code::opaque(Value value) {
  return LLVM::InlineAsmOp::create(builder, loc, value.getType(), value, "mov.b32 $0, $1;", "=r,r",
                                   /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
                                   LLVM::AsmDialectAttr::get(builder.getContext(), LLVM::AsmDialect::AD_ATT),
                                   /*operand_attrs=*/ArrayAttr())
      .getResult(0);
}

Value Code::mulF(Value a, Value b) {
  auto flags = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::contract);
  return arith::MulFOp::create(builder, loc, a, b, flags);
}

//===----------------------------------------------------------------------===//
// Narrow types
//===----------------------------------------------------------------------===//

Value Code::unpack(Value word, bool high, Type element) {
  Type f32Type = builder.getF32Type();
  if (element.isBF16()) {
    Value bits = high ? Value(arith::AndIOp::create(builder, loc, word, i32(int32_t(0xffff0000))))
                      : Value(arith::ShLIOp::create(builder, loc, word, i32(16)));
    return LLVM::BitcastOp::create(builder, loc, f32Type, bits);
  }
  auto pair = VectorType::get(2, element);
  Value both = LLVM::BitcastOp::create(builder, loc, pair, word);
  Value one = LLVM::ExtractElementOp::create(builder, loc, both, i32(high));
  return LLVM::FPExtOp::create(builder, loc, f32Type, one);
}

Value Code::unpackFrom(Value packed, int64_t index, int64_t count, Type element) {
  if (element.isF32())
    return count == 1 ? packed : Value(LLVM::ExtractElementOp::create(builder, loc, packed, i32(index)));
  if (count == 1)
    return LLVM::FPExtOp::create(builder, loc, builder.getF32Type(), packed);
  Value word = count == 2 ? packed : Value(LLVM::ExtractElementOp::create(builder, loc, packed, i32(index / 2)));
  return unpack(word, index % 2, element);
}

Value Code::pack(Value low, Value high, Type element) {
  Value pair = LLVM::PoisonOp::create(builder, loc, VectorType::get(2, builder.getF32Type()));
  pair = LLVM::InsertElementOp::create(builder, loc, pair, low, i32(0));
  pair = LLVM::InsertElementOp::create(builder, loc, pair, high, i32(1));
  Value narrow = LLVM::FPTruncOp::create(builder, loc, VectorType::get(2, element), pair);
  return LLVM::BitcastOp::create(builder, loc, builder.getI32Type(), narrow);
}

Value Code::multiplyPacked(Value a, Value b, Type element) {
  auto pair = VectorType::get(2, element);
  Value product = LLVM::FMulOp::create(builder, loc, LLVM::BitcastOp::create(builder, loc, pair, a),
                                       LLVM::BitcastOp::create(builder, loc, pair, b));
  return LLVM::BitcastOp::create(builder, loc, builder.getI32Type(), product);
}

Value Code::vector(ArrayRef<Value> values) {
  if (values.size() == 1)
    return values[0];
  Value result = LLVM::PoisonOp::create(builder, loc, VectorType::get(values.size(), values[0].getType()));
  for (auto [i, value] : llvm::enumerate(values))
    result = LLVM::InsertElementOp::create(builder, loc, result, value, i32(i));
  return result;
}

Value Code::round(Value value, Type element) { return unpack(pack(value, value, element), /*high=*/false, element); }

//===----------------------------------------------------------------------===//
// Pointers
//===----------------------------------------------------------------------===//

Value Code::inBlock(Value pointer, Value rank) {
  auto type = LLVM::LLVMPointerType::get(builder.getContext(), kSharedOfCluster);
  return NVVM::MapaOp::create(builder, loc, type, pointer, rank);
}

Value Code::pointerTo(unsigned space, Value address, int64_t offset) {
  auto type = LLVM::LLVMPointerType::get(builder.getContext(), space);
  Value pointer = LLVM::IntToPtrOp::create(builder, loc, type, address);
  if (offset == 0)
    return pointer;
  return LLVM::GEPOp::create(builder, loc, type, builder.getI8Type(), pointer,
                             LLVM::GEPArg(static_cast<int32_t>(offset)));
}

Value Code::globalPointer(Value base, int64_t byteOffset) {
  if (byteOffset == 0)
    return base;
  return LLVM::GEPOp::create(builder, loc, base.getType(), builder.getI8Type(), base,
                             LLVM::GEPArg(static_cast<int32_t>(byteOffset)));
}

//===----------------------------------------------------------------------===//
// Among threads
//===----------------------------------------------------------------------===//

Value Code::shuffle(NVVM::ShflKind kind, Value value, Value lanes, int64_t clamp) {
  return NVVM::ShflOp::create(builder, loc, value.getType(), i32(-1), value, lanes, i32(clamp), kind, UnitAttr());
}
Value Code::shuffleXor(Value value, int64_t lane) { return shuffle(NVVM::ShflKind::bfly, value, i32(lane), 31); }
Value Code::shuffleUp(Value value, int64_t lanes) { return shuffle(NVVM::ShflKind::up, value, i32(lanes), 0); }
Value Code::shuffleDown(Value value, int64_t lanes) { return shuffle(NVVM::ShflKind::down, value, i32(lanes), 31); }
Value Code::shuffleFrom(Value value, Value lane) { return shuffle(NVVM::ShflKind::idx, value, lane, 31); }

Value Code::intrinsic(StringRef name, Type result, ValueRange operands) {
  auto call = result ? LLVM::CallIntrinsicOp::create(builder, loc, result, builder.getStringAttr(name), operands)
                     : LLVM::CallIntrinsicOp::create(builder, loc, builder.getStringAttr(name), operands);
  return result ? call.getResult(0) : Value();
}

void Code::barrier(Value id, int64_t threads) {
  if (threads == 32)
    return syncWarp();
  intrinsic("llvm.nvvm.barrier.cta.sync.aligned.count", Type(), {id, i32(threads)});
}

Value Code::barrierOr(Value id, int64_t threads, Value predicate) {
  return intrinsic("llvm.nvvm.barrier.cta.red.or.aligned.count", builder.getI1Type(), {id, i32(threads), predicate});
}

void Code::syncWarp() { NVVM::SyncWarpOp::create(builder, loc, i32(-1)); }

void Code::ifThen(Value condition, function_ref<void()> then) {
  auto branch = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&branch.getThenRegion().front());
  then();
}
