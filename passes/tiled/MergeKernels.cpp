//===- MergeKernels.cpp - Equal kernels become one ------------------------===//

#include "dialect/fgla/Attributes.h"
#include "dialect/tile/Tile.h"
#include "passes/tiled/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla {
#define GEN_PASS_DEF_MERGEKERNELS
#include "passes/tiled/Passes.h.inc"
} // namespace fgla

using namespace mlir;

/// Whether two kernels differ in their names and places only.
static bool areEqual(func::FuncOp a, func::FuncOp b) {
  auto attributes = [](func::FuncOp kernel) {
    NamedAttrList list(kernel->getAttrDictionary());
    list.erase(kernel.getSymNameAttrName());
    return list.getDictionary(kernel.getContext());
  };
  return attributes(a) == attributes(b) &&
         OperationEquivalence::isRegionEquivalentTo(&a.getBody(), &b.getBody(), OperationEquivalence::IgnoreLocations);
}

namespace {
struct MergeKernels : fgla::impl::MergeKernelsBase<MergeKernels> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> kept;
    llvm::DenseMap<StringAttr, FlatSymbolRefAttr> replacements;
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!kernel->hasAttr(fgla::kKernelAttrName) || !kernel.isPrivate())
        continue;
      auto *first = llvm::find_if(kept, [&](func::FuncOp other) { return areEqual(other, kernel); });
      if (first == kept.end()) {
        kept.push_back(kernel);
        continue;
      }
      replacements[kernel.getSymNameAttr()] = FlatSymbolRefAttr::get(*first);
      kernel.erase();
    }
    getOperation().walk([&](fgla::tile::LaunchOp launch) {
      if (auto kernel = replacements.find(launch.getKernelAttr().getAttr()); kernel != replacements.end())
        launch.setKernelAttr(kernel->second);
    });
  }
};
} // namespace
