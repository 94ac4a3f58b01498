//===- NetworkOperators.cpp - products, norms, convolutions, softmax ------===//
#include "frontends/torch/onnx/Operators.h"

using namespace fgla::onnx;
using at::Tensor;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static std::vector<Tensor> gemm(const Call &call) {
  Tensor a = call.integer("transA", 0) ? call[0].t() : call[0];
  Tensor b = call.integer("transB", 0) ? call[1].t() : call[1];
  double alpha = call.number("alpha", 1), beta = call.number("beta", 1);
  if (!call.has(2))
    return {at::mul(at::matmul(a, b), alpha)};
  return {at::addmm(call[2], a, b, beta, alpha)};
}

/// Torch reads the same notation.
static std::vector<Tensor> einsum(const Call &call) { return {at::einsum(call.text("equation", ""), call.tensors())}; }

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Before version 13 the dims from `axis` on are one row.
template <typename Function> static std::vector<Tensor> alongRows(const Call &call, Function function) {
  const Tensor &x = call[0];
  if (call.version() >= 13)
    return {function(x, call.integer("axis", -1))};
  int64_t axis = at::maybe_wrap_dim(call.integer("axis", 1), x.dim());
  Tensor rows = x.flatten(axis).unsqueeze(0).flatten(0, axis);
  return {function(rows, -1).reshape(x.sizes())};
}

static Tensor hardmax(const Tensor &x, int64_t axis) {
  Tensor place = at::argmax(x, axis, /*keepdim=*/true);
  return at::scatter(at::zeros_like(x), axis, place, 1);
}

static std::vector<Tensor> layerNorm(const Call &call) {
  const Tensor &x = call[0];
  int64_t axis = at::maybe_wrap_dim(call.integer("axis", -1), x.dim());
  std::optional<Tensor> bias = call.has(2) ? std::optional(call[2]) : std::nullopt;
  auto [y, mean, reciprocal] = at::native_layer_norm(
      x, x.sizes().slice(axis), call[1].expand(x.sizes().slice(axis)).contiguous(),
      bias ? std::optional(bias->expand(x.sizes().slice(axis)).contiguous()) : bias, call.number("epsilon", 1e-5));
  return {y, mean, reciprocal};
}

static std::vector<Tensor> rmsNorm(const Call &call) {
  const Tensor &x = call[0];
  std::vector<int64_t> axes;
  for (int64_t axis = at::maybe_wrap_dim(call.integer("axis", -1), x.dim()); axis != x.dim(); ++axis)
    axes.push_back(axis);
  // The mean is of the stash type, f32 unless the model says so.
  at::ScalarType type = x.scalar_type() == at::kDouble ? at::kDouble : scalarTypeOfONNX(call.integer("stash_type", 1));
  Tensor wide = x.to(type);
  Tensor mean = at::mean(at::mul(wide, wide), axes, /*keepdim=*/true);
  Tensor normal = at::mul(wide, at::rsqrt(at::add(mean, call.number("epsilon", 1e-5))));
  return {at::mul(normal.to(x.scalar_type()), call[1])};
}

static std::vector<Tensor> batchNorm(const Call &call) {
  TORCH_CHECK(!call.integer("training_mode", 0), "training_mode is not supported");
  return {at::batch_norm(call[0], call[1], call[2], call[3], call[4], /*training=*/false, /*momentum=*/0,
                         call.number("epsilon", 1e-5), /*cudnn_enabled=*/true)};
}

static std::vector<Tensor> instanceNorm(const Call &call) {
  return {at::instance_norm(call[0], call[1], call[2], {}, {}, /*use_input_stats=*/true, /*momentum=*/0,
                            call.number("epsilon", 1e-5), /*cudnn_enabled=*/true)};
}

static std::vector<Tensor> groupNorm(const Call &call) {
  TORCH_CHECK(call.version() >= 21, "the operator of version ", call.version(), " is not supported");
  return {at::group_norm(call[0], call.integer("num_groups", 1), call[1], call[2], call.number("epsilon", 1e-5))};
}

static std::vector<Tensor> lpNorm(const Call &call) {
  int64_t axis = call.integer("axis", -1);
  Tensor norm = at::norm(call[0], call.integer("p", 2), {axis}, /*keepdim=*/true);
  return {at::where(at::eq(norm, 0), at::zeros_like(call[0]), at::div(call[0], norm))};
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

namespace {
/// What convolutions and pools share: sizes for each dim of space.
struct Window {
  std::vector<int64_t> strides, dilations, before, after;

  Window(const Call &call, std::vector<int64_t> kernel) {
    size_t rank = kernel.size();
    strides = call.integers("strides").value_or(std::vector<int64_t>(rank, 1));
    dilations = call.integers("dilations").value_or(std::vector<int64_t>(rank, 1));
    std::vector<int64_t> pads = call.integers("pads").value_or(std::vector<int64_t>(2 * rank, 0));
    std::string automatic = call.text("auto_pad", "NOTSET");
    for (size_t i = 0; i != rank && automatic.rfind("SAME", 0) == 0; ++i) {
      int64_t size = call[0].size(i + 2), steps = (size + strides[i] - 1) / strides[i];
      int64_t total = std::max<int64_t>((steps - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 - size, 0);
      pads[i] = automatic == "SAME_LOWER" ? total - total / 2 : total / 2;
      pads[i + rank] = total - pads[i];
    }
    before.assign(pads.begin(), pads.begin() + rank);
    after.assign(pads.begin() + rank, pads.end());
  }

  /// The input with its borders: torch pads both sides alike.
  Tensor padded(const Tensor &x, double value) const {
    std::vector<int64_t> widths;
    for (size_t i = before.size(); i-- > 0;)
      widths.insert(widths.end(), {before[i], after[i]});
    return at::constant_pad_nd(x, widths, value);
  }
};
} // namespace

static std::vector<Tensor> convolution(const Call &call) {
  const Tensor &weight = call[1];
  Window window(call, {weight.sizes().begin() + 2, weight.sizes().end()});
  bool isEven = window.before == window.after;
  std::vector<int64_t> none(window.before.size(), 0);
  return {at::convolution(isEven ? call[0] : window.padded(call[0], 0), weight,
                          call.has(2) ? std::optional(call[2]) : std::nullopt, window.strides,
                          isEven ? window.before : none, window.dilations, /*transposed=*/false, none,
                          call.integer("group", 1))};
}

static std::vector<Tensor> maxPool(const Call &call) {
  std::vector<int64_t> kernel = call.integers("kernel_shape").value();
  Window window(call, kernel);
  bool ceil = call.integer("ceil_mode", 0);
  TORCH_CHECK(call.numOutputs() == 1 && kernel.size() <= 3,
              "only the values of windows of one to three dims are supported");
  Tensor x = window.padded(call[0], -std::numeric_limits<double>::infinity());
  std::vector<int64_t> none(kernel.size(), 0);
  if (kernel.size() == 1)
    return {at::max_pool1d(x, kernel, window.strides, none, window.dilations, ceil)};
  if (kernel.size() == 2)
    return {at::max_pool2d(x, kernel, window.strides, none, window.dilations, ceil)};
  return {at::max_pool3d(x, kernel, window.strides, none, window.dilations, ceil)};
}

static std::vector<Tensor> averagePool(const Call &call) {
  std::vector<int64_t> kernel = call.integers("kernel_shape").value();
  Window window(call, kernel);
  bool ceil = call.integer("ceil_mode", 0), countsPadding = call.integer("count_include_pad", 0);
  bool isDense = window.dilations == std::vector<int64_t>(kernel.size(), 1);
  TORCH_CHECK(kernel.size() <= 3 && isDense && window.before == window.after,
              "only even padding of one to three dims, without dilations, is supported");
  if (kernel.size() == 1)
    return {at::avg_pool1d(call[0], kernel, window.strides, window.before, ceil, countsPadding)};
  if (kernel.size() == 2)
    return {at::avg_pool2d(call[0], kernel, window.strides, window.before, ceil, countsPadding)};
  return {at::avg_pool3d(call[0], kernel, window.strides, window.before, ceil, countsPadding)};
}

static std::vector<Tensor> causalConvolution(const Call &call) {
  const Tensor &x = call[0], &weight = call[1];
  int64_t carried = weight.size(2) - 1;
  Tensor past = call.has(3) ? call[3] : at::zeros({x.size(0), x.size(1), carried}, x.options());
  Tensor whole = at::cat({past, x}, 2);
  Tensor y = at::convolution(whole, weight, call.has(2) ? std::optional(call[2]) : std::nullopt, /*stride=*/{1},
                             /*padding=*/{0}, /*dilation=*/{1}, /*transposed=*/false, /*output_padding=*/{0},
                             /*groups=*/x.size(1));
  std::string activation = call.text("activation", "none");
  TORCH_CHECK(activation == "none" || activation == "silu" || activation == "swish", "activation '", activation,
              "' is not supported");
  return {activation == "none" ? y : at::silu(y), at::slice(whole, 2, whole.size(2) - carried)};
}

static std::vector<Tensor> globalPool(const Call &call) {
  std::vector<int64_t> axes;
  for (int64_t axis = 2; axis != call[0].dim(); ++axis)
    axes.push_back(axis);
  return {at::mean(call[0], axes, /*keepdim=*/true)};
}

void fgla::onnx::addNetworkOperators(OperatorTable &table) {
  table["MatMul"] = [](const Call &call) { return std::vector{at::matmul(call[0], call[1])}; };
  table["Gemm"] = gemm;
  table["Einsum"] = einsum;
  table["Softmax"] = [](const Call &call) {
    return alongRows(call, [](const Tensor &x, int64_t axis) { return at::softmax(x, axis); });
  };
  table["LogSoftmax"] = [](const Call &call) {
    return alongRows(call, [](const Tensor &x, int64_t axis) { return at::log_softmax(x, axis); });
  };
  table["Hardmax"] = [](const Call &call) { return alongRows(call, hardmax); };
  table["LayerNormalization"] = layerNorm;
  table["RMSNormalization"] = rmsNorm;
  table["BatchNormalization"] = batchNorm;
  table["InstanceNormalization"] = instanceNorm;
  table["GroupNormalization"] = groupNorm;
  table["LpNormalization"] = lpNorm;
  table["Conv"] = convolution;
  table["MaxPool"] = maxPool;
  table["AveragePool"] = averagePool;
  table["GlobalAveragePool"] = globalPool;
  table["CausalConvWithState"] = causalConvolution;
}
