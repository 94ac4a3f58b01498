//===- InspectAttention.cpp - What attention a model has ------------------===//
#include "passes/onnx/InspectAttention.h"
#include "passes/onnx/ClassifyMask.h"
#include "passes/onnx/Provenance.h"

using namespace mlir;
using namespace fgla::onnx;
using fgla::SoftmaxAttentionOp;

/// What a query sees, by what the op says and what its mask hides.
static MaskClass describeMask(func::FuncOp func, SoftmaxAttentionOp op) {
  MaskClass mask = classifyMask(func, op);
  if (op.getAlignment() && (mask.kind == MaskKind::None || mask.kind == MaskKind::Causal)) {
    mask.kind = op.isCausal() ? MaskKind::Causal : MaskKind::Arbitrary;
    if (op.isCausal() && op.getBehind()) {
      mask.kind = MaskKind::Window;
      mask.window = *op.getBehind() + 1;
    }
  }
  mask.hidesPadding |= op.getLengths() != nullptr;
  return mask;
}

/// A recurrence goes over a sequence once, from its beginning: what it can't do is an obstacle, what it does not need
/// is dropped.
static void judge(SoftmaxAttentionOp op, MaskClass mask, const Provenance &query, const Provenance &key,
                  AttentionReport &report) {
  Value asking = query.getSource(), asked = key.getSource();
  switch (mask.kind) {
  case MaskKind::Causal:
  case MaskKind::Window:
    break;
  case MaskKind::None:
    if (asking && asked && asking != asked)
      report.obstacle = {"cross", "keys come from another sequence than queries"};
    else
      report.obstacle = {"bidirectional", "a query sees keys that come after it"};
    break;
  case MaskKind::Prefix:
    report.obstacle = {"prefix", "queries see the first keys whatever their place"};
    break;
  case MaskKind::Bias:
    report.obstacle = {"bias", "a number is added to each score, by the places of query and key"};
    break;
  case MaskKind::Arbitrary:
    report.obstacle = {"mask", "what a query sees is neither causal nor a matter of padding"};
    break;
  case MaskKind::Unknown:
    report.obstacle = {"mask", "the mask is not made of integers alone, so what it hides is not known"};
    break;
  }
  if (mask.kind == MaskKind::Window)
    report.dropped.push_back("window");
  if (mask.hidesPadding)
    report.dropped.push_back("padding");
  if (op.getSoftcap())
    report.dropped.push_back("softcap");
  if (op.getSinks())
    report.dropped.push_back("sinks");
}

static void describe(func::FuncOp func, SoftmaxAttentionOp op, AttentionReport &report) {
  report.queryHeads = op.getNumQueryHeads();
  report.heads = op.getNumHeads();
  report.keyDim = op.getKeyDim();
  report.valueDim = op.getValueDim();
  report.scale = op.getEffectiveScale();
  report.softcap = op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0;
  report.hasSinks = op.getSinks() != nullptr;
  Provenance query = traceOperand(op.getQuery()), key = traceOperand(op.getKey()), value = traceOperand(op.getValue());
  report.isRotated = query.isRotated;
  report.isNormalized = query.isNormalized;
  report.hasPast = key.past != nullptr;
  llvm::SmallSetVector<Operation *, 4> projections;
  for (const Provenance *operand : {&query, &key, &value})
    projections.insert(operand->projections.begin(), operand->projections.end());
  if (NodeOp output = findOutputProjection(op.getOutput()))
    projections.insert(output);
  for (Operation *projection : projections)
    report.parameters += countParameters(cast<NodeOp>(projection));
  int64_t bytes = op.getQuery().getType().getElementTypeBitWidth() / 8;
  report.bytesPerToken = report.heads * (report.keyDim + report.valueDim) * bytes;
  // The state and the maximum that its keys are relative to, which are f32.
  report.stateBytes = report.heads * (report.keyDim * report.valueDim + 1) * 4;
  MaskClass mask = describeMask(func, op);
  report.mask = stringifyMaskKind(mask.kind).str() + (mask.hidesPadding ? "+padding" : "");
  report.window = mask.window;
  judge(op, mask, query, key, report);
}

std::vector<AttentionReport> fgla::onnx::inspectAttentions(func::FuncOp func) {
  std::vector<AttentionReport> reports;
  for (RaisedAttention &attention : raiseAttentions(func)) {
    AttentionReport &report = reports.emplace_back();
    report.node = std::move(attention.node);
    report.operation = std::move(attention.operation);
    if (attention.op)
      describe(func, attention.op, report);
    else
      report.obstacle = std::move(attention.obstacle);
  }
  return reports;
}
