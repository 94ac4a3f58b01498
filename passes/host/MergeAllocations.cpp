//===- MergeAllocations.cpp - One allocation for what is alive together ---===//

#include "dialect/fgla/Attributes.h"
#include "passes/Symbols.h"
#include "passes/host/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Dominance.h"
#include "llvm/Support/MathExtras.h"

namespace fgla::host {
#define GEN_PASS_DEF_MERGEALLOCATIONS
#include "passes/host/Passes.h.inc"
} // namespace fgla::host

using namespace mlir;

/// What allocators of GPUs align to; more than any access of a kernel needs.
static constexpr int64_t kAlignment = 256;

namespace {
/// An allocation and its release in the same block.
struct Buffer {
  memref::AllocOp alloc;
  memref::DeallocOp dealloc;
};
} // namespace

/// The release of `alloc`, if it is in the same block and the only one; null otherwise, also where a part of a larger
/// allocation can't stand in for it.
static memref::DeallocOp findDealloc(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  if (!type.getLayout().isIdentity() || type.getMemorySpace() || !type.getElementType().isIntOrFloat() ||
      type.getElementTypeBitWidth() % 8 != 0 || alloc.getAlignment().value_or(1) > kAlignment)
    return {};
  memref::DeallocOp found;
  for (Operation *user : alloc->getUsers())
    if (auto dealloc = dyn_cast<memref::DeallocOp>(user)) {
      if (found || dealloc->getBlock() != alloc->getBlock())
        return {};
      found = dealloc;
    }
  return found;
}

/// The bytes of `alloc`, up to where the next buffer may begin.
static Value countBytes(OpBuilder &builder, memref::AllocOp alloc) {
  Location loc = alloc.getLoc();
  MemRefType type = alloc.getType();
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(builder, loc, value); };
  int64_t known = type.getElementTypeBitWidth() / 8;
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size))
      known *= size;
  if (alloc.getDynamicSizes().empty())
    return constant(llvm::alignTo(known, kAlignment));
  Value bytes = constant(known);
  for (Value size : alloc.getDynamicSizes())
    bytes = arith::MulIOp::create(builder, loc, bytes, size);
  if (known % kAlignment == 0)
    return bytes;
  bytes = arith::AddIOp::create(builder, loc, bytes, constant(kAlignment - 1));
  return arith::AndIOp::create(builder, loc, bytes, constant(-kAlignment));
}

/// Puts `buffers`, in their order, into one allocation, where the first was, which the last release ends.
static void merge(MutableArrayRef<Buffer> buffers) {
  if (buffers.size() < 2)
    return;
  memref::AllocOp first = buffers.front().alloc;
  OpBuilder builder(first);
  Location loc = first.getLoc();
  SmallVector<Value> offsets{arith::ConstantIndexOp::create(builder, loc, 0)};
  for (Buffer &buffer : buffers) {
    Value bytes = countBytes(builder, buffer.alloc);
    offsets.push_back(arith::AddIOp::create(builder, loc, offsets.back(), bytes));
  }
  auto bytesType = MemRefType::get(ShapedType::kDynamic, builder.getI8Type());
  auto memory = memref::AllocOp::create(builder, loc, bytesType, ValueRange(offsets.back()),
                                        builder.getI64IntegerAttr(kAlignment));
  Operation *last = buffers.front().dealloc;
  for (auto [buffer, offset] : llvm::zip(buffers, offsets)) {
    Value view = memref::ViewOp::create(builder, buffer.alloc.getLoc(), buffer.alloc.getType(), memory, offset,
                                        buffer.alloc.getDynamicSizes());
    if (last->isBeforeInBlock(buffer.dealloc))
      last = buffer.dealloc;
    buffer.alloc.replaceAllUsesWith(view);
  }
  builder.setInsertionPoint(last);
  memref::DeallocOp::create(builder, loc, memory);
  for (Buffer &buffer : buffers) {
    buffer.dealloc->erase();
    buffer.alloc->erase();
  }
}

/// Merges what is allocated in `block` before anything of it is released, as far as the sizes are known at the first.
static void mergeInBlock(Block &block, DominanceInfo &dominance) {
  SmallVector<SmallVector<Buffer>> groups(1);
  for (Operation &op : block) {
    auto alloc = dyn_cast<memref::AllocOp>(op);
    if (auto dealloc = dyn_cast<memref::DeallocOp>(op);
        dealloc && llvm::is_contained(llvm::map_range(groups.back(), [](Buffer &b) { return b.dealloc; }), dealloc))
      groups.emplace_back();
    memref::DeallocOp dealloc = alloc ? findDealloc(alloc) : memref::DeallocOp();
    if (!dealloc)
      continue;
    auto isKnownBefore = [&](Value size) { return dominance.properlyDominates(size, groups.back().front().alloc); };
    if (!groups.back().empty() && !llvm::all_of(alloc.getDynamicSizes(), isKnownBefore))
      groups.emplace_back();
    groups.back().push_back({alloc, dealloc});
  }
  llvm::for_each(groups, merge);
}

namespace {
struct MergeAllocations : fgla::host::impl::MergeAllocationsBase<MergeAllocations> {
  void runOnOperation() override {
    if (getOperation()->hasAttr(fgla::kShapeFunctionAttrName))
      return;
    DominanceInfo &dominance = getAnalysis<DominanceInfo>();
    SmallVector<Block *> blocks; // of allocations
    getOperation()->walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks)
      mergeInBlock(*block, dominance);
  }
};
} // namespace
