//===- Targets.cpp - The machines that fgla compiles for ------------------===//

#include "passes/Targets.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Chrono.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>

using namespace llvm;
using fgla::runtime::Result;
using fgla::runtime::Status;

static constexpr StringRef names[] = {"cpu",     "sm_80",   "sm_86",   "sm_89",  "sm_90a",
                                      "sm_100a", "sm_103a", "sm_120a", "sm_121a"};

ArrayRef<StringRef> fgla::getTargetNames() { return names; }

std::string fgla::getHostFeatures() {
  std::vector<std::string> list;
  for (const auto &feature : sys::getHostCPUFeatures())
    list.push_back((feature.second ? "+" : "-") + feature.first().str());
  std::sort(list.begin(), list.end(),
            [](const std::string &a, const std::string &b) { return a.substr(1) < b.substr(1); });
  return join(list, ",");
}

static unsigned hostVectorBits() {
  StringMap<bool> features = sys::getHostCPUFeatures();
  if (features.lookup("avx512f") && features.lookup("avx512vl"))
    return 512;
  return features.lookup("avx2") ? 256 : 128;
}

std::string fgla::getHostDescription() {
  return (sys::getDefaultTargetTriple() + ";" + sys::getHostCPUName() + ";" + getHostFeatures()).str();
}

std::string fgla::getCompilerId() {
  std::string text = "fgla " FGLA_VERSION " llvm " LLVM_VERSION_STRING;
  sys::fs::file_status status;
  // The program contains the compiler, so another build of the compiler is
  // another file.
  if (!sys::fs::status("/proc/self/exe", status))
    text += " " + std::to_string(status.getSize()) + " " +
            std::to_string(status.getLastModificationTime().time_since_epoch().count());
  return text;
}

Result<fgla::TargetAttr> fgla::getTarget(mlir::MLIRContext &context, StringRef name) {
  if (!is_contained(names, name))
    return Status(FGLA_UNSUPPORTED,
                  "unknown target '" + name.str() + "' (known: " + join(getTargetNames(), ", ") + ")");
  if (name != "cpu")
    return Status(FGLA_UNSUPPORTED, "target '" + name.str() + "' is not available yet; this version compiles for: cpu");
  context.loadDialect<FGLADialect>();
  // Without processor and features: those of the machine that the code is generated on.
  return TargetAttr::get(&context, name, hostVectorBits(), mlir::StringAttr(), mlir::StringAttr());
}
