//===- Fusion.cpp - What becomes one kernel -------------------------------===//

#include "passes/tiled/Fusion.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace fgla;

/// Walks up from `value`, which the kernel needs tile by tile.
static void addProducers(Fusion &fusion, Value value) {
  auto producer = value.getDefiningOp<TileFormInterface>();
  if (!producer || !value.hasOneUse() || producer->getBlock() != fusion.root->getBlock()) {
    fusion.inputs.insert(value);
    return;
  }
  fusion.producers.insert(producer);
  for (OpOperand &operand : producer->getOpOperands()) {
    if (producer.isTokenOperand(operand.getOperandNumber()))
      addProducers(fusion, operand.get());
    else
      fusion.inputs.insert(operand.get());
  }
}

/// The op that alone uses `value` and can be computed from its tiles.
static TileFormInterface getConsumer(Fusion &fusion, Value value, DominanceInfo &dominance) {
  if (!value || !value.hasOneUse())
    return {};
  OpOperand &use = *value.getUses().begin();
  auto consumer = dyn_cast<TileFormInterface>(use.getOwner());
  if (!consumer || consumer.hasComplement() || !consumer.isTokenOperand(use.getOperandNumber()) ||
      consumer->getBlock() != fusion.root->getBlock())
    return {};
  IRRewriter rewriter(consumer->getContext());
  for (Value operand : consumer->getOperands()) {
    if (operand == value || dominance.properlyDominates(operand, fusion.root))
      continue;
    Operation *definition = operand.getDefiningOp();
    if (failed(moveOperationDependencies(rewriter, definition, fusion.root, dominance)))
      return {};
    rewriter.moveOpBefore(definition, fusion.root);
  }
  return consumer;
}

SmallVector<Value> Fusion::getResults() {
  SmallVector<Value> results;
  if (Value output = getOutput())
    results.push_back(output);
  for (OpResult result : root->getResults())
    if (result != root.getFusedResult())
      results.push_back(result);
  return results;
}

Fusion fgla::growFusion(KernelRootInterface root, DominanceInfo &dominance) {
  Fusion fusion{root, {}, {}, {}};
  for (OpOperand &operand : root->getOpOperands()) {
    if (root.isTokenOperand(operand.getOperandNumber()))
      addProducers(fusion, operand.get());
    else
      fusion.inputs.insert(operand.get());
  }
  while (TileFormInterface consumer = getConsumer(fusion, fusion.getOutput(), dominance)) {
    for (OpOperand &operand : consumer->getOpOperands()) {
      if (operand.get() == fusion.getOutput())
        continue;
      if (consumer.isTokenOperand(operand.getOperandNumber()))
        addProducers(fusion, operand.get());
      else
        fusion.inputs.insert(operand.get());
    }
    fusion.consumers.push_back(consumer);
  }
  return fusion;
}
