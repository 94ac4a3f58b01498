// The ways in which kernels hand tiles from warp to warp, as small as they get, and the same with a mistake, to see
// what compute-sanitizer's racecheck says of each.
//
//   nvcc -O2 -std=c++17 -arch=sm_90 -o gpu_channels gpu_channels.cu
//   compute-sanitizer --tool racecheck ./gpu_channels CASE
//
// Two warps put 1 KiB a turn into a ring of two slots in shared memory, two warps get it. A slot has an mbarrier "full"
// and one "free".
#include <cstdint>
#include <cstdio>
#include <cstdlib>

enum Case {
  OneLane,   // right: stores, bar.warp.sync, one lane arrives for its warp
  AllLanes,  // right: stores, every lane arrives
  Copies,    // right: cp.async, cp.async.mbarrier.arrive.noinc by every lane; the getters' lane 0 arrives
  CopiesAll, // the same, every lane of the getters arrives
  InPlace, // right: copies; a getter warp reads all of the slot, then writes to it and passes it on by another barrier
  InPlaceAll, // the same, every lane arrives
  NoWait,     // wrong: the getters do not wait for "full"
  NoSync,     // wrong: one lane arrives, without bar.warp.sync
  NumCases
};
const char *names[] = {"one lane arrives", "all lanes arrive",           "copies",  "copies, all lanes arrive",
                       "in place",         "in place, all lanes arrive", "no wait", "no bar.warp.sync"};

constexpr int kSlots = 2, kWords = 256, kTurns = 8;

__device__ uint32_t address(const void *p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }
__device__ void init(uint64_t *b, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(address(b)), "r"(count));
}
__device__ void arrive(uint64_t *b) {
  asm volatile("{ .reg .b64 t; mbarrier.arrive.shared.b64 t, [%0]; }" ::"r"(address(b)) : "memory");
}
__device__ void wait(uint64_t *b, int parity) {
  uint32_t done = 0;
  while (!done)
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(address(b)), "r"(parity)
                 : "memory");
}

template <int kCase> __global__ void channels(const int *in, int *out) {
  __shared__ alignas(16) int slots[kSlots][kWords];
  __shared__ uint64_t full[kSlots], changed[kSlots], free_[kSlots];
  constexpr bool inPlace = kCase == InPlace || kCase == InPlaceAll,
                 copies = kCase == Copies || kCase == CopiesAll || inPlace;
  constexpr bool all = kCase == AllLanes || kCase == CopiesAll || kCase == InPlaceAll;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (threadIdx.x == 0)
    for (int s = 0; s < kSlots; ++s) {
      init(&full[s], copies || all ? 64 : 2);
      init(&changed[s], all ? 32 : 1);
      init(&free_[s], all ? 64 : 2);
    }
  __syncthreads();
  auto announce = [&](uint64_t *b) {
    if (all)
      return arrive(b);
    if (kCase != NoSync)
      __syncwarp();
    if (lane == 0)
      arrive(b);
  };
  for (int turn = 0; turn < kTurns; ++turn) {
    int slot = turn % kSlots, phase = turn / kSlots % 2, thread = threadIdx.x % 64;
    if (warp < 2) {
      wait(&free_[slot], phase ^ 1);
      if (copies) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address(&slots[slot][thread * 4])),
                     "l"(in + turn * kWords + thread * 4)
                     : "memory");
        asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(address(&full[slot])) : "memory");
      } else {
        for (int i = thread; i < kWords; i += 64)
          slots[slot][i] = in[turn * kWords + i];
        announce(&full[slot]);
      }
    } else {
      int sum = 0;
      if (kCase != NoWait)
        wait(&full[slot], phase);
      if (inPlace && warp == 2) {
        int mine[kWords / 32];
        for (int i = 0; i < kWords / 32; ++i)
          mine[i] = slots[slot][(i * 32 + lane) ^ 1];
        __syncwarp();
        for (int i = 0; i < kWords / 32; ++i)
          slots[slot][i * 32 + lane] = mine[i];
        announce(&changed[slot]);
      }
      if (inPlace && warp == 3)
        wait(&changed[slot], phase);
      for (int i = 0; i < kWords; i += 4)
        sum += slots[slot][(i + thread) % kWords];
      announce(&free_[slot]);
      out[turn * 64 + thread] = sum;
    }
  }
}

template <int kCase> void run(int wanted, int *in, int *out) {
  if (wanted == kCase)
    channels<kCase><<<1, 128>>>(in, out);
  if constexpr (kCase + 1 < NumCases)
    run<kCase + 1>(wanted, in, out);
}

int main(int count, char **args) {
  int wanted = count > 1 ? atoi(args[1]) : 0, *in, *out;
  cudaMalloc(&in, kTurns * kWords * sizeof(int));
  cudaMemset(in, 1, kTurns * kWords * sizeof(int));
  cudaMalloc(&out, kTurns * 64 * sizeof(int));
  run<0>(wanted, in, out);
  cudaError_t error = cudaDeviceSynchronize();
  printf("CASE %s: %s\n", names[wanted], cudaGetErrorString(error));
  return error != cudaSuccess;
}
