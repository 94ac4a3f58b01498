//===- fgla-compile.cpp - From a model to an artifact ---------------------===//

#include "passes/Targets.h"
#include "passes/binary/ObjectFile.h"
#include "runtime/Manifest.h"
#include "support/WriteFile.h"
#include "tools/fgla-compile/Supervise.h"
#include "tools/fgla-compile/Tune.h"
#include "tools/support/Startup.h"
#include "tools/support/ToolSupport.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fgla;
using fgla::runtime::Result;
using fgla::runtime::Status;
using fgla::tools::fail;

static cl::OptionCategory category("fgla-compile options");
static cl::opt<std::string> inputPath(cl::Positional, cl::desc("FILE.mlir|FILE.onnx|-"), cl::cat(category));
static cl::opt<std::string> inputName("input-name",
                                      cl::desc("the name of what is read from stdin (-); its ending says what it is"),
                                      cl::value_desc("NAME"), cl::init("stdin.mlir"), cl::cat(category));
static cl::opt<std::string>
    outputPath("o",
               cl::desc("what to write: an artifact (.so), an object file (.o), text (.mlir, .ll, or - for "
                        "stdout), the kernels alone (.ptx, .cubin), or an ONNX model written back (.onnx)"),
               cl::value_desc("FILE"), cl::cat(category));
static cl::opt<std::string> headerPath("header",
                                       cl::desc("also write a C header that declares the artifact's functions"),
                                       cl::value_desc("FILE.h"), cl::cat(category));
static cl::opt<std::string> target("target", cl::desc("machine to compile for: cpu, or a GPU (sm_80 ... sm_121a)"),
                                   cl::init("cpu"), cl::cat(category));
static cl::opt<std::string> cpu("cpu",
                                cl::desc("processor to compile for, as LLVM names it (x86-64-v3); without, this one"),
                                cl::value_desc("NAME"), cl::cat(category));
static cl::opt<std::string> lowering("lowering",
                                     cl::desc("tiled: chunkwise kernels; reference: the plain recurrence; roles: the "
                                              "kernels of a GPU, a thread for each role"),
                                     cl::init("tiled"), cl::cat(category));
static cl::opt<std::string> compileFrom("compile-from", cl::desc("the phase that the input is in already"),
                                        cl::value_desc("PHASE"), cl::init("import"), cl::cat(category));
static cl::opt<std::string> compileTo("compile-to",
                                      cl::desc("stop after import, graph, schedule, tiled, reference, "
                                               "kernel or binary"),
                                      cl::value_desc("PHASE"), cl::cat(category));
static cl::opt<std::string> dumpDir("dump-phases", cl::desc("write the module after each phase to DIR"),
                                    cl::value_desc("DIR"), cl::cat(category));
static cl::opt<std::string> reportFormat("report", cl::desc("print what became of the kernels to stdout"),
                                         cl::value_desc("json|md"), cl::cat(category));
static cl::opt<int64_t>
    segments("segments",
             cl::desc("parts of a sequence that run in parallel (0: decided at launch, -1: the schedule's choice)"),
             cl::init(-1), cl::cat(category));
static cl::opt<std::string>
    schedule("schedule", cl::desc("members of the schedule, tile=16,stages=4,matrix=8,... (docs/schedules.md)"),
             cl::value_desc("NAME=N,..."), cl::cat(category));
static cl::opt<int64_t> tile("tile", cl::desc("tokens that a kernel computes together (0: the schedule's choice)"),
                             cl::init(0), cl::cat(category));
static cl::opt<std::string> precision("precision",
                                      cl::desc("how exactly a GPU multiplies tensors of f32: f32, or tf32, which is "
                                               "faster and less exact (docs/semantics.md)"),
                                      cl::init("f32"), cl::cat(category));
static cl::opt<std::string> tuned("tuned", cl::desc("table of tuned schedules: a file, none, or what the compiler has"),
                                  cl::value_desc("FILE|none"), cl::cat(category));
static cl::list<std::string> shapes("shape", cl::desc("sizes of the dynamic dims, for --report; --tune takes several"),
                                    cl::value_desc("B=1,T=4096"), cl::cat(category));
static cl::opt<std::string> exportForm(
    "export",
    cl::desc("write a program of fgla as an ONNX model (-o FILE.onnx): with LinearAttention of opset 27, a "
             "function of older operators, ONNX Runtime's own operator, or as a node for libfgla_onnxruntime "
             "(docs/onnx-export.md)"),
    cl::value_desc("onnx27|function|ort-contrib|custom-op"), cl::cat(category));

static cl::opt<bool> tuneIt("tune",
                            cl::desc("time schedules on this machine's GPU; -o FILE.txt is a table of tuned schedules "
                                     "that the fastest is put into"),
                            cl::cat(category));
static cl::opt<bool> tuneDryRun("tune-dry-run", cl::desc("what --tune would try, and what is predicted for it"),
                                cl::cat(category));
static cl::opt<bool> checkRaces("check-races",
                                cl::desc("kernels in a form that race checkers follow (docs/debugging.md); slower"),
                                cl::cat(category));

static cl::opt<bool> useCache("cache", cl::desc("take the artifact from the cache of compiled code, or put it there"),
                              cl::cat(category));

static cl::opt<bool> gradient("gradient",
                              cl::desc("make NAME_forward and NAME_backward of each function NAME, for its gradients"),
                              cl::cat(category));
static cl::opt<std::string> gradientOf("gradient-of", cl::desc("results that have a gradient (all)"),
                                       cl::value_desc("NAME,..."), cl::cat(category));
static cl::opt<std::string> gradientWrt("gradient-wrt", cl::desc("arguments whose gradients are wanted (all)"),
                                        cl::value_desc("NAME,..."), cl::cat(category));
static cl::opt<std::string>
    memory("memory", cl::desc("what NAME_forward keeps for NAME_backward: min (nothing), balanced, or speed (all)"),
           cl::value_desc("min|balanced|speed"), cl::cat(category));

static Status getGradientOptions(PhaseOptions &phases) {
  if (!gradient && (!gradientOf.empty() || !gradientWrt.empty() || !memory.empty()))
    return Status(FGLA_INVALID_ARGUMENT, "--gradient-of, --gradient-wrt and --memory go with --gradient");
  phases.gradient = gradient;
  phases.gradientOf = gradientOf;
  phases.gradientWrt = gradientWrt;
  if (memory.empty())
    return {};
  Result<Memory> parsed = tools::parseMemory(memory);
  if (!parsed.ok())
    return parsed.status();
  phases.memory = *parsed;
  return {};
}

static Result<CompileOptions> getOptions(bool wantsText) {
  CompileOptions options;
  Result<Lowering> parsed = tools::parseLowering(lowering);
  if (!parsed.ok())
    return parsed.status();
  options.phases.lowering = *parsed;
  Result<Precision> parsedPrecision = tools::parsePrecision(precision);
  if (!parsedPrecision.ok())
    return parsedPrecision.status();
  options.phases.precision = *parsedPrecision;
  if (tile < 0)
    return Status(FGLA_INVALID_ARGUMENT, "--tile must be >= 0, got " + std::to_string(tile));
  options.phases.tile = tile;
  if (segments < -1)
    return Status(FGLA_INVALID_ARGUMENT, "--segments must be >= -1, got " + std::to_string(segments));
  options.phases.segments = segments;
  options.phases.schedule = schedule;
  options.phases.tuned = tuned;
  options.phases.checkRaces = checkRaces;
  if (Status status = getGradientOptions(options.phases); !status.ok())
    return status;
  options.target = target;
  options.cpu = cpu;
  options.dumpDir = dumpDir;
  Result<Phase> from = tools::parsePhase(compileFrom);
  if (!from.ok())
    return from.status();
  options.from = *from;
  options.to = wantsText ? Phase::Kernel : Phase::Binary;
  if (!compileTo.empty()) {
    Result<Phase> to = tools::parsePhase(compileTo);
    if (!to.ok())
      return to.status();
    options.to = *to;
  }
  return options;
}

/// Options that would have no effect, and outputs that would overwrite the input.
static Status checkOptions() {
  auto refuse = [](const cl::Option &option, const Twine &reason) {
    return Status(FGLA_INVALID_ARGUMENT, ("--" + option.ArgStr + " " + reason).str());
  };
  if (!findGPUTarget(target))
    for (const cl::Option *option : std::initializer_list<const cl::Option *>{&tuned, &checkRaces})
      if (option->getNumOccurrences())
        return refuse(*option, "is for a GPU's kernels, got the target '" + target + "'");
  if (lowering == "reference")
    for (const cl::Option *option : std::initializer_list<const cl::Option *>{&tile, &segments, &schedule})
      if (option->getNumOccurrences())
        return refuse(*option, "is for kernels, and the lowering 'reference' has none");
  if (!headerPath.empty() && headerPath == outputPath)
    return refuse(headerPath, "is the file of -o: give another file");
  if (Status status = tools::checkOverwrites("-o", outputPath, {inputPath}); !status.ok())
    return status;
  return tools::checkOverwrites("--header", headerPath, {inputPath});
}

/// Writes text to a file, or to stdout for "-".
static Status write(const std::string &path, std::string_view text) {
  if (path != "-")
    return runtime::writeFileAtomically(path, {&text, 1});
  outs() << text;
  return {};
}

static Result<Source> readInput() {
  if (inputPath != "-")
    return readSource(inputPath);
  ErrorOr<std::unique_ptr<MemoryBuffer>> bytes = MemoryBuffer::getSTDIN();
  if (!bytes)
    return Status(FGLA_IO_ERROR, "cannot read stdin: " + bytes.getError().message());
  return makeSource(inputName, (*bytes)->getBuffer().str());
}

static Status writeText(const Source &source, const CompileOptions &options) {
  Result<std::string> text = compileToText(source, options);
  return text.ok() ? write(outputPath.empty() ? "-" : outputPath.getValue(), *text) : text.status();
}

static Status writeModel(const Source &source) {
  Result<std::string> bytes = writeONNX(source, sys::path::parent_path(outputPath), exportForm);
  return bytes.ok() ? write(outputPath, *bytes) : bytes.status();
}

static Status writeLLVM(const Source &source, const CompileOptions &options) {
  Result<std::string> text = compileToLLVMText(source, options);
  return text.ok() ? write(outputPath, *text) : text.status();
}

/// The code of the kernels, without what launches them.
static Status writeKernels(ArrayRef<binary::DeviceCode> device, bool isText) {
  if (device.empty())
    return Status(FGLA_INVALID_ARGUMENT, "there are no kernels for a GPU to write to '" + outputPath + "'");
  if (isText)
    return write(outputPath, join(map_range(device, [](const binary::DeviceCode &code) { return code.ptx; }), "\n"));
  if (device.size() > 1)
    return Status(FGLA_INVALID_ARGUMENT,
                  "a .cubin holds one GPU module, and there are " + std::to_string(device.size()));
  if (device.front().cubin.empty())
    return Status(FGLA_NOT_FOUND, device.front().whyNoCubin);
  return write(outputPath, device.front().cubin);
}

static Status writeOutput(const Compiled &compiled, StringRef kind) {
  if (kind == ".ptx" || kind == ".cubin")
    return writeKernels(compiled.device, kind == ".ptx");
  std::string header;
  if (!headerPath.empty()) {
    Result<std::string> text = binary::makeHeader(compiled.manifest, sys::path::stem(headerPath));
    if (!text.ok())
      return text.status();
    header = *text;
  }
  auto writeArtifact = [&] {
    return kind == ".so" ? binary::linkSharedObject(compiled.object, outputPath) : write(outputPath, compiled.object);
  };
  if (headerPath.empty())
    return writeArtifact();
  // Both or none: the header gets its name when the artifact is there.
  std::string_view chunk = header;
  Result<runtime::PendingFile> pending = runtime::PendingFile::write(headerPath, {&chunk, 1});
  if (!pending.ok())
    return pending.status();
  Status status = writeArtifact();
  return status.ok() ? pending->commit() : status;
}

/// Every size that is given must be one of an argument, and no argument larger than memory can be.
static Status checkSizes(StringRef manifest, const tools::Sizes &sizes) {
  Result<runtime::Manifest> parsed = runtime::Manifest::parse(manifest);
  if (!parsed.ok())
    return parsed.status();
  StringSet<> names;
  for (const runtime::FunctionSpec &function : parsed->functions)
    for (const runtime::ValueSpec &argument : function.args)
      for (const runtime::DimSpec &dim : argument.dims)
        if (!dim.isStatic())
          names.insert(dim.symbol);
  constexpr int64_t kMostBytes = int64_t(1) << 47;
  for (const runtime::FunctionSpec &function : parsed->functions)
    for (const runtime::ValueSpec &argument : function.args) {
      std::vector<int64_t> shape;
      for (const runtime::DimSpec &dim : argument.dims)
        shape.push_back(dim.isStatic() ? dim.size : sizes.count(dim.symbol) ? sizes.find(dim.symbol)->second : 1);
      std::optional<int64_t> bytes = runtime::byteSize(argument.dtype, shape);
      if (!bytes || *bytes > kMostBytes)
        return Status(FGLA_INVALID_ARGUMENT, "--shape is out of range: argument " + runtime::quote(argument.name) +
                                                 " would take more than 2^47 bytes");
    }
  for (const auto &[name, size] : sizes)
    if (!names.contains(name))
      return Status(FGLA_INVALID_ARGUMENT,
                    "--shape gives a size for " + runtime::quote(name) + ", which no argument has");
  return {};
}

/// What only a compilation gives is not in the cache.
static Status checkCache(StringRef kind) {
  if (kind != ".so")
    return Status(FGLA_INVALID_ARGUMENT, "--cache is for an output file that ends in .so");
  for (const cl::Option *option : std::initializer_list<const cl::Option *>{&headerPath, &reportFormat, &dumpDir})
    if (option->getNumOccurrences())
      return Status(FGLA_INVALID_ARGUMENT, ("--cache and --" + option->ArgStr + " exclude each other").str());
  return {};
}

static Status writeCached(const Source &source, const CompileOptions &options) {
  Result<std::string> artifact = compileCached(source, options);
  return artifact.ok() ? write(outputPath, *artifact) : artifact.status();
}

static Status writeBinary(const Source &source, const CompileOptions &options, StringRef kind) {
  Result<Compiled> compiled = compile(source, options);
  if (!compiled.ok())
    return compiled.status();
  if (Status status = checkSizes(compiled->manifest, options.shape); !status.ok())
    return status;
  if (!outputPath.empty())
    if (Status status = writeOutput(*compiled, kind); !status.ok())
      return status;
  if (reportFormat == "json")
    outs() << formatv("{0:2}\n", json::Value(std::move(compiled->report)));
  else if (reportFormat == "md")
    outs() << binary::formatReport(compiled->report);
  return {};
}

/// What `--shape` says, in order.
static Result<std::vector<tools::Sizes>> parseShapes() {
  std::vector<tools::Sizes> parsed;
  for (const std::string &text : shapes) {
    Result<tools::Sizes> sizes = tools::parseSizes(text);
    if (!sizes.ok())
      return sizes.status();
    for (const auto &[name, size] : *sizes)
      if (size < 1)
        return Status(FGLA_INVALID_ARGUMENT,
                      "--shape is out of range: " + runtime::quote(name) + " must be at least 1, got 0");
    parsed.push_back(std::move(*sizes));
  }
  if (parsed.size() > 1 && !tuneIt && !tuneDryRun)
    return Status(FGLA_INVALID_ARGUMENT, "a report is for one --shape, got " + std::to_string(parsed.size()));
  if (!parsed.empty() && reportFormat.empty() && !tuneIt && !tuneDryRun)
    return Status(FGLA_INVALID_ARGUMENT, "--shape goes with --report or --tune");
  return parsed;
}

static Status runTuner() {
  tools::TuneOptions options;
  Result<std::vector<tools::Sizes>> sizes = parseShapes();
  if (!sizes.ok())
    return sizes.status();
  options.shapes = std::move(*sizes);
  if (options.shapes.empty())
    return Status(FGLA_INVALID_ARGUMENT, "--tune needs a --shape: sizes of the dynamic dims, B=8,T=2048");
  if (!findGPUTarget(target))
    return Status(FGLA_INVALID_ARGUMENT, "--tune is for a GPU's schedules, got the target '" + target + "'");
  if (!outputPath.empty() && sys::path::extension(outputPath) != ".txt")
    return Status(FGLA_INVALID_ARGUMENT, "the table of --tune must end in .txt, got '" + outputPath + "'");
  Result<CompileOptions> compile = getOptions(/*wantsText=*/false);
  if (!compile.ok())
    return compile.status();
  options.compile = std::move(*compile);
  options.isDryRun = tuneDryRun;
  options.tablePath = outputPath;
  Result<Source> source = readInput();
  return source.ok() ? tools::tune(*source, options) : source.status();
}

int main(int argc, char **argv) {
  tools::superviseIfAsked(argc, argv);
  tools::startTool();
  InitLLVM init(argc, argv);
  tools::endOnFatalErrors();
  tools::parseCommandLine(argc, argv, category,
                          "compiles a model\n\n"
                          "  fgla-compile block.mlir -o block.so --header=block.h\n"
                          "  fgla-compile block.mlir -o block.so --cpu=x86-64-v3\n"
                          "  fgla-compile model.onnx --compile-to=graph\n"
                          "  fgla-compile block.mlir -o block.so --dump-phases=phases\n"
                          "  fgla-compile block.mlir -o block.so --gradient --header=block.h\n"
                          "  fgla-compile block.mlir -o block.so --target=sm_90a --report=md --shape=B=8,T=2048\n"
                          "  fgla-compile block.mlir --target=sm_90a --tune --shape=B=8,T=2048 -o tuned.txt\n");
  if (inputPath.empty())
    return fail("no input file (see --help)");
  if (tuneIt || tuneDryRun) {
    Status status = runTuner();
    return status.ok() ? 0 : fail(status);
  }
  if (!reportFormat.empty() && reportFormat != "json" && reportFormat != "md")
    return fail("--report must be 'json' or 'md', got '" + reportFormat + "'");
  static constexpr StringRef binaries[] = {".so", ".o", ".ptx", ".cubin"};
  StringRef kind = outputPath == "-" ? ".mlir" : sys::path::extension(outputPath);
  bool stopsEarly = !compileTo.empty() && compileTo != "binary";
  if (outputPath.empty() && (stopsEarly || compileTo.empty()) && !(compileTo.empty() && dumpDir.empty()))
    kind = ".mlir";
  if (outputPath.empty() && !reportFormat.empty() && !stopsEarly)
    kind = ".o";
  if (outputPath.empty() && kind.empty())
    return fail("no output file: give -o FILE.so, FILE.o, FILE.mlir or FILE.ll");
  if (!is_contained(binaries, kind) && kind != ".mlir" && kind != ".ll" && kind != ".onnx")
    return fail("output file '" + outputPath + "' must end in .so, .o, .mlir, .ll, .ptx, .cubin or .onnx");
  if (!reportFormat.empty() && !is_contained(binaries, kind))
    return fail(
        "--report tells of machine code: it goes with an output file that ends in .so, .o, .ptx or .cubin, or none");
  if (stopsEarly && kind != ".mlir")
    return fail("--compile-to=" + compileTo + " gives text: output file '" + outputPath + "' must end in .mlir");
  if (kind == ".mlir" && compileTo == "binary")
    return fail("--compile-to=binary gives machine code: output file '" + outputPath + "' must end in .so or .o");
  if (!exportForm.empty() && kind != ".onnx")
    return fail("--export needs an output file that ends in .onnx");
  if (!headerPath.empty() && kind != ".so" && kind != ".o")
    return fail("--header needs an output file that ends in .so or .o");
  if (useCache)
    if (Status status = checkCache(kind); !status.ok())
      return fail(status);

  if (Status status = checkOptions(); !status.ok())
    return fail(status);
  Result<CompileOptions> options = getOptions(kind == ".mlir");
  if (!options.ok())
    return fail(options.status());
  Result<std::vector<tools::Sizes>> sizes = parseShapes();
  if (!sizes.ok())
    return fail(sizes.status());
  if (!sizes->empty())
    options->shape = sizes->front();
  Result<Source> source = readInput();
  if (!source.ok())
    return fail(source.status());
  Status status;
  {
    tools::Progress progress(*options);
    if (kind == ".mlir")
      status = writeText(*source, *options);
    else if (kind == ".onnx")
      status = writeModel(*source);
    else if (kind == ".ll")
      status = writeLLVM(*source, *options);
    else if (useCache)
      status = writeCached(*source, *options);
    else
      status = writeBinary(*source, *options, kind);
  }
  if (!status.ok())
    return fail(status);
  tools::reportDone();
  return 0;
}
