//===- ShapeOperators.cpp - operators that move or make elements ----------===//
#include "frontends/torch/onnx/Operators.h"

using namespace fgla::onnx;
using at::Tensor;
using at::indexing::Slice;

static int64_t wrap(int64_t axis, int64_t rank) { return at::maybe_wrap_dim(axis, rank); }

static Tensor makeSizes(at::IntArrayRef sizes) { return at::tensor(sizes, at::TensorOptions(at::kLong)); }

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

static std::vector<Tensor> reshape(const Call &call) {
  const Tensor &x = call[0];
  std::vector<int64_t> shape = call.integers("shape", 1).value_or(std::vector<int64_t>());
  if (!call.integer("allowzero", 0))
    for (size_t i = 0; i != shape.size(); ++i)
      if (shape[i] == 0)
        shape[i] = x.size(i);
  // Torch does not find the size of -1 where there are no elements.
  auto unknown = std::find(shape.begin(), shape.end(), -1);
  if (x.numel() == 0 && unknown != shape.end()) {
    int64_t others = 1;
    for (int64_t size : shape)
      others *= size == -1 ? 1 : size;
    *unknown = others == 0 ? 0 : x.numel() / others;
  }
  return {at::reshape(x, shape)};
}

static std::vector<Tensor> flatten(const Call &call) {
  const Tensor &x = call[0];
  int64_t axis = call.integer("axis", 1);
  if (axis < 0)
    axis += x.dim();
  int64_t rows = 1;
  for (int64_t i = 0; i != axis; ++i)
    rows *= x.size(i);
  return {at::reshape(x, {rows, rows == 0 ? 0 : x.numel() / rows})};
}

static std::vector<Tensor> transpose(const Call &call) {
  std::optional<std::vector<int64_t>> order = call.integers("perm");
  if (!order)
    for (order.emplace(); int64_t(order->size()) != call[0].dim();)
      order->push_back(call[0].dim() - 1 - order->size());
  return {call[0].permute(*order)};
}

static std::vector<Tensor> squeeze(const Call &call) {
  std::optional<std::vector<int64_t>> axes = call.integers("axes", 1);
  return {axes ? at::squeeze(call[0], *axes) : at::squeeze(call[0])};
}

static std::vector<Tensor> unsqueeze(const Call &call) {
  Tensor x = call[0];
  std::vector<int64_t> axes = call.integers("axes", 1).value_or(std::vector<int64_t>());
  for (int64_t &axis : axes)
    axis = wrap(axis, x.dim() + axes.size());
  std::sort(axes.begin(), axes.end());
  for (int64_t axis : axes)
    x = x.unsqueeze(axis);
  return {x};
}

static std::vector<Tensor> expand(const Call &call) {
  std::vector<int64_t> shape = call.elements(1);
  return {call[0].expand(at::infer_size(call[0].sizes(), shape))};
}

static std::vector<Tensor> slice(const Call &call) {
  Tensor x = call[0];
  std::vector<int64_t> starts = call.integers("starts", 1).value(), ends = call.integers("ends", 2).value();
  std::optional<std::vector<int64_t>> axes = call.integers("axes", 3), steps;
  if (call.has(4))
    steps = call.elements(4);
  for (size_t i = 0; i != starts.size(); ++i) {
    int64_t axis = wrap(axes ? (*axes)[i] : i, x.dim()), step = steps ? (*steps)[i] : 1, size = x.size(axis);
    auto place = [&](int64_t at, int64_t low, int64_t high) {
      return std::clamp(at < 0 && at >= -size ? at + size : at < 0 ? int64_t(-1) : at, low, high);
    };
    if (step > 0) {
      int64_t start = place(starts[i], 0, size), end = std::max(start, place(ends[i], 0, size));
      x = at::slice(x, axis, start, end, step);
      continue;
    }
    // Backward: the same elements from the other end, then reversed.
    int64_t first = place(starts[i], -1, size - 1), last = place(ends[i], -1, size - 1);
    int64_t count = first > last ? (first - last - step - 1) / -step : 0;
    Tensor places = at::add(at::mul(at::arange(count, at::TensorOptions(x.device()).dtype(at::kLong)), step), first);
    x = at::index_select(x, axis, places);
  }
  return {x};
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

static std::vector<Tensor> concat(const Call &call) {
  std::vector<Tensor> parts = call.tensors();
  for (Tensor &part : parts)
    if (!part.is_cpu())
      for (Tensor &other : parts)
        other = other.to(part.device());
  return {at::cat(parts, call.integer("axis", 0))};
}

static std::vector<Tensor> split(const Call &call) {
  int64_t axis = wrap(call.integer("axis", 0), call[0].dim());
  if (std::optional<std::vector<int64_t>> sizes = call.integers("split", 1))
    return at::split_with_sizes(call[0], *sizes, axis);
  int64_t parts = call.integer("num_outputs", call.numOutputs());
  int64_t size = (call[0].size(axis) + parts - 1) / parts;
  return at::split(call[0], size, axis);
}

static std::vector<Tensor> tile(const Call &call) { return {at::tile(call[0], call.elements(1))}; }

static std::vector<Tensor> pad(const Call &call) {
  const Tensor &x = call[0];
  std::vector<int64_t> pads = call.integers("pads", 1).value();
  std::vector<int64_t> axes(pads.size() / 2);
  std::iota(axes.begin(), axes.end(), 0);
  if (call.has(3))
    axes = call.elements(3);
  TORCH_CHECK(call.text("mode", "constant") == "constant", "mode '", call.text("mode", ""), "' is not supported");
  double value = call.has(2) && call[2].numel() ? call[2].item<double>() : call.number("value", 0);
  // Torch counts from the last dim.
  std::vector<int64_t> widths(2 * x.dim(), 0);
  for (size_t i = 0; i != axes.size(); ++i) {
    size_t place = 2 * (x.dim() - 1 - wrap(axes[i], x.dim()));
    widths[place] = pads[i];
    widths[place + 1] = pads[i + axes.size()];
  }
  return {at::constant_pad_nd(x, widths, value)};
}

static std::vector<Tensor> trilu(const Call &call) {
  int64_t diagonal = call.has(1) ? call[1].item<int64_t>() : 0;
  return {call.integer("upper", 1) ? at::triu(call[0], diagonal) : at::tril(call[0], diagonal)};
}

//===----------------------------------------------------------------------===//
// By index
//===----------------------------------------------------------------------===//

/// Indices from the end are negative.
static Tensor fromStart(const Tensor &indices, int64_t size, at::Device device) {
  Tensor places = indices.to(device, at::kLong);
  return at::where(at::lt(places, 0), at::add(places, size), places);
}

static std::vector<Tensor> gather(const Call &call) {
  const Tensor &x = call[0];
  int64_t axis = wrap(call.integer("axis", 0), x.dim());
  Tensor places = fromStart(call[1], x.size(axis), x.device());
  std::vector<int64_t> shape(x.sizes().begin(), x.sizes().begin() + axis);
  shape.insert(shape.end(), places.sizes().begin(), places.sizes().end());
  shape.insert(shape.end(), x.sizes().begin() + axis + 1, x.sizes().end());
  return {at::reshape(at::index_select(x, axis, at::reshape(places, {-1})), shape)};
}

static std::vector<Tensor> gatherElements(const Call &call) {
  int64_t axis = wrap(call.integer("axis", 0), call[0].dim());
  return {at::gather(call[0], axis, fromStart(call[1], call[0].size(axis), call[0].device()))};
}

static std::vector<Tensor> scatterElements(const Call &call) {
  const Tensor &x = call[0];
  int64_t axis = wrap(call.integer("axis", 0), x.dim());
  Tensor places = fromStart(call[1], x.size(axis), x.device());
  static const std::unordered_map<std::string, std::string> reductions = {
      {"add", "sum"}, {"mul", "prod"}, {"min", "amin"}, {"max", "amax"}};
  std::string reduction = call.text("reduction", "none");
  if (reduction == "none")
    return {at::scatter(x, axis, places, call[2])};
  auto found = reductions.find(reduction);
  TORCH_CHECK(found != reductions.end(), "reduction '", reduction, "' is not supported");
  return {at::scatter_reduce(x, axis, places, call[2], found->second)};
}

/// The columns of an index tensor, one list of places for each dim that it indexes.
static c10::List<std::optional<Tensor>> columns(const Tensor &indices, const Tensor &x, int64_t firstDim) {
  c10::List<std::optional<Tensor>> result;
  for (int64_t i = 0; i != indices.size(-1); ++i)
    result.push_back(fromStart(at::select(indices, -1, i), x.size(firstDim + i), x.device()));
  return result;
}

static std::vector<Tensor> gatherND(const Call &call) {
  int64_t batch = call.integer("batch_dims", 0);
  const Tensor &x = call[0];
  if (batch == 0)
    return {at::index(x, columns(call[1], x, 0))};
  // The batch dims become one, whose places are its own.
  Tensor rows = x.flatten(0, batch - 1), indices = call[1].flatten(0, batch - 1);
  c10::List<std::optional<Tensor>> places;
  std::vector<int64_t> shape(indices.dim() - 1, 1);
  shape[0] = rows.size(0);
  places.push_back(at::arange(rows.size(0), at::TensorOptions(x.device()).dtype(at::kLong)).reshape(shape));
  for (const std::optional<Tensor> &column : columns(indices, rows, 1))
    places.push_back(column);
  Tensor result = at::index(rows, places);
  std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().begin() + batch);
  sizes.insert(sizes.end(), result.sizes().begin() + 1, result.sizes().end());
  return {at::reshape(result, sizes)};
}

static std::vector<Tensor> scatterND(const Call &call) {
  std::string reduction = call.text("reduction", "none");
  TORCH_CHECK(reduction == "none" || reduction == "add", "reduction '", reduction, "' is not supported");
  const Tensor &x = call[0];
  return {at::index_put(x, columns(call[1], x, 0), call[2], /*accumulate=*/reduction == "add")};
}

/// A cache whose tokens from a place on are replaced.
static std::vector<Tensor> tensorScatter(const Call &call) {
  const Tensor &cache = call[0], &update = call[1];
  int64_t axis = wrap(call.integer("axis", -2), cache.dim());
  at::TensorOptions options = cache.options().dtype(at::kLong);
  Tensor first = call.has(2) ? call[2].to(cache.device(), at::kLong) : at::zeros(cache.size(0), options);
  Tensor places = at::add(first.unsqueeze(1), at::arange(update.size(axis), options));
  if (call.text("mode", "linear") == "circular")
    places = at::remainder(places, cache.size(axis));
  std::vector<int64_t> shape(cache.dim(), 1);
  shape[0] = update.size(0);
  shape[axis] = update.size(axis);
  return {at::scatter(cache, axis, places.reshape(shape).expand(update.sizes()), update)};
}

static std::vector<Tensor> oneHot(const Call &call) {
  int64_t depth = call[1].item<int64_t>();
  Tensor places = fromStart(call[0], depth, call[0].device());
  int64_t axis = wrap(call.integer("axis", -1), places.dim() + 1);
  Tensor classes = at::arange(depth, places.options());
  std::vector<int64_t> shape(places.dim() + 1, 1);
  shape[axis] = depth;
  Tensor isClass = at::eq(places.unsqueeze(axis), classes.reshape(shape));
  return {at::where(isClass, call[2].select(0, 1), call[2].select(0, 0))};
}

//===----------------------------------------------------------------------===//
// Shapes and constants
//===----------------------------------------------------------------------===//

static std::vector<Tensor> shapeOf(const Call &call) {
  int64_t rank = call[0].dim();
  auto place = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t start = place(call.integer("start", 0)), end = place(call.integer("end", rank));
  return {makeSizes(call[0].sizes().slice(start, std::max<int64_t>(end - start, 0)))};
}

static std::vector<Tensor> constant(const Call &call) {
  if (const TensorData *data = call.tensor("value"))
    return {makeTensor(*data)};
  if (call.hasAttribute("value_float"))
    return {at::scalar_tensor(call.number("value_float", 0), at::TensorOptions(at::kFloat))};
  if (call.hasAttribute("value_int"))
    return {at::scalar_tensor(call.integer("value_int", 0), at::TensorOptions(at::kLong))};
  if (auto numbers = call.numbers("value_floats"))
    return {at::tensor(*numbers)};
  if (auto integers = call.integers("value_ints"))
    return {makeSizes(*integers)};
  TORCH_CHECK(false, "only constants of numbers are supported");
}

static std::vector<Tensor> constantOfShape(const Call &call) {
  std::vector<int64_t> shape = call.elements(0);
  if (const TensorData *data = call.tensor("value"))
    return {makeTensor(*data).reshape({}).expand(shape).clone()};
  return {at::zeros(shape, at::TensorOptions(at::kFloat))};
}

static std::vector<Tensor> range(const Call &call) {
  at::ScalarType type = call[0].scalar_type();
  return {at::arange(call[0].item(), call[1].item(), call[2].item(), at::TensorOptions(type))};
}

static std::vector<Tensor> eyeLike(const Call &call) {
  at::ScalarType type = call.hasAttribute("dtype") ? scalarTypeOfONNX(call.integer("dtype", 0)) : call[0].scalar_type();
  Tensor ones = at::ones(call[0].sizes(), call[0].options().dtype(type));
  int64_t k = call.integer("k", 0);
  return {at::tril(at::triu(ones, k), k)};
}

void fgla::onnx::addShapeOperators(OperatorTable &table) {
  table["Reshape"] = reshape;
  table["Flatten"] = flatten;
  table["Transpose"] = transpose;
  table["Squeeze"] = squeeze;
  table["Unsqueeze"] = unsqueeze;
  table["Expand"] = expand;
  table["Slice"] = slice;
  table["Concat"] = concat;
  table["Split"] = split;
  table["Tile"] = tile;
  table["Pad"] = pad;
  table["Trilu"] = trilu;
  table["Gather"] = gather;
  table["GatherElements"] = gatherElements;
  table["GatherND"] = gatherND;
  table["ScatterElements"] = scatterElements;
  table["ScatterND"] = scatterND;
  table["TensorScatter"] = tensorScatter;
  table["OneHot"] = oneHot;
  table["Shape"] = shapeOf;
  table["Size"] = [](const Call &call) {
    return std::vector{at::scalar_tensor(call[0].numel(), at::TensorOptions(at::kLong))};
  };
  table["Constant"] = constant;
  table["ConstantOfShape"] = constantOfShape;
  table["Range"] = range;
  table["EyeLike"] = eyeLike;
  table["NonZero"] = [](const Call &call) { return std::vector{at::nonzero(call[0]).t()}; };
}
