//===- Synthetic.cpp - Made-up tensors for the arguments of a function ----===//

#include "tools/support/Synthetic.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <random>

using namespace fgla;
using fgla::runtime::DimSpec;
using fgla::runtime::Function;
using fgla::runtime::Result;
using fgla::runtime::Status;
using fgla::runtime::Tensor;
using fgla::runtime::ValueSpec;

static Status invalid(const std::string &message) { return Status(FGLA_INVALID_ARGUMENT, message); }

Result<tools::Sizes> tools::parseSizes(const std::string &text) {
  Sizes sizes;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    size_t equals = part.find('=');
    int64_t size = -1;
    const char *last = part.data() + part.size();
    if (equals == std::string::npos || equals == 0 ||
        std::from_chars(part.data() + equals + 1, last, size).ptr != last || size < 0)
      return invalid("--shape must be NAME=SIZE, with commas between, got " + runtime::quote(part));
    if (!sizes.emplace(part.substr(0, equals), size).second)
      return invalid("--shape gives " + runtime::quote(part.substr(0, equals)) + " twice");
  }
  return sizes;
}

void tools::addDefaultSizes(const Function &function, Sizes &sizes) {
  for (const ValueSpec &spec : function.spec().args)
    for (const DimSpec &dim : spec.dims)
      if (!dim.isStatic())
        sizes.emplace(dim.symbol, dim.symbol == "B" ? 2 : dim.symbol == "T" ? 128 : 16);
}

static Result<std::vector<int64_t>> shapeOf(const ValueSpec &spec, const tools::Sizes &sizes) {
  std::vector<int64_t> shape;
  for (const DimSpec &dim : spec.dims) {
    if (dim.isStatic()) {
      shape.push_back(dim.size);
      continue;
    }
    auto found = sizes.find(dim.symbol);
    if (!dim.isConstrained() && found == sizes.end())
      return invalid("argument " + runtime::quote(spec.name) + " has a dim without a name (shape " + spec.shapeText() +
                     "): give the inputs by --inputs, or name the dim by 'fgla.dims'");
    if (found == sizes.end())
      return invalid("--shape must give a size for " + runtime::quote(dim.symbol) + " of argument " +
                     runtime::quote(spec.name) + " (shape " + spec.shapeText() + ")");
    shape.push_back(found->second);
  }
  return shape;
}

/// Weights, which are what has no dynamic dim, are scaled so that a product with them keeps the variance.
static double scaleOf(const ValueSpec &spec) {
  double rows = 1;
  for (size_t d = 0; d + 1 < spec.rank(); ++d) {
    if (!spec.dims[d].isStatic())
      return 1;
    rows *= spec.dims[d].size;
  }
  return spec.rank() < 2 || !spec.dims.back().isStatic() || rows == 0 ? 1 : 1 / std::sqrt(rows);
}

Result<std::vector<Tensor>> tools::makeInputs(const Function &function, const Sizes &sizes, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<Tensor> inputs;
  for (const ValueSpec &spec : function.spec().args) {
    Result<std::vector<int64_t>> shape = shapeOf(spec, sizes);
    if (!shape.ok())
      return shape.status();
    Result<Tensor> tensor = Tensor::create(spec.dtype, *shape);
    if (!tensor.ok())
      return tensor.status();
    bool isFloat = runtime::info(spec.dtype).isFloat;
    double scale = scaleOf(spec);
    // Large tensors repeat what they begin with: a prime, so that no two rows are alike.
    constexpr int64_t kPeriod = 1'000'003;
    int64_t size = tensor->numElements(), period = std::min(size, kPeriod);
    for (int64_t i = 0; i < period; ++i)
      tensor->set(i, isFloat ? scale * normal(engine) : double(engine() & 1));
    size_t bytes = runtime::dtypeSize(spec.dtype);
    auto *data = static_cast<char *>(tensor->data());
    for (int64_t i = period; i < size; i += period)
      std::memcpy(data + i * bytes, data, std::min(period, size - i) * bytes);
    inputs.push_back(std::move(*tensor));
  }
  for (const auto &[name, size] : sizes) {
    bool isUsed = false;
    for (const ValueSpec &spec : function.spec().args)
      for (const DimSpec &dim : spec.dims)
        isUsed |= !dim.isStatic() && dim.symbol == name;
    if (!isUsed)
      return invalid("--shape gives a size for " + runtime::quote(name) + ", which no argument has");
  }
  return inputs;
}
