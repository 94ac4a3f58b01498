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
  c10::IValue inputs = torch::pickle_load(read(argv[3]));
  std::vector<char> bytes = torch::pickle_save(c10::IValue(model.run(inputs.toTensorVector())));
  std::ofstream(argv[4], std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return 0;
} catch (const std::exception &error) {
  std::cerr << error.what() << "\n";
  return 1;
}
