//===- OnnxModule.cpp - an ONNX model that trains -------------------------===//
#include "frontends/torch/onnx/OnnxModule.h"

#include <torch/torch.h>

using namespace fgla;
using namespace fgla::onnx;
using at::Tensor;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

static Tensor loadWeight(const std::string &folder, Weight &weight) {
  if (weight.file.empty())
    return makeTensor(std::move(weight.data));
  std::string error;
  std::shared_ptr<char> bytes = mapWeight(folder, weight, error);
  TORCH_CHECK(bytes, "external data of tensor '", weight.data.name, "': ", error);
  return at::from_blob(
      bytes.get(), weight.data.shape, [bytes](void *) {}, at::TensorOptions(scalarTypeOf(weight.data.type)));
}

/// The module that holds `name`'s last part: each dot but the last makes a submodule. Names that torch does not take
/// (an empty part) are kept in one piece, dots replaced.
static std::pair<torch::nn::Module *, std::string> placeOf(torch::nn::Module &root, const std::string &name) {
  bool splits = !name.empty() && name.front() != '.' && name.back() != '.' && name.find("..") == std::string::npos;
  if (!splits) {
    std::string flat = name;
    std::replace(flat.begin(), flat.end(), '.', '_');
    return {&root, flat};
  }
  torch::nn::Module *module = &root;
  size_t start = 0;
  for (size_t dot = name.find('.'); dot != std::string::npos; start = dot + 1, dot = name.find('.', start)) {
    std::string part = name.substr(start, dot - start);
    auto children = module->named_children();
    auto *child = children.find(part);
    module = child ? child->get() : module->register_module(part, std::make_shared<torch::nn::Module>(part)).get();
  }
  return {module, name.substr(start)};
}

void OnnxModule::addWeight(const std::string &name, Weight &weight) {
  Tensor tensor = loadWeight(graph.folder, weight);
  auto [module, last] = placeOf(*this, name);
  if (tensor.is_floating_point() && tensor.numel() > 1)
    module->register_parameter(last, tensor);
  else
    module->register_buffer(last, tensor);
  weights.emplace_back(slot(name), tensor);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

int64_t OnnxModule::slot(const std::string &name) {
  return name.empty() ? -1 : slots.try_emplace(name, slots.size()).first->second;
}

static std::string describe(const Node &node) {
  std::string domain = node.domain.empty() ? "" : node.domain + ".";
  std::string name =
      node.name.empty() && !node.outputs.empty() ? "that gives '" + node.outputs[0] + "'" : "'" + node.name + "'";
  return "node " + name + " (" + domain + node.op + ")";
}

void OnnxModule::addSteps() {
  std::unordered_map<int64_t, size_t> lastStep;
  for (Node &node : graph.nodes) {
    auto found = operators().find(node.domain.empty() ? node.op : node.domain + "." + node.op);
    TORCH_CHECK(found != operators().end(), describe(node), ": this operator is not supported");
    Step step{&node, &found->second, {}, {}, {}};
    for (const std::string &name : node.inputs)
      step.inputs.push_back(slot(name));
    for (const std::string &name : node.outputs)
      step.outputs.push_back(slot(name));
    for (const auto *list : {&step.inputs, &step.outputs})
      for (int64_t index : *list)
        if (index >= 0)
          lastStep[index] = steps.size();
    steps.push_back(std::move(step));
  }
  for (const std::string &name : graph.outputs)
    lastStep.erase(slot(name));
  for (auto [index, step] : lastStep)
    steps[step].dead.push_back(index);
}

OnnxModule::OnnxModule(const std::string &path) {
  std::string error;
  TORCH_CHECK(readGraph(path, graph, error), "'", path, "': ", error);
  for (auto &[name, weight] : graph.weights)
    addWeight(name, weight);
  for (const std::string &name : graph.inputs)
    slot(name);
  addSteps();
}

//===----------------------------------------------------------------------===//
// A run
//===----------------------------------------------------------------------===//

std::vector<Tensor> OnnxModule::startValues(const Tensors &inputs) const {
  std::vector<Tensor> values(slots.size());
  for (const auto &[index, tensor] : weights)
    values[index] = tensor;
  for (const auto &[name, tensor] : inputs) {
    auto found = slots.find(name);
    bool known =
        found != slots.end() &&
        (graph.weights.count(name) || std::find(graph.inputs.begin(), graph.inputs.end(), name) != graph.inputs.end());
    TORCH_CHECK(known, "input '", name, "' is none of the model's: ", c10::Join(", ", graph.inputs));
    values[found->second] = tensor;
  }
  for (const std::string &name : graph.inputs)
    TORCH_CHECK(values[slots.at(name)].defined(), "input '", name, "' of the model is missing");
  return values;
}

void OnnxModule::runStep(const Step &step, std::vector<Tensor> &values) const {
  std::vector<Tensor> inputs;
  for (int64_t index : step.inputs)
    inputs.push_back(index < 0 ? Tensor() : values[index]);
  std::vector<Tensor> results;
  try {
    results = (*step.run)(Call(*step.node, std::move(inputs), is_training()));
  } catch (const c10::Error &error) {
    TORCH_CHECK(false, describe(*step.node), ": ", error.what_without_backtrace());
  }
  for (size_t i = 0; i != step.outputs.size(); ++i) {
    TORCH_CHECK(step.outputs[i] < 0 || (i < results.size() && results[i].defined()), describe(*step.node), ": result ",
                i, " is not supported");
    if (step.outputs[i] >= 0)
      values[step.outputs[i]] = std::move(results[i]);
  }
  for (int64_t index : step.dead)
    values[index] = Tensor();
}

std::vector<Tensor> OnnxModule::forward(const Tensors &inputs) {
  std::vector<Tensor> values = startValues(inputs);
  for (const Step &step : steps)
    runStep(step, values);
  std::vector<Tensor> results;
  for (const std::string &name : graph.outputs)
    results.push_back(values[slots.at(name)]);
  return results;
}
