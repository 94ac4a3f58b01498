//===- RecordManifest.cpp - What the entry functions take and return ------===//

#include "dialect/fgla/FGLA.h"
#include "passes/Processors.h"
#include "passes/Symbols.h"
#include "passes/Targets.h"
#include "passes/host/Passes.h"
#include "passes/kernel/KernelList.h"
#include "runtime/fgla.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"

namespace fgla::host {
#define GEN_PASS_DEF_RECORDMANIFEST
#include "passes/host/Passes.h.inc"
} // namespace fgla::host

using namespace mlir;
namespace json = llvm::json;

/// The manifest's name of an element type, or empty.
static StringRef dtypeName(Type type) {
  if (type.isF64())
    return "f64";
  if (type.isF32())
    return "f32";
  if (type.isF16())
    return "f16";
  if (type.isBF16())
    return "bf16";
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return {};
  if (integer.isUnsigned())
    return integer.getWidth() == 8 ? "u8" : "";
  switch (integer.getWidth()) {
  case 1:
    return "bool";
  case 8:
    return "i8";
  case 16:
    return "i16";
  case 32:
    return "i32";
  case 64:
    return "i64";
  default:
    return {};
  }
}

namespace {
/// The arguments or the results of one function.
struct Values {
  mutable func::FuncOp function;
  StringRef kind; // "argument" or "result"
  TypeRange types;
  ArrayAttr attributes; // may be null

  DictionaryAttr attributesOf(unsigned i) const {
    return attributes ? cast<DictionaryAttr>(attributes[i]) : DictionaryAttr::get(function.getContext());
  }

  FailureOr<json::Value> write(unsigned i, llvm::StringSet<> &names) const;
  FailureOr<json::Array> write() const;
};
} // namespace

FailureOr<json::Value> Values::write(unsigned i, llvm::StringSet<> &names) const {
  auto name = attributesOf(i).getAs<StringAttr>(fgla::kNameAttrName);
  std::string text = name ? name.str() : ((kind == "argument" ? "arg" : "result") + Twine(i)).str();
  auto fail = [&](const Twine &rule) -> FailureOr<json::Value> {
    return function.emitOpError() << kind << " '" << text << "' " << rule;
  };
  if (!names.insert(text).second)
    return fail("has the name of another " + kind);
  auto tensor = dyn_cast<RankedTensorType>(types[i]);
  std::string printed;
  llvm::raw_string_ostream(printed) << types[i];
  if (!tensor)
    return fail("must be a ranked tensor, got " + printed);
  if (tensor.getEncoding())
    return fail("must be a tensor without encoding, got " + printed);
  StringRef dtype = dtypeName(tensor.getElementType());
  if (dtype.empty())
    return fail("must hold f64, f32, f16, bf16, i64, i32, i16, i8, ui8 or i1, got " + printed);
  if (tensor.getRank() > FGLA_MAX_RANK)
    return fail("must have rank <= " + Twine(FGLA_MAX_RANK) + ", got " + printed);
  auto dims = attributesOf(i).getAs<ArrayAttr>(fgla::kDimsAttrName);

  json::Array shape;
  for (int64_t d = 0; d < tensor.getRank(); ++d) {
    auto symbol = dims ? cast<StringAttr>(dims[d]) : StringAttr();
    if (!tensor.isDynamicDim(d))
      shape.push_back(tensor.getDimSize(d));
    else
      shape.push_back(symbol && !symbol.empty() ? json::fixUTF8(symbol) : "?");
  }
  return json::Value(json::Object{{"name", json::fixUTF8(text)}, {"dtype", dtype}, {"shape", std::move(shape)}});
}

FailureOr<json::Array> Values::write() const {
  json::Array list;
  llvm::StringSet<> names;
  for (unsigned i = 0; i < types.size(); ++i) {
    FailureOr<json::Value> value = write(i, names);
    if (failed(value))
      return failure();
    list.push_back(std::move(*value));
  }
  return list;
}

static FailureOr<json::Value> describe(func::FuncOp function) {
  FailureOr<json::Array> args =
      Values{function, "argument", function.getArgumentTypes(), function.getArgAttrsAttr()}.write();
  FailureOr<json::Array> results =
      Values{function, "result", function.getResultTypes(), function.getResAttrsAttr()}.write();
  if (failed(args) || failed(results))
    return failure();
  return json::Value(json::Object{{"name", json::fixUTF8(function.getName())},
                                  {"entry", fgla::getEntrySymbol(function.getName())},
                                  {"shape", fgla::getShapeSymbol(function.getName())},
                                  {"args", std::move(*args)},
                                  {"results", std::move(*results)}});
}

static FailureOr<json::Array> describeKernels(ModuleOp module) {
  json::Array list;
  for (LLVM::LLVMFuncOp kernel : fgla::kernel::getKernels(module)) {
    auto block = fgla::kernel::getBlock(kernel);
    if (failed(block))
      return failure();
    auto code = kernel->getParentOfType<gpu::GPUModuleOp>();
    json::Object object{{"name", json::fixUTF8(kernel.getName())},
                        {"image", fgla::getImageSymbol(code.getName())},
                        {"block", json::Array{(*block)[0], (*block)[1], (*block)[2]}},
                        {"shared", fgla::kernel::getSharedBytes(kernel)}};
    if (kernel->hasAttr(fgla::kDependentAttrName))
      object["dependent"] = true;
    list.push_back(std::move(object));
  }
  return list;
}

namespace {
struct RecordManifest : fgla::host::impl::RecordManifestBase<RecordManifest> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    json::Array functions;
    for (auto function : module.getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isDeclaration() || function->hasAttr(fgla::kShapeFunctionAttrName))
        continue;
      FailureOr<json::Value> value = describe(function);
      if (failed(value))
        return signalPassFailure();
      functions.push_back(std::move(*value));
    }
    if (functions.empty()) {
      module.emitError("the module has no public function to compile");
      return signalPassFailure();
    }
    fgla::TargetAttr target = fgla::getTarget(module);
    bool isForGPU = fgla::getGPUTarget(module);
    json::Array extensions;
    if (!isForGPU)
      for (std::string &name : fgla::getRequiredExtensions(target))
        extensions.push_back(std::move(name));
    json::Object manifest{{"abi", FGLA_ABI_VERSION},
                          {"target", isForGPU ? target.getName() : "cpu"},
                          {"compiler", "fgla " FGLA_VERSION},
                          {"requires", std::move(extensions)},
                          {"functions", std::move(functions)}};
    if (isForGPU) {
      FailureOr<json::Array> kernels = describeKernels(module);
      if (failed(kernels))
        return signalPassFailure();
      manifest["kernels"] = std::move(*kernels);
    }
    std::string text;
    llvm::raw_string_ostream(text) << json::Value(std::move(manifest));
    module->setAttr(fgla::kManifestAttrName, StringAttr::get(&getContext(), text));
    SymbolTable symbols(module);
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (!function.isDeclaration() && failed(symbols.rename(function, fgla::getInternalName(function.getName()))))
        return signalPassFailure();
  }
};
} // namespace
