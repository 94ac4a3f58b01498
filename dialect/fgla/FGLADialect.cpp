//===- FGLADialect.cpp - Registration of the fgla dialect -----------------===//

#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace fgla;

#include "dialect/fgla/FGLADialect.cpp.inc"
#include "dialect/fgla/FGLAEnums.cpp.inc"
#include "dialect/fgla/FGLAInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/fgla/FGLAAttrs.cpp.inc"

void FGLADialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/fgla/FGLAAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/fgla/FGLAOps.cpp.inc"
      >();
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t tile, int64_t segments,
                                   int64_t keySlice, int64_t valueSlice, int64_t cluster, int64_t stages, int64_t load,
                                   int64_t elementwise, int64_t instances, int64_t matrix, int64_t epilogue) {
  if (tile < 1 || tile > 1024)
    return emitError() << "'tile' must be between 1 and 1024, got " << tile;
  if (!llvm::isPowerOf2_64(tile))
    return emitError() << "'tile' must be a power of two, got " << tile;
  if (segments < 0)
    return emitError() << "'segments' must not be negative, got " << segments;
  constexpr int64_t kMostPrograms = 8; // that every GPU with clusters takes
  if (cluster != 0 && (cluster < 0 || cluster > std::min(kMostPrograms, tile) || !llvm::isPowerOf2_64(cluster)))
    return emitError() << "'cluster' must be 0 or a power of two up to " << std::min(kMostPrograms, tile) << ", got "
                       << cluster;
  if (stages != 0 && (stages < 2 || stages > 16))
    return emitError() << "'stages' must be 0 or between 2 and 16, got " << stages;
  constexpr int64_t kMostWarps = 32; // of a block
  for (auto [name, count] :
       {std::pair("load", load), std::pair("elementwise", elementwise), std::pair("instances", instances),
        std::pair("matrix", matrix), std::pair("epilogue", epilogue)})
    if (count != 0 && (count < 0 || count > kMostWarps || !llvm::isPowerOf2_64(count)))
      return emitError() << "'" << name << "' must be 0 or a power of two up to " << kMostWarps << ", got " << count;
  if (keySlice < 0 || valueSlice < 0)
    return emitError() << "slices must not be negative, got " << keySlice << " and " << valueSlice;
  return success();
}

FloatType fgla::getComputeType(Type storage) {
  Builder builder(storage.getContext());
  return storage.isF64() ? cast<FloatType>(builder.getF64Type()) : cast<FloatType>(builder.getF32Type());
}

double fgla::getDefaultScale(int64_t keyDim) {
  const double e = std::exp(1.0);
  return 1.0 / (e * std::sqrt(static_cast<double>(keyDim) * (e * e - 1.0)));
}

std::string fgla::formatShape(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(shape, os, [&](int64_t size) {
    if (ShapedType::isDynamic(size))
      os << '?';
    else
      os << size;
  });
  os << ']';
  return text;
}
