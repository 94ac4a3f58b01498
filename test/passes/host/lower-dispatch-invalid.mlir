// RUN: fgla-opt %s --fgla-lower-dispatch --split-input-file --verify-diagnostics

func.func @read(%x: memref<4xf32>, %i: index) -> f32 {
  // expected-error @below {{'memref.load' op is outside of a kernel, where the memory of a GPU cannot be read or written}}
  %v = memref.load %x[%i] : memref<4xf32>
  return %v : f32
}

// -----

gpu.module @code {
  llvm.func @kernel(%x: !llvm.ptr<1>) attributes {nvvm.kernel} { llvm.return }
}
func.func @part(%x: memref<8xf32, strided<[2]>>, %n: index) {
  // expected-error @below {{needs memory without gaps, got 'memref<8xf32, strided<[2]>>'}}
  // expected-error @below {{failed to legalize operation 'fgla_warp.dispatch'}}
  fgla_warp.dispatch @code::@kernel grid(%n, %n, %n) args(%x : memref<8xf32, strided<[2]>>)
  return
}
