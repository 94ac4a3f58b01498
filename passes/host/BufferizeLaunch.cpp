//===- BufferizeLaunch.cpp - Launches of kernels on memory ----------------===//

#include "passes/host/BufferizeLaunch.h"
#include "dialect/tile/Tile.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::bufferization;
using fgla::tile::LaunchOp;

/// A kernel takes memory without gaps; a slice of a larger tensor may have some.
static bool isDense(Value buffer) { return cast<MemRefType>(buffer.getType()).getLayout().isIdentity(); }

/// Dense memory of `buffer`'s shape.
static FailureOr<Value> allocateLike(RewriterBase &rewriter, Location loc, Value buffer,
                                     const BufferizationOptions &options) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<Value> sizes;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d))
      sizes.push_back(memref::DimOp::create(rewriter, loc, buffer, d));
  return options.createAlloc(rewriter, loc, MemRefType::get(type.getShape(), type.getElementType()), sizes);
}

namespace {
struct LaunchBufferization : DstBufferizableOpInterfaceExternalModel<LaunchBufferization, LaunchOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    // Outputs are written as a whole.
    return !cast<LaunchOp>(op).isDpsInit(&operand);
  }

  bool bufferizesToElementwiseAccess(Operation *, const AnalysisState &, ArrayRef<OpOperand *>) const { return false; }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto launch = cast<LaunchOp>(op);
    Location loc = op->getLoc();
    auto bufferOf = [&](Value value) -> FailureOr<Value> {
      return isa<TensorType>(value.getType()) ? getBuffer(rewriter, value, options, state) : FailureOr<Value>(value);
    };
    SmallVector<Value> inputs, outputs, results;
    for (Value value : launch.getInputs()) {
      FailureOr<Value> buffer = bufferOf(value);
      if (failed(buffer))
        return failure();
      if (isa<MemRefType>(buffer->getType()) && !isDense(*buffer)) {
        FailureOr<Value> copy = allocateLike(rewriter, loc, *buffer, options);
        if (failed(copy) || failed(options.createMemCpy(rewriter, loc, *buffer, *copy)))
          return failure();
        buffer = copy;
      }
      inputs.push_back(*buffer);
    }
    for (Value value : launch.getOutputs()) {
      FailureOr<Value> buffer = bufferOf(value);
      if (failed(buffer))
        return failure();
      results.push_back(*buffer);
      FailureOr<Value> dense = isDense(*buffer) ? buffer : allocateLike(rewriter, loc, *buffer, options);
      if (failed(dense))
        return failure();
      outputs.push_back(*dense);
    }
    LaunchOp::create(rewriter, loc, TypeRange(), launch.getKernelAttr(), inputs, outputs);
    for (auto [dense, result] : llvm::zip_equal(outputs, results))
      if (dense != result && failed(options.createMemCpy(rewriter, loc, dense, result)))
        return failure();
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};
} // namespace

void fgla::host::registerLaunchBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, fgla::tile::TileDialect *) {
    LaunchOp::attachInterface<LaunchBufferization>(*context);
  });
}
