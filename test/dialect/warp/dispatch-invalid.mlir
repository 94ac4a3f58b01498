// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @dispatch_c1_none(%n: index) {
  // expected-error @+1 {{names @code::@kernel, which is no function (dispatch_c1)}}
  fgla_warp.dispatch @code::@kernel grid(%n, %n, %n) args()
  return
}

// -----

gpu.module @code {
  llvm.mlir.global constant @kernel(0 : i64) : i64
}
func.func @dispatch_c1_global(%n: index) {
  // expected-error @+1 {{names @code::@kernel, which is no function (dispatch_c1)}}
  fgla_warp.dispatch @code::@kernel grid(%n, %n, %n) args()
  return
}

// -----

gpu.module @code {
  llvm.func @kernel(%x: !llvm.ptr<1>) attributes {nvvm.kernel} { llvm.return }
}
func.func @dispatch_c1_count(%n: index) {
  // expected-error @+1 {{must pass 1 arguments to @code::@kernel, got 2 (dispatch_c1)}}
  fgla_warp.dispatch @code::@kernel grid(%n, %n, %n) args(%n, %n : index, index)
  return
}
