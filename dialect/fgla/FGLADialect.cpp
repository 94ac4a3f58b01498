//===- FGLADialect.cpp - Registration of the fgla dialect -----------------===//

#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
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
