//===- StateDict.cpp - Parameters of a module in a file -------------------===//

#include "frontends/torch/nn/StateDict.h"
#include <caffe2/serialize/inline_container.h>
#include <fstream>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/pickler.h>
#include <torch/serialize.h>

using torch::Tensor;

static std::map<std::string, Tensor> collect(const torch::nn::Module &module) {
  std::map<std::string, Tensor> tensors;
  for (const auto &item : module.named_parameters())
    tensors.emplace(item.key(), item.value());
  for (const auto &item : module.named_buffers())
    tensors.emplace(item.key(), item.value());
  return tensors;
}

void fgla::saveStateDict(const torch::nn::Module &module, const std::filesystem::path &file) {
  c10::Dict<std::string, Tensor> dict;
  for (const auto &[name, tensor] : collect(module))
    dict.insert(name, tensor.detach().cpu());
  // torch::pickle_save, but for the types of aggregates, which Python's torch.load does not take from a file by
  // default.
  std::string pickle;
  torch::jit::Pickler pickler([&](const char *bytes, size_t size) { pickle.append(bytes, size); }, nullptr, nullptr,
                              nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(dict);
  pickler.stop();
  std::ofstream stream(file, std::ios::binary);
  {
    caffe2::serialize::PyTorchStreamWriter writer([&](const void *bytes, size_t size) {
      stream.write(static_cast<const char *>(bytes), static_cast<std::streamsize>(size));
      return size;
    });
    torch::jit::writeArchiveAndTensors("data", pickle.data(), pickle.size(), pickler.tensorData(), writer);
  }
  TORCH_CHECK(stream.flush(), "cannot write '", file.string(), "'");
}

void fgla::loadStateDict(torch::nn::Module &module, const std::filesystem::path &file) {
  std::ifstream stream(file, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  TORCH_CHECK(stream, "cannot read '", file.string(), "'");
  c10::IValue value = torch::pickle_load(bytes);
  TORCH_CHECK(value.isGenericDict(), "'", file.string(), "' holds no state_dict");
  std::map<std::string, Tensor> tensors = collect(module);
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (const auto &item : value.toGenericDict()) {
    TORCH_CHECK(item.key().isString() && item.value().isTensor(), "'", file.string(), "' holds no state_dict");
    const std::string &name = item.key().toStringRef();
    auto found = tensors.find(name);
    TORCH_CHECK(found != tensors.end(), "the module has no '", name, "', which '", file.string(), "' has");
    Tensor to = found->second, from = item.value().toTensor();
    TORCH_CHECK(to.sizes() == from.sizes(), "'", name, "' has shape ", to.sizes(), " in the module and ", from.sizes(),
                " in '", file.string(), "'");
    copies.emplace_back(to, from);
    tensors.erase(found);
  }
  TORCH_CHECK(tensors.empty(), "'", file.string(), "' has no '", tensors.begin()->first, "'");
  torch::NoGradGuard guard;
  for (auto &[to, from] : copies)
    to.copy_(from);
}
