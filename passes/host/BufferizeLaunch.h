//===- BufferizeLaunch.h - Launches of kernels on memory ------------------===//
#ifndef FGLA_PASSES_HOST_BUFFERIZELAUNCH_H
#define FGLA_PASSES_HOST_BUFFERIZELAUNCH_H

namespace mlir {
class DialectRegistry;
}

namespace fgla::host {
/// Tells one-shot bufferization how `fgla_tile.launch` on tensors becomes one on memrefs.
void registerLaunchBufferization(mlir::DialectRegistry &registry);
} // namespace fgla::host

#endif // FGLA_PASSES_HOST_BUFFERIZELAUNCH_H
