//===- Graph.h - an ONNX model as plain data ------------------------------===//
//
// For those who run a model's nodes themselves. Standard C++ only: neither
// protobuf nor MLIR shows through.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_ONNX_GRAPH_H
#define FGLA_FRONTENDS_ONNX_GRAPH_H

#include "frontends/onnx/TensorData.h"

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace fgla::onnx {

using AttributeValue = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                                    std::vector<std::string>, TensorData>;

struct Node {
  std::string op;
  std::string domain;                       ///< "" is the standard one
  int64_t version = 0;                      ///< of the operator set that the model imports
  std::string name;                         ///< as in the model; may be empty
  std::vector<std::string> inputs, outputs; ///< "" where one is left out
  std::map<std::string, AttributeValue> attributes;
};

/// A weight: its values, or where they lie in a file beside the model.
struct Weight {
  TensorData data; ///< without bytes if `file` is set
  std::string file;
  int64_t offset = 0;
  int64_t length = 0;
};

/// A graph whose functions are inlined; nodes in an order that can be run.
struct Graph {
  std::string folder; ///< the files of weights are relative to it
  std::vector<std::string> inputs, outputs;
  std::map<std::string, Weight> weights;
  std::vector<Node> nodes;
};

/// Reads a model from a file, with the checks of Reader.h. Returns false and
/// sets `error` (one line) on failure, also for nodes that hold subgraphs.
bool readGraph(const std::string &path, Graph &graph, std::string &error);

/// The bytes of a weight in a file of its own, mapped: a page that is written
/// becomes a copy, the file stays. Returns null and sets `error` on failure.
std::shared_ptr<char> mapWeight(const std::string &folder, const Weight &weight, std::string &error);

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_ONNX_GRAPH_H
