//===- OperandLayout.cpp - Which elements of a tensor are which head ------===//
#include "passes/onnx/OperandLayout.h"
#include "passes/onnx/EvaluateNode.h"
#include "passes/onnx/ONNXElementwise.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <numeric>

using namespace mlir;
using namespace fgla::onnx;

/// From a contraction back to a projection are a dozen nodes.
static constexpr size_t kMostSteps = 64;

static RankedTensorType typeOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// `bhqd,bhkd->bhqk`
static bool readEinsum(NodeOp node, bool isOfValues, ContractionRoles &roles) {
  auto attr = dyn_cast_or_null<StringAttr>(node.getNodeAttr("equation"));
  std::string text = attr ? attr.getValue().str() : "";
  llvm::erase_if(text, [](char c) { return c == ' '; });
  auto [inputs, output] = StringRef(text).split("->");
  auto [left, right] = inputs.split(',');
  for (StringRef part : {left, right, output})
    if (part.empty() || !llvm::all_of(part, [](char c) { return llvm::isAlpha(c); }))
      return false;
  std::string batches;
  for (char letter : output)
    if (left.contains(letter) && right.contains(letter))
      batches += letter;
  roles.numBatch = batches.size();
  auto roleOf = [&](char letter, bool isRight) -> DimRole {
    size_t batch = batches.find(letter);
    if (batch != std::string::npos)
      return {DimRole::Batch, static_cast<unsigned>(batch)};
    // Contracted are the channels of queries and keys, the tokens of values.
    bool isContracted = !output.contains(letter);
    bool isToken = isOfValues ? isContracted || !isRight : !isContracted;
    return {isToken ? DimRole::Token : DimRole::Channel, 0};
  };
  for (char letter : left)
    roles.left.push_back(roleOf(letter, false));
  for (char letter : right)
    roles.right.push_back(roleOf(letter, true));
  for (char letter : output)
    roles.output.push_back(roleOf(letter, right.contains(letter)));
  return roles.left.size() == roles.numBatch + 2 && roles.right.size() == roles.numBatch + 2;
}

bool fgla::onnx::readRoles(NodeOp node, bool isOfValues, ContractionRoles &roles) {
  if (node.getOpType() == "Einsum")
    return readEinsum(node, isOfValues, roles);
  auto left = typeOf(node.getInput(0)), right = typeOf(node.getInput(1));
  bool isStrange = getIntAttr(node, "transBatchA", 0) || getIntAttr(node, "transBatchB", 0);
  if (!left || !right || left.getRank() < 2 || right.getRank() < 2 || isStrange)
    return false;
  roles.numBatch = std::max(left.getRank(), right.getRank()) - 2;
  auto batches = [&](int64_t rank) {
    SmallVector<DimRole> dims;
    for (unsigned i = roles.numBatch - (rank - 2); i != roles.numBatch; ++i)
      dims.push_back({DimRole::Batch, i});
    return dims;
  };
  auto add = [](SmallVector<DimRole> &dims, DimRole::Kind first, DimRole::Kind second, bool isSwapped) {
    dims.push_back({isSwapped ? second : first, 0});
    dims.push_back({isSwapped ? first : second, 0});
  };
  roles.left = batches(left.getRank());
  roles.right = batches(right.getRank());
  roles.output = batches(roles.numBatch + 2);
  add(roles.left, DimRole::Token, DimRole::Channel, getIntAttr(node, "transA", 0));
  add(roles.right, isOfValues ? DimRole::Token : DimRole::Channel, isOfValues ? DimRole::Channel : DimRole::Token,
      getIntAttr(node, "transB", 0));
  add(roles.output, DimRole::Token, DimRole::Channel, false);
  return true;
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

static int64_t sizeOf(const Array &array, ArrayRef<DimRole> roles, DimRole::Kind kind) {
  for (auto [role, size] : llvm::zip(roles, array.shape))
    if (role.kind == kind)
      return size;
  return 0;
}

bool LayoutReader::readSizes(NodeOp product, const ContractionRoles &roles, NodeOp valueProduct,
                             const ContractionRoles &valueRoles) {
  for (Evaluator &sample : samples) {
    const Array *left = sample.get(product.getInput(0)), *right = sample.get(product.getInput(1)),
                *values = sample.get(valueProduct.getInput(1));
    left = sample.get(product.getInput(0));
    right = sample.get(product.getInput(1));
    if (!left || !right || !values || left->shape.size() != roles.left.size() ||
        right->shape.size() != roles.right.size() || values->shape.size() != valueRoles.right.size())
      return false;
    SampleSizes &here = sizes.emplace_back();
    here.batch.assign(roles.numBatch, 1);
    for (auto [dims, array] : {std::pair(ArrayRef<DimRole>(roles.left), left), {roles.right, right}})
      for (auto [role, size] : llvm::zip(dims, array->shape))
        if (role.kind == DimRole::Batch && size != 1)
          here.batch[role.batch] = size;
    here.queries = sizeOf(*left, roles.left, DimRole::Token);
    here.keys = sizeOf(*right, roles.right, DimRole::Token);
    int64_t heads = 1;
    for (int64_t size : ArrayRef<int64_t>(here.batch).drop_front(std::min<size_t>(1, here.batch.size())))
      heads *= size;
    isFolded = roles.numBatch == 1;
    if (!isFolded && queryHeads != 0 && queryHeads != heads)
      return false;
    queryHeads = isFolded ? 0 : heads;
    if (here.queries == 0 || here.keys == 0 || roles.numBatch > 3)
      return false;
  }
  return true;
}

int64_t LayoutReader::getNumSequences(size_t sample) const {
  if (isFolded)
    return foldedSequences[sample];
  return sizes[sample].batch.empty() ? 1 : sizes[sample].batch.front();
}

SmallVector<int64_t> LayoutReader::getScoreShape(size_t sample) const {
  return {getNumSequences(sample), queryHeads, sizes[sample].queries, sizes[sample].keys};
}

//===----------------------------------------------------------------------===//
// The way of an operand
//===----------------------------------------------------------------------===//

std::optional<double> LayoutReader::splat(Value value) {
  std::optional<double> number;
  for (Evaluator &sample : samples) {
    const Array *array = sample.get(value);
    std::optional<double> here = array ? array->splat() : std::nullopt;
    if (!here || (number && *number != *here))
      return std::nullopt;
    number = here;
  }
  return number;
}

static bool isMove(NodeOp node) {
  return llvm::StringSwitch<bool>(node.getOpType())
      .Cases({"Reshape", "Transpose", "Unsqueeze", "Squeeze", "Flatten", "Expand", "Tile", "Identity", "Slice", "Split",
              "Gather", "Dropout"},
             true)
      .Default(false);
}

void LayoutReader::collect(Value operand) {
  chain = {operand};
  steps.clear();
  while (steps.size() != kMostSteps) {
    auto node = chain.back().getDefiningOp<NodeOp>();
    if (!node || !node.getInput(0))
      return;
    if (isMove(node)) {
      steps.push_back({node, cast<OpResult>(chain.back()).getResultNumber()});
      chain.push_back(node.getInput(0));
      continue;
    }
    StringRef name = node.getOpType();
    if ((name != "Mul" && name != "Div") || node.getInputs().size() != 2)
      return;
    Value left = node.getInput(0), right = node.getInput(1);
    std::optional<double> factor = splat(right);
    Value data = left;
    if (!factor && name == "Mul") {
      factor = splat(left);
      data = right;
    }
    if (!factor || *factor == 0)
      return;
    steps.push_back({NodeOp(), 0, name == "Div" ? 1 / *factor : *factor});
    chain.push_back(data);
  }
}

/// The place of an element in the source.
static int64_t placeOf(OperandLayout::Order order, ArrayRef<int64_t> sizes, int64_t b, int64_t h, int64_t s,
                       int64_t d) {
  int64_t sequences = sizes[0], heads = sizes[1], tokens = sizes[2], channels = sizes[3];
  switch (order) {
  case OperandLayout::TokensHeads:
  case OperandLayout::OneSequence:
    return ((b * tokens + s) * heads + h) * channels + d;
  case OperandLayout::HeadsTokens:
    return ((b * heads + h) * tokens + s) * channels + d;
  case OperandLayout::HeadsChannelsTokens:
    return ((b * heads + h) * channels + d) * tokens + s;
  case OperandLayout::TokensFirst:
    return ((s * sequences + b) * heads + h) * channels + d;
  }
  return -1;
}

static bool hasShapeOf(OperandLayout::Order order, ArrayRef<int64_t> shape, ArrayRef<int64_t> sizes) {
  int64_t sequences = sizes[0], heads = sizes[1], tokens = sizes[2], channels = sizes[3];
  switch (order) {
  case OperandLayout::TokensHeads:
    return shape.size() >= 3 && shape[0] == sequences && shape[1] == tokens;
  case OperandLayout::HeadsTokens:
    return shape == ArrayRef<int64_t>({sequences, heads, tokens, channels});
  case OperandLayout::HeadsChannelsTokens:
    return shape == ArrayRef<int64_t>({sequences, heads, channels, tokens});
  case OperandLayout::TokensFirst:
    return shape.size() >= 3 && shape[0] == tokens && shape[1] == sequences;
  case OperandLayout::OneSequence:
    return sequences == 1 && shape.size() >= 2 && shape[0] == tokens && shape[1] != 1;
  }
  return false;
}

/// Whether the elements of the candidate, numbered, arrive at the contraction where the order says.
bool LayoutReader::isOrdered(size_t sample, size_t candidate, OperandLayout::Order order, int64_t sequences,
                             ArrayRef<DimRole> roles, int64_t tokens, const OperandLayout &layout) {
  Evaluator &evaluator = *(samples.begin() + sample);
  Array ids = *evaluator.get(chain[candidate]);
  if (ids.size() > kMostElements)
    return false;
  ids.values.emplace(ids.size());
  std::iota(ids.values->begin(), ids.values->end(), 0.0);
  for (size_t step = candidate; step-- > 0;) {
    NodeOp node = steps[step].node;
    if (!node)
      continue;
    SmallVector<const Array *> inputs{&ids};
    for (size_t i = 1, e = node.getNumInputPlaces(); i < e; ++i)
      if (Value input = node.getInput(i))
        evaluator.get(input);
    for (size_t i = 1, e = node.getNumInputPlaces(); i < e; ++i)
      inputs.push_back(node.getInput(i) ? evaluator.get(node.getInput(i)) : nullptr);
    std::optional<Array> next = evaluateNode(node, inputs, steps[step].place);
    if (!next || !next->values)
      return false;
    ids = std::move(*next);
  }
  if (ids.shape.size() != roles.size())
    return false;
  int64_t group = queryHeads / layout.heads, own[] = {sequences, layout.heads, tokens, layout.channels};
  const SampleSizes &size = sizes[sample];
  // Each element of the operand once, with the heads that share it.
  SmallVector<int64_t> place(roles.size(), 0);
  for (int64_t i = 0, e = ids.size(); i != e; ++i) {
    int64_t batch = 0, head = 0, token = 0, channel = 0;
    for (auto [role, at, dim] : llvm::zip(roles, place, ids.shape)) {
      if (role.kind == DimRole::Token)
        token = at;
      else if (role.kind == DimRole::Channel)
        channel = at;
      else if (isFolded)
        batch = at / queryHeads, head = at % queryHeads;
      else if (role.batch == 0)
        batch = at;
      else
        head = head * (dim == 1 && size.batch[role.batch] != 1 ? size.batch[role.batch] : dim) + at;
    }
    if ((*ids.values)[i] != placeOf(order, own, batch, head / group, token, channel))
      return false;
    for (size_t dim = roles.size(); dim-- > 0 && ++place[dim] == ids.shape[dim];)
      place[dim] = 0;
  }
  return true;
}

bool LayoutReader::fits(size_t candidate, OperandLayout::Order order, int64_t axis, ArrayRef<DimRole> roles,
                        bool isQuery, int64_t wantedHeads, OperandLayout &layout) {
  OperandLayout found{chain[candidate], order, 0, 0};
  auto type = typeOf(chain[candidate]);
  if (!type)
    return false;
  std::vector<int64_t> sequencesOf;
  int64_t queryHeadsBefore = queryHeads;
  auto fail = [&] {
    queryHeads = queryHeadsBefore;
    return false;
  };
  for (auto [index, evaluator] : llvm::enumerate(samples)) {
    const Array *operand = evaluator.get(chain.front()), *source = evaluator.get(chain[candidate]);
    operand = evaluator.get(chain.front());
    if (!operand || !source || static_cast<int64_t>(source->shape.size()) != type.getRank())
      return fail();
    int64_t tokens = isQuery ? sizes[index].queries : sizes[index].keys, sequences = 0;
    if (!isFolded || (foldedSequences.size() > index && axis < 0))
      sequences = getNumSequences(index);
    else
      sequences = axis == 2 ? 1 : axis < static_cast<int64_t>(source->shape.size()) ? source->shape[axis] : 0;
    if (isFolded && axis >= 0) {
      int64_t all = sizes[index].batch[0];
      if (sequences == 0 || all % sequences != 0 || (index != 0 && queryHeads != all / sequences))
        return fail();
      queryHeads = all / sequences;
    }
    int64_t channels = sizeOf(*operand, roles, DimRole::Channel), size = sequences * tokens * channels;
    if (size == 0 || source->size() % size != 0)
      return fail();
    int64_t heads = source->size() / size;
    if (queryHeads % heads != 0 || (wantedHeads && heads != wantedHeads) || (index != 0 && heads != found.heads) ||
        (index != 0 && channels != found.channels))
      return fail();
    found.heads = heads;
    found.channels = channels;
    sequencesOf.push_back(sequences);
    if (!hasShapeOf(order, source->shape, {sequences, heads, tokens, channels}) ||
        !isOrdered(index, candidate, order, sequences, roles, tokens, found))
      return fail();
  }
  if (isFolded && axis >= 0)
    foldedSequences = sequencesOf;
  layout = found;
  return true;
}

bool LayoutReader::readFrom(Value operand, ArrayRef<DimRole> roles, bool isQuery, int64_t wantedHeads,
                            OperandLayout &layout, double &factor) {
  collect(operand);
  // Which dim of the source the sequences are, where they are folded into one with the heads and no operand told yet.
  SmallVector<int64_t> axes{-1};
  if (isFolded && foldedSequences.empty())
    axes = {0, 1, 2};
  for (size_t candidate = chain.size(); candidate-- > 0;)
    for (auto order : {OperandLayout::TokensHeads, OperandLayout::HeadsTokens, OperandLayout::HeadsChannelsTokens,
                       OperandLayout::TokensFirst, OperandLayout::OneSequence})
      for (int64_t axis : axes)
        if (fits(candidate, order, axis, roles, isQuery, wantedHeads, layout)) {
          for (size_t step = 0; step != candidate; ++step)
            factor *= steps[step].factor;
          return true;
        }
  return false;
}

bool LayoutReader::read(Value operand, ArrayRef<DimRole> roles, bool isQuery, OperandLayout &layout, double &factor) {
  return readFrom(operand, roles, isQuery, /*wantedHeads=*/0, layout, factor);
}

bool LayoutReader::expandHeads(Value operand, ArrayRef<DimRole> roles, OperandLayout &layout) {
  double factor = 1;
  return readFrom(operand, roles, /*isQuery=*/false, queryHeads, layout, factor);
}

Value OperandLayout::build(MirrorBuilder &mirror) const {
  auto type = cast<RankedTensorType>(source.getType());
  ArrayRef<int64_t> shape = type.getShape();
  switch (order) {
  case TokensHeads:
    if (shape.size() == 4 && shape[2] == heads && shape[3] == channels)
      return source;
    return mirror.reshape(source, {shape[0], shape[1], heads, channels});
  case HeadsTokens:
    return mirror.transpose(mirror.withSizes(source, {shape[0], heads, shape[2], channels}), {0, 2, 1, 3});
  case HeadsChannelsTokens:
    return mirror.transpose(mirror.withSizes(source, {shape[0], heads, channels, shape[3]}), {0, 3, 1, 2});
  case TokensFirst:
    return mirror.transpose(mirror.reshape(source, {shape[0], shape[1], heads, channels}), {1, 0, 2, 3});
  case OneSequence:
    return mirror.reshape(source, {1, shape[0], heads, channels});
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Samples
//===----------------------------------------------------------------------===//

/// A name like `past_sequence_length + 1` is a sum of others; what is no sum is nothing.
static std::optional<int64_t> evaluateSum(StringRef name, const Sizes &sizes) {
  SmallVector<StringRef> parts;
  name.split(parts, '+');
  if (parts.size() < 2)
    return std::nullopt;
  int64_t sum = 0;
  for (StringRef part : parts) {
    int64_t number;
    part = part.trim();
    auto it = sizes.find(part);
    if (it != sizes.end())
      sum += it->second;
    else if (part.getAsInteger(10, number) || number < 0 || number > 64)
      return std::nullopt;
    else
      sum += number;
  }
  return sum;
}

static bool isFreeName(StringRef name) {
  int64_t number;
  return name != "?" && name.getAsInteger(10, number);
}

Samples::Samples(func::FuncOp func) {
  SmallVector<StringRef> names;
  for (unsigned i = 0; i != func.getNumArguments(); ++i)
    if (auto dims = func.getArgAttrOfType<ArrayAttr>(i, fgla::kDimsAttrName))
      for (Attribute dim : dims)
        if (auto name = dyn_cast<StringAttr>(dim);
            name && isFreeName(name.getValue()) && !llvm::is_contained(names, name.getValue()))
          names.push_back(name.getValue());
  // Different sizes for different names, so that what is equal by chance in one sample is not in the other.
  static constexpr int64_t choices[2][8] = {{2, 5, 3, 7, 11, 13, 17, 19}, {3, 7, 4, 5, 13, 11, 19, 17}};
  for (const auto &choice : choices) {
    Sizes &here = sizes.emplace_back();
    unsigned next = 0;
    // Of dims without a name, the first is that of sequences.
    here["?0"] = choice[0];
    here["?"] = choice[1];
    for (StringRef name : names)
      if (!name.contains('+'))
        here[name] = choice[next++ % 8];
    for (StringRef name : names)
      if (name.contains('+'))
        here[name] = evaluateSum(name, here).value_or(choice[next++ % 8]);
    evaluators.emplace_back(func, here);
  }
}
