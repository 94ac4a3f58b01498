//===- Processor.cpp - What this machine's processor can do ---------------===//

#include "runtime/Processor.h"

#include <algorithm>

std::vector<std::string> fgla::runtime::processorExtensions() {
  std::vector<std::string> extensions;
#if defined(__x86_64__)
  // The name has to be a literal.
#define FGLA_EXTENSION(name)                                                                                           \
  if (__builtin_cpu_supports(name))                                                                                    \
    extensions.push_back(name);
  FGLA_EXTENSION("avx")
  FGLA_EXTENSION("avx2")
  FGLA_EXTENSION("avx512bf16")
  FGLA_EXTENSION("avx512bw")
  FGLA_EXTENSION("avx512cd")
  FGLA_EXTENSION("avx512dq")
  FGLA_EXTENSION("avx512f")
  FGLA_EXTENSION("avx512fp16")
  FGLA_EXTENSION("avx512vbmi")
  FGLA_EXTENSION("avx512vl")
  FGLA_EXTENSION("avx512vnni")
  FGLA_EXTENSION("bmi")
  FGLA_EXTENSION("bmi2")
  FGLA_EXTENSION("fma")
#undef FGLA_EXTENSION
#endif
  return extensions;
}

bool fgla::runtime::hasExtension(std::string_view name) {
  static const std::vector<std::string> extensions = processorExtensions();
  return std::find(extensions.begin(), extensions.end(), name) != extensions.end();
}
