//===- InspectAttention.cpp - What attention a model has ------------------===//
#include "passes/onnx/InspectAttention.h"
#include "passes/onnx/Provenance.h"

using namespace mlir;
using namespace fgla::onnx;
using fgla::SoftmaxAttentionOp;

static std::string nameOf(NodeOp node) {
  if (!node.getNodeName().empty())
    return node.getNodeName().str();
  auto loc = dyn_cast<NameLoc>(node.getLoc());
  return loc ? loc.getName().str() : node.getOpType().str();
}

static std::string operationOf(NodeOp node) {
  return (node.getDomain().empty() ? "" : node.getDomain() + ".").str() + node.getOpType().str();
}

/// What the mask is called, and whether a query sees what comes after it.
static void describeMask(SoftmaxAttentionOp op, AttentionReport &report) {
  bool isWindow = op.getBehind().has_value();
  report.mask = op.isCausal() ? isWindow ? "window" : "causal" : isWindow || op.getAhead() ? "window" : "none";
  if (isWindow)
    report.window = *op.getBehind() + 1;
  bool hidesKeys = op.getLengths() != nullptr;
  if (op.getMask()) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getMask().getType()).getShape();
    bool isPadding = shape[1] == 1 && shape[2] == 1;
    hidesKeys |= isPadding;
    if (!isPadding)
      report.mask = report.mask == "none" ? "arbitrary" : report.mask + "+arbitrary";
  }
  if (hidesKeys)
    report.mask = report.mask == "none" ? "padding" : report.mask + "+padding";
}

/// A recurrence goes over a sequence once, from its beginning: what it can't do is an obstacle, what it does not need
/// is dropped.
static void judge(SoftmaxAttentionOp op, const Provenance &query, const Provenance &key, AttentionReport &report) {
  Value asking = query.getSource(), asked = key.getSource();
  bool isCausal = op.isCausal();
  if (StringRef(report.mask).contains("arbitrary"))
    report.obstacle = {"mask", "what a query sees is neither causal nor a matter of padding"};
  else if (!isCausal && asking && asked && asking != asked)
    report.obstacle = {"cross", "keys come from another sequence than queries"};
  else if (!isCausal)
    report.obstacle = {"bidirectional", "a query sees keys that come after it"};
  if (op.getBehind())
    report.dropped.push_back("window");
  if (op.getSoftcap())
    report.dropped.push_back("softcap");
  if (op.getSinks())
    report.dropped.push_back("sinks");
}

static void describe(SoftmaxAttentionOp op, AttentionReport &report) {
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
  describeMask(op, report);
  judge(op, query, key, report);
}

std::vector<AttentionReport> fgla::onnx::inspectAttentions(func::FuncOp func) {
  SmallVector<NodeOp> nodes;
  func.walk([&](NodeOp node) {
    if (isAttentionOperator(node))
      nodes.push_back(node);
  });
  std::vector<AttentionReport> reports;
  SmallVector<SoftmaxAttentionOp> raised;
  for (NodeOp node : nodes) {
    AttentionReport &report = reports.emplace_back();
    report.node = nameOf(node);
    report.operation = operationOf(node);
    Obstacle obstacle;
    FailureOr<SoftmaxAttentionOp> op = raiseAttentionOperator(node, obstacle);
    raised.push_back(succeeded(op) ? *op : SoftmaxAttentionOp());
    if (failed(op))
      report.obstacle = obstacle;
  }
  for (auto [op, report] : llvm::zip(raised, reports))
    if (op)
      describe(op, report);
  return reports;
}
