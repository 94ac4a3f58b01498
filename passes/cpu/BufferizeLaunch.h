//===- BufferizeLaunch.h - Launches of kernels on memory ------------------===//
#ifndef FGLA_PASSES_CPU_BUFFERIZELAUNCH_H
#define FGLA_PASSES_CPU_BUFFERIZELAUNCH_H

namespace mlir {
class DialectRegistry;
}

namespace fgla::cpu {
/// Tells one-shot bufferization how `fgla_tile.launch` on tensors becomes one on memrefs.
void registerLaunchBufferization(mlir::DialectRegistry &registry);
} // namespace fgla::cpu

#endif // FGLA_PASSES_CPU_BUFFERIZELAUNCH_H
