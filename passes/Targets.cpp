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
using fgla::GPUTarget;
using fgla::runtime::Result;
using fgla::runtime::Status;

static constexpr unsigned KiB = 1024;

/// The same architecture by another name: code for its family ("f") or for one chip ("a").
static constexpr GPUTarget variant(GPUTarget target, StringRef name, unsigned ptx) {
  target.name = name;
  target.ptx = ptx;
  return target;
}

/// One that moves registers between warps too. (sm_120 and its relatives have the instruction. But ptxas up to 13.5
/// gives no warp more registers than it starts with there, so that what others gave is lost.)
static constexpr GPUTarget moving(GPUTarget target, StringRef name, unsigned ptx) {
  target = variant(target, name, ptx);
  target.hasRegisterMoves = true;
  return target;
}

// The figures of the boards are their vendor's. Where there is none for bf16 (Orin, Thor, GB10), it is that of a
// narrower type times the ratio of the architecture; where there is none for the clock (B200, B300, GB10), it is what
// bf16 needs. No board with sm_88 is public: it gets the least of its relatives.
static constexpr GPUTarget sm90 = {"sm_90", 86, "H100 SXM", 132, 3350, 1830, 989, 227 * KiB, 65536, true, true};
static constexpr GPUTarget sm100 = {"sm_100", 86, "B200", 148, 8000, 1850, 2250, 227 * KiB, 65536, true, true};
static constexpr GPUTarget sm103 = {"sm_103", 88, "B300", 148, 8000, 1850, 2250, 227 * KiB, 65536, true, true};
static constexpr GPUTarget sm110 = {"sm_110", 90,  "Jetson Thor T5000", 20, 273, 1575, 258, 227 * KiB, 65536,
                                    true,     true};
static constexpr GPUTarget sm120 = {"sm_120", 87, "RTX 5090", 170, 1792, 2407, 209.5, 99 * KiB, 65536, true, true};
static constexpr GPUTarget sm121 = {"sm_121", 88, "GB10", 48, 273, 2540, 62.5, 99 * KiB, 65536, true, true};

static constexpr GPUTarget gpus[] = {
    {"sm_80", 71, "A100 80GB SXM", 108, 2039, 1410, 312, 163 * KiB},
    {"sm_86", 71, "A40", 84, 696, 1740, 149.7, 99 * KiB},
    {"sm_87", 74, "Jetson AGX Orin 64GB", 16, 205, 1300, 42.5, 163 * KiB},
    {"sm_88", 90, "Jetson AGX Orin 64GB", 16, 205, 1300, 42.5, 99 * KiB},
    {"sm_89", 78, "L40S", 142, 864, 2520, 362, 99 * KiB},
    sm90,
    moving(sm90, "sm_90a", 86),
    sm100,
    moving(sm100, "sm_100f", 88),
    moving(sm100, "sm_100a", 86),
    sm103,
    moving(sm103, "sm_103f", 88),
    moving(sm103, "sm_103a", 88),
    sm110,
    moving(sm110, "sm_110f", 90),
    moving(sm110, "sm_110a", 90),
    sm120,
    variant(sm120, "sm_120f", 88),
    variant(sm120, "sm_120a", 87),
    sm121,
    variant(sm121, "sm_121f", 88),
    variant(sm121, "sm_121a", 88),
};

/// What GPUs that came later run: names with "a" or "f" are for one chip or family.
static constexpr const GPUTarget &newestPlain = sm120;

ArrayRef<GPUTarget> fgla::getGPUTargets() { return gpus; }

/// The number in "sm_90a", or 0 if it is no such name.
static unsigned architectureOf(StringRef name) {
  unsigned number = 0;
  if (!name.consume_front("sm_") || name.starts_with("0") || name.consumeInteger(10, number) ||
      !(name.empty() || name == "a" || name == "f"))
    return 0;
  return number;
}

unsigned GPUTarget::getArchitecture() const { return architectureOf(name); }

const GPUTarget *fgla::findGPUTarget(StringRef name) {
  if (const GPUTarget *row = find_if(gpus, [&](const GPUTarget &gpu) { return gpu.name == name; });
      row != std::end(gpus))
    return row;
  return architectureOf(name) > architectureOf(std::end(gpus)[-1].name) ? &newestPlain : nullptr;
}

/// What the user may have meant by `name`; empty if nothing is near.
static StringRef findSimilarTarget(StringRef name) {
  constexpr unsigned kMost = 2; // letters
  StringRef best;
  unsigned least = kMost + 1;
  for (StringRef known : fgla::getTargetNames())
    if (unsigned distance = known.edit_distance(name.trim().lower(), /*AllowReplacements=*/true, least);
        distance < least) {
      best = known;
      least = distance;
    }
  return best;
}

std::vector<StringRef> fgla::getTargetNames() {
  std::vector<StringRef> names{"cpu"};
  for (const GPUTarget &gpu : gpus)
    names.push_back(gpu.name);
  return names;
}

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
  const GPUTarget *gpu = findGPUTarget(name);
  if (!gpu && name != "cpu") {
    StringRef similar = findSimilarTarget(name);
    return Status(FGLA_UNSUPPORTED, "unknown target '" + name.str() + "'" +
                                        (similar.empty() ? "" : ", did you mean '" + similar.str() + "'?") +
                                        " (known: " + join(getTargetNames(), ", ") + ")");
  }
  context.loadDialect<FGLADialect>();
  // The code beside a GPU's kernels runs on any processor of the family.
  if (gpu)
    return TargetAttr::get(&context, name, 128, mlir::StringAttr(), mlir::StringAttr());
  // Without processor and features: those of the machine that the code is generated on.
  return TargetAttr::get(&context, name, hostVectorBits(), mlir::StringAttr(), mlir::StringAttr());
}

fgla::TargetAttr fgla::getTarget(mlir::Operation *op) {
  auto module = dyn_cast<mlir::ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<mlir::ModuleOp>();
  return module ? module->getAttrOfType<TargetAttr>(kTargetAttrName) : TargetAttr();
}

const GPUTarget *fgla::getGPUTarget(TargetAttr target) { return target ? findGPUTarget(target.getName()) : nullptr; }

const GPUTarget *fgla::getGPUTarget(mlir::Operation *op) { return getGPUTarget(getTarget(op)); }

const GPUTarget *fgla::requireGPUTarget(mlir::ModuleOp module) {
  const GPUTarget *target = getGPUTarget(module);
  if (!target)
    module.emitError() << "module must carry the attribute '" << kTargetAttrName << "' with a GPU";
  return target;
}

fgla::TargetAttr fgla::requireTarget(mlir::ModuleOp module) {
  TargetAttr target = getTarget(module);
  if (!target)
    module.emitError() << "module must carry the attribute '" << kTargetAttrName << "'";
  return target;
}
