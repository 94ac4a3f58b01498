//===- EmitEntryPoints.cpp - The symbols of an artifact -------------------===//

#include "dialect/fgla/Attributes.h"
#include "passes/Symbols.h"
#include "passes/binary/Passes.h"
#include "runtime/Manifest.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::binary {
#define GEN_PASS_DEF_EMITENTRYPOINTS
#include "passes/binary/Passes.h.inc"
} // namespace fgla::binary

using namespace mlir;

namespace {
class Emitter {
public:
  explicit Emitter(ModuleOp module)
      : module(module), builder(module.getBodyRegion()), ptr(LLVM::LLVMPointerType::get(module.getContext())),
        i64(builder.getI64Type()), loc(module.getLoc()) {
    builder.setInsertionPointToEnd(module.getBody());
  }

  /// `function` is what the manifest calls it.
  LogicalResult emitEntry(StringRef function, bool takesServices);
  LogicalResult emitShapeEntry(StringRef function, int64_t numDims);
  void emitManifest(StringRef text);
  /// All that is no symbol of the artifact.
  void hideOthers();

private:
  /// The function that takes pointers to memref descriptors.
  FailureOr<LLVM::LLVMFuncOp> findInterface(StringRef function);
  LLVM::LLVMFuncOp makeFunction(StringRef symbol, Type result, ArrayRef<Type> types);
  SmallVector<Value> loadPointers(Value array, unsigned count);
  /// A descriptor on the stack for the dims at `dims`.
  Value makeDimsDescriptor(Value dims, int64_t numDims);
  Value constant(int64_t value) { return LLVM::ConstantOp::create(builder, loc, i64, value); }

  ModuleOp module;
  OpBuilder builder;
  Type ptr, i64;
  Location loc;
  SmallVector<Operation *> symbols;
};
} // namespace

FailureOr<LLVM::LLVMFuncOp> Emitter::findInterface(StringRef function) {
  std::string name = "_mlir_ciface_" + fgla::getInternalName(function);
  auto interface = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!interface)
    return module.emitError("has no function '") << name << "' for an entry point to call";
  return interface;
}

LLVM::LLVMFuncOp Emitter::makeFunction(StringRef symbol, Type result, ArrayRef<Type> types) {
  builder.setInsertionPointToEnd(module.getBody());
  auto type = LLVM::LLVMFunctionType::get(result, types);
  auto function = LLVM::LLVMFuncOp::create(builder, loc, symbol, type);
  symbols.push_back(function);
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  return function;
}

SmallVector<Value> Emitter::loadPointers(Value array, unsigned count) {
  SmallVector<Value> pointers;
  for (unsigned i = 0; i < count; ++i) {
    Value at = LLVM::GEPOp::create(builder, loc, ptr, ptr, array, LLVM::GEPArg(i));
    pointers.push_back(LLVM::LoadOp::create(builder, loc, ptr, at));
  }
  return pointers;
}

LogicalResult Emitter::emitEntry(StringRef function, bool takesServices) {
  FailureOr<LLVM::LLVMFuncOp> interface = findInterface(function);
  if (failed(interface))
    return failure();
  SmallVector<Type> types(takesServices ? 2 : 1, ptr);
  LLVM::LLVMFuncOp entry = makeFunction(fgla::getEntrySymbol(function), builder.getI32Type(), types);
  SmallVector<Value> args = loadPointers(entry.getArgument(0), interface->getNumArguments() - takesServices);
  if (takesServices)
    args.push_back(entry.getArgument(1));
  LLVM::CallOp::create(builder, loc, *interface, args);
  Value ok = LLVM::ConstantOp::create(builder, loc, builder.getI32Type(), FGLA_OK);
  LLVM::ReturnOp::create(builder, loc, ok);
  return success();
}

Value Emitter::makeDimsDescriptor(Value dims, int64_t numDims) {
  auto type = LLVM::LLVMStructType::getLiteral(
      builder.getContext(), {ptr, ptr, i64, LLVM::LLVMArrayType::get(i64, 1), LLVM::LLVMArrayType::get(i64, 1)});
  Value descriptor = LLVM::PoisonOp::create(builder, loc, type);
  auto set = [&](Value value, ArrayRef<int64_t> position) {
    descriptor = LLVM::InsertValueOp::create(builder, loc, descriptor, value, position);
  };
  set(dims, {0});
  set(dims, {1});
  set(constant(0), {2});
  set(constant(numDims), {3, 0});
  set(constant(1), {4, 0});
  Value memory = LLVM::AllocaOp::create(builder, loc, ptr, type, constant(1));
  LLVM::StoreOp::create(builder, loc, descriptor, memory);
  return memory;
}

LogicalResult Emitter::emitShapeEntry(StringRef function, int64_t numDims) {
  FailureOr<LLVM::LLVMFuncOp> interface = findInterface(fgla::getShapeFunction(function));
  if (failed(interface))
    return failure();
  LLVM::LLVMFuncOp entry =
      makeFunction(fgla::getShapeSymbol(function), LLVM::LLVMVoidType::get(builder.getContext()), {ptr, ptr});
  Value descriptor = makeDimsDescriptor(entry.getArgument(1), numDims);
  SmallVector<Value> args = loadPointers(entry.getArgument(0), interface->getNumArguments() - 1);
  args.push_back(descriptor);
  LLVM::CallOp::create(builder, loc, *interface, args);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return success();
}

void Emitter::emitManifest(StringRef text) {
  builder.setInsertionPointToEnd(module.getBody());
  std::string bytes = text.str() + '\0';
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
  symbols.push_back(LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, LLVM::Linkage::External,
                                           fgla::manifestSymbol, builder.getStringAttr(bytes)));
}

void Emitter::hideOthers() {
  for (Operation &op : module.getOps()) {
    if (llvm::is_contained(symbols, &op))
      continue;
    if (auto function = dyn_cast<LLVM::LLVMFuncOp>(op); function && !function.isExternal())
      function.setLinkage(LLVM::Linkage::Internal);
    if (auto global = dyn_cast<LLVM::GlobalOp>(op); global && global.getLinkage() == LLVM::Linkage::External)
      global.setLinkage(LLVM::Linkage::Internal);
  }
}

namespace {
struct EmitEntryPoints : fgla::binary::impl::EmitEntryPointsBase<EmitEntryPoints> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto text = module->getAttrOfType<StringAttr>(fgla::kManifestAttrName);
    if (!text) {
      module.emitError("must have a manifest in the attribute '") << fgla::kManifestAttrName << "'";
      return signalPassFailure();
    }
    auto manifest = fgla::runtime::Manifest::parse(text.getValue());
    if (!manifest.ok()) {
      module.emitError(manifest.message());
      return signalPassFailure();
    }
    Emitter emitter(module);
    for (const fgla::runtime::FunctionSpec &function : manifest->functions)
      if (failed(emitter.emitEntry(function.name, !manifest->isForCPU())) ||
          failed(emitter.emitShapeEntry(function.name, function.numResultDims())))
        return signalPassFailure();
    emitter.emitManifest(text.getValue());
    emitter.hideOthers();
    module->removeAttr(fgla::kManifestAttrName);
  }
};
} // namespace
