//===- VectorizeLinalg.cpp - linalg on memory becomes loops over vectors --===//

#include "dialect/fgla/FGLA.h"
#include "passes/cpu/LinalgLoops.h"
#include "passes/cpu/MatmulLoops.h"
#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_VECTORIZELINALG
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;
using linalg::LinalgOp;

/// Runs of loops that are one loop over memory without gaps: (b, t, h, d) -> (b t h, d). Loops of one kind only.
static SmallVector<ReassociationIndices> findRuns(LinalgOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  SmallVector<ReassociationIndices> runs;
  for (int64_t i = 0, n = op.getNumLoops(); i < n;) {
    ReassociationIndices run{i++};
    while (i < n && kinds[i] == kinds[run.front()]) {
      ReassociationIndices longer = run;
      longer.push_back(i);
      if (!linalg::areDimSequencesPreserved(maps, {longer}))
        break;
      run = longer;
      ++i;
    }
    runs.push_back(run);
  }
  return runs;
}

/// True where each run is dense in the memory of each operand.
static bool isDense(LinalgOp op) {
  return llvm::all_of(op->getOperandTypes(), [](Type type) {
    auto memref = dyn_cast<MemRefType>(type);
    return !memref || memref.getLayout().isIdentity();
  });
}

/// The op with fewer loops, where that is the same.
static LinalgOp collapseLoops(RewriterBase &rewriter, LinalgOp op) {
  if (op.hasIndexSemantics() || !isa<linalg::GenericOp, linalg::CopyOp>(op) || !isDense(op))
    return op;
  SmallVector<ReassociationIndices> runs = findRuns(op);
  SmallVector<ReassociationIndices> folded;
  for (const ReassociationIndices &run : runs)
    if (run.size() > 1)
      folded.push_back(run);
  if (folded.empty())
    return op;
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::CollapseResult> collapsed = linalg::collapseOpIterationDims(op, folded, rewriter);
  if (failed(collapsed))
    return op;
  rewriter.eraseOp(op);
  return collapsed->collapsedOp;
}

/// Elementwise and other named ops in the general form, which can be collapsed.
static LinalgOp generalize(RewriterBase &rewriter, LinalgOp op) {
  if (isa<linalg::GenericOp, linalg::CopyOp>(op))
    return op;
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::GenericOp> generic = linalg::generalizeNamedOp(rewriter, op);
  return succeeded(generic) ? cast<LinalgOp>(generic->getOperation()) : op;
}

namespace {
struct VectorizeLinalg : fgla::cpu::impl::VectorizeLinalgBase<VectorizeLinalg> {
  void runOnOperation() override {
    auto target = getOperation()->getAttrOfType<fgla::TargetAttr>("fgla.target");
    unsigned vectorBits = target ? target.getVectorBits() : 128;
    IRRewriter rewriter(&getContext());
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp copy) { copies.push_back(copy); });
    for (memref::CopyOp copy : copies) {
      // An unranked memref has no loops.
      if (!isa<MemRefType>(copy.getSource().getType()) || !isa<MemRefType>(copy.getTarget().getType()))
        continue;
      rewriter.setInsertionPoint(copy);
      linalg::CopyOp::create(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
      rewriter.eraseOp(copy);
    }
    SmallVector<LinalgOp> ops;
    getOperation().walk([&](LinalgOp op) {
      if (op.hasPureBufferSemantics())
        ops.push_back(op);
    });
    for (LinalgOp op : ops) {
      op = collapseLoops(rewriter, generalize(rewriter, op));
      rewriter.setInsertionPoint(op);
      if (failed(fgla::cpu::buildMatmulLoops(rewriter, op, vectorBits)) &&
          failed(fgla::cpu::buildLoops(rewriter, op, vectorBits)) && failed(linalg::linalgOpToLoops(rewriter, op))) {
        op.emitOpError("cannot be written as loops");
        return signalPassFailure();
      }
      rewriter.eraseOp(op);
    }
  }
};
} // namespace
