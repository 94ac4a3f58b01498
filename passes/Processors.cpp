//===- Processors.cpp - The processors that fgla compiles for -------------===//

#include "passes/Processors.h"
#include "runtime/Processor.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace llvm;
using fgla::runtime::Result;
using fgla::runtime::Status;

/// What a processor has; of the one that this runs on where no other is named.
static StringMap<bool> getFeatures(fgla::TargetAttr target) {
  if (!target || !target.getCpu())
    return sys::getHostCPUFeatures();
  StringMap<bool> features;
  SmallVector<StringRef> names;
  X86::getFeaturesForCPU(target.getCpu(), names);
  for (StringRef name : names) {
    features[name] = true;
    X86::updateImpliedFeatures(name, /*Enabled=*/true, features);
  }
  return features;
}

std::vector<std::string> fgla::getRequiredExtensions(TargetAttr target) {
  StringMap<bool> features = getFeatures(target);
  std::vector<std::string> extensions;
  for (std::string_view name : runtime::knownExtensions())
    if (features.lookup(name))
      extensions.emplace_back(name);
  return extensions;
}

Result<fgla::TargetAttr> fgla::withProcessor(TargetAttr target, StringRef name) {
  if (target.getName() != "cpu")
    return Status(FGLA_INVALID_ARGUMENT,
                  "a processor ('" + name.str() + "') is for the target 'cpu', got '" + target.getName().str() + "'");
  if (!Triple(sys::getDefaultTargetTriple()).isX86() || X86::parseArchX86(name, /*Only64Bit=*/true) == X86::CK_None) {
    SmallVector<StringRef> names;
    X86::fillValidCPUArchList(names, /*Only64Bit=*/true);
    return Status(FGLA_UNSUPPORTED,
                  "unknown processor '" + name.str() + "' (known, on x86-64: " + join(names, ", ") + ")");
  }
  auto cpu = mlir::StringAttr::get(target.getContext(), name);
  StringMap<bool> features = getFeatures(TargetAttr::get(target.getContext(), "cpu", 128, cpu, mlir::StringAttr()));
  unsigned vectorBits = features.lookup("avx512f") && features.lookup("avx512vl") ? 512
                        : features.lookup("avx2")                                 ? 256
                                                                                  : 128;
  return TargetAttr::get(target.getContext(), "cpu", vectorBits, cpu, mlir::StringAttr());
}
