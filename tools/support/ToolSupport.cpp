//===- ToolSupport.cpp - What the tools' command lines share --------------===//

#include "tools/support/ToolSupport.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using fgla::runtime::Result;
using fgla::runtime::Status;

int fgla::tools::fail(const Twine &message) {
  errs() << "error: " << message << "\n";
  return 1;
}

void fgla::tools::parseCommandLine(int argc, char **argv, cl::OptionCategory &category, StringRef overview) {
  cl::HideUnrelatedOptions(category);
  cl::SetVersionPrinter([](raw_ostream &os) { os << "fgla " << FGLA_VERSION << "\n"; });
  std::string errors;
  raw_string_ostream stream(errors);
  if (cl::ParseCommandLineOptions(argc, argv, overview, &stream))
    return;
  // LLVM writes "<program>: <what is wrong>" and hints; the first line says it.
  StringRef line = StringRef(errors).trim().split('\n').first;
  line.consume_front(sys::path::filename(argv[0]));
  line.consume_front(": ");
  line = line.split(".  Try: ").first;
  std::exit(fail(line + " (see --help)"));
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
