//===- Ceilings.cpp - What this machine can do at most --------------------===//

#include "tools/fgla-bench/Ceilings.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <sched.h>
#include <thread>
#include <vector>

using namespace fgla::tools;

/// As many as OpenMP would use.
static int numThreads() {
  if (const char *given = std::getenv("OMP_NUM_THREADS"))
    if (int number = std::atoi(given); number > 0)
      return number;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

/// Seconds until all threads have run `work(thread)` once.
static double timeOnThreads(int threads, const std::function<void(int)> &work) {
  auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back(work, i);
  work(0);
  for (std::thread &thread : others)
    thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

static double measureCopy(int threads) {
  constexpr size_t total = size_t(1) << 28; // 256 MiB each way
  size_t share = total / threads / 64 * 64;
  std::vector<char> from(total, 1), to(total, 2);
  double best = 0;
  for (int repeat = 0; repeat < 6; ++repeat) {
    double seconds =
        timeOnThreads(threads, [&](int i) { std::memcpy(to.data() + i * share, from.data() + i * share, share); });
    if (repeat > 0)
      best = std::max(best, 2.0 * share * threads / seconds);
  }
  return best;
}

// Sixteen independent chains of multiply-adds: enough to fill two units with a latency of four, in each width.
#define FGLA_DEFINE_FMA(NAME, BYTES, TARGET)                                                                           \
  typedef float NAME##Vector __attribute__((vector_size(BYTES)));                                                      \
  TARGET static float NAME(int64_t steps) {                                                                            \
    _Pragma("clang fp contract(fast)") NAME##Vector sums[16];                                                          \
    for (int i = 0; i < 16; ++i)                                                                                       \
      sums[i] = NAME##Vector{} + float(i);                                                                             \
    NAME##Vector factor = NAME##Vector{} + 0.999f, term = NAME##Vector{} + 0.001f;                                     \
    for (int64_t step = 0; step < steps; ++step)                                                                       \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < 16; ++i) sums[i] = sums[i] * factor + term;               \
    float result = 0;                                                                                                  \
    for (int i = 0; i < 16; ++i)                                                                                       \
      result += sums[i][0];                                                                                            \
    return result;                                                                                                     \
  }

FGLA_DEFINE_FMA(fma128, 16, )
#if defined(__x86_64__)
FGLA_DEFINE_FMA(fma256, 32, __attribute__((target("avx2,fma"))))
FGLA_DEFINE_FMA(fma512, 64, __attribute__((target("avx512f"))))
#endif

static double measureFMA(int threads) {
  float (*function)(int64_t) = fma128;
  int lanes = 4;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    function = fma512;
    lanes = 16;
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    function = fma256;
    lanes = 8;
  }
#endif
  constexpr int64_t steps = 4'000'000;
  double best = 0;
  volatile float sink = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    double seconds = timeOnThreads(threads, [&](int i) {
      float result = function(steps);
      if (i == 0)
        sink = result;
    });
    best = std::max(best, 2.0 * 16 * lanes * steps * threads / seconds);
  }
  (void)sink;
  return best;
}

Ceilings fgla::tools::measureCeilings() {
  int threads = numThreads();
  return {threads, measureCopy(threads), measureFMA(threads)};
}
