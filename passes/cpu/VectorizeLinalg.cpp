//===- VectorizeLinalg.cpp - linalg on memory becomes loops over vectors --===//

#include "dialect/fgla/FGLA.h"
#include "passes/Targets.h"
#include "passes/cpu/LinalgLoops.h"
#include "passes/cpu/MatmulLoops.h"
#include "passes/cpu/ParallelLoop.h"
#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_VECTORIZELINALG
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;
using linalg::LinalgOp;

/// Runs of loops that are one loop over memory without gaps: (b, t, h, d) -> (b t h, d). Loops of one kind only, which
/// each operand has next to each other, in this order, or has not at all: an operand that has one of two is broadcast
/// along the other. None where an operand's dim is not a loop (the state of a group of heads, h floordiv 2).
static SmallVector<ReassociationIndices> findRuns(LinalgOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!llvm::all_of(maps, [](AffineMap map) { return map.isProjectedPermutation(); }))
    return {};
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

/// Without the dims of operands that no loop goes along, since their size is one: [1, T, D], added to [B, T, D], is
/// [T, D]. Loops stay, also those of one turn, by which products are known.
static LinalgOp dropBroadcastDims(RewriterBase &rewriter, LinalgOp op) {
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic)
    return op;
  linalg::ControlDropUnitDims control;
  control.controlFn = [&](Operation *) {
    SmallVector<unsigned> longer;
    for (auto [loop, size] : llvm::enumerate(generic.getStaticLoopRanges()))
      if (size != 1)
        longer.push_back(loop);
    return longer;
  };
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::DropUnitDimsResult> dropped = linalg::dropUnitDims(rewriter, generic, control);
  if (failed(dropped))
    return op;
  rewriter.eraseOp(op);
  return cast<LinalgOp>(dropped->resultOp.getOperation());
}

/// The op with fewer loops, where that is the same.
static LinalgOp collapseLoops(RewriterBase &rewriter, LinalgOp op) {
  if (op.hasIndexSemantics() || !isa<linalg::GenericOp, linalg::CopyOp>(op) || !isDense(op))
    return op;
  op = dropBroadcastDims(rewriter, op);
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

/// Parallel loops first: then those lie next to each other that a reduction stood between.
static LinalgOp orderLoops(RewriterBase &rewriter, LinalgOp op) {
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic)
    return op;
  SmallVector<unsigned> order;
  for (utils::IteratorType wanted : {utils::IteratorType::parallel, utils::IteratorType::reduction})
    for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray()))
      if (type == wanted)
        order.push_back(loop);
  if (order.size() != op.getNumLoops() || llvm::is_sorted(order))
    return op;
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::GenericOp> ordered = linalg::interchangeGenericOp(rewriter, generic, order);
  return succeeded(ordered) ? cast<LinalgOp>(ordered->getOperation()) : op;
}

/// The fill with zero whose result `op` adds to and which nothing reads in between; null if there is none.
static linalg::FillOp findZeroFill(LinalgOp op) {
  Value output = op.getDpsInitOperand(0)->get();
  // A view of the output, made to collapse loops.
  while (auto collapse = output.getDefiningOp<memref::CollapseShapeOp>())
    output = collapse.getSrc();
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    auto fill = dyn_cast<linalg::FillOp>(before);
    if (fill && fill.getOutputs().front() == output)
      return matchPattern(fill.getInputs().front(), m_AnyZeroFloat()) ? fill : linalg::FillOp();
    if (!isMemoryEffectFree(before) && !isa<memref::AllocOp>(before))
      return {};
  }
  return {};
}

namespace {
/// Matrix products of one kind are one function, which is compiled once.
class Products {
public:
  Products(ModuleOp module, unsigned vectorBits) : module(module), vectorBits(vectorBits) {}

  /// Replaces `op` by loops, or by a call of a function that has them. Fails, with nothing changed, if it is no matrix
  /// product.
  LogicalResult lower(IRRewriter &rewriter, LinalgOp op);

private:
  func::FuncOp makeFunction(IRRewriter &rewriter, LinalgOp op, bool startsAtZero);

  ModuleOp module;
  unsigned vectorBits;
  llvm::StringMap<func::FuncOp> functions;
};
} // namespace

func::FuncOp Products::makeFunction(IRRewriter &rewriter, LinalgOp op, bool startsAtZero) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToEnd(module.getBody());
  std::string name = "fgla_product_" + std::to_string(functions.size() - 1);
  auto type = rewriter.getFunctionType(TypeRange(op->getOperandTypes()), {});
  auto function = func::FuncOp::create(rewriter, op.getLoc(), name, type);
  function.setPrivate();
  Block *body = function.addEntryBlock();
  rewriter.setInsertionPointToStart(body);
  IRMapping values;
  values.map(op->getOperands(), body->getArguments());
  Operation *clone = rewriter.clone(*op, values);
  func::ReturnOp::create(rewriter, op.getLoc());
  rewriter.setInsertionPoint(clone);
  (void)fgla::cpu::buildMatmulLoops(rewriter, cast<LinalgOp>(clone), vectorBits, startsAtZero);
  rewriter.eraseOp(clone);
  return function;
}

LogicalResult Products::lower(IRRewriter &rewriter, LinalgOp op) {
  if (!fgla::cpu::isMatmul(op, vectorBits))
    return failure();
  linalg::FillOp fill = findZeroFill(op);
  rewriter.setInsertionPoint(op);
  if (fgla::cpu::isInParallelLoop(op)) {
    (void)fgla::cpu::buildMatmulLoops(rewriter, op, vectorBits, fill != nullptr);
  } else {
    std::string key;
    llvm::raw_string_ostream stream(key);
    stream << (fill ? "zero " : "add ");
    llvm::interleaveComma(op->getOperandTypes(), stream);
    for (AffineMap map : op.getIndexingMapsArray())
      stream << map;
    func::FuncOp &function = functions[key];
    if (!function)
      function = makeFunction(rewriter, op, fill != nullptr);
    func::CallOp::create(rewriter, op.getLoc(), function, op->getOperands());
  }
  if (fill)
    rewriter.eraseOp(fill);
  rewriter.eraseOp(op);
  return success();
}

namespace {
struct VectorizeLinalg : fgla::cpu::impl::VectorizeLinalgBase<VectorizeLinalg> {
  void runOnOperation() override {
    fgla::TargetAttr target = fgla::getTarget(getOperation());
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
    // Products first: they may do what a fill in front of them does.
    Products products(getOperation(), vectorBits);
    for (LinalgOp op : findOps())
      if (linalg::isaContractionOpInterface(op))
        (void)products.lower(rewriter, collapseLoops(rewriter, orderLoops(rewriter, generalize(rewriter, op))));
    for (LinalgOp op : findOps()) {
      op = collapseLoops(rewriter, orderLoops(rewriter, generalize(rewriter, op)));
      rewriter.setInsertionPoint(op);
      if (failed(fgla::cpu::buildLoops(rewriter, op, vectorBits)) && failed(linalg::linalgOpToLoops(rewriter, op))) {
        op.emitOpError("cannot be written as loops");
        return signalPassFailure();
      }
      rewriter.eraseOp(op);
    }
  }

private:
  SmallVector<LinalgOp> findOps() {
    SmallVector<LinalgOp> ops;
    getOperation().walk([&](LinalgOp op) {
      if (op.hasPureBufferSemantics())
        ops.push_back(op);
    });
    return ops;
  }
};
} // namespace
