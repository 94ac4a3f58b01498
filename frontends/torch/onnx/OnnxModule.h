//===- OnnxModule.h - an ONNX model that trains ---------------------------===//
#ifndef FGLA_FRONTENDS_TORCH_ONNX_ONNXMODULE_H
#define FGLA_FRONTENDS_TORCH_ONNX_ONNXMODULE_H

#include "frontends/torch/onnx/Operators.h"

#include <torch/nn/module.h>

namespace fgla {

/// Runs an ONNX model node by node with ATen; autograd gives the gradients.
///
/// - Weights of a floating-point type with more than one element are
///   parameters, under their ONNX names (a dot makes a submodule, as in
///   torch's own names); the others are buffers. Which of them train is for
///   `requires_grad_` to say.
/// - A weight in a file of its own is mapped, and its pages are copied when
///   they are written.
/// - A value is released after the last node that reads it.
///
/// A model that cannot be read, an operator that is not known, and what an
/// operator refuses are a `c10::Error` that names the node.
class OnnxModule : public torch::nn::Module {
public:
  using Tensors = std::map<std::string, at::Tensor>;

  explicit OnnxModule(const std::string &path);

  /// The model's outputs, in its order, from its inputs by name.
  std::vector<at::Tensor> forward(const Tensors &inputs);

  const std::vector<std::string> &inputNames() const { return graph.inputs; }
  const std::vector<std::string> &outputNames() const { return graph.outputs; }

private:
  /// A node that is ready to run: slots are places in the list of values.
  struct Step {
    const onnx::Node *node;
    const onnx::Operator *run;
    std::vector<int64_t> inputs, outputs; ///< -1 where one is left out
    std::vector<int64_t> dead;            ///< slots that no later step reads
  };

  int64_t slot(const std::string &name);
  void addWeight(const std::string &name, onnx::Weight &weight);
  void addSteps();
  std::vector<at::Tensor> startValues(const Tensors &inputs) const;
  void runStep(const Step &step, std::vector<at::Tensor> &values) const;

  onnx::Graph graph;
  std::unordered_map<std::string, int64_t> slots;
  /// Parameters and buffers by slot; torch moves and converts a module's tensors in place.
  std::vector<std::pair<int64_t, at::Tensor>> weights;
  std::vector<Step> steps;
};

} // namespace fgla

#endif // FGLA_FRONTENDS_TORCH_ONNX_ONNXMODULE_H
