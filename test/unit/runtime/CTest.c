/* fgla.h as a C program uses it; also the example that the README shows. */
#include "runtime/fgla.h"

#include <stdio.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: failed: %s (%s)\n", __FILE__, __LINE__, #condition, fgla_error_message());               \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

int main(int argc, char **argv) {
  CHECK(argc == 2);
  CHECK(fgla_abi_version() == FGLA_ABI_VERSION);
  CHECK(strcmp(fgla_error_message(), "") == 0);

  fgla_module *module = NULL;
  const fgla_function *mix = NULL;
  CHECK(fgla_module_load("/nonexistent.so", &module) == FGLA_NOT_FOUND);
  CHECK(module == NULL && strlen(fgla_error_message()) > 0);
  CHECK(fgla_module_load(argv[1], &module) == FGLA_OK);
  CHECK(fgla_module_function(module, "mix", &mix) == FGLA_OK);

  fgla_value_info info;
  CHECK(fgla_function_num_args(mix) == 3);
  CHECK(fgla_function_arg(mix, 0, &info) == FGLA_OK);
  CHECK(strcmp(info.name, "x") == 0 && info.dtype == FGLA_F32);
  CHECK(info.rank == 3 && strcmp(info.dims[0].symbol, "B") == 0);
  CHECK(info.dims[2].size == 4 && info.dims[2].symbol == NULL);

  float x[1][2][4], y[1][2][4], out[1][2][4], bias = 0.5f;
  for (int i = 0; i < 8; ++i) {
    x[0][i / 4][i % 4] = (float)i;
    y[0][i / 4][i % 4] = (float)(10 * i);
  }
  const int64_t shape[3] = {1, 2, 4};
  const fgla_device cpu = {FGLA_DEVICE_CPU, 0};
  const fgla_tensor args[3] = {
      {x, FGLA_F32, 3, shape, NULL, cpu}, {y, FGLA_F32, 3, shape, NULL, cpu}, {&bias, FGLA_F32, 0, NULL, NULL, cpu}};
  const fgla_tensor result = {out, FGLA_F32, 3, shape, NULL, cpu};

  int64_t dims[3];
  CHECK(fgla_function_num_result_dims(mix) == 3);
  CHECK(fgla_function_result_shapes(mix, args, 3, dims, 3) == FGLA_OK);
  CHECK(memcmp(dims, shape, sizeof(dims)) == 0);
  CHECK(fgla_call(mix, args, 3, &result, 1) == FGLA_OK);
  for (int i = 0; i < 8; ++i)
    CHECK(out[0][i / 4][i % 4] == 21.0f * (float)i + 0.5f);
  fgla_module_unload(module);
  return 0;
}
