//===- Bounds.cpp - How exact results are promised to be ------------------===//

#include "tools/fgla-run/Bounds.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace fgla;
using fgla::runtime::Function;
using fgla::runtime::Result;
using fgla::runtime::Status;

static double getBound(Type type, bool isTF32) {
  type = getElementTypeOrSelf(type);
  if (type.isF64())
    return 1e-12;
  if (type.isF32())
    return isTF32 ? 1.25e-3 : 1e-5;
  return isa<FloatType>(type) ? 1e-2 : 0;
}

/// The bound of what `value` is computed from.
static double getBound(Value value, bool isTF32) {
  double bound = getBound(value.getType(), isTF32);
  auto add = [&](Operation *op) {
    for (Type type : op->getResultTypes())
      bound = std::max(bound, getBound(type, isTF32));
  };
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitUsesFromAbove = false;
  SetVector<Operation *> slice;
  (void)getBackwardSlice(value, &slice, options);
  for (Operation *op : slice)
    op->walk(add); // bodies round too
  return bound;
}

Result<std::vector<double>> tools::getBounds(const Source &source, const CompileOptions &given,
                                             const Function &function) {
  std::unique_ptr<MLIRContext> context = makeContext();
  Result<OwningOpRef<ModuleOp>> module = importSource(source, *context);
  if (!module.ok())
    return module.status();
  CompileOptions options = given;
  options.to = Phase::Graph;
  options.dumpDir.clear();
  if (Status status = runPhases(**module, options); !status.ok())
    return status;
  auto op = (*module)->lookupSymbol<func::FuncOp>(function.spec().name);
  if (!op || !op.getBody().hasOneBlock())
    return Status(FGLA_NOT_FOUND, "no function " + runtime::quote(function.spec().name) + " in the source");
  bool isTF32 = function.isForGPU() && given.phases.precision == Precision::TF32;
  double ofArguments = 0;
  if (function.isForGPU())
    for (Type type : op.getArgumentTypes())
      ofArguments = std::max(ofArguments, getBound(type, isTF32));
  std::vector<double> bounds;
  for (Value value : op.getBody().front().getTerminator()->getOperands()) {
    double bound = getBound(value, isTF32);
    bounds.push_back(bound == 0 ? 0 : std::max(bound, ofArguments)); // integers are exact
  }
  return bounds;
}
