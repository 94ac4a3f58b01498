//===- TimeArtifacts.cpp - Times artifacts on the first GPU ---------------===//

#include "tools/fgla-compile/TimeArtifacts.h"
#include "runtime/Module.h"
#include "support/DeviceTensor.h"
#include "tools/support/Program.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <functional>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace fgla;
using fgla::runtime::Function;
using fgla::runtime::Module;
using fgla::runtime::Result;
using fgla::runtime::Status;
using fgla::runtime::Tensor;
using fgla::runtime::cuda::Device;
using fgla::runtime::cuda::DeviceTensor;
using fgla::tools::Sizes;
using fgla::tools::Timed;

//===----------------------------------------------------------------------===//
// A process that tells lines
//===----------------------------------------------------------------------===//

namespace {
/// Runs `work` in a process of its own. The driver of a GPU can't be used on both sides of a fork, so the parent never
/// touches it.
class Child {
public:
  using Say = std::function<void(const std::string &line)>;

  explicit Child(const std::function<void(const Say &)> &work) {
    int ends[2];
    if (pipe(ends) != 0)
      return;
    process = fork();
    if (process == 0) {
      close(ends[0]);
      for (int fatal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE})
        signal(fatal, SIG_DFL); // its end is told by the parent
      work([&](const std::string &line) {
        std::string text = line + "\n";
        (void)!write(ends[1], text.data(), text.size());
      });
      _exit(0); // without what the driver would do at the end
    }
    close(ends[1]);
    lines = ends[0];
  }
  ~Child() {
    if (process > 0) {
      kill(process, SIGKILL);
      waitpid(process, nullptr, 0);
    }
    if (lines >= 0)
      close(lines);
  }
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;

  /// The next line; nothing when the process has ended or has been silent for too long.
  std::optional<std::string> next() {
    constexpr int kPatience = 20 * 1000; // ms
    for (;;) {
      if (size_t end = text.find('\n'); end != std::string::npos) {
        std::string line = text.substr(0, end);
        text.erase(0, end + 1);
        return line;
      }
      pollfd poller{lines, POLLIN, 0};
      char buffer[4096];
      if (lines < 0 || poll(&poller, 1, kPatience) <= 0)
        return std::nullopt;
      ssize_t length = read(lines, buffer, sizeof(buffer));
      if (length <= 0)
        return std::nullopt;
      text.append(buffer, length);
    }
  }

private:
  pid_t process = -1;
  int lines = -1;
  std::string text;
};
} // namespace

static std::string oneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

//===----------------------------------------------------------------------===//
// In the child
//===----------------------------------------------------------------------===//

namespace {
/// Arguments and results of calls on the GPU, in several places.
class Places {
public:
  static Result<Places> create(const Function &function, const Sizes &sizes);

  /// Seconds of a call, of `count` in a row.
  Result<double> call(const Function &function, int count);
  /// Some elements of what the last call wrote.
  Result<std::vector<double>> sampleResults() const;

private:
  struct Place {
    std::vector<DeviceTensor> arguments, results;
    std::vector<fgla_tensor> argumentViews, resultViews;
  };
  std::vector<Place> places;
  std::vector<Tensor> results; ///< of the host
  size_t next = 0;
};
} // namespace

Result<Places> Places::create(const Function &function, const Sizes &sizes) {
  constexpr int kPlaces = 3;
  Result<std::vector<Tensor>> inputs = tools::makeInputs(function, sizes);
  if (!inputs.ok())
    return inputs.status();
  Result<std::vector<Tensor>> outputs = tools::allocateResults(function, *inputs);
  if (!outputs.ok())
    return outputs.status();
  Places made;
  for (int i = 0; i < kPlaces; ++i) {
    Place &place = made.places.emplace_back();
    for (auto [tensors, copies] : {std::pair(&*inputs, &place.arguments), std::pair(&*outputs, &place.results)})
      for (const Tensor &tensor : *tensors) {
        Result<DeviceTensor> copy = DeviceTensor::copyOf(tensor);
        if (!copy.ok())
          return copy.status();
        copies->push_back(std::move(*copy));
      }
    for (const DeviceTensor &tensor : place.arguments)
      place.argumentViews.push_back(tensor.view());
    for (const DeviceTensor &tensor : place.results)
      place.resultViews.push_back(tensor.view());
  }
  made.results = std::move(*outputs);
  return made;
}

Result<double> Places::call(const Function &function, int count) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  for (int i = 0; i < count; ++i) {
    next = (next + 1) % places.size();
    if (Status status = function.call(places[next].argumentViews, places[next].resultViews, {},
                                      /*wait=*/i + 1 == count);
        !status.ok())
      return status;
  }
  return std::chrono::duration<double>(Clock::now() - start).count() / count;
}

Result<std::vector<double>> Places::sampleResults() const {
  constexpr int64_t kSamples = 1'000'000;
  std::vector<double> samples;
  for (size_t i = 0; i < results.size(); ++i) {
    if (Status status = places[next].results[i].copyTo(results[i]); !status.ok())
      return status;
    int64_t size = results[i].numElements(), step = std::max<int64_t>(size / kSamples, 1) | 1;
    for (int64_t element = 0; element < size; element += step)
      samples.push_back(results[i].get(element));
  }
  return samples;
}

/// ‖y−ref‖/‖ref‖; infinite where something is no number.
static double relativeError(const std::vector<double> &values, const std::vector<double> &expected) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    difference += (values[i] - expected[i]) * (values[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  double error = difference == 0 ? 0 : std::sqrt(difference / size);
  return std::isfinite(error) ? error : INFINITY;
}

namespace {
/// One artifact in the child.
struct Loaded {
  std::unique_ptr<Module> module;
  const Function *function = nullptr;
  int count = 1; ///< of calls that are timed together
};
} // namespace

static Result<Loaded> load(const std::string &path) {
  Loaded loaded;
  Result<std::unique_ptr<Module>> module = Module::load(path);
  if (!module.ok())
    return module.status();
  Result<const Function *> function = tools::pickFunction(**module, "");
  if (!function.ok())
    return function.status();
  loaded.module = std::move(*module);
  loaded.function = *function;
  return loaded;
}

/// Loads an artifact, calls it and compares; the first that runs is what others are compared with.
static Status check(const std::string &path, const Sizes &sizes, std::optional<Places> &places,
                    std::vector<double> &expected, Loaded &loaded) {
  constexpr double kBound = 1e-2; // of 16-bit floats (docs/semantics.md)
  Result<Loaded> module = load(path);
  if (!module.ok())
    return module.status();
  loaded = std::move(*module);
  if (!places) {
    Result<Places> made = Places::create(*loaded.function, sizes);
    if (!made.ok())
      return made.status();
    places = std::move(*made);
  }
  if (Result<double> first = places->call(*loaded.function, 1); !first.ok())
    return first.status();
  Result<std::vector<double>> values = places->sampleResults();
  if (!values.ok())
    return values.status();
  if (expected.empty())
    expected = *values;
  if (double error = relativeError(*values, expected); error > kBound)
    return Status(FGLA_INVALID_ARTIFACT, "results differ from the first one's by " + std::to_string(error));
  return {};
}

static void runAll(const std::vector<std::string> &paths, const std::vector<Timed> &known, const Sizes &sizes,
                   const Child::Say &say) {
  constexpr int kRounds = 9, kMostCalls = 60;
  constexpr double kSecondsOfRound = 6e-3;
  std::optional<Places> places;
  std::vector<double> expected;
  std::vector<Loaded> loaded(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!known[i].error.empty())
      continue;
    say("begin " + std::to_string(i));
    if (Status status = check(paths[i], sizes, places, expected, loaded[i]); !status.ok()) {
      say("bad " + std::to_string(i) + " " + oneLine(status.message()));
      loaded[i].function = nullptr;
      if (status.code() == FGLA_DEVICE_ERROR)
        return; // nothing runs in this process any more
    }
  }
  for (int round = 0; round < kRounds; ++round)
    for (size_t i = 0; i < paths.size(); ++i) {
      Loaded &artifact = loaded[i];
      if (!artifact.function)
        continue;
      say("begin " + std::to_string(i));
      if (round == 0) { // also warms up
        if (Result<double> time = places->call(*artifact.function, 4); time.ok())
          artifact.count = std::clamp<int>(kSecondsOfRound / *time, 3, kMostCalls);
        continue;
      }
      (void)places->call(*artifact.function, 1);
      Result<double> time = places->call(*artifact.function, artifact.count);
      if (!time.ok())
        return say("bad " + std::to_string(i) + " " + oneLine(time.message()));
      say("time " + std::to_string(i) + " " + std::to_string(*time * 1e9));
    }
  say("end");
}

//===----------------------------------------------------------------------===//
// In the parent
//===----------------------------------------------------------------------===//

Result<std::string> tools::describeGPU() {
  Child child([](const Child::Say &say) {
    Result<int32_t> count = Device::count();
    if (!count.ok() || *count == 0)
      return say("-" + oneLine(count.ok() ? "there is no cuda device" : count.message()));
    Result<const Device *> device = Device::get(0);
    say(device.ok() ? "+" + (*device)->text() + ", " + std::to_string((*device)->multiprocessors) + " multiprocessors"
                    : "-" + oneLine(device.message()));
  });
  std::optional<std::string> line = child.next();
  if (!line || line->front() != '+')
    return Status(FGLA_UNSUPPORTED, line ? line->substr(1) : "the driver of the GPU does not answer");
  return line->substr(1);
}

/// One child, until it ends. The samples are its nanoseconds. Returns whether it got to its end.
static bool listen(Child &child, std::vector<Timed> &results, std::vector<std::vector<double>> &samples) {
  std::optional<size_t> running;
  while (std::optional<std::string> line = child.next()) {
    if (*line == "end")
      return true;
    char word[8] = {};
    size_t number = 0;
    int length = 0;
    if (std::sscanf(line->c_str(), "%7s %zu %n", word, &number, &length) < 2 || number >= results.size())
      continue;
    running = number;
    if (std::strcmp(word, "bad") == 0)
      results[number].error = line->substr(length);
    else if (std::strcmp(word, "time") == 0)
      samples[number].push_back(std::strtod(line->c_str() + length, nullptr));
  }
  if (running && results[*running].error.empty())
    results[*running].error = "the process that ran it died or hung";
  return false;
}

Result<std::vector<Timed>> tools::timeArtifacts(const std::vector<std::string> &paths, const Sizes &sizes) {
  constexpr int kMostProcesses = 8;
  std::vector<Timed> results(paths.size());
  std::vector<std::vector<double>> samples;
  for (int i = 0; i < kMostProcesses; ++i) {
    samples.assign(paths.size(), {});
    Child child([&](const Child::Say &say) { runAll(paths, results, sizes, say); });
    if (listen(child, results, samples))
      break;
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    if (samples[i].empty() && results[i].error.empty())
      results[i].error = "was not timed";
    if (!results[i].error.empty())
      continue;
    std::sort(samples[i].begin(), samples[i].end());
    results[i].seconds = samples[i][samples[i].size() / 2] * 1e-9;
  }
  return results;
}
