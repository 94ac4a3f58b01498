//===- ExportONNXRecurrence.cpp - The recurrence as ONNX nodes ------------===//
//
// All three forms have one interface, that of ONNX's LinearAttention: heads merged into the last dim, a decay in
// logarithms, the state in and out. A stabilizer becomes exponentials around it, and growths of the maximum become part
// of the decay.
//
//===----------------------------------------------------------------------===//
#include "passes/onnx/ExportONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

#include <limits>

using namespace mlir;
using namespace fgla;
using namespace fgla::onnx;

/// In place of -inf, the maximum of no keys: -inf less that is -inf, not NaN.
static constexpr float kLowest = std::numeric_limits<float>::lowest();
static constexpr float kInfinity = std::numeric_limits<float>::infinity();

//===----------------------------------------------------------------------===//
// Stabilizers
//===----------------------------------------------------------------------===//

namespace {
/// Keys as features, and by how much the state shrinks where the maximum grows.
struct Stabilized {
  Value growth;   ///< a logarithm for each token and head, [B, T, H], or null
  Value finalMax; ///< [B, H], or null
};
} // namespace

/// The maximum of no tokens, or the one that is given, [B, H].
static Value firstMax(ONNXBuilder &n, Recurrence &r) {
  Value lowest = n.number(kLowest);
  if (r.max)
    return n.max(r.max, lowest);
  return n.op("Expand", {lowest, n.shapeLike(r.key, 1, {r.heads})});
}

/// The state counts for nothing where its maximum is that of no keys.
static void dropEmptyState(ONNXBuilder &n, Recurrence &r) {
  if (!r.state || !r.max)
    return;
  Value isEmpty = n.unsqueeze(n.op("Less", {r.max, n.number(kLowest)}), {2, 3});
  r.state = n.op("Where", {isEmpty, n.number(0), r.state});
}

static Value withoutLowest(ONNXBuilder &n, Value max) {
  Value lowest = n.number(kLowest);
  return n.op("Where", {n.op("Equal", {max, lowest}), n.number(-kInfinity), max});
}

static Stabilized stabilizeRunning(ONNXBuilder &n, Recurrence &r) {
  dropEmptyState(n, r);
  Value tokens = n.reduce("ReduceMax", r.key, {3}, /*keep=*/false);
  ValueRange scanned = n.scan(firstMax(n, r), tokens, [&](ValueRange args) -> SmallVector<Value> {
    Value max = n.max(args[0], args[1]);
    return {max, n.op("Identity", {max}), n.sub(args[0], max)};
  });
  r.key = n.exp(n.sub(r.key, n.unsqueeze(scanned[1], {3})));
  return {scanned[2], withoutLowest(n, scanned[0])};
}

static Stabilized stabilizeSequence(ONNXBuilder &n, Recurrence &r) {
  dropEmptyState(n, r);
  Value first = firstMax(n, r), max = n.max(n.reduce("ReduceMax", r.key, {1, 3}, /*keep=*/false), first);
  r.key = n.exp(n.sub(r.key, n.unsqueeze(max, {1, 3})));
  if (r.state)
    r.state = n.mul(r.state, n.unsqueeze(n.exp(n.sub(first, max)), {2, 3}));
  return {Value(), withoutLowest(n, max)};
}

static Stabilized stabilize(ONNXBuilder &n, Recurrence &r) {
  switch (r.stabilizer) {
  case Stabilizer::None:
    return {};
  case Stabilizer::Running:
    return stabilizeRunning(n, r);
  case Stabilizer::Sequence:
    return stabilizeSequence(n, r);
  case Stabilizer::Token:
    r.key = n.exp(n.sub(r.key, n.max(n.reduce("ReduceMax", r.key, {3}, /*keep=*/true), n.number(kLowest))));
    return {};
  }
  llvm_unreachable("all stabilizers are listed");
}

//===----------------------------------------------------------------------===//
// The function of old operators
//===----------------------------------------------------------------------===//

/// The body of a function with LinearAttention's inputs and outputs: `inputs` are query, key, value, state, decay and
/// beta, null where there is none.
static SmallVector<Value> buildFunctionBody(ONNXBuilder &n, const Recurrence &r, ArrayRef<Value> inputs) {
  Value key = inputs[1], state = inputs[3];
  SmallVector<Value> scanned{n.reshape(inputs[0], {0, 0, r.heads, r.queryHeads / r.heads, r.keyDim}),
                             n.reshape(key, {0, 0, r.heads, r.keyDim, 1}),
                             n.reshape(inputs[2], {0, 0, r.heads, 1, r.valueDim})};
  if (inputs[4])
    scanned.push_back(n.reshape(n.exp(inputs[4]), {0, 0, r.heads, -1, 1}));
  if (inputs[5]) {
    scanned.push_back(n.reshape(key, {0, 0, r.heads, 1, r.keyDim}));
    scanned.push_back(n.unsqueeze(inputs[5], {3, 4}));
  }
  if (!state)
    state = n.op("Expand", {n.number(0), n.shapeLike(key, 1, {r.heads, r.keyDim, r.valueDim})});
  ValueRange results = n.scan(state, scanned, [&](ValueRange args) -> SmallVector<Value> {
    Value s = args[0], q = args[1], k = args[2], v = args[3];
    if (inputs[4])
      s = n.mul(s, args[4]);
    if (inputs[5]) // what the state has for this key already
      v = n.mul(args.back(), n.sub(v, n.op("MatMul", {args[args.size() - 2], s})));
    s = n.add(s, n.mul(k, v));
    return {s, n.op("MatMul", {q, s})};
  });
  return {n.reshape(results[1], {0, 0, r.queryHeads * r.valueDim}), results[0]};
}

/// The function of the module for this kind of recurrence; its name says all that it depends on.
static StringRef getFunction(ONNXBuilder &n, Operation *module, const Recurrence &r, ArrayRef<Value> inputs) {
  std::string name = "LinearAttention_" + std::to_string(r.queryHeads) + "_" + std::to_string(r.heads) + "_" +
                     std::to_string(r.keyDim) + "_" + std::to_string(r.valueDim);
  for (auto [input, suffix] : llvm::zip(inputs.drop_front(3), ArrayRef<const char *>{"_state", "_decay", "_beta"}))
    if (input)
      name += suffix;
  OpBuilder &builder = n.getBuilder();
  if (auto known = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(module, builder.getStringAttr(name)))
    return known.getName();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(cast<ModuleOp>(module).getBody());
  Type none = builder.getNoneType();
  SmallVector<Type> types(llvm::count_if(inputs, [](Value input) { return input != Value(); }), none);
  auto func = func::FuncOp::create(builder, module->getLoc(), name, builder.getFunctionType(types, {none, none}));
  func.setPrivate();
  func->setAttr(kFunctionAttrName, builder.getStringAttr("fgla"));
  Block *block = func.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  SmallVector<Value> args;
  auto arg = block->args_begin();
  for (Value input : inputs)
    args.push_back(input ? Value(*arg++) : Value());
  SmallVector<Value> results = buildFunctionBody(n, r, args);
  func::ReturnOp::create(builder, module->getLoc(), results);
  return func.getName();
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// The decay as LinearAttention takes it: logarithms, [B, T, H K] or [B, T, H].
static Value mergeDecay(ONNXBuilder &n, const Recurrence &r, Value growth) {
  if (!r.decay)
    return growth;
  Value decay = r.isLog ? r.decay : n.op("Log", {r.decay});
  if (r.axis == DecayAxis::Key) {
    if (growth)
      decay = n.add(decay, n.unsqueeze(growth, {3}));
    return n.reshape(decay, {0, 0, r.heads * r.keyDim});
  }
  if (r.axis == DecayAxis::Head)
    decay = n.reshape(decay, {0, 0, r.heads});
  if (growth)
    return n.add(decay, growth);
  return r.axis == DecayAxis::Head ? decay : n.op("Expand", {decay, n.shapeLike(r.key, 2, {r.heads})});
}

void fgla::onnx::exportRecurrence(ONNXBuilder &n, ExportForm form, Operation *module, Recurrence &r) {
  OpBuilder &b = n.getBuilder();
  Stabilized stabilized = stabilize(n, r);
  Value decay = mergeDecay(n, r, stabilized.growth), query = r.query;
  // An attribute of zero means another scale.
  bool scalesQuery = form == ExportForm::Function || static_cast<float>(r.scale) == 0;
  if (scalesQuery)
    query = n.mul(query, n.number(r.scale));
  SmallVector<Value> inputs{n.reshape(query, {0, 0, r.queryHeads * r.keyDim}),
                            n.reshape(r.key, {0, 0, r.heads * r.keyDim}),
                            n.reshape(r.value, {0, 0, r.heads * r.valueDim}),
                            r.state,
                            decay,
                            r.beta};
  NodeOp node;
  if (form == ExportForm::Function) {
    StringRef name = getFunction(n, module, r, inputs);
    llvm::erase(inputs, Value());
    node = n.node(name, inputs, {}, /*outputs=*/2, "fgla");
  } else {
    while (!inputs.back())
      inputs.pop_back();
    StringRef rule = r.rule != UpdateRule::Gated ? (decay ? "gated_delta" : "delta") : decay ? "gated" : "linear";
    NamedAttribute attributes[] = {
        n.attribute("q_num_heads", r.queryHeads), n.attribute("kv_num_heads", r.heads),
        b.getNamedAttr("update_rule", b.getStringAttr(rule)),
        b.getNamedAttr("scale", b.getF32FloatAttr(scalesQuery ? 1.0f : static_cast<float>(r.scale)))};
    node = n.node("LinearAttention", inputs, attributes, /*outputs=*/2,
                  form == ExportForm::Contrib ? "com.microsoft" : "");
  }
  r.output = n.reshape(node.getOutputs()[0], {0, 0, r.queryHeads, r.valueDim});
  r.finalState = node.getOutputs()[1];
  r.finalMax = stabilized.finalMax;
}
