//===- LowerDispatch.cpp - Host code calls the runtime's services ---------===//

#include "dialect/fgla/Attributes.h"
#include "dialect/tile/Tile.h"
#include "dialect/warp/Warp.h"
#include "passes/Symbols.h"
#include "passes/host/Passes.h"
#include "passes/kernel/KernelList.h"

#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/DialectConversion.h"

namespace fgla::host {
#define GEN_PASS_DEF_LOWERDISPATCH
#include "passes/host/Passes.h.inc"
} // namespace fgla::host

using namespace mlir;

/// The members of runtime::Services, in order.
enum class Service { Launch, Allocate, Release, Copy, Workers, Describe };

/// Calls a service of the call that `op` is part of. Returns its result, if it has one.
static Value callService(OpBuilder &builder, Operation *op, Service service, ValueRange args, Type result = {}) {
  Location loc = op->getLoc();
  auto ptr = LLVM::LLVMPointerType::get(builder.getContext());
  Value services = op->getParentOfType<func::FuncOp>().getArguments().back();
  Value slot = LLVM::GEPOp::create(builder, loc, ptr, ptr, services, LLVM::GEPArg(static_cast<int>(service)));
  SmallVector<Value> operands{LLVM::LoadOp::create(builder, loc, ptr, slot), services};
  llvm::append_range(operands, args);
  SmallVector<Type> types(llvm::drop_begin(ValueRange(operands).getTypes()));
  auto type = LLVM::LLVMFunctionType::get(result ? result : LLVM::LLVMVoidType::get(builder.getContext()), types);
  auto call = LLVM::CallOp::create(builder, loc, type, operands);
  return result ? call.getResult() : Value();
}

/// Memory on the stack of the function that holds `op`, not of a loop in it.
static Value allocateOnStack(OpBuilder &builder, Operation *op, Type type, int64_t count, unsigned alignment = 0) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&op->getParentOfType<func::FuncOp>().getBody().front());
  Value size = LLVM::ConstantOp::create(builder, op->getLoc(), builder.getI64Type(), count);
  auto ptr = LLVM::LLVMPointerType::get(builder.getContext());
  return LLVM::AllocaOp::create(builder, op->getLoc(), ptr, type, size, alignment);
}

namespace {
struct LowerAlloc : ConvertOpToLLVMPattern<memref::AllocOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(memref::AllocOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    MemRefType type = op.getType();
    if (!isConvertibleAndHasIdentityMaps(type))
      return rewriter.notifyMatchFailure(op, "requires an identity layout");
    SmallVector<Value> sizes, strides;
    Value bytes;
    getMemRefDescriptorSizes(op.getLoc(), type, adaptor.getDynamicSizes(), rewriter, sizes, strides, bytes);
    Value memory = callService(rewriter, op, Service::Allocate, bytes, getPtrType());
    rewriter.replaceOp(op, {createMemRefDescriptor(op.getLoc(), type, memory, memory, sizes, strides, rewriter)});
    return success();
  }
};

struct LowerDealloc : ConvertOpToLLVMPattern<memref::DeallocOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(memref::DeallocOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value memory = MemRefDescriptor(adaptor.getMemref()).allocatedPtr(rewriter, op.getLoc());
    callService(rewriter, op, Service::Release, memory);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerCopy : ConvertOpToLLVMPattern<memref::CopyOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(memref::CopyOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<MemRefType>(op.getSource().getType());
    auto targetType = dyn_cast<MemRefType>(op.getTarget().getType());
    if (!type || !targetType || !type.getLayout().isIdentity() || !targetType.getLayout().isIdentity())
      return rewriter.notifyMatchFailure(op, "requires memory without gaps");
    Location loc = op.getLoc();
    MemRefDescriptor source(adaptor.getSource()), target(adaptor.getTarget());
    SmallVector<Value> dynamicSizes;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.isDynamicDim(d))
        dynamicSizes.push_back(source.size(rewriter, loc, d));
    SmallVector<Value> sizes, strides;
    Value bytes;
    getMemRefDescriptorSizes(loc, type, dynamicSizes, rewriter, sizes, strides, bytes);
    Value to = target.alignedPtr(rewriter, loc), from = source.alignedPtr(rewriter, loc);
    callService(rewriter, op, Service::Copy, {to, from, bytes});
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerWorkers : ConvertOpToLLVMPattern<fgla::tile::WorkersOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(fgla::tile::WorkersOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, callService(rewriter, op, Service::Workers, {}, rewriter.getI64Type()));
    return success();
  }
};

struct LowerTensorMap : ConvertOpToLLVMPattern<fgla::warp::TensorMapOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(fgla::warp::TensorMapOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    constexpr int64_t kMapBytes = 128, kMapAlignment = 64;
    auto type = cast<MemRefType>(op.getArray().getType());
    if (!isConvertibleAndHasIdentityMaps(type))
      return op.emitOpError("needs memory without gaps, got ") << type;
    Location loc = op.getLoc();
    Type i64 = rewriter.getI64Type();
    auto constant = [&](int64_t value) -> Value { return LLVM::ConstantOp::create(rewriter, loc, i64, value); };
    MemRefDescriptor array(adaptor.getArray());
    Value map = allocateOnStack(rewriter, op, rewriter.getI8Type(), kMapBytes, kMapAlignment);
    Value sizes = allocateOnStack(rewriter, op, i64, type.getRank()),
          box = allocateOnStack(rewriter, op, i64, type.getRank());
    auto store = [&](Value to, int64_t at, Value value) {
      Value slot = LLVM::GEPOp::create(rewriter, loc, getPtrType(), i64, to, LLVM::GEPArg(static_cast<int>(at)));
      LLVM::StoreOp::create(rewriter, loc, value, slot);
    };
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      store(sizes, dim, type.isDynamicDim(dim) ? array.size(rewriter, loc, dim) : constant(type.getDimSize(dim)));
      store(box, dim, constant(op.getBox()[dim]));
    }
    callService(rewriter, op, Service::Describe,
                {map, array.alignedPtr(rewriter, loc), constant(type.getElementTypeBitWidth() / 8),
                 constant(type.getRank()), sizes, box});
    rewriter.replaceOp(op, map);
    return success();
  }
};

struct LowerDispatchOp : ConvertOpToLLVMPattern<fgla::warp::DispatchOp> {
  LowerDispatchOp(const LLVMTypeConverter &converter, ArrayRef<LLVM::LLVMFuncOp> kernels)
      : ConvertOpToLLVMPattern(converter), kernels(kernels) {}

  LogicalResult matchAndRewrite(fgla::warp::DispatchOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override;

  ArrayRef<LLVM::LLVMFuncOp> kernels;
};
} // namespace

LogicalResult LowerDispatchOp::matchAndRewrite(fgla::warp::DispatchOp op, OpAdaptor adaptor,
                                               ConversionPatternRewriter &rewriter) const {
  Operation *kernel = SymbolTable::lookupNearestSymbolFrom(op, op.getKernelAttr());
  const auto *found = llvm::find(kernels, kernel);
  if (found == kernels.end())
    return op.emitOpError("names no kernel: ") << op.getKernel();
  Location loc = op.getLoc();
  Type ptr = getPtrType(), i64 = rewriter.getI64Type();
  auto constant = [&](int64_t value) -> Value { return LLVM::ConstantOp::create(rewriter, loc, i64, value); };
  // One pointer for each parameter, to its value.
  Value pointers = allocateOnStack(rewriter, op, ptr, std::max<int64_t>(1, op.getArgs().size()));
  for (auto [i, arg, value] : llvm::enumerate(op.getArgs(), adaptor.getArgs())) {
    if (auto type = dyn_cast<MemRefType>(arg.getType())) {
      if (!isConvertibleAndHasIdentityMaps(type))
        return op.emitOpError("needs memory without gaps, got ") << type;
      value = MemRefDescriptor(value).alignedPtr(rewriter, loc);
    }
    Value memory = value; // a tensor map's, which the kernel is given as it is
    if (!isa<fgla::warp::TensorMapType>(arg.getType())) {
      memory = allocateOnStack(rewriter, op, value.getType(), 1);
      LLVM::StoreOp::create(rewriter, loc, value, memory);
    }
    Value slot = LLVM::GEPOp::create(rewriter, loc, ptr, ptr, pointers, LLVM::GEPArg(static_cast<int>(i)));
    LLVM::StoreOp::create(rewriter, loc, memory, slot);
  }
  callService(
      rewriter, op, Service::Launch,
      {constant(found - kernels.begin()), adaptor.getGridX(), adaptor.getGridY(), adaptor.getGridZ(), pointers});
  rewriter.eraseOp(op);
  return success();
}

/// Gives each function the pointer to the services as its last argument, and lets calls pass it on.
static LogicalResult addServices(ModuleOp module) {
  auto ptr = LLVM::LLVMPointerType::get(module.getContext());
  auto takesServices = [](func::FuncOp function) {
    return function && !function.isDeclaration() && !function->hasAttr(fgla::kShapeFunctionAttrName);
  };
  for (auto function : module.getOps<func::FuncOp>())
    if (takesServices(function) &&
        failed(function.insertArgument(function.getNumArguments(), ptr, {}, function.getLoc())))
      return failure();
  module.walk([&](func::CallOp call) {
    auto caller = call->getParentOfType<func::FuncOp>();
    if (takesServices(module.lookupSymbol<func::FuncOp>(call.getCallee())))
      call.getOperandsMutable().append(caller.getArguments().back());
  });
  return success();
}

/// Memory is the device's: the host can't reach into it. Functions that give shapes have none of it.
static LogicalResult checkAccesses(ModuleOp module) {
  WalkResult result = module.walk([](Operation *op) {
    auto function = op->getParentOfType<func::FuncOp>();
    if (!isa<memref::LoadOp, memref::StoreOp>(op) || !function || function->hasAttr(fgla::kShapeFunctionAttrName))
      return WalkResult::advance();
    op->emitOpError("is outside of a kernel, where the memory of a GPU cannot be read or written");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct LowerDispatch : fgla::host::impl::LowerDispatchBase<LowerDispatch> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkAccesses(module)) || failed(addServices(module)))
      return signalPassFailure();
    LLVMTypeConverter converter(&getContext());
    converter.addConversion(
        [](fgla::warp::TensorMapType type) { return LLVM::LLVMPointerType::get(type.getContext()); });
    SmallVector<LLVM::LLVMFuncOp> kernels = fgla::kernel::getKernels(module);
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerAlloc, LowerDealloc, LowerCopy, LowerWorkers, LowerTensorMap>(converter);
    patterns.add<LowerDispatchOp>(converter, kernels);
    LLVMConversionTarget target(getContext());
    target.addIllegalOp<memref::AllocOp, memref::DeallocOp, memref::CopyOp, fgla::tile::WorkersOp,
                        fgla::warp::DispatchOp, fgla::warp::TensorMapOp>();
    if (failed(applyPartialConversion(module, target, std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
