//===- ReductionOperators.cpp - sums, extrema, searches along dims --------===//
#include "frontends/torch/onnx/Operators.h"

#include <limits>

using namespace fgla::onnx;
using at::Tensor;

using Reduction = Tensor (*)(const Tensor &, at::IntArrayRef axes, bool keep);

static Operator reduce(Reduction function) {
  return [function](const Call &call) {
    const Tensor &x = call[0];
    std::vector<int64_t> axes = call.integers("axes", 1).value_or(std::vector<int64_t>());
    if (axes.empty() && call.integer("noop_with_empty_axes", 0))
      return std::vector{function(x.unsqueeze(0), {0}, /*keep=*/false)};
    if (axes.empty())
      for (int64_t i = 0; i != x.dim(); ++i)
        axes.push_back(i);
    bool keep = call.integer("keepdims", 1);
    // A scalar has no dim to reduce.
    return std::vector{x.dim() == 0 ? function(x.unsqueeze(0), {0}, /*keep=*/false) : function(x, axes, keep)};
  };
}

static Tensor sum(const Tensor &x, at::IntArrayRef axes, bool keep) { return at::sum(x, axes, keep, x.scalar_type()); }

static Tensor product(const Tensor &x, at::IntArrayRef axes, bool keep) {
  std::vector<int64_t> sorted(axes.begin(), axes.end());
  for (int64_t &axis : sorted)
    axis = at::maybe_wrap_dim(axis, x.dim());
  std::sort(sorted.rbegin(), sorted.rend());
  Tensor result = x;
  for (int64_t axis : sorted)
    result = at::prod(result, axis, keep, x.scalar_type());
  return result;
}

/// The extremum, also where there is nothing: the identity of the operation.
template <bool isMax> static Tensor extremum(const Tensor &x, at::IntArrayRef axes, bool keep) {
  if (x.numel() == 0 && x.is_floating_point()) {
    double identity = (isMax ? -1 : 1) * std::numeric_limits<double>::infinity();
    return at::full_like(at::sum(x, axes, keep), identity);
  }
  if (x.scalar_type() == at::kBool)
    return extremum<isMax>(x.to(at::kByte), axes, keep).to(at::kBool);
  return isMax ? at::amax(x, axes, keep) : at::amin(x, axes, keep);
}

static std::vector<Tensor> cumulativeSum(const Call &call) {
  Tensor x = call[0];
  int64_t axis = at::maybe_wrap_dim(call[1].item<int64_t>(), x.dim());
  bool reverse = call.integer("reverse", 0);
  if (reverse)
    x = at::flip(x, {axis});
  Tensor sums = at::cumsum(x, axis, x.scalar_type());
  if (call.integer("exclusive", 0) && x.size(axis) > 0) {
    Tensor zero = at::zeros_like(at::slice(sums, axis, 0, 1));
    sums = at::cat({zero, at::slice(sums, axis, 0, x.size(axis) - 1)}, axis);
  }
  return {reverse ? at::flip(sums, {axis}) : sums};
}

/// The first place of the extremum, or the last.
template <bool isMax> static std::vector<Tensor> findExtremum(const Call &call) {
  int64_t axis = at::maybe_wrap_dim(call.integer("axis", 0), call[0].dim());
  bool keep = call.integer("keepdims", 1), last = call.integer("select_last_index", 0);
  Tensor x = last ? at::flip(call[0], {axis}) : call[0];
  Tensor place = isMax ? at::argmax(x, axis, keep) : at::argmin(x, axis, keep);
  return {last ? at::rsub(place, x.size(axis) - 1) : place};
}

static std::vector<Tensor> topK(const Call &call) {
  int64_t k = call.has(1) ? call.elements(1).at(0) : call.integer("k", 0);
  int64_t axis = call.integer("axis", -1);
  bool largest = call.integer("largest", 1);
  // A stable sort: of equal elements the first comes first.
  auto [values, places] = at::sort(call[0], /*stable=*/true, axis, /*descending=*/largest);
  return {at::slice(values, axis, 0, k), at::slice(places, axis, 0, k)};
}

void fgla::onnx::addReductionOperators(OperatorTable &table) {
  table["ReduceSum"] = reduce(sum);
  table["ReduceMean"] = reduce([](const Tensor &x, at::IntArrayRef axes, bool keep) {
    return x.is_floating_point() ? at::mean(x, axes, keep)
                                 : at::mean(x.to(at::kDouble), axes, keep).to(x.scalar_type());
  });
  table["ReduceProd"] = reduce(product);
  table["ReduceMax"] = reduce(extremum<true>);
  table["ReduceMin"] = reduce(extremum<false>);
  table["ReduceL1"] =
      reduce([](const Tensor &x, at::IntArrayRef axes, bool keep) { return sum(at::abs(x), axes, keep); });
  table["ReduceL2"] =
      reduce([](const Tensor &x, at::IntArrayRef axes, bool keep) { return at::sqrt(sum(at::mul(x, x), axes, keep)); });
  table["ReduceSumSquare"] =
      reduce([](const Tensor &x, at::IntArrayRef axes, bool keep) { return sum(at::mul(x, x), axes, keep); });
  table["ReduceLogSum"] =
      reduce([](const Tensor &x, at::IntArrayRef axes, bool keep) { return at::log(sum(x, axes, keep)); });
  table["ReduceLogSumExp"] =
      reduce([](const Tensor &x, at::IntArrayRef axes, bool keep) { return at::logsumexp(x, axes, keep); });
  table["CumSum"] = cumulativeSum;
  table["ArgMax"] = findExtremum<true>;
  table["ArgMin"] = findExtremum<false>;
  table["TopK"] = topK;
}
