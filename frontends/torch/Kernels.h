//===- Kernels.h - What ops do under each dispatch key --------------------===//
//
// Boxed: each takes its arguments from the stack and leaves results there.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_TORCH_KERNELS_H
#define FGLA_FRONTENDS_TORCH_KERNELS_H

#include "frontends/torch/Call.h"

namespace fgla::ops {

using Kernel = void(const c10::OperatorHandle &op, const Operation &operation, torch::jit::Stack &stack);

/// CPU and CUDA.
Kernel run;
/// Shapes and types alone, which may be symbols. Nothing is compiled.
Kernel infer;
/// Makes a node of the autograd graph where a gradient is needed.
Kernel differentiate;
/// Of the backward ops, which have no gradient themselves.
Kernel differentiateOnce;
/// Of the ops that change their arguments.
Kernel refuseGradient;
/// Casts what is multiplied.
Kernel autocast;
/// vmap.
Kernel refuseBatching;

} // namespace fgla::ops

#endif // FGLA_FRONTENDS_TORCH_KERNELS_H
