//===- Processor.cpp - What this machine's processor can do ---------------===//

#include "runtime/Processor.h"

#include <algorithm>

// The builtin that asks for one wants a literal.
#define FGLA_EXTENSIONS(DO)                                                                                            \
  DO("avx")                                                                                                            \
  DO("avx2")                                                                                                           \
  DO("avx512bf16")                                                                                                     \
  DO("avx512bw") DO("avx512cd") DO("avx512dq") DO("avx512f") DO("avx512fp16") DO("avx512vbmi") DO("avx512vl")          \
      DO("avx512vnni") DO("bmi") DO("bmi2") DO("fma")

std::span<const std::string_view> fgla::runtime::knownExtensions() {
#define FGLA_NAME(name) name,
  static constexpr std::string_view names[] = {FGLA_EXTENSIONS(FGLA_NAME)};
#undef FGLA_NAME
  return names;
}

std::vector<std::string> fgla::runtime::processorExtensions() {
  std::vector<std::string> extensions;
#if defined(__x86_64__)
#define FGLA_ADD(name)                                                                                                 \
  if (__builtin_cpu_supports(name))                                                                                    \
    extensions.push_back(name);
  FGLA_EXTENSIONS(FGLA_ADD)
#undef FGLA_ADD
#endif
  return extensions;
}

bool fgla::runtime::hasExtension(std::string_view name) {
  static const std::vector<std::string> extensions = processorExtensions();
  return std::find(extensions.begin(), extensions.end(), name) != extensions.end();
}
