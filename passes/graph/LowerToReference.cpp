//===- LowerToReference.cpp - Every op in its plain sequential form -------===//

#include "passes/graph/LowerToReference.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/graph/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fgla;

namespace fgla {
#define GEN_PASS_DEF_LOWERTOREFERENCE
#include "passes/graph/Passes.h.inc"
} // namespace fgla

namespace {
struct LowerToReference : fgla::impl::LowerToReferenceBase<LowerToReference> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (!isa_and_nonnull<FGLADialect>(op->getDialect()))
        return WalkResult::advance();
      ops.push_back(op);
      return WalkResult::skip(); // what is in its region, it lowers itself
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops)
      if (failed(lower(rewriter, op)))
        return signalPassFailure();
  }

private:
  static LogicalResult lower(IRRewriter &rewriter, Operation *op) {
    rewriter.setInsertionPoint(op);
    bool isPacked = llvm::TypeSwitch<Operation *, bool>(op)
                        .Case<AttentionOp, AttentionGradOp>([](auto recurrence) { return recurrence.getSequences(); })
                        .Default(false);
    if (isPacked)
      return op->emitError()
             << "'" << op->getName()
             << "' with 'sequences' has no sequential form, take it apart first (fgla-expand-sequences)";
    using graph::buildReference;
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case<FeatureMapOp, GateOp, AttentionOp, NormOp, OutputGateOp>([&](auto concrete) -> LogicalResult {
          SmallVector<Value> results = buildReference(rewriter, concrete);
          rewriter.replaceOp(concrete, results);
          return success();
        })
        .Case<AttentionGradOp, VJPOp>([&](auto gradient) -> LogicalResult {
          FailureOr<SmallVector<Value>> results = buildReference(rewriter, gradient);
          if (failed(results))
            return failure();
          rewriter.replaceOp(gradient, *results);
          return success();
        })
        .Default([](Operation *other) {
          return other->emitError() << "'" << other->getName()
                                    << "' has no sequential form, take it apart first (fgla-expand-block)";
        });
  }
};
} // namespace
