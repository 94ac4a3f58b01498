//===- WidenToF64.cpp - All floats become f64 -----------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/TypeUtilities.h"
#include "passes/graph/Passes.h"

using namespace mlir;
using namespace fgla;

namespace fgla {
#define GEN_PASS_DEF_WIDENTOF64
#include "passes/graph/Passes.h.inc"
} // namespace fgla

static bool isNarrow(Type type) {
  auto floatType = dyn_cast<FloatType>(type);
  return floatType && floatType.getWidth() < 64;
}

static APFloat widen(APFloat value) {
  bool losesInfo;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return value;
}

namespace {
class Widening {
public:
  explicit Widening(MLIRContext *context) : f64(Float64Type::get(context)) {
    // The last one that was added is asked first.
    replacer.addReplacement([this](FloatType type) -> std::optional<Type> {
      return isNarrow(type) ? std::optional<Type>(f64) : std::nullopt;
    });
    replacer.addReplacement([this](FloatAttr attr) { return done(widenScalar(attr)); });
    replacer.addReplacement([this](DenseIntOrFPElementsAttr attr) { return done(widenElements(attr)); });
    replacer.addReplacement([this](DenseResourceElementsAttr attr) { return done(widenResource(attr)); });
    // An array of plain numbers is an option of its op, not data.
    replacer.addReplacement([](DenseArrayAttr attr) { return done(attr); });
  }

  LogicalResult run(ModuleOp module);

private:
  using Replacement = std::optional<std::pair<Attribute, WalkResult>>;
  static Replacement done(Attribute attr) { return std::make_pair(attr, WalkResult::skip()); }

  Attribute widenScalar(FloatAttr attr) {
    return isNarrow(attr.getType()) ? FloatAttr::get(f64, widen(attr.getValue())) : attr;
  }
  Attribute widenElements(DenseIntOrFPElementsAttr attr) {
    if (!isNarrow(attr.getElementType()))
      return attr;
    return cast<DenseFPElementsAttr>(attr).mapValues(
        f64, [](const APFloat &value) { return widen(value).bitcastToAPInt(); });
  }
  Attribute widenResource(DenseResourceElementsAttr attr);

  AttrTypeReplacer replacer;
  Type f64;
  /// What can't be widened, in words.
  std::string problem;
};
} // namespace

/// The values of a resource are little-endian and dense.
Attribute Widening::widenResource(DenseResourceElementsAttr attr) {
  auto type = dyn_cast<RankedTensorType>(attr.getType());
  if (!type || !isNarrow(type.getElementType()))
    return attr;
  auto element = cast<FloatType>(type.getElementType());
  AsmResourceBlob *blob = attr.getRawHandle().getBlob();
  std::string key = attr.getRawHandle().getKey().str();
  size_t bytes = element.getWidth() / 8, count = type.getNumElements();
  if (!blob || element.getWidth() % 8 != 0 || blob->getData().size() != bytes * count) {
    problem = "resource '" + key + "' doesn't hold the " + std::to_string(count) + " elements of its type";
    return attr;
  }
  AsmResourceBlob wide = HeapAsmResourceBlob::allocate(count * sizeof(double), alignof(double));
  auto *out = reinterpret_cast<double *>(wide.getMutableData().data());
  const char *in = blob->getData().data();
  for (size_t i = 0; i < count; ++i) {
    uint64_t bits = 0;
    std::memcpy(&bits, in + i * bytes, bytes);
    APFloat value(element.getFloatSemantics(), APInt(element.getWidth(), bits));
    out[i] = widen(value).convertToDouble();
  }
  return DenseResourceElementsAttr::get(type.clone(f64), key + "_f64", std::move(wide));
}

LogicalResult Widening::run(ModuleOp module) {
  SmallVector<Operation *> conversions;
  WalkResult result = module.walk([&](Operation *op) -> WalkResult {
    if (isa<arith::ExtFOp, arith::TruncFOp>(op))
      conversions.push_back(op);
    // Its meaning hangs on the bits.
    if (auto bitcast = dyn_cast<arith::BitcastOp>(op))
      if (isNarrow(getElementTypeOrSelf(bitcast.getIn().getType())) ||
          isNarrow(getElementTypeOrSelf(bitcast.getOut().getType())))
        return op->emitError() << "can't be widened to f64: the bits of a narrower float are looked at";
    replacer.replaceElementsIn(op, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
    if (!problem.empty())
      return op->emitError() << "can't be widened to f64: " << problem;
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  for (Operation *op : conversions)
    if (op->getOperand(0).getType() == op->getResult(0).getType()) {
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
      op->erase();
    }
  return success();
}

namespace {
struct WidenToF64 : fgla::impl::WidenToF64Base<WidenToF64> {
  void runOnOperation() override {
    if (failed(Widening(&getContext()).run(getOperation())))
      signalPassFailure();
  }
};
} // namespace
