//===- Tune.cpp - Times schedules of a program on a GPU -------------------===//

#include "tools/fgla-compile/Tune.h"
#include "dialect/fgla/FGLA.h"
#include "passes/Targets.h"
#include "passes/binary/ObjectFile.h"
#include "passes/kernel/KernelList.h"
#include "passes/schedule/Candidates.h"
#include "passes/schedule/TunedTable.h"
#include "support/WriteFile.h"
#include "tools/fgla-compile/TimeArtifacts.h"
#include "tools/support/Program.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fgla;
using fgla::runtime::Result;
using fgla::runtime::Status;
using fgla::tools::Sizes;
using fgla::tools::TuneOptions;

namespace {
/// A schedule, and what becomes of it.
struct Candidate {
  std::string members;
  bool isForTable = false;       ///< leaves segments to the launch
  std::string error;             ///< it does not compile, or does not run
  std::vector<double> predicted; ///< seconds at each shape
  std::vector<double> measured;  ///< the same; 0 where it did not run
};

/// What is tuned.
struct Problem {
  TunedKey key;
  std::vector<Candidate> candidates; ///< what would be chosen comes first
  int64_t heads = 0;                 ///< query heads
};
} // namespace

static Status invalid(const Twine &text) { return Status(FGLA_INVALID_ARGUMENT, text.str()); }

static CompileOptions withSchedule(const TuneOptions &options, const Candidate &candidate) {
  CompileOptions compile = options.compile;
  compile.phases.schedule = candidate.members;
  compile.phases.tuned = "none";
  return compile;
}

/// Runs work(i) for i < count on all processors.
static void inParallel(size_t count, function_ref<void(size_t)> work) {
  DefaultThreadPool pool;
  for (size_t i = 0; i < count; ++i)
    pool.async([&, i] { work(i); });
  pool.wait();
}

//===----------------------------------------------------------------------===//
// Candidates
//===----------------------------------------------------------------------===//

static Result<Problem> listProblem(const Source &source, const TuneOptions &options) {
  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  Result<mlir::OwningOpRef<mlir::ModuleOp>> module = importSource(source, *context);
  if (!module.ok())
    return module.status();
  CompileOptions compile = options.compile;
  compile.to = Phase::Schedule;
  compile.phases.tuned = "none";
  if (Status status = runPhases(**module, compile); !status.ok())
    return status;
  SmallVector<AttentionOp> roots;
  (**module)->walk([&](AttentionOp op) {
    if (op->hasAttr(kScheduleAttrName))
      roots.push_back(op);
  });
  if (roots.size() != 1)
    return invalid("--tune needs a program with one attention that gets a kernel, '" + source.path + "' has " +
                   Twine(roots.size()));
  Problem problem;
  problem.key = getTunedKey(roots[0], *findGPUTarget(options.compile.target));
  problem.heads = roots[0].getNumQueryHeads();
  for (ScheduleAttr schedule : listCandidates(roots[0], roots[0]->getAttrOfType<ScheduleAttr>(kScheduleAttrName))) {
    bool isForTable = problem.candidates.empty() || schedule.getSegments() == 0;
    problem.candidates.push_back({schedule.toText(), isForTable, "", {}, {}});
  }
  return problem;
}

/// The sum of what is predicted for the kernels of a program.
static Result<double> predictProgram(const Source &source, const CompileOptions &given, const Sizes &shape) {
  CompileOptions options = given;
  options.to = Phase::Kernel;
  options.shape = shape;
  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  Result<mlir::OwningOpRef<mlir::ModuleOp>> module = importSource(source, *context);
  if (!module.ok())
    return module.status();
  if (Status status = runPhases(**module, options); !status.ok())
    return status;
  double nanoseconds = 0;
  for (mlir::LLVM::LLVMFuncOp kernel : kernel::getKernels(**module))
    if (auto report = kernel->getAttrOfType<mlir::DictionaryAttr>(kReportAttrName))
      if (auto atShape = report.getAs<mlir::DictionaryAttr>("at_shape"))
        nanoseconds += atShape.getAs<mlir::IntegerAttr>("predicted_ns").getInt();
  return nanoseconds * 1e-9;
}

static void predictAll(const Source &source, const TuneOptions &options, Problem &problem) {
  inParallel(problem.candidates.size(), [&](size_t i) {
    Candidate &candidate = problem.candidates[i];
    for (const Sizes &shape : options.shapes) {
      Result<double> seconds = predictProgram(source, withSchedule(options, candidate), shape);
      if (!seconds.ok()) {
        candidate.error = seconds.message();
        return;
      }
      candidate.predicted.push_back(*seconds);
    }
  });
}

/// Leaves out what is predicted to be much slower than the best, at each shape: the model is right to a tenth or two.
static void prune(Problem &problem, size_t numShapes) {
  constexpr double kMuch = 1.3;
  std::vector<double> best(numShapes, INFINITY);
  for (const Candidate &candidate : problem.candidates)
    for (size_t i = 0; i < candidate.predicted.size(); ++i)
      best[i] = std::min(best[i], candidate.predicted[i]);
  for (Candidate &candidate : drop_begin(problem.candidates)) {
    bool isNear = false;
    for (size_t i = 0; i < candidate.predicted.size(); ++i)
      isNear |= candidate.predicted[i] <= kMuch * best[i];
    if (candidate.error.empty() && !isNear)
      candidate.error = "not tried: predicted to be slower";
  }
}

//===----------------------------------------------------------------------===//
// Artifacts and times
//===----------------------------------------------------------------------===//

static Status build(const Source &source, const TuneOptions &options, StringRef folder, Problem &problem,
                    std::vector<std::string> &paths) {
  for (size_t i = 0; i < problem.candidates.size(); ++i)
    paths.push_back((folder + "/" + Twine(i) + ".so").str());
  inParallel(paths.size(), [&](size_t i) {
    Candidate &candidate = problem.candidates[i];
    if (!candidate.error.empty())
      return;
    Result<Compiled> compiled = compile(source, withSchedule(options, candidate));
    Status status = compiled.ok() ? binary::linkSharedObject(compiled->object, paths[i]) : compiled.status();
    candidate.error = status.message();
  });
  const Candidate &chosen = problem.candidates.front();
  return chosen.error.empty() ? Status() : invalid("the chosen schedule does not compile: " + chosen.error);
}

static Status measure(const TuneOptions &options, const std::vector<std::string> &paths, Problem &problem) {
  std::vector<size_t> numbers;
  std::vector<std::string> built;
  for (size_t i = 0; i < paths.size(); ++i)
    if (problem.candidates[i].error.empty()) {
      numbers.push_back(i);
      built.push_back(paths[i]);
    }
  for (const Sizes &shape : options.shapes) {
    Result<std::vector<tools::Timed>> timed = tools::timeArtifacts(built, shape);
    if (!timed.ok())
      return timed.status();
    for (size_t i = 0; i < numbers.size(); ++i) {
      Candidate &candidate = problem.candidates[numbers[i]];
      candidate.measured.push_back((*timed)[i].seconds);
      if (candidate.error.empty())
        candidate.error = (*timed)[i].error;
    }
  }
  const Candidate &chosen = problem.candidates.front();
  return chosen.error.empty() ? Status() : Status(FGLA_DEVICE_ERROR, "the chosen schedule: " + chosen.error);
}

//===----------------------------------------------------------------------===//
// What came out
//===----------------------------------------------------------------------===//

static std::string formatShape(const Sizes &shape) {
  std::string text;
  for (const auto &[name, size] : shape)
    text += (text.empty() ? "" : ",") + name + "=" + std::to_string(size);
  return text;
}

static std::string formatMicroseconds(double seconds) {
  std::string text;
  raw_string_ostream(text) << format("%.1f", seconds * 1e6);
  return text;
}

static void print(const TuneOptions &options, const Problem &problem) {
  raw_ostream &out = outs();
  out << "microseconds, predicted" << (options.isDryRun ? "" : " and measured") << ":";
  for (const Sizes &shape : options.shapes)
    out << "  " << formatShape(shape);
  out << "\n";
  for (const Candidate &candidate : problem.candidates) {
    out << candidate.members << ":";
    for (size_t i = 0; i < candidate.predicted.size(); ++i) {
      out << "  " << formatMicroseconds(candidate.predicted[i]);
      if (i < candidate.measured.size())
        out << " " << (candidate.measured[i] > 0 ? formatMicroseconds(candidate.measured[i]) : "-");
    }
    if (!candidate.error.empty())
      out << "  " << candidate.error;
    out << "\n";
  }
}

/// The mean of logarithms of times at the shapes `which`, as a factor of the chosen schedule's.
static double compareWithChosen(const Candidate &candidate, const Candidate &chosen, ArrayRef<size_t> which) {
  double sum = 0;
  for (size_t i : which)
    sum += std::log(candidate.measured[i] / chosen.measured[i]);
  return std::exp(sum / which.size());
}

/// Puts the fastest candidate at some shapes into the table, or takes out what stands there if nothing is gained, or
/// nothing over the line for any shape.
static void choose(const TuneOptions &options, const Problem &problem, const std::string &device, TunedKey key,
                   ArrayRef<size_t> which, TunedTable &table) {
  constexpr double kNoise = 0.99;
  const Candidate &chosen = problem.candidates.front();
  const Candidate *best = &chosen, *anyhow = &chosen;
  double ratio = 1, ratioAnyhow = 1;
  for (const Candidate &candidate : problem.candidates) {
    if (!candidate.error.empty())
      continue;
    double found = compareWithChosen(candidate, chosen, which);
    if (found < ratioAnyhow)
      std::tie(ratioAnyhow, anyhow) = std::pair(found, &candidate);
    if (candidate.isForTable && found < ratio)
      std::tie(ratio, best) = std::pair(found, &candidate);
  }
  std::string measured;
  for (size_t i : which)
    measured += (measured.empty() ? "" : "; ") + formatShape(options.shapes[i]) + " " +
                formatMicroseconds(best->measured[i]) + " us (chosen: " + formatMicroseconds(chosen.measured[i]) + ")";
  outs() << "shape '" << key.shape << "': " << best->members << format(", %.3f of the chosen: ", ratio) << measured
         << "\n";
  if (anyhow != best && ratioAnyhow < kNoise * ratio)
    outs() << "  with a fixed number of segments: " << anyhow->members << format(", %.3f\n", ratioAnyhow);
  TunedKey any = key;
  any.shape = TunedKey::kAnyShape;
  const TunedRow *general = any == key ? nullptr : table.find(any);
  if (general ? general->schedule != best->members : ratio < kNoise)
    table.set({key, best->members, measured, device, 0});
  else
    table.erase(key);
}

static Status chooseAll(const TuneOptions &options, const Problem &problem, const std::string &device) {
  TunedTable table;
  if (!options.tablePath.empty() && sys::fs::exists(options.tablePath)) {
    Result<TunedTable> old = readTunedTable(options.tablePath);
    if (!old.ok())
      return old.status();
    table = std::move(*old);
  }
  std::map<std::string, std::vector<size_t>> classes;
  int64_t multiprocessors = findGPUTarget(options.compile.target)->multiprocessors;
  for (size_t i = 0; i < options.shapes.size(); ++i) {
    classes[TunedKey::kAnyShape].push_back(i);
    auto batch = options.shapes[i].find("B");
    if (batch != options.shapes[i].end())
      classes[classifyShape(batch->second * problem.heads, multiprocessors)].push_back(i);
  }
  for (const auto &[name, which] : classes) {
    TunedKey key = problem.key;
    key.shape = name;
    choose(options, problem, device, key, which, table);
  }
  if (options.tablePath.empty())
    return {};
  std::string text = table.print();
  std::string_view chunk = text;
  return runtime::writeFileAtomically(options.tablePath, {&chunk, 1});
}

Status tools::tune(const Source &source, const TuneOptions &options) {
  std::string device;
  if (!options.isDryRun) {
    Result<std::string> found = describeGPU();
    if (!found.ok())
      return Status(found.status().code(), "--tune needs a GPU: " + found.message());
    device = *found;
  }
  Result<Problem> problem = listProblem(source, options);
  if (!problem.ok())
    return problem.status();
  predictAll(source, options, *problem);
  if (const Candidate &chosen = problem->candidates.front(); !chosen.error.empty())
    return invalid(chosen.error);
  prune(*problem, options.shapes.size());
  if (!options.isDryRun) {
    SmallString<128> folder;
    if (std::error_code code = sys::fs::createUniqueDirectory("fgla-tune", folder))
      return Status(FGLA_IO_ERROR, "cannot make a temporary folder: " + code.message());
    auto cleanUp = scope_exit([&] { sys::fs::remove_directories(folder); });
    std::vector<std::string> paths;
    if (Status status = build(source, options, folder, *problem, paths); !status.ok())
      return status;
    if (Status status = measure(options, paths, *problem); !status.ok())
      return status;
  }
  print(options, *problem);
  return options.isDryRun ? Status() : chooseAll(options, *problem, device);
}
