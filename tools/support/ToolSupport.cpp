//===- ToolSupport.cpp - What the tools' command lines share --------------===//

#include "tools/support/ToolSupport.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <new>
#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;
using fgla::runtime::Result;
using fgla::runtime::Status;

int fgla::tools::fail(const Twine &message) {
  errs() << "error: " << message << "\n";
  return 1;
}

// A line that what is printed next begins over.
static void showLine(StringRef text) { errs() << "\r\033[K" << text << "\r"; }

fgla::tools::Progress::Progress(CompileOptions &options) {
  if (errs().is_displayed())
    options.progress = [](StringRef phase) { showLine(("compiling: " + phase + " ...").str()); };
}

fgla::tools::Progress::~Progress() {
  if (errs().is_displayed())
    showLine("");
}

[[noreturn]] static void endWithoutMemory() {
  constexpr StringRef line = "error: no memory\n";
  (void)!write(STDERR_FILENO, line.data(), line.size()); // errs() may allocate
  std::_Exit(1);
}

void fgla::tools::endOnFatalErrors() {
  install_fatal_error_handler([](void *, const char *reason, bool) {
    fail("code generator: " + StringRef(reason).split('\n').first);
    sys::RunInterruptHandlers(); // files that only signals would remove
    std::_Exit(1);
  });
  install_bad_alloc_error_handler([](void *, const char *, bool) { endWithoutMemory(); });
  std::set_new_handler(endWithoutMemory);
}

/// What `body` writes to the standard error.
static std::string captureErrors(function_ref<void()> body) {
  int kept = dup(STDERR_FILENO), file = memfd_create("errors", MFD_CLOEXEC);
  dup2(file, STDERR_FILENO);
  body();
  dup2(kept, STDERR_FILENO);
  std::string text(std::max<off_t>(lseek(file, 0, SEEK_END), 0), '\0');
  text.resize(std::max<ssize_t>(pread(file, text.data(), text.size(), 0), 0));
  close(file);
  close(kept);
  return text;
}

void fgla::tools::parseCommandLine(int argc, char **argv, cl::OptionCategory &category, StringRef overview) {
  cl::HideUnrelatedOptions(category);
  cl::SetVersionPrinter([](raw_ostream &os) { os << "fgla " << FGLA_VERSION << "\n"; });
  std::string errors;
  raw_string_ostream stream(errors);
  bool isRight = false;
  // Of values that are none, LLVM writes to the standard error whatever stream it is given.
  errors += captureErrors([&] { isRight = cl::ParseCommandLineOptions(argc, argv, overview, &stream); });
  if (isRight)
    return;
  // LLVM writes "<program>: <what is wrong>" and hints; the first line says it.
  StringRef line = StringRef(errors).trim().split('\n').first;
  line.consume_front(sys::path::filename(argv[0]));
  line.consume_front(": ");
  line = line.split(".  Try: ").first.split(" Try 0 or 1").first.rtrim('!');
  std::exit(fail(line + " (see --help)"));
}

Status fgla::tools::checkCompiled(const std::string &path, ArrayRef<const cl::Option *> options) {
  for (const cl::Option *option : options)
    if (StringRef(path).ends_with(".so") && option->getNumOccurrences())
      return Status(FGLA_INVALID_ARGUMENT,
                    ("--" + option->ArgStr + " is for compiling, and '" + path + "' is compiled").str());
  return {};
}

Status fgla::tools::checkOverwrites(StringRef option, const std::string &path, ArrayRef<std::string> inputs) {
  for (const std::string &input : inputs)
    if (!path.empty() && sys::fs::equivalent(path, input))
      return Status(FGLA_INVALID_ARGUMENT,
                    option.str() + " would overwrite the input " + runtime::quote(input) + ": give another file");
  return {};
}

Result<fgla::Lowering> fgla::tools::parseLowering(StringRef text) {
  if (std::optional<Lowering> lowering = symbolizeLowering(text))
    return *lowering;
  return Status(FGLA_INVALID_ARGUMENT, "unknown lowering '" + text.str() + "' (known: tiled, reference, roles)");
}

Result<fgla::Precision> fgla::tools::parsePrecision(StringRef text) {
  if (std::optional<Precision> precision = symbolizePrecision(text))
    return *precision;
  return Status(FGLA_INVALID_ARGUMENT, "unknown precision '" + text.str() + "' (known: f32, tf32)");
}

Result<fgla::Memory> fgla::tools::parseMemory(StringRef text) {
  if (text == "min")
    return Memory::Min;
  if (text == "balanced")
    return Memory::Balanced;
  if (text == "speed")
    return Memory::Speed;
  return Status(FGLA_INVALID_ARGUMENT, "unknown memory '" + text.str() + "' (known: min, balanced, speed)");
}

Result<fgla::Phase> fgla::tools::parsePhase(StringRef text) {
  if (std::optional<Phase> phase = symbolizePhase(text))
    return *phase;
  return Status(FGLA_INVALID_ARGUMENT, "unknown phase '" + text.str() +
                                           "' (known: import, graph, schedule, "
                                           "tiled, roles, layout, reference, kernel, binary)");
}
