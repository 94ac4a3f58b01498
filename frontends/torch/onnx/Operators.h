//===- Operators.h - ONNX's operators by ATen -----------------------------===//
//
// Each operator is a function of the tensors of one node. It calls
// differentiable ATen functions only, so autograd gives its gradient.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_TORCH_ONNX_OPERATORS_H
#define FGLA_FRONTENDS_TORCH_ONNX_OPERATORS_H

#include "frontends/onnx/Graph.h"

#include <ATen/ATen.h>

#include <functional>
#include <optional>
#include <unordered_map>

namespace fgla::onnx {

/// A tensor that shares nothing with `data` but takes its bytes.
at::Tensor makeTensor(TensorData data);
/// ONNX's number of an element type, as `Cast` has it, in torch's words.
at::ScalarType scalarTypeOfONNX(int64_t dataType);
at::ScalarType scalarTypeOf(ElementType type);

/// One node that is to be run: its attributes and the values of its inputs.
class Call {
public:
  Call(const Node &node, std::vector<at::Tensor> inputs, bool training)
      : node(node), inputs(std::move(inputs)), training(training) {}

  size_t size() const { return inputs.size(); }
  bool has(size_t index) const { return index < inputs.size() && inputs[index].defined(); }
  /// An input that must be there.
  const at::Tensor &operator[](size_t index) const;
  const std::vector<at::Tensor> &tensors() const { return inputs; }
  size_t numOutputs() const { return node.outputs.size(); }
  int64_t version() const { return node.version; }
  bool isTraining() const { return training; }

  bool hasAttribute(const char *name) const { return node.attributes.count(name); }
  int64_t integer(const char *name, int64_t otherwise) const;
  double number(const char *name, double otherwise) const;
  std::string text(const char *name, const char *otherwise) const;
  const TensorData *tensor(const char *name) const;
  std::optional<std::vector<int64_t>> integers(const char *name) const;
  std::optional<std::vector<float>> numbers(const char *name) const;
  /// The elements of an integer input.
  std::vector<int64_t> elements(size_t index) const;
  /// A list that old versions have as an attribute and new ones as an input.
  std::optional<std::vector<int64_t>> integers(const char *name, size_t index) const;

private:
  const Node &node;
  std::vector<at::Tensor> inputs;
  bool training;
};

using Operator = std::function<std::vector<at::Tensor>(const Call &)>;
/// Operators by name, those of other domains as "domain.name".
using OperatorTable = std::unordered_map<std::string, Operator>;

void addElementwiseOperators(OperatorTable &table);
void addShapeOperators(OperatorTable &table);
void addReductionOperators(OperatorTable &table);
void addNetworkOperators(OperatorTable &table);
void addAttentionOperators(OperatorTable &table);

/// All of them.
const OperatorTable &operators();

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_TORCH_ONNX_OPERATORS_H
