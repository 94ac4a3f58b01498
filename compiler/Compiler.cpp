//===- Compiler.cpp - From a file to an artifact --------------------------===//

#include "compiler/Compiler.h"
#include "compiler/Cache.h"
#include "compiler/CacheKey.h"
#include "compiler/Registration.h"
#include "compiler/SourceNames.h"
#include "compiler/TextDepth.h"
#include "dialect/fgla/FGLA.h"
#include "passes/Processors.h"
#include "passes/Symbols.h"
#include "passes/Targets.h"
#include "passes/binary/ObjectFile.h"
#include "passes/graph/Passes.h"
#include "passes/onnx/Passes.h"
#include "runtime/File.h"
#include "support/WriteFile.h"

#ifdef FGLA_ONNX
#include "frontends/onnx/Export.h"
#include "frontends/onnx/Import.h"
#endif

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using fgla::CompileOptions;
using fgla::Phase;
using fgla::Source;
using fgla::runtime::Result;
using fgla::runtime::Status;

//===----------------------------------------------------------------------===//
// Diagnostics
//===----------------------------------------------------------------------===//

namespace {
/// Turns what passes report into one Status. Warnings and remarks go to stderr,
/// one line each.
class Diagnostics {
public:
  explicit Diagnostics(MLIRContext &context)
      : handler(&context, [this](Diagnostic &diagnostic) { return handle(diagnostic); }) {}

  bool hasError() const { return !first.empty(); }
  /// The first error, or `otherwise` if none was reported.
  Status status(StringRef otherwise) const {
    return Status(FGLA_INVALID_ARGUMENT, first.empty() ? otherwise.str() : first);
  }

private:
  LogicalResult handle(Diagnostic &diagnostic);

  ScopedDiagnosticHandler handler;
  std::string first;
};
} // namespace

/// "file.mlir:3:8: ", or empty where nothing is known. An op that a pass made
/// of several names the first.
static std::string locationText(Location loc) {
  std::string text;
  loc->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file)
      return WalkResult::advance();
    llvm::raw_string_ostream(text) << file.getFilename().getValue() << ":" << file.getLine() << ":" << file.getColumn()
                                   << ": ";
    return WalkResult::interrupt();
  });
  return text;
}

/// Text on one line.
static std::string oneLine(std::string text) {
  std::string result;
  for (char c : StringRef(text).trim().str())
    if (c != '\n')
      result += c;
    else if (!StringRef(result).ends_with(" "))
      result += ' ';
  return result;
}

LogicalResult Diagnostics::handle(Diagnostic &diagnostic) {
  std::string text = oneLine(locationText(diagnostic.getLocation()) + diagnostic.str());
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    if (first.empty())
      first = text;
    break;
  case DiagnosticSeverity::Warning:
    llvm::errs() << "warning: " << text << "\n";
    break;
  case DiagnosticSeverity::Remark:
    llvm::errs() << "remark: " << text << "\n";
    break;
  case DiagnosticSeverity::Note:
    break;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Import
//===----------------------------------------------------------------------===//

Result<Source> fgla::makeSource(std::string path, std::string bytes) {
  Source source{std::move(path), std::move(bytes)};
  StringRef extension = llvm::sys::path::extension(source.path);
  if (extension == ".onnx" || extension == ".onnxtxt")
    source.kind = Source::Kind::ONNX;
  else if (extension != ".mlir" && extension != ".mlirbc")
    return Status(FGLA_INVALID_ARGUMENT,
                  "file " + runtime::quote(source.path) + " must end in .mlir, .mlirbc, .onnx or .onnxtxt");
  return source;
}

Result<Source> fgla::readSource(const std::string &path) {
  Result<Source> source = makeSource(path, "");
  if (!source.ok())
    return source;
  Result<runtime::File> file = runtime::File::openForRead(path);
  if (!file.ok())
    return file.status();
  source->bytes.resize(file->size());
  if (Status status = file->readAt(0, source->bytes.data(), source->bytes.size()); !status.ok())
    return status;
  return source;
}

std::unique_ptr<MLIRContext> fgla::makeContext() {
  DialectRegistry registry;
  registerAllDialects(registry);
  return std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
}

static bool isBytecode(const Source &source) { return StringRef(source.bytes).starts_with("ML\xefR"); }

/// How deep regions are nested, without recursion.
static size_t regionDepth(Operation *root) {
  size_t deepest = 0;
  SmallVector<std::pair<Operation *, size_t>> rest{{root, 1}};
  while (!rest.empty()) {
    auto [op, depth] = rest.pop_back_val();
    deepest = std::max(deepest, depth);
    for (Region &region : op->getRegions())
      for (Operation &inner : region.getOps())
        if (inner.getNumRegions() > 0)
          rest.push_back({&inner, depth + 1});
  }
  return deepest;
}

static OwningOpRef<ModuleOp> parseText(const Source &source, MLIRContext &context) {
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(source.bytes, source.path);
  const llvm::MemoryBuffer &text = *buffer;
  llvm::SourceMgr manager;
  manager.AddNewSourceBuffer(std::move(buffer), SMLoc());
  AsmParserState names;
  Block block;
  ParserConfig config(&context);
  if (isBytecode(source))
    return parseSourceFile<ModuleOp>(manager, config);
  if (failed(parseAsmSourceFile(manager, &block, config, &names)))
    return {};
  OwningOpRef<ModuleOp> module = detail::constructContainerOpForParserIfNecessary<ModuleOp>(
      &block, &context, FileLineColLoc::get(&context, source.path, 1, 1));
  if (module)
    fgla::nameFromSource(*module, names, text);
  return module;
}

Result<OwningOpRef<ModuleOp>> fgla::importSource(const Source &source, MLIRContext &context) {
  Diagnostics diagnostics(context);
  OwningOpRef<ModuleOp> module;
  if (source.kind == Source::Kind::MLIR) {
    bool isTooDeep = !isBytecode(source) && isNestedTooDeep(source.bytes);
    if (!isTooDeep)
      module = parseText(source, context);
    if (isTooDeep || (module && regionDepth(*module) > kMaxDepth))
      return Status(FGLA_INVALID_ARGUMENT,
                    "file " + runtime::quote(source.path) + " is nested deeper than " + std::to_string(kMaxDepth));
  } else {
#ifdef FGLA_ONNX
    onnx::loadImportDialects(context);
    module = onnx::importONNXFromMemory(source.bytes, StringRef(source.path).ends_with(".onnxtxt"),
                                        llvm::sys::path::parent_path(source.path), context);
    if (!module) // what the reader says has no place in the file
      return Status(FGLA_INVALID_ARGUMENT,
                    "file " + runtime::quote(source.path) + ": " + diagnostics.status("cannot be read").message());
#else
    return Status(FGLA_UNSUPPORTED,
                  "file " + runtime::quote(source.path) + ": this build has no ONNX frontend (FGLA_ONNX)");
#endif
  }
  if (!module || diagnostics.hasError())
    return diagnostics.status("file " + runtime::quote(source.path) + " cannot be read");
  return module;
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

static Status dump(ModuleOp module, const CompileOptions &options, unsigned position, Phase phase) {
  if (options.dumpDir.empty())
    return {};
  if (std::error_code code = llvm::sys::fs::create_directories(options.dumpDir, true, llvm::sys::fs::perms::all_all))
    return Status(FGLA_IO_ERROR, "cannot make folder " + fgla::runtime::quote(options.dumpDir) + ": " + code.message());
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(64);
  flags.elideLargeResourceString(64);
  module->print(stream, flags);
  stream << "\n";
  std::string_view chunk = text;
  std::string name = (options.dumpDir + "/" + Twine(position) + "." + fgla::stringifyPhase(phase) + ".mlir").str();
  return fgla::runtime::writeFileAtomically(name, {&chunk, 1});
}

Status fgla::runPhases(ModuleOp module, const CompileOptions &given) {
  MLIRContext &context = *module.getContext();
  CompileOptions options = given;
  options.phases.gpu = findGPUTarget(options.target) != nullptr;
  if (options.phases.gpu && options.phases.lowering == Lowering::Roles)
    return Status(FGLA_INVALID_ARGUMENT, "the lowering 'roles' runs roles on the CPU, got the target '" +
                                             options.target + "', which has them in any case");
  ArrayRef<Phase> phases = getPhases(options.phases.lowering, options.phases.gpu);
  for (Phase phase : {options.from, options.to})
    if (!llvm::is_contained(phases, phase))
      return Status(FGLA_INVALID_ARGUMENT, ("the lowering '" + stringifyLowering(options.phases.lowering) +
                                            "' has no phase '" + stringifyPhase(phase) + "'")
                                               .str());
  if (options.from > options.to)
    return Status(FGLA_INVALID_ARGUMENT, ("cannot compile from phase '" + stringifyPhase(options.from) +
                                          "' to the earlier phase '" + stringifyPhase(options.to) + "'")
                                             .str());
  Result<TargetAttr> target = getTarget(context, options.target);
  if (target.ok() && !options.cpu.empty())
    target = withProcessor(*target, options.cpu);
  if (!target.ok())
    return target.status();
  if (auto given = module->getAttrOfType<TargetAttr>(fgla::kTargetAttrName);
      given && given.getName() != options.target) {
    Diagnostics diagnostics(context);
    module->emitWarning() << "'" << fgla::kTargetAttrName << "' of the module is '" << given.getName()
                          << "', and has no effect: it is compiled for '" << options.target << "'";
  }
  module->setAttr(fgla::kTargetAttrName, *target);
  if (!options.shape.empty()) {
    Builder builder(&context);
    SmallVector<NamedAttribute> sizes;
    for (const auto &[name, size] : options.shape)
      sizes.push_back(builder.getNamedAttr(name, builder.getI64IntegerAttr(size)));
    module->setAttr(fgla::kShapeAttrName, builder.getDictionaryAttr(sizes));
  }
  unsigned position = 0;
  for (Phase phase : phases) {
    ++position;
    if (phase < options.from || phase > options.to || phase == Phase::Binary)
      continue;
    if (phase > options.from) {
      if (options.progress)
        options.progress(stringifyPhase(phase));
      Diagnostics diagnostics(context);
      PassManager manager(&context);
      buildPhase(manager, phase, options.phases);
      // A pass may report an error and succeed all the same.
      if (failed(manager.run(module)) || diagnostics.hasError())
        return diagnostics.status(("phase '" + stringifyPhase(phase) + "' failed").str());
    }
    if (Status status = dump(module, options, position, phase); !status.ok())
      return status;
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

/// The module of the source, after the phases that the options ask for.
static Result<OwningOpRef<ModuleOp>> importAndRun(const Source &source, const CompileOptions &options,
                                                  MLIRContext &context) {
  Result<OwningOpRef<ModuleOp>> module = importSource(source, context);
  if (!module.ok())
    return module;
  if (Status status = runPhases(**module, options); !status.ok())
    return status;
  return module;
}

Result<std::string> fgla::compileToText(const Source &source, const CompileOptions &options) {
  std::unique_ptr<MLIRContext> context = makeContext();
  Result<OwningOpRef<ModuleOp>> module = importAndRun(source, options, *context);
  if (!module.ok())
    return module.status();
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*module)->print(stream);
  stream << "\n";
  return text;
}

Result<std::string> fgla::writeONNX(const Source &source, StringRef folder, StringRef form) {
#ifdef FGLA_ONNX
  std::unique_ptr<MLIRContext> context = makeContext();
  Result<OwningOpRef<ModuleOp>> module = importSource(source, *context);
  if (!module.ok())
    return module.status();
  Diagnostics diagnostics(*context);
  if (!form.empty()) {
    PassManager manager(context.get());
    onnx::ExportONNXOptions options;
    options.form = form.str();
    manager.addPass(createNameDims());
    manager.addPass(onnx::createExportONNX(options));
    manager.addPass(createCSEPass());
    if (failed(manager.run(**module)))
      return diagnostics.status("cannot be written as an ONNX model");
  }
  std::string bytes;
  if (failed(onnx::exportONNX(**module, folder, bytes)))
    return diagnostics.status("cannot be written as an ONNX model");
  return bytes;
#else
  return Status(FGLA_UNSUPPORTED, "this build has no ONNX frontend (FGLA_ONNX)");
#endif
}

/// The text of the constant `fgla_manifest`.
static std::string findManifest(ModuleOp module) {
  auto global = module.lookupSymbol<LLVM::GlobalOp>(fgla::manifestSymbol);
  auto text = global ? dyn_cast_or_null<StringAttr>(global.getValueOrNull()) : StringAttr();
  return text ? text.getValue().rtrim('\0').str() : "";
}

/// What the code is generated from, next to the dumps of the phases.
static Status dumpLLVM(ModuleOp module, const CompileOptions &options) {
  if (options.dumpDir.empty())
    return {};
  Result<std::string> text = fgla::binary::emitLLVMText(module, fgla::getTarget(module), /*optimized=*/true);
  if (!text.ok())
    return text.status();
  size_t position = fgla::getPhases(options.phases.lowering, fgla::findGPUTarget(options.target) != nullptr).size();
  std::string_view chunk = *text;
  return fgla::runtime::writeFileAtomically((options.dumpDir + "/" + Twine(position) + ".binary.ll").str(),
                                            {&chunk, 1});
}

/// Compiles the kernels of a module for a GPU and puts them into constants of the host's part.
static Status compileKernels(ModuleOp module, const CompileOptions &options, fgla::Compiled &result) {
  if (!fgla::findGPUTarget(options.target))
    return {};
  auto codes = fgla::binary::compileDeviceCode(module, [&](size_t done, size_t all) {
    if (options.progress)
      options.progress(llvm::formatv("kernels, {0} of {1}", done, all).str());
  });
  if (!codes.ok())
    return codes.status();
  result.device = std::move(*codes);
  result.report = fgla::binary::makeReport(module, result.device);
  fgla::binary::embedDeviceCode(module, result.device);
  if (options.dumpDir.empty())
    return {};
  size_t position = fgla::getPhases(options.phases.lowering, /*gpu=*/true).size();
  for (const fgla::binary::DeviceCode &code : result.device) {
    std::string_view chunk = code.ptx;
    std::string name = (options.dumpDir + "/" + Twine(position) + ".binary." + code.module + ".ptx").str();
    if (Status status = fgla::runtime::writeFileAtomically(name, {&chunk, 1}); !status.ok())
      return status;
  }
  return {};
}

Result<fgla::Compiled> fgla::compile(const Source &source, const CompileOptions &options) {
  std::unique_ptr<MLIRContext> context = makeContext();
  Result<OwningOpRef<ModuleOp>> module = importAndRun(source, options, *context);
  if (!module.ok())
    return module.status();
  if (options.progress)
    options.progress(stringifyPhase(Phase::Binary));
  Compiled result;
  result.manifest = findManifest(**module);
  Diagnostics diagnostics(*context);
  if (Status status = compileKernels(**module, options, result); !status.ok())
    return diagnostics.hasError() ? diagnostics.status("") : status;
  if (Status status = dumpLLVM(**module, options); !status.ok())
    return status;
  Result<std::string> object = binary::emitObject(**module, getTarget(**module));
  if (!object.ok())
    return diagnostics.hasError() ? diagnostics.status("") : object.status();
  result.object = std::move(*object);
  return result;
}

Result<std::string> fgla::compileToLLVMText(const Source &source, const CompileOptions &options) {
  std::unique_ptr<MLIRContext> context = makeContext();
  Result<OwningOpRef<ModuleOp>> module = importAndRun(source, options, *context);
  if (!module.ok())
    return module.status();
  Diagnostics diagnostics(*context);
  Compiled kernels;
  if (Status status = compileKernels(**module, options, kernels); !status.ok())
    return diagnostics.hasError() ? diagnostics.status("") : status;
  Result<std::string> text = binary::emitLLVMText(**module, getTarget(**module), /*optimized=*/true);
  return !text.ok() && diagnostics.hasError() ? diagnostics.status("") : text;
}

Result<std::string> fgla::compileCached(const Source &source, const CompileOptions &options) {
  Result<std::string> key = makeCacheKey(source, options);
  if (!key.ok())
    return key.status();
  return Cache().getOrBuild(*key, [&]() -> Result<std::string> {
    Result<Compiled> compiled = compile(source, options);
    return compiled.ok() ? binary::linkSharedObject(compiled->object) : compiled.status();
  });
}

Result<std::unique_ptr<fgla::runtime::Module>> fgla::compileAndLoad(const Source &source,
                                                                    const CompileOptions &options) {
  Result<std::string> artifact = compileCached(source, options);
  if (!artifact.ok())
    return artifact.status();
  return runtime::Module::loadBytes(*artifact);
}
