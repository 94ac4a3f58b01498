//===- FormKernels.cpp - Fused attentions as kernels on tiles -------------===//

#include "dialect/fgla/FGLA.h"
#include "dialect/tile/Diagnostics.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "passes/tiled/GradientWriter.h"
#include "passes/tiled/KernelWriter.h"
#include "passes/tiled/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_FORMKERNELS
#include "passes/tiled/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

static MemRefType getArrayType(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return MemRefType::get(type.getShape(), type.getElementType());
}

static func::FuncOp declareKernel(Fusion &fusion, SymbolTable &symbols) {
  auto host = fusion.root->getParentOfType<func::FuncOp>();
  OpBuilder builder(host);
  SmallVector<Type> types;
  for (Value input : fusion.inputs)
    types.push_back(getArrayType(input));
  for (Value result : fusion.getResults())
    types.push_back(getArrayType(result));
  auto kernel = func::FuncOp::create(builder, fusion.root.getLoc(), (host.getName() + "_kernel").str(),
                                     builder.getFunctionType(types, {}));
  kernel.setPrivate();
  kernel->setAttr(kKernelAttrName, fusion.root->getAttr(kScheduleAttrName));
  if (Attribute precision = fusion.root->getAttr(kPrecisionAttrName))
    kernel->setAttr(kPrecisionAttrName, precision);
  symbols.insert(kernel, Block::iterator(host)); // renames on a clash
  return kernel;
}

/// Replaces the fused ops by a launch of the kernel.
static void launch(Fusion &fusion, func::FuncOp kernel) {
  IRRewriter rewriter(fusion.root);
  Location loc = fusion.root.getLoc();
  SmallVector<Value> results = fusion.getResults(), outs;
  SmallVector<Type> types;
  for (Value result : results) {
    auto type = cast<RankedTensorType>(result.getType());
    // Batch and tokens are the only dynamic sizes, and the first input, which the root's first operand is made of, has
    // them in front.
    SmallVector<OpFoldResult> sizes;
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      sizes.push_back(ShapedType::isDynamic(size) ? tensor::getMixedSize(rewriter, loc, fusion.inputs.front(), dim)
                                                  : OpFoldResult(rewriter.getIndexAttr(size)));
    outs.push_back(tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType()));
    types.push_back(type);
  }
  auto op = tile::LaunchOp::create(rewriter, loc, types, SymbolRefAttr::get(kernel), fusion.inputs.getArrayRef(), outs);
  for (auto [result, replacement] : llvm::zip_equal(results, op.getResults()))
    rewriter.replaceAllUsesWith(result, replacement);
  for (TileFormInterface consumer : llvm::reverse(fusion.consumers))
    rewriter.eraseOp(consumer);
  rewriter.eraseOp(fusion.root);
}

/// A GPU's programs have parts for slices of the channels, one after another; sizes that no program could hold are
/// refused before they are written out.
static LogicalResult checkChannels(Operation *root) {
  for (Value operand : root->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (type && type.getRank() == 4 && type.getDimSize(3) > kMostTileSide)
      return emitNamedError(root) << "has heads of " << type.getDimSize(3)
                                  << " channels, but on a GPU no side of a tile is longer than " << kMostTileSide;
  }
  return success();
}

namespace {
struct FormKernels : fgla::impl::FormKernelsBase<FormKernels> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    DominanceInfo &dominance = getAnalysis<DominanceInfo>();
    SmallVector<KernelRootInterface> roots;
    getOperation()->walk([&](KernelRootInterface op) {
      // Roles have no code for gradients yet, which then run token by token.
      if (op->hasAttr(kScheduleAttrName) && !(roles && isa<AttentionGradOp>(op)))
        roots.push_back(op);
    });
    for (KernelRootInterface root : roots) {
      if (roles && failed(checkChannels(root)))
        return signalPassFailure();
      Fusion fusion = growFusion(root, dominance);
      func::FuncOp kernel = declareKernel(fusion, symbols);
      auto schedule = root->getAttrOfType<ScheduleAttr>(kScheduleAttrName);
      if (isa<AttentionGradOp>(root))
        GradientWriter(fusion, schedule, kernel).write();
      else
        KernelWriter(fusion, schedule, kernel, roles).write();
      // What the producers made is computed in the kernel now; they have no other use.
      SmallVector<Operation *> producers(fusion.producers.begin(), fusion.producers.end());
      launch(fusion, kernel);
      while (!producers.empty()) {
        auto dead = llvm::find_if(producers, [](Operation *op) { return op->use_empty(); });
        (*dead)->erase();
        producers.erase(dead);
      }
    }
  }
};
} // namespace
