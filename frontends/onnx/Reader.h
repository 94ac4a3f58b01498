//===- Reader.h - ONNX files, read with distrust --------------------------===//
//
// Reads a model, checks it, inlines its functions and infers its shapes.
// Everything that the file says is checked before it is used: a model is input
// from a stranger. No MLIR here; errors are one line of text.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_ONNX_READER_H
#define FGLA_FRONTENDS_ONNX_READER_H

#include "frontends/onnx/TensorData.h"

#include "onnx/onnx_pb.h"

#include <map>
#include <memory>
#include <string>

namespace fgla::onnx {

namespace pb = ::ONNX_NAMESPACE;

/// What a model may hold at most. The numbers are far above real models and far
/// below what hurts.
struct Limits {
  static constexpr int64_t messageBytes = (int64_t(1) << 31) - 1; // protobuf's own bound
  static constexpr int64_t textBytes = int64_t(1) << 26;
  static constexpr int messageDepth = 64;
  static constexpr int graphDepth = 8;
  static constexpr int64_t nodes = 1 << 20; // after inlining
  static constexpr int rank = 32;
  static constexpr int64_t tensorBytes = int64_t(1) << 40;
  static constexpr size_t nameBytes = 1 << 12;
  static constexpr int minIR = 3, maxIR = 13;
  static constexpr int maxOpset = 27;
};

/// A weight in a file of its own. `file` is relative to the model's folder and
/// was seen to hold `length` bytes from `offset`.
struct ExternalWeight {
  std::string file;
  int64_t offset = 0;
  int64_t length = 0;
  int32_t dataType = 0;
  std::vector<int64_t> shape;
  bool isInput = false; ///< the model lists it as an input, too
};

/// What a model is read for.
enum class Purpose {
  /// All of it has to be understood.
  Compile,
  /// What is not understood is left alone: operators, types and versions that
  /// nobody here knows, subgraphs, weights in files that are not there. Weights
  /// in the file itself are not read, they are in a file of their own like
  /// others: the model's.
  Inspect
};

/// A model that passed all checks. Its functions are inlined, its shapes
/// inferred, its external weights taken out of the message (each stands there
/// as a graph input, so that names and shapes still fit).
struct Model {
  pb::ModelProto proto;
  std::map<std::string, ExternalWeight> externalWeights;
  std::string folder;
  Purpose purpose = Purpose::Compile;
  /// Weights of types that we do not have, which are taken out of the message.
  std::vector<std::string> unreadWeights;
  /// The message as it was read, with the data of large weights left out.
  std::string source;
};

/// Tensors of more bytes are weights; what is smaller is a constant.
inline constexpr size_t kSmallTensorBytes = 1024;

/// Reads a model from a file: ONNX's text format if the name ends in .onnxtxt,
/// protobuf otherwise. Returns null and sets `error` on failure.
std::unique_ptr<Model> readModel(const std::string &path, std::string &error, Purpose purpose = Purpose::Compile);

/// Likewise from memory; `folder` is where external weights are looked for.
std::unique_ptr<Model> readModelFromMemory(const char *data, size_t size, bool isText, const std::string &folder,
                                           std::string &error, Purpose purpose = Purpose::Compile);

/// The message of `Model::source`, to be changed and written again.
struct SourceModel {
  pb::ModelProto proto;
  /// The nodes of the graph with the functions inlined, in order.
  std::vector<pb::NodeProto> nodes;
  /// Of each, the place in `proto` of the node that it is; -1 if it comes from a function.
  std::vector<int> places;
};

/// Reads a message of `Model::source`. Returns null and sets `error` on failure.
std::unique_ptr<SourceModel> readSourceModel(const char *data, size_t size, std::string &error);

/// Our name of an ONNX element type; sets `error` if there is none.
bool elementTypeFromONNX(int32_t dataType, ElementType &type, std::string &error);

/// Checks a shape against the limits and computes its size in bytes.
bool checkShape(const std::vector<int64_t> &shape, int64_t elementBytes, int64_t &bytes, std::string &error);

/// Checks that a tensor in the message has a known type, a bearable shape, and
/// exactly the values that its shape needs.
bool checkTensor(const pb::TensorProto &proto, ElementType &type, std::string &error);

/// Decodes a tensor that is held in the message itself, whatever field its
/// values are in.
bool decodeTensor(const pb::TensorProto &proto, TensorData &tensor, std::string &error);

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_ONNX_READER_H
