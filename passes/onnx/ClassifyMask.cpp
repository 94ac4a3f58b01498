//===- ClassifyMask.cpp - What a mask hides -------------------------------===//
#include "passes/onnx/ClassifyMask.h"
#include "passes/onnx/OperandLayout.h"

#include <cmath>
#include <functional>
#include <map>
#include <set>

using namespace mlir;
using namespace fgla::onnx;
using fgla::SoftmaxAttentionOp;

/// What is added to a score hides it if it is below this; models use -1e4, the lowest number of a type, or -inf.
static constexpr double kHidden = -1e3;
/// A window of more keys than this is not told from a causal mask.
static constexpr int64_t kMostWindow = 512;
/// With more inputs than this the choices are too many.
static constexpr unsigned kMostInputs = 4;

StringRef fgla::onnx::stringifyMaskKind(MaskKind kind) {
  static constexpr StringRef names[] = {"none", "causal", "window", "prefix", "bias", "arbitrary", "unknown"};
  return names[static_cast<int>(kind)];
}

namespace {

/// Which keys each query sees, in one sample: `[B, H, T, S]`.
struct Picture {
  SmallVector<int64_t> shape;
  std::vector<bool> seen;
  bool hasOtherNumbers = false;

  int64_t count() const { return llvm::count(seen, true); }
};

/// How an input of integers is filled.
enum class Filling { Ones, Ascending, Fives };

class Classifier {
public:
  Classifier(func::FuncOp func, SoftmaxAttentionOp op) : func(func), op(op) { collect(op.getMask()); }
  MaskClass run();

private:
  void collect(Value value);
  Array fill(BlockArgument input, Filling filling, const Sizes &sizes);
  std::optional<Picture> draw(const Sizes &sizes, ArrayRef<Filling> fillings, BlockArgument changed = {},
                              bool *isChanged = nullptr);
  MaskClass classify(const Picture &picture);
  std::vector<SmallVector<Filling>> orderFillings(const Sizes &sizes);
  std::optional<bool> findPadding(const Sizes &sizes, ArrayRef<Filling> fillings);
  MaskClass classifySample(const Sizes &sizes, SmallVector<Filling> &fillings);

  func::FuncOp func;
  SoftmaxAttentionOp op;
  SmallVector<BlockArgument> inputs; ///< that the mask's elements may depend on
  std::set<int64_t> numbers;         ///< small constants, one of which a window's width must be
  bool hasLargeNumbers = false;
};

} // namespace

void Classifier::collect(Value mask) {
  llvm::DenseSet<Value> seen;
  SmallVector<Value> open{mask};
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      inputs.push_back(argument);
      continue;
    }
    ElementsAttr constant;
    if (auto initializer = value.getDefiningOp<InitializerOp>())
      constant = initializer.getValue().value_or(ElementsAttr());
    auto node = value.getDefiningOp<NodeOp>();
    if (node && node.getOpType() == "Constant")
      constant = dyn_cast_or_null<ElementsAttr>(node.getNodeAttr("value"));
    if (auto dense = dyn_cast_or_null<DenseElementsAttr>(constant);
        dense && dense.getNumElements() == 1 && isa<IntegerType>(dense.getElementType())) {
      int64_t number = (*dense.value_begin<APInt>()).getSExtValue();
      if (std::abs(number) > 1 && std::abs(number) <= kMostWindow)
        numbers.insert(std::abs(number));
      // What is larger than any context is the end of a slice.
      hasLargeNumbers |= std::abs(number) > kMostWindow && std::abs(number) < (1 << 30);
    }
    // A shape does not tell of elements.
    if (node && node.getOpType() != "Shape")
      open.append(node.getInputs().begin(), node.getInputs().end());
  }
  llvm::sort(inputs, [](BlockArgument a, BlockArgument b) { return a.getArgNumber() < b.getArgNumber(); });
}

/// The input of a batch without padding.
Array Classifier::fill(BlockArgument input, Filling filling, const Sizes &sizes) {
  Evaluator shapes(func, sizes);
  const Array *known = shapes.get(input);
  // Numbers that are added may be any.
  if (!known || !known->isInteger)
    return {};
  Array array = *known;
  array.values.emplace(array.size());
  int64_t last = array.shape.empty() ? 1 : array.shape.back();
  // Places of new tokens come after those that are there already.
  const Array *keys = shapes.get(op.getKey());
  int64_t total = keys ? keys->shape[1] : last;
  for (int64_t i = 0; i != array.size(); ++i)
    (*array.values)[i] = filling == Filling::Ones ? 1
                         : filling == Filling::Fives
                             ? 5
                             : static_cast<double>(i % last + std::max<int64_t>(total - last, 0));
  return array;
}

/// `changed` has zeros where its second row ends; whether it has such a row goes into `isChanged`.
std::optional<Picture> Classifier::draw(const Sizes &sizes, ArrayRef<Filling> fillings, BlockArgument changed,
                                        bool *isChanged) {
  Evaluator evaluator(func, sizes);
  for (auto [input, filling] : llvm::zip(inputs, fillings)) {
    Array array = fill(input, filling, sizes);
    if (!array.values)
      return std::nullopt;
    if (input == changed && isChanged && array.shape.size() == 2 && array.shape[0] > 1 && array.shape[1] > 2) {
      *isChanged = true;
      for (int64_t i = 2 * array.shape[1] - 2; i != 2 * array.shape[1]; ++i)
        (*array.values)[i] = 0;
    }
    evaluator.set(input, std::move(array));
  }
  const Array *mask = evaluator.get(op.getMask());
  if (!mask || !mask->values || mask->shape.size() != 4)
    return std::nullopt;
  Picture picture{mask->shape, {}, false};
  bool isBoolean = cast<RankedTensorType>(op.getMask().getType()).getElementType().isInteger(1);
  for (double value : *mask->values) {
    picture.seen.push_back(isBoolean ? value != 0 : value > kHidden);
    picture.hasOtherNumbers |= !isBoolean && value > kHidden && value != 0;
  }
  return picture;
}

MaskClass Classifier::classify(const Picture &picture) {
  if (picture.hasOtherNumbers)
    return {MaskKind::Bias};
  int64_t queries = picture.shape[2], keys = picture.shape[3], planes = picture.shape[0] * picture.shape[1];
  auto isSeen = [&](int64_t plane, int64_t query, int64_t key) {
    return picture.seen[(plane * queries + query) * keys + key];
  };
  auto matches = [&](function_ref<bool(int64_t place, int64_t key)> wanted) {
    for (int64_t plane = 0; plane != planes; ++plane)
      for (int64_t query = 0; query != queries; ++query)
        for (int64_t key = 0; key != keys; ++key)
          if (isSeen(plane, query, key) != wanted(query + keys - queries, key))
            return false;
    return true;
  };
  if (llvm::all_of(picture.seen, [](bool seen) { return seen; }))
    return {MaskKind::None};
  // One row for all queries is one of padding.
  if (queries == 1)
    return {MaskKind::Arbitrary};
  if (matches([](int64_t place, int64_t key) { return key <= place; }))
    return {MaskKind::Causal};
  int64_t width = 0, prefix = 0;
  for (int64_t key = 0; key != keys; ++key) {
    width += isSeen(0, queries - 1, key);
    prefix += isSeen(0, 0, key);
  }
  if (matches([&](int64_t place, int64_t key) { return key <= place && key > place - width; }))
    return {MaskKind::Window, false, width};
  if (matches([&](int64_t place, int64_t key) { return key <= place || key < prefix; }))
    return {MaskKind::Prefix};
  return {MaskKind::Arbitrary};
}

/// All ways to fill the inputs, those first that let queries see the most, as a batch without padding does.
std::vector<SmallVector<Filling>> Classifier::orderFillings(const Sizes &sizes) {
  std::multimap<int64_t, SmallVector<Filling>, std::greater<>> choices;
  unsigned count = 1;
  for (size_t i = 0; i != inputs.size() && i <= kMostInputs; ++i)
    count *= 3;
  for (unsigned choice = 0; choice != count && inputs.size() <= kMostInputs; ++choice) {
    SmallVector<Filling> fillings;
    for (unsigned i = 0, rest = choice; i != inputs.size(); ++i, rest /= 3)
      fillings.push_back(static_cast<Filling>(rest % 3));
    if (std::optional<Picture> picture = draw(sizes, fillings))
      choices.emplace(picture->count(), fillings);
  }
  std::vector<SmallVector<Filling>> ordered;
  for (auto &choice : choices)
    ordered.push_back(std::move(choice.second));
  return ordered;
}

/// Whether zeros at the end of a sequence hide keys from all its queries, and nothing else; nothing where they do
/// something else.
std::optional<bool> Classifier::findPadding(const Sizes &sizes, ArrayRef<Filling> fillings) {
  std::optional<Picture> whole = draw(sizes, fillings);
  bool hides = false;
  for (auto [input, filling] : llvm::zip(inputs, fillings)) {
    // Places are not padding.
    if (filling == Filling::Ascending)
      continue;
    bool isChanged = false;
    std::optional<Picture> padded = draw(sizes, fillings, input, &isChanged);
    if (!isChanged || !padded || padded->seen == whole->seen)
      continue;
    int64_t queries = padded->shape[2], keys = padded->shape[3], heads = padded->shape[1];
    hides = true;
    for (int64_t i = 0, e = padded->seen.size(); i != e; ++i) {
      int64_t key = i % keys, batch = i / (keys * queries * heads);
      // Hidden is what was, and the keys that the last query of the same sequence does not see any more.
      int64_t last = ((batch * heads) * queries + queries - 1) * keys + key;
      bool isPadding = whole->seen[last] && !padded->seen[last];
      if (padded->seen[i] != (whole->seen[i] && !isPadding))
        return std::nullopt;
    }
  }
  return hides;
}

/// With the first way to fill the inputs that makes sense of them all.
MaskClass Classifier::classifySample(const Sizes &sizes, SmallVector<Filling> &fillings) {
  std::vector<SmallVector<Filling>> all = orderFillings(sizes);
  if (all.empty())
    return {MaskKind::Unknown};
  for (const SmallVector<Filling> &choice : all) {
    MaskClass result = classify(*draw(sizes, choice));
    std::optional<bool> padding = findPadding(sizes, choice);
    if (!padding || result.kind == MaskKind::Arbitrary)
      continue;
    fillings = choice;
    result.hidesPadding = *padding;
    return result;
  }
  return {MaskKind::Arbitrary};
}

MaskClass Classifier::run() {
  Samples samples(func);
  MaskClass result;
  SmallVector<Filling> fillings;
  for (size_t index = 0; index != samples.count(); ++index) {
    MaskClass here = classifySample(samples.getSizes(index), fillings);
    if (here.kind == MaskKind::Unknown || here.kind == MaskKind::Arbitrary)
      return here;
    if (index != 0 && (here.kind != result.kind || here.window != result.window))
      return {MaskKind::Arbitrary};
    result = here;
  }
  result.isOfSizesAlone = inputs.empty() && !hasLargeNumbers;
  // A window shows where there are more keys than it has.
  for (int64_t number : numbers) {
    if (result.kind != MaskKind::Causal)
      break;
    Sizes sizes = samples.getSizes(0);
    const Array *query = samples.front().get(op.getQuery());
    for (auto &size : sizes)
      if (query && size.second != query->shape[0])
        size.second += number;
    std::optional<Picture> picture = draw(sizes, fillings);
    if (!picture) {
      result.isOfSizesAlone = false;
      continue;
    }
    MaskClass here = classify(*picture);
    if (here.kind == MaskKind::Window) {
      result.kind = MaskKind::Window;
      result.window = here.window;
    } else if (here.kind != MaskKind::Causal) {
      return {MaskKind::Arbitrary};
    }
  }
  return result;
}

MaskClass fgla::onnx::classifyMask(func::FuncOp func, SoftmaxAttentionOp op) {
  if (!op.getMask())
    return {MaskKind::None};
  return Classifier(func, op).run();
}
