//===- Services.h - What the code of a GPU artifact calls -----------------===//
//
// A GPU artifact links nothing of CUDA: its entry points are given a pointer to
// this table and pass it back with each call. Compiled code knows the order of
// the members (passes/host/LowerDispatch.cpp): it is part of the artifact
// contract (README.md).
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_RUNTIME_SERVICES_H
#define FGLA_RUNTIME_SERVICES_H

#include <cstdint>

namespace fgla::runtime {

/// All work is put on the call's stream; nothing waits for it. After a failure
/// the rest of the call does nothing.
struct Services {
  /// Starts a kernel of the manifest's list. `args` has a pointer to each parameter's value.
  void (*launch)(Services *, int64_t kernel, int64_t x, int64_t y, int64_t z, void **args);
  /// Memory of the device until release(); null after a failure.
  void *(*allocate)(Services *, int64_t bytes);
  void (*release)(Services *, void *memory);
  void (*copy)(Services *, void *to, const void *from, int64_t bytes);
  /// Multiprocessors of the device.
  int64_t (*workers)(Services *);
  /// Writes the 128 bytes of a tensor map: an array without gaps of `rank` dims, and what one copy of it moves; both
  /// in elements. Along the last dim these are lines of 128 bytes, along one other dim rows (fgla_warp.tensor_map).
  void (*describe)(Services *, void *map, const void *array, int64_t elementBytes, int64_t rank, const int64_t *sizes,
                   const int64_t *box);
};

/// The code of one GPU module in an artifact.
struct KernelImage {
  const void *cubin; ///< null where the compiler had no assembler
  const char *ptx;   ///< ends in zero
};

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_SERVICES_H
