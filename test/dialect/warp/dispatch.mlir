// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

gpu.module @code {
  llvm.func @kernel(%x: !llvm.ptr<1>, %n: i64) attributes {nvvm.kernel} { llvm.return }
  llvm.func @empty() attributes {nvvm.kernel} { llvm.return }
}

// CHECK-LABEL: func.func @dispatch
func.func @dispatch(%x: memref<?x4xbf16>, %n: index) {
  // CHECK: fgla_warp.dispatch @code::@kernel grid(%[[N:.*]], %[[N]], %[[N]]) args(%{{.*}}, %[[N]] : memref<?x4xbf16>, index)
  fgla_warp.dispatch @code::@kernel grid(%n, %n, %n) args(%x, %n : memref<?x4xbf16>, index)
  // CHECK: fgla_warp.dispatch @code::@empty grid(%[[N]], %[[N]], %[[N]]) args()
  fgla_warp.dispatch @code::@empty grid(%n, %n, %n) args()
  return
}
