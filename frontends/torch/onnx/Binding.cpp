//===- Binding.cpp - OnnxModule for Python --------------------------------===//
//
// torch.classes.fgla.OnnxModule; loaded by torch.classes.load_library.
//
//===----------------------------------------------------------------------===//
#include "frontends/torch/onnx/OnnxModule.h"

#include <torch/custom_class.h>

using at::Tensor;

namespace {

c10::Dict<std::string, Tensor> named(const torch::OrderedDict<std::string, Tensor> &tensors) {
  c10::Dict<std::string, Tensor> result;
  for (const auto &item : tensors)
    result.insert(item.key(), item.value());
  return result;
}

struct BoundModule : torch::CustomClassHolder {
  std::shared_ptr<fgla::OnnxModule> module;

  explicit BoundModule(const std::string &path) : module(std::make_shared<fgla::OnnxModule>(path)) {}

  std::vector<Tensor> forward(const c10::Dict<std::string, Tensor> &inputs) {
    fgla::OnnxModule::Tensors tensors;
    for (const auto &item : inputs)
      tensors[item.key()] = item.value();
    return module->forward(tensors);
  }
};

/// A tensor out of a serialized TensorProto, as ONNX's test data has them.
Tensor readTensor(const std::string &path) {
  fgla::onnx::TensorData data;
  std::string error;
  TORCH_CHECK(fgla::onnx::readTensorProto(path, data, error), error);
  return fgla::onnx::makeTensor(std::move(data));
}

} // namespace

TORCH_LIBRARY_FRAGMENT(fgla, library) {
  library.class_<BoundModule>("OnnxModule")
      .def(torch::init<std::string>())
      .def("forward", &BoundModule::forward)
      .def("input_names", [](const c10::intrusive_ptr<BoundModule> &self) { return self->module->inputNames(); })
      .def("output_names", [](const c10::intrusive_ptr<BoundModule> &self) { return self->module->outputNames(); })
      .def("named_parameters",
           [](const c10::intrusive_ptr<BoundModule> &self) { return named(self->module->named_parameters()); })
      .def("named_buffers",
           [](const c10::intrusive_ptr<BoundModule> &self) { return named(self->module->named_buffers()); })
      .def("train", [](const c10::intrusive_ptr<BoundModule> &self, bool on) { self->module->train(on); })
      .def("to", [](const c10::intrusive_ptr<BoundModule> &self,
                    const std::string &device) { self->module->to(c10::Device(device)); })
      .def_static("read_tensor", &readTensor);
}
