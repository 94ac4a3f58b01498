//===- fgla-run.cpp - Runs a compiled function on tensors from files ------===//

#include "support/Safetensors.h"
#include "tools/fgla-run/Bounds.h"
#include "tools/fgla-run/NodeTests.h"
#include "tools/support/Inputs.h"
#include "tools/support/Program.h"
#include "tools/support/Startup.h"
#include "tools/support/ToolSupport.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;
using namespace fgla;
using fgla::runtime::Function;
using fgla::runtime::Module;
using fgla::runtime::NamedTensor;
using fgla::runtime::Result;
using fgla::runtime::Status;
using fgla::runtime::Tensor;
using fgla::tools::fail;

static cl::OptionCategory category("fgla-run options");
static cl::opt<std::string> inputPath(cl::Positional, cl::desc("FILE.mlir|FILE.onnx|ARTIFACT.so"), cl::cat(category));
static cl::opt<std::string> entry("entry", cl::desc("the function to run, where there are several"),
                                  cl::value_desc("NAME"), cl::cat(category));
static cl::list<std::string> inputFiles("inputs",
                                        cl::desc("tensors for the arguments, by name; random: made up, of the sizes "
                                                 "that --shape gives"),
                                        cl::value_desc("IN.safetensors|random"), cl::cat(category));
static cl::opt<std::string> shape("shape",
                                  cl::desc("sizes of the dynamic dims of random inputs (B=2, T=128, others 16)"),
                                  cl::value_desc("B=1,T=4096"), cl::cat(category));
static cl::opt<uint64_t> seed("seed", cl::desc("which random inputs"), cl::init(1), cl::cat(category));
static cl::list<std::string> inputPairs("input", cl::desc("a tensor for one argument"), cl::value_desc("NAME=FILE.npy"),
                                        cl::cat(category));
static cl::opt<std::string> outputFile("outputs", cl::desc("where to write the results, by name"),
                                       cl::value_desc("OUT.safetensors"), cl::cat(category));
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
static cl::opt<std::string> compareWith("compare",
                                        cl::desc("reference: also run the recurrence in f64, print "
                                                 "the relative error of each result, and fail past its bound"),
                                        cl::value_desc("reference"), cl::cat(category));
static cl::opt<bool> timeIt("time", cl::desc("print how long a call takes"), cl::cat(category));
static cl::list<std::string> testData("test-data",
                                      cl::desc("run ONNX's test data: folders with model.onnx and test_data_set_*"),
                                      cl::value_desc("DIR"), cl::cat(category));

static void printResult(const std::string &name, const Tensor &tensor) {
  outs() << name << ": " << runtime::dtypeName(tensor.dtype()) << runtime::shapeString(tensor.shape()) << " = [";
  int64_t shown = std::min<int64_t>(tensor.numElements(), 4);
  for (int64_t i = 0; i < shown; ++i)
    outs() << (i ? ", " : "") << format("%.6g", tensor.get(i));
  outs() << (shown < tensor.numElements() ? ", ...]\n" : "]\n");
}

/// Runs the f64 recurrence on the same numbers and prints how far the results
/// are from it. Returns the exit code.
static int compare(const CompileOptions &given, std::span<const Tensor> inputs, const Function &function,
                   std::span<const Tensor> results) {
  CompileOptions options = given;
  options.target = "cpu"; // where the recurrence runs
  options.phases.lowering = Lowering::Reference;
  options.phases.widenToF64 = true;
  options.phases.tile = 0;
  Result<std::unique_ptr<Module>> module = tools::loadProgram(inputPath, options);
  if (!module.ok())
    return fail("reference: " + module.message());
  Result<const Function *> reference = (*module)->find(function.spec().name);
  if (!reference.ok())
    return fail("reference: " + reference.message());
  std::vector<Tensor> wide;
  for (const Tensor &input : inputs) {
    Result<Tensor> copy = runtime::info(input.dtype()).isFloat ? runtime::convertFloat(input, FGLA_F64) : input.clone();
    if (!copy.ok())
      return fail(copy.status());
    wide.push_back(std::move(*copy));
  }
  Result<std::vector<Tensor>> expected = tools::allocateResults(**reference, wide);
  if (!expected.ok())
    return fail("reference: " + expected.message());
  if (Status status = tools::call(**reference, wide, *expected); !status.ok())
    return fail("reference: " + status.message());

  Result<Source> source = readSource(inputPath);
  if (!source.ok())
    return fail(source.status());
  Result<std::vector<double>> bounds = tools::getBounds(*source, given, function);
  if (!bounds.ok())
    return fail("reference: " + bounds.message());
  bool passed = true;
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string &name = function.spec().results[i].name;
    Result<double> error = runtime::relativeError(results[i], (*expected)[i]);
    if (!error.ok())
      return fail("result " + runtime::quote(name) + ": " + error.message());
    double bound = (*bounds)[i];
    outs() << name << ": ‖y−ref‖/‖ref‖ = " << format("%.3g", *error) << " (bound " << format("%g", bound) << ")\n";
    if (!(*error <= bound)) {
      errs() << "error: result " << runtime::quote(name) << " is off by more than its bound\n";
      passed = false;
    }
  }
  return passed ? 0 : 1;
}

static Status writeOutputs(const Function &function, std::vector<Tensor> &results) {
  std::vector<NamedTensor> named;
  for (size_t i = 0; i < results.size(); ++i)
    named.push_back({function.spec().results[i].name, std::move(results[i])});
  return runtime::writeSafetensors(outputFile, named);
}

static int run(const CompileOptions &options) {
  Result<std::unique_ptr<Module>> module = tools::loadProgram(inputPath, options);
  if (!module.ok())
    return fail(module.status());
  Result<const Function *> picked = tools::pickFunction(**module, entry);
  if (!picked.ok())
    return fail(picked.status());
  const Function &function = **picked;
  Result<std::vector<Tensor>> inputs = tools::getInputs(function, {{inputFiles.begin(), inputFiles.end()},
                                                                   {inputPairs.begin(), inputPairs.end()},
                                                                   shape,
                                                                   seed,
                                                                   /*hasDefaultSizes=*/true});
  if (!inputs.ok())
    return fail(inputs.status());
  Result<std::vector<Tensor>> results = tools::allocateResults(function, *inputs);
  if (!results.ok())
    return fail(results.status());
  if (Status status = tools::call(function, *inputs, *results); !status.ok())
    return fail(status);

  int code = compareWith.empty() ? 0 : compare(options, *inputs, function, *results);
  if (code != 0)
    return code;
  if (timeIt) {
    Result<tools::Timing> timing = tools::timeCalls(function, *inputs, *results, /*warmUp=*/1,
                                                    /*seconds=*/0.5, /*minCalls=*/5);
    if (!timing.ok())
      return fail(timing.status());
    outs() << "time: " << tools::formatSeconds(timing->median) << " (median of " << timing->calls
           << " calls; 10% below " << tools::formatSeconds(timing->p10) << ", 90% below "
           << tools::formatSeconds(timing->p90) << ")\n";
  }
  if (outputFile.empty() && compareWith.empty() && !timeIt)
    for (size_t i = 0; i < results->size(); ++i)
      printResult(function.spec().results[i].name, (*results)[i]);
  if (!outputFile.empty())
    if (Status status = writeOutputs(function, *results); !status.ok())
      return fail(status);
  return 0;
}

/// Options that would have no effect, and results that would overwrite what they are computed from.
static Status checkOptions() {
  if (Status status = tools::checkCompiled(inputPath, {&target, &lowering, &precision, &tile}); !status.ok())
    return status;
  std::vector<std::string> inputs{inputPath};
  inputs.insert(inputs.end(), inputFiles.begin(), inputFiles.end());
  for (const std::string &pair : inputPairs)
    for (size_t equals = pair.find('='); equals != std::string::npos; equals = pair.find('=', equals + 1))
      inputs.push_back(pair.substr(equals + 1));
  return tools::checkOverwrites("--outputs", outputFile, inputs);
}

int main(int argc, char **argv) {
  tools::startTool();
  InitLLVM init(argc, argv);
  tools::endOnFatalErrors();
  tools::parseCommandLine(argc, argv, category,
                          "runs a function on tensors from files\n\n"
                          "  fgla-run block.mlir --inputs=in.safetensors "
                          "--outputs=out.safetensors\n"
                          "  fgla-run block.mlir --inputs=random --shape=B=2,T=512 --compare=reference --time\n"
                          "  fgla-run model.onnx --input x=x.npy --compare=reference\n"
                          "  fgla-run --test-data "
                          "onnx/backend/test/data/node/test_linear_attention_basic\n");
  CompileOptions options;
  options.target = target;
  Result<Lowering> parsed = tools::parseLowering(lowering);
  if (!parsed.ok())
    return fail(parsed.status());
  options.phases.lowering = *parsed;
  Result<Precision> parsedPrecision = tools::parsePrecision(precision);
  if (!parsedPrecision.ok())
    return fail(parsedPrecision.status());
  options.phases.precision = *parsedPrecision;
  if (tile < 0)
    return fail("--tile must be >= 0, got " + Twine(tile.getValue()));
  options.phases.tile = tile;
  if (!testData.empty())
    return tools::runNodeTests(std::vector<std::string>(testData.begin(), testData.end()), inputPath, options);
  if (inputPath.empty())
    return fail("no input file (see --help)");
  if (Status status = checkOptions(); !status.ok())
    return fail(status);
  if (!compareWith.empty() && compareWith != "reference")
    return fail("--compare must be 'reference', got '" + compareWith + "'");
  if (!compareWith.empty() && StringRef(inputPath).ends_with(".so"))
    return fail("--compare needs the source: an artifact has no reference form");
  return run(options);
}
