//===- Ceilings.h - What this machine can do at most ----------------------===//
#ifndef FGLA_TOOLS_FGLA_BENCH_CEILINGS_H
#define FGLA_TOOLS_FGLA_BENCH_CEILINGS_H

namespace fgla::tools {

/// Measured here and now, on as many threads as the kernels use.
struct Ceilings {
  int threads = 1;
  double bytesPerSecond = 0; ///< copying arrays far larger than the caches, bytes read and written
  double flopsPerSecond = 0; ///< f32 multiply-adds in registers, two operations each
};

Ceilings measureCeilings();

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_BENCH_CEILINGS_H
