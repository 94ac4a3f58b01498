//===- Reader.cpp - ONNX files, read with distrust ------------------------===//
#include "frontends/onnx/Reader.h"
#include "frontends/onnx/Skeleton.h"
#include "frontends/onnx/Validator.h"

#include "dialect/onnx/ExternalData.h"

#include "onnx/checker.h"
#include "onnx/defs/parser.h"
#include "onnx/inliner/inliner.h"
#include "onnx/shape_inference/implementation.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fgla::onnx;
namespace io = ::google::protobuf::io;

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

static bool readFile(const std::string &path, int64_t limit, std::string &bytes, std::string &error) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    error = std::string("cannot be opened: ") + std::strerror(errno);
    return false;
  }
  struct stat status;
  bool ok = false;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    error = "is not a regular file";
  } else if (status.st_size > limit) {
    error = "has " + std::to_string(status.st_size) + " bytes, the limit is " + std::to_string(limit);
  } else {
    bytes.resize(status.st_size);
    size_t done = 0;
    while (done < bytes.size()) {
      ssize_t count = ::read(file, bytes.data() + done, bytes.size() - done);
      if (count < 0 && errno == EINTR)
        continue;
      if (count <= 0)
        break;
      done += count;
    }
    ok = done == bytes.size();
    if (!ok)
      error = "cannot be read to its end";
  }
  close(file);
  return ok;
}

/// protobuf prints to stderr on its own; our errors are one line each, so it is
/// silenced while we parse.
namespace {
struct QuietProtobuf {
  google::protobuf::LogHandler *previous = google::protobuf::SetLogHandler(nullptr);
  ~QuietProtobuf() { google::protobuf::SetLogHandler(previous); }
};
} // namespace

static bool parseBinary(google::protobuf::Message &message, const char *data, size_t size, std::string &error) {
  if (static_cast<int64_t>(size) > Limits::messageBytes) {
    error = "is larger than a protobuf message can be";
    return false;
  }
  QuietProtobuf quiet;
  io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(data), static_cast<int>(size));
  stream.SetRecursionLimit(Limits::messageDepth);
  if (size != 0 && message.ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage())
    return true;
  error = size == 0 ? "is empty"
                    : "is not a complete protobuf message of this kind, or "
                      "nests too deeply";
  return false;
}

/// The parser of the text format recurses for each bracket, so the depth is
/// bounded before it runs.
static bool checkTextDepth(const std::string &text, std::string &error) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i != text.size(); ++i) {
    char c = text[i];
    if (c == '\0') {
      error = "holds a NUL byte";
      return false;
    }
    if (inString) {
      i += c == '\\' && i + 1 != text.size();
      inString = c != '"';
    } else if (c == '"') {
      inString = true;
    } else if (c == '(' || c == '[' || c == '{' || c == '<') {
      if (++depth > Limits::messageDepth) {
        error = "nests more than " + std::to_string(Limits::messageDepth) + " brackets";
        return false;
      }
    } else if (c == ')' || c == ']' || c == '}' || (c == '>' && (i == 0 || text[i - 1] != '='))) {
      depth -= depth > 0;
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Errors of the ONNX library
//===----------------------------------------------------------------------===//

/// The library's messages have several lines and some are long.
static std::string oneLine(const std::string &text) {
  std::string line;
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
    if (c == ' ' && (line.empty() || line.back() == ' '))
      continue;
    line += c;
  }
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  if (line.size() > 600)
    line = line.substr(0, 600) + "…";
  return line;
}

/// Runs `step`, which calls the ONNX library; its exceptions end here.
template <typename Step> static bool guarded(const char *what, std::string &error, Step step) {
  try {
    step();
    return true;
  } catch (const std::exception &e) {
    error = std::string(what) + ": " + e.what();
  } catch (...) {
    error = std::string(what) + ": unknown failure";
  }
  return false;
}

//===----------------------------------------------------------------------===//
// External weights
//===----------------------------------------------------------------------===//

static bool parseNumber(const std::string &text, int64_t &number) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    return false;
  number = std::stoll(text);
  return true;
}

/// Reads where an external weight lies and sees that the file holds it.
static bool locateWeight(const pb::TensorProto &proto, const std::string &folder, Purpose purpose,
                         ExternalWeight &weight, std::string &error) {
  std::string reason;
  auto fail = [&](const std::string &what) {
    error = "external data of tensor '" + proto.name() + "': " + what;
    return false;
  };
  int64_t length = -1;
  std::map<std::string, std::string> entries;
  for (const auto &entry : proto.external_data())
    if (!entries.emplace(entry.key(), entry.value()).second)
      return fail("key '" + entry.key() + "' is given twice");
  for (const auto &[key, value] : entries) {
    if (key == "location")
      weight.file = value;
    else if (key == "offset" ? !parseNumber(value, weight.offset) : key == "length" && !parseNumber(value, length))
      return fail(key + " must be a number, got '" + value.substr(0, 40) + "'");
    else if (key != "offset" && key != "length" && key != "checksum")
      return fail("unknown key '" + key.substr(0, 40) + "'");
  }
  ElementType type;
  weight.dataType = proto.data_type();
  weight.shape.assign(proto.dims().begin(), proto.dims().end());
  if (!elementTypeFromONNX(proto.data_type(), type, reason) ||
      !checkShape(weight.shape, elementSize(type), weight.length, reason))
    return fail(reason);
  if (proto.has_raw_data())
    return fail("the tensor also has data in the message");
  if (length >= 0 && length != weight.length)
    return fail("length is " + std::to_string(length) + ", its shape and type need " + std::to_string(weight.length));
  // Who only looks does not need what is there.
  if (purpose == Purpose::Inspect)
    return true;
  ExternalFile file;
  if (!file.open(folder, weight.file, reason) || !file.contains(weight.offset, weight.length, reason))
    return fail(reason);
  return true;
}

/// Takes external weights out of the graph: the library must not open files on
/// its own. Each becomes a graph input of its type.
static bool takeExternalWeights(Model &model, std::string &error) {
  pb::GraphProto &graph = *model.proto.mutable_graph();
  std::map<std::string, bool> inputs;
  for (const auto &input : graph.input())
    inputs[input.name()] = true;
  google::protobuf::RepeatedPtrField<pb::TensorProto> kept;
  for (pb::TensorProto &tensor : *graph.mutable_initializer()) {
    if (tensor.data_location() != pb::TensorProto::EXTERNAL) {
      kept.Add()->Swap(&tensor);
      continue;
    }
    ExternalWeight weight;
    if (tensor.name().empty() || model.externalWeights.count(tensor.name())) {
      error = "initializer name '" + tensor.name() + "' must be unique and not empty";
      return false;
    }
    if (!locateWeight(tensor, model.folder, model.purpose, weight, error))
      return false;
    weight.isInput = inputs.count(tensor.name());
    if (!weight.isInput) {
      auto *input = graph.add_input();
      input->set_name(tensor.name());
      auto *type = input->mutable_type()->mutable_tensor_type();
      type->set_elem_type(weight.dataType);
      type->mutable_shape();
      for (int64_t dim : weight.shape)
        type->mutable_shape()->add_dim()->set_dim_value(dim);
    }
    model.externalWeights.emplace(tensor.name(), std::move(weight));
  }
  graph.mutable_initializer()->Swap(&kept);
  return true;
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// Takes weights out of the graph whose types we do not have.
static void takeUnreadWeights(Model &model) {
  google::protobuf::RepeatedPtrField<pb::TensorProto> kept;
  for (pb::TensorProto &tensor : *model.proto.mutable_graph()->mutable_initializer()) {
    ElementType type;
    std::string reason;
    if (elementTypeFromONNX(tensor.data_type(), type, reason))
      kept.Add()->Swap(&tensor);
    else
      model.unreadWeights.push_back(tensor.name());
  }
  model.proto.mutable_graph()->mutable_initializer()->Swap(&kept);
}

/// Calls `step` with the data of large weights taken out of the message, which is put back after.
template <typename Step> static void withoutWeights(pb::ModelProto &model, Step step) {
  std::vector<std::pair<pb::TensorProto *, std::string>> taken;
  for (pb::TensorProto &tensor : *model.mutable_graph()->mutable_initializer())
    if (tensor.raw_data().size() > kSmallTensorBytes)
      taken.emplace_back(&tensor, std::exchange(*tensor.mutable_raw_data(), {}));
  step();
  for (auto &[tensor, data] : taken)
    *tensor->mutable_raw_data() = std::move(data);
}

static bool inlineFunctions(pb::ModelProto &model, std::string &error) {
  return model.functions_size() == 0 || guarded("functions cannot be inlined", error, [&] {
           pb::inliner::InlineLocalFunctions(model, /*convert_version=*/true);
         });
}

static bool process(Model &model, std::string &error) {
  bool isTolerant = model.purpose == Purpose::Inspect;
  if (isTolerant && model.proto.has_graph())
    takeUnreadWeights(model);
  else if (model.proto.has_graph())
    withoutWeights(model.proto, [&] { model.proto.SerializeToString(&model.source); });
  if (!validateModel(model.proto, model.purpose, error) || !takeExternalWeights(model, error))
    return false;
  if (!isTolerant &&
      !guarded("the ONNX checker rejects the model", error, [&] { pb::checker::check_model(model.proto); }))
    return false;
  if (!inlineFunctions(model.proto, error))
    return false;
  bool ok = guarded("shape inference fails", error, [&] {
    pb::ShapeInferenceOptions options(/*check_type=*/!isTolerant, /*error_mode=*/isTolerant ? 0 : 1,
                                      /*data_prop=*/true);
    pb::shape_inference::DataValueMap shapes;
    pb::shape_inference::InferShapes(model.proto, pb::OpSchemaRegistry::Instance(), options, &shapes);
  });
  return ok || isTolerant;
}

static bool parseText(pb::ModelProto &message, const std::string &text, std::string &error) {
  if (static_cast<int64_t>(text.size()) > Limits::textBytes) {
    error = "has " + std::to_string(text.size()) + " bytes, the limit of the text format is " +
            std::to_string(Limits::textBytes);
    return false;
  }
  pb::Common::Status status;
  if (!checkTextDepth(text, error) ||
      !guarded("cannot be parsed", error, [&] { status = pb::OnnxParser::Parse(message, text.c_str()); }))
    return false;
  if (!status.IsOK())
    error = "cannot be parsed: " + status.ErrorMessage();
  return status.IsOK();
}

std::unique_ptr<Model> fgla::onnx::readModelFromMemory(const char *data, size_t size, bool isText,
                                                       const std::string &folder, std::string &error, Purpose purpose) {
  auto model = std::make_unique<Model>();
  model->folder = folder;
  model->purpose = purpose;
  bool ok =
      isText ? parseText(model->proto, std::string(data, size), error) : parseBinary(model->proto, data, size, error);
  if (ok && process(*model, error))
    return model;
  // Messages quote what the file says.
  error = oneLine(error);
  return nullptr;
}

/// The bytes of a model but for its weights, which stay in the file.
static bool readSkeleton(const std::string &path, const std::string &name, std::string &bytes, std::string &error) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    error = std::string("cannot be opened: ") + std::strerror(errno);
    return false;
  }
  struct stat status;
  bool isFile = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  size_t size = isFile ? status.st_size : 0;
  void *data = size == 0 ? nullptr : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (!isFile || data == MAP_FAILED) {
    error = isFile ? std::string("cannot be mapped: ") + std::strerror(errno) : "is not a regular file";
    return false;
  }
  bool ok = copyWithoutWeights(static_cast<const char *>(data), size, name, bytes);
  if (data)
    munmap(data, size);
  if (!ok)
    error = "is not a complete protobuf message of this kind, or nests too deeply";
  return ok;
}

std::unique_ptr<Model> fgla::onnx::readModel(const std::string &path, std::string &error, Purpose purpose) {
  const std::string suffix = ".onnxtxt";
  bool isText = path.size() > suffix.size() && path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0;
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "" : slash == 0 ? "/" : path.substr(0, slash);
  std::string bytes, name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (purpose == Purpose::Inspect && !isText)
    return readSkeleton(path, name, bytes, error)
               ? readModelFromMemory(bytes.data(), bytes.size(), isText, folder, error, purpose)
               : nullptr;
  if (!readFile(path, isText ? Limits::textBytes : Limits::messageBytes, bytes, error))
    return nullptr;
  return readModelFromMemory(bytes.data(), bytes.size(), isText, folder, error, purpose);
}

std::unique_ptr<SourceModel> fgla::onnx::readSourceModel(const char *data, size_t size, std::string &error) {
  // Inlining moves nodes; each carries its place along.
  constexpr const char *kPlace = "fgla.place";
  auto source = std::make_unique<SourceModel>();
  pb::ModelProto inlined;
  bool ok = parseBinary(source->proto, data, size, error);
  if (ok) {
    inlined = source->proto;
    // Weights stand without their data here, and only their names matter.
    for (pb::TensorProto &tensor : *inlined.mutable_graph()->mutable_initializer()) {
      std::string name = tensor.name();
      tensor.Clear();
      tensor.set_name(name);
      tensor.set_data_type(pb::TensorProto::FLOAT);
      tensor.add_dims(0);
    }
    for (int place = 0; place != inlined.graph().node_size(); ++place) {
      auto *entry = inlined.mutable_graph()->mutable_node(place)->add_metadata_props();
      entry->set_key(kPlace);
      entry->set_value(std::to_string(place));
    }
    ok = validateModel(inlined, Purpose::Compile, error) && inlineFunctions(inlined, error);
  }
  if (!ok) {
    error = oneLine(error);
    return nullptr;
  }
  for (pb::NodeProto &node : *inlined.mutable_graph()->mutable_node()) {
    int last = node.metadata_props_size() - 1;
    bool isOfGraph = last >= 0 && node.metadata_props(last).key() == kPlace;
    source->places.push_back(isOfGraph ? std::stoi(node.metadata_props(last).value()) : -1);
    source->nodes.emplace_back().Swap(&node);
    if (isOfGraph)
      source->nodes.back().mutable_metadata_props()->RemoveLast();
  }
  return source;
}

bool fgla::onnx::readTensorProtoFromMemory(const char *data, size_t size, TensorData &tensor, std::string &error) {
  pb::TensorProto proto;
  if (parseBinary(proto, data, size, error) && decodeTensor(proto, tensor, error))
    return true;
  error = oneLine(error);
  return false;
}

bool fgla::onnx::readTensorProto(const std::string &path, TensorData &tensor, std::string &error) {
  std::string bytes, reason;
  if (readFile(path, Limits::messageBytes, bytes, reason) &&
      readTensorProtoFromMemory(bytes.data(), bytes.size(), tensor, reason))
    return true;
  error = "'" + path + "' " + reason;
  return false;
}
