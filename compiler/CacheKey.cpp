//===- CacheKey.cpp - What compiled code depends on -----------------------===//

#include "compiler/CacheKey.h"
#include "compiler/Cache.h"
#include "dialect/onnx/ExternalData.h"
#include "dialect/onnx/ONNX.h"
#include "passes/Targets.h"
#include "passes/binary/Assembler.h"
#include "passes/schedule/TunedTable.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

using namespace mlir;
using fgla::Source;
using fgla::runtime::Result;
using fgla::runtime::Status;

/// False where the source surely names no other file, so that it need not be read to know. The word is what ONNX calls
/// the reference in a model, or the op in our text; bytecode is not searched.
static bool mayNameFiles(const Source &source) {
  StringRef bytes(source.bytes);
  return bytes.contains(source.kind == Source::Kind::ONNX ? "location" : "onnx.initializer") ||
         bytes.starts_with("ML\xefR");
}

static Status addFile(llvm::SHA256 &digest, const std::string &folder, fgla::onnx::InitializerOp op) {
  fgla::onnx::ExternalFile file;
  std::string error, chunk;
  int64_t offset = op.getOffset(), rest = op.getLength();
  if (!file.open(folder, op.getFile()->str(), error) || !file.contains(offset, rest, error))
    return Status(FGLA_INVALID_ARGUMENT, error);
  while (rest > 0) {
    chunk.resize(std::min<int64_t>(rest, 1 << 20));
    if (!file.read(offset, chunk.size(), chunk.data(), error))
      return Status(FGLA_IO_ERROR, error);
    digest.update(StringRef(chunk));
    offset += chunk.size();
    rest -= chunk.size();
  }
  return {};
}

/// A digest of the weights in other files; empty if there are none.
static Result<std::string> digestFiles(const Source &source) {
  if (!mayNameFiles(source))
    return std::string();
  std::unique_ptr<MLIRContext> context = fgla::makeContext();
  Result<OwningOpRef<ModuleOp>> module = fgla::importSource(source, *context);
  if (!module.ok())
    return module.status();
  auto folder = (**module)->getAttrOfType<StringAttr>(fgla::onnx::kFolderAttrName);
  llvm::SHA256 digest;
  Status status;
  (**module)->walk([&](fgla::onnx::InitializerOp op) {
    if (!op.getFile())
      return WalkResult::advance();
    status = addFile(digest, folder ? folder.str() : "", op);
    return status.ok() ? WalkResult::advance() : WalkResult::interrupt();
  });
  if (!status.ok())
    return status;
  return llvm::toHex(digest.final());
}

Result<std::string> fgla::makeCacheKey(const Source &source, const CompileOptions &options) {
  Result<std::string> files = digestFiles(source);
  if (!files.ok())
    return files.status();
  const PhaseOptions &phases = options.phases;
  std::string text =
      (options.target + ";" + options.cpu + ";" + stringifyLowering(phases.lowering) + ";" + Twine(phases.tile) + ";" +
       Twine(phases.segments) + ";" + phases.schedule + ";" + stringifyPrecision(phases.precision) + ";" +
       Twine(phases.widenToF64) + ";" + Twine(phases.checkRaces) + ";" + Twine(phases.gradient) + ";" +
       phases.gradientOf + ";" + phases.gradientWrt + ";" + Twine(static_cast<int>(phases.memory)) + ";" +
       stringifyPhase(options.from) + ";" + Twine(static_cast<int>(source.kind)))
          .str();
  if (!phases.tuned.empty() && phases.tuned != "none") {
    Result<TunedTable> table = readTunedTable(phases.tuned);
    if (!table.ok())
      return table.status();
    text += ";" + table->print();
  } else {
    text += ";" + phases.tuned;
  }
  if (findGPUTarget(options.target))
    text += ";" + binary::findAssembler();
  return Cache::key({getCompilerId(), getHostDescription(), text, source.bytes, *files});
}
