//===- run-package.cpp - Runs what AOTInductor made -----------------------===//
//
// run-package LIBRARY PACKAGE INPUTS OUTPUTS: no Python, and no header of ours. The library is only loaded, if its name
// is not empty; the ops of the package are found in it.
//
//===----------------------------------------------------------------------===//

#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/torch.h>

#include <dlfcn.h>
#include <fstream>
#include <iostream>
#include <iterator>

static std::vector<char> read(const char *path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int main(int argc, char **argv) try {
  TORCH_CHECK(argc == 5, "usage: run-package LIBRARY PACKAGE INPUTS OUTPUTS");
  TORCH_CHECK(!*argv[1] || dlopen(argv[1], RTLD_NOW), dlerror());
  torch::inductor::AOTIModelPackageLoader model(argv[2]);
  std::vector<at::Tensor> inputs;
  c10::IValue given = torch::pickle_load(read(argv[3]));
  for (const c10::IValue &value : given.toListRef())
    inputs.push_back(value.toTensor());
  // A tuple, which torch.load takes without trusting the file; a list of tensors is a type of its own.
  std::vector<c10::IValue> outputs;
  for (const at::Tensor &tensor : model.run(inputs))
    outputs.emplace_back(tensor);
  std::vector<char> bytes = torch::pickle_save(c10::ivalue::Tuple::create(std::move(outputs)));
  std::ofstream(argv[4], std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return 0;
} catch (const std::exception &error) {
  std::cerr << error.what() << "\n";
  return 1;
}
