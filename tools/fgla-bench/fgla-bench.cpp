//===- fgla-bench.cpp - Times a compiled function -------------------------===//

#include "support/WriteFile.h"
#include "tools/fgla-bench/Ceilings.h"
#include "tools/fgla-bench/Work.h"
#include "tools/support/Inputs.h"
#include "tools/support/Program.h"
#include "tools/support/Startup.h"
#include "tools/support/Synthetic.h"
#include "tools/support/ToolSupport.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fgla;
using fgla::runtime::Function;
using fgla::runtime::Module;
using fgla::runtime::Result;
using fgla::runtime::Status;
using fgla::runtime::Tensor;
using fgla::tools::fail;

static cl::OptionCategory category("fgla-bench options");
static cl::opt<std::string> inputPath(cl::Positional, cl::desc("FILE.mlir|FILE.onnx|ARTIFACT.so"), cl::cat(category));
static cl::opt<std::string> entry("entry", cl::desc("the function to time, where there are several"),
                                  cl::value_desc("NAME"), cl::cat(category));
static cl::list<std::string> inputFiles("inputs",
                                        cl::desc("tensors for the arguments, by name; random (which it is without): "
                                                 "made up, of the sizes that --shape gives"),
                                        cl::value_desc("IN.safetensors|random"), cl::cat(category));
static cl::opt<uint64_t> seed("seed", cl::desc("which random inputs"), cl::init(1), cl::cat(category));
static cl::opt<std::string> shape("shape", cl::desc("sizes of the dynamic dims"), cl::value_desc("B=1,T=4096"),
                                  cl::cat(category));
static cl::opt<std::string> target("target", cl::desc("machine to compile for"), cl::init("cpu"), cl::cat(category));
static cl::opt<std::string> lowering("lowering",
                                     cl::desc("tiled: chunkwise kernels; reference: the plain recurrence; roles: the "
                                              "kernels of a GPU, a thread for each role"),
                                     cl::init("tiled"), cl::cat(category));
static cl::opt<std::string> precision("precision",
                                      cl::desc("how exactly a GPU multiplies tensors of f32: f32, or tf32, which is "
                                               "faster and less exact (docs/semantics.md)"),
                                      cl::init("f32"), cl::cat(category));
static cl::opt<int64_t> tile("tile", cl::desc("tokens that a kernel computes together (0: the schedule's choice)"),
                             cl::init(0), cl::cat(category));
static cl::opt<int> warmUp("warm-up", cl::desc("calls before the clock runs"), cl::init(2), cl::cat(category));
static cl::opt<double> seconds("seconds", cl::desc("how long to measure"), cl::init(1.0), cl::cat(category));
static cl::opt<int> minCalls("min-calls", cl::desc("how many calls to measure at least"), cl::init(5),
                             cl::cat(category));
static cl::opt<std::string> jsonPath("json", cl::desc("also write the numbers to a file"), cl::value_desc("FILE.json"),
                                     cl::cat(category));
static cl::opt<bool> noCeilings("no-ceilings", cl::desc("do not measure the machine's bandwidth and arithmetic"),
                                cl::cat(category));

namespace {
/// All numbers of one run.
struct Report {
  std::string function;
  tools::Sizes sizes;
  tools::Timing timing;
  std::optional<tools::Ceilings> ceilings;
  double bytes = 0; ///< of all arguments and results: what must cross memory at least
  std::optional<double> flops;
  std::optional<double> tokens;

  void print() const;
  json::Value toJson() const;
};
} // namespace

static std::string percent(double part, double whole) {
  std::string text;
  raw_string_ostream(text) << format("%.1f%%", 100 * part / whole);
  return text;
}

void Report::print() const {
  outs() << function << ":";
  for (const auto &[name, size] : sizes)
    outs() << " " << name << "=" << size;
  outs() << "\n  time    " << tools::formatSeconds(timing.median) << "  (median of " << timing.calls
         << " calls; 10% below " << tools::formatSeconds(timing.p10) << ", 90% below "
         << tools::formatSeconds(timing.p90) << ")\n";
  if (tokens)
    outs() << "  tokens  " << format("%.4g", *tokens / timing.median) << " per second\n";
  double rate = bytes / timing.median;
  outs() << "  memory  " << format("%.4g GB/s", rate * 1e-9) << " for " << format("%.4g MB", bytes * 1e-6)
         << " of arguments and results";
  if (ceilings)
    outs() << ", " << percent(rate, ceilings->bytesPerSecond) << " of the "
           << format("%.4g GB/s", ceilings->bytesPerSecond * 1e-9) << " that copying reaches";
  outs() << "\n";
  if (flops) {
    outs() << "  work    " << format("%.4g GFLOP/s", *flops / timing.median * 1e-9) << " for "
           << format("%.4g GFLOP", *flops * 1e-9);
    if (ceilings)
      outs() << ", " << percent(*flops / timing.median, ceilings->flopsPerSecond) << " of the "
             << format("%.4g GFLOP/s", ceilings->flopsPerSecond * 1e-9) << " that f32 multiply-adds reach";
    outs() << "\n";
  }
  if (ceilings)
    outs() << "  threads " << ceilings->threads << "\n";
}

json::Value Report::toJson() const {
  json::Object object{{"function", json::fixUTF8(function)},
                      {"file", json::fixUTF8(inputPath)},
                      {"lowering", lowering.getValue()},
                      {"calls", timing.calls},
                      {"median_s", timing.median},
                      {"p10_s", timing.p10},
                      {"p90_s", timing.p90},
                      {"minimum_s", timing.minimum},
                      {"bytes", bytes}};
  json::Object shapes;
  for (const auto &[name, size] : sizes)
    shapes[json::fixUTF8(name)] = size;
  object["shape"] = std::move(shapes);
  if (tokens)
    object["tokens_per_s"] = *tokens / timing.median;
  if (flops)
    object["flops"] = *flops;
  if (ceilings) {
    object["threads"] = ceilings->threads;
    object["copy_bytes_per_s"] = ceilings->bytesPerSecond;
    object["fma_flops_per_s"] = ceilings->flopsPerSecond;
  }
  return object;
}

static Result<CompileOptions> getOptions() {
  CompileOptions options;
  options.target = target;
  Result<Lowering> parsed = tools::parseLowering(lowering);
  if (!parsed.ok())
    return parsed.status();
  options.phases.lowering = *parsed;
  Result<Precision> parsedPrecision = tools::parsePrecision(precision);
  if (!parsedPrecision.ok())
    return parsedPrecision.status();
  options.phases.precision = *parsedPrecision;
  for (auto [name, value] : {std::pair("--tile", tile.getValue()), std::pair("--warm-up", int64_t(warmUp)),
                             std::pair("--min-calls", int64_t(minCalls) - 1)})
    if (value < 0)
      return Status(FGLA_INVALID_ARGUMENT,
                    std::string(name) + " must be " + (name == std::string("--min-calls") ? ">= 1" : ">= 0"));
  if (!(seconds >= 0 && seconds <= 3600))
    return Status(FGLA_INVALID_ARGUMENT, "--seconds must lie between 0 and 3600");
  options.phases.tile = tile;
  return options;
}

static Result<Report> measure(const CompileOptions &options) {
  Result<tools::Sizes> sizes = tools::parseSizes(shape);
  if (!sizes.ok())
    return sizes.status();
  Result<std::unique_ptr<Module>> module = tools::loadProgram(inputPath, options);
  if (!module.ok())
    return module.status();
  Result<const Function *> function = tools::pickFunction(**module, entry);
  if (!function.ok())
    return function.status();
  std::vector<std::string> files(inputFiles.begin(), inputFiles.end());
  if (files.empty())
    files.push_back("random");
  Result<std::vector<Tensor>> inputs = tools::getInputs(**function, {files, {}, shape, seed});
  if (!inputs.ok())
    return inputs.status();
  Result<std::vector<Tensor>> results = tools::allocateResults(**function, *inputs);
  if (!results.ok())
    return results.status();
  Report report;
  report.function = (*function)->spec().name;
  report.sizes = *sizes;
  std::vector<std::vector<int64_t>> shapes;
  for (const Tensor &input : *inputs) {
    report.bytes += input.numBytes();
    shapes.push_back(input.shape());
  }
  for (const Tensor &result : *results)
    report.bytes += result.numBytes();
  auto size = [&](const char *name) {
    return sizes->count(name) ? std::optional<double>(sizes->find(name)->second) : std::nullopt;
  };
  if (size("T"))
    report.tokens = size("B").value_or(1) * *size("T");
  else if (size("B"))
    report.tokens = size("B"); // one token of each sequence
  if (!StringRef(inputPath).ends_with(".so"))
    if (Result<Source> source = readSource(inputPath); source.ok())
      report.flops = tools::countFlops(*source, options, report.function, shapes);
  if (report.flops == 0.0)
    report.flops.reset();
  if (!noCeilings && !(*function)->isForGPU()) // they are the CPU's
    report.ceilings = tools::measureCeilings();
  Result<tools::Timing> timing = tools::timeCalls(**function, *inputs, *results, warmUp, seconds, minCalls);
  if (!timing.ok())
    return timing.status();
  report.timing = *timing;
  return report;
}

int main(int argc, char **argv) {
  tools::startTool();
  InitLLVM init(argc, argv);
  tools::endOnFatalErrors();
  tools::parseCommandLine(argc, argv, category,
                          "times a compiled function on made-up tensors\n\n"
                          "  fgla-bench block.mlir --shape B=1,T=4096\n"
                          "  fgla-bench block.mlir --shape B=1,T=4096 --lowering=reference --json reference.json\n");
  if (inputPath.empty())
    return fail("no input file (see --help)");
  if (Status status = tools::checkCompiled(inputPath, {&target, &lowering, &precision, &tile}); !status.ok())
    return fail(status);
  std::vector<std::string> files{inputPath};
  files.insert(files.end(), inputFiles.begin(), inputFiles.end());
  if (Status status = tools::checkOverwrites("--json", jsonPath, files); !status.ok())
    return fail(status);
  Result<CompileOptions> options = getOptions();
  if (!options.ok())
    return fail(options.status());
  Result<Report> report = measure(*options);
  if (!report.ok())
    return fail(report.status());
  report->print();
  if (jsonPath.empty())
    return 0;
  std::string text;
  raw_string_ostream(text) << formatv("{0:2}", report->toJson()) << "\n";
  std::string_view chunk = text;
  Status status = runtime::writeFileAtomically(jsonPath, {&chunk, 1});
  return status.ok() ? 0 : fail(status);
}
