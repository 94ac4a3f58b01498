//===- Checkpoint.cpp - A training that can be continued ------------------===//

#include "Checkpoint.h"
#include "File.h"
#include <sstream>
#include <torch/serialize/archive.h>

using torch::serialize::InputArchive;
using torch::serialize::OutputArchive;

constexpr int64_t kNumbers = sizeof(Record) / sizeof(double);

void save(const std::filesystem::path &file, const Training &training) {
  OutputArchive archive, model(archive.compilation_unit()), optimizer(archive.compilation_unit());
  training.model->save(model);
  training.optimizer.save(optimizer);
  archive.write("model", model);
  archive.write("optimizer", optimizer);
  archive.write("options", c10::IValue(training.options));
  auto *numbers = const_cast<Record *>(training.history.data());
  archive.write("history", torch::from_blob(numbers, {training.step(), kNumbers}, torch::kDouble).clone());
  std::ostringstream stream;
  archive.save_to(stream);
  replaceFile(file, stream.view());
}

bool load(const std::filesystem::path &file, Training &training) {
  if (!std::filesystem::exists(file))
    return false;
  InputArchive archive, model, optimizer;
  archive.load_from(file.string());
  c10::IValue options;
  archive.read("options", options);
  TORCH_CHECK(options.toStringRef() == training.options, "'", file.string(),
              "' is of a run with other options: ", options.toStringRef(), " rather than ", training.options);
  archive.read("model", model);
  archive.read("optimizer", optimizer);
  training.model->load(model);
  training.optimizer.load(optimizer);
  torch::Tensor history;
  archive.read("history", history);
  history = history.contiguous();
  auto *numbers = reinterpret_cast<const Record *>(history.data_ptr<double>());
  training.history.assign(numbers, numbers + history.size(0));
  return true;
}
