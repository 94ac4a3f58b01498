// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

!q = tensor<?x?x8x64xf32>
!k = tensor<?x?x4x64xf32>
!v = tensor<?x?x4x32xf32>
!o = tensor<?x?x8x32xf32>

// CHECK-LABEL: func.func @plain
func.func @plain(%q: !q, %k: !k, %v: !v) -> !o {
  // CHECK: fgla.softmax_attention %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x?x8x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> tensor<?x?x8x32xf32>
  %o = fgla.softmax_attention %q, %k, %v : (!q, !k, !v) -> !o
  return %o : !o
}

// CHECK-LABEL: func.func @everything
func.func @everything(%q: !q, %k: !k, %v: !v, %m: tensor<?x1x1x?xi1>, %n: tensor<?xi64>, %s: tensor<8xf32>) -> !o {
  // CHECK: fgla.softmax_attention %{{.*}}, %{{.*}}, %{{.*}} mask(%{{.*}}) lengths(%{{.*}}) sinks(%{{.*}}) behind(128) ahead(0) aligned(end) scale(0.125) softcap(3.0e+1) :
  %o = fgla.softmax_attention %q, %k, %v mask(%m) lengths(%n) sinks(%s) behind(128) ahead(0) aligned(end) scale(0.125) softcap(30.0)
    : (!q, !k, !v, tensor<?x1x1x?xi1>, tensor<?xi64>, tensor<8xf32>) -> !o
  return %o : !o
}

// A mask of another float type, and of all sizes.
// CHECK-LABEL: func.func @bias
func.func @bias(%q: tensor<2x5x8x64xf16>, %k: tensor<2x7x4x64xf16>, %m: tensor<1x8x5x7xf32>) -> tensor<2x5x8x64xf16> {
  // CHECK: mask(%{{.*}}) behind(0) aligned(start) :
  %o = fgla.softmax_attention %q, %k, %k mask(%m) behind(0) aligned(start)
    : (tensor<2x5x8x64xf16>, tensor<2x7x4x64xf16>, tensor<2x7x4x64xf16>, tensor<1x8x5x7xf32>) -> tensor<2x5x8x64xf16>
  return %o : tensor<2x5x8x64xf16>
}
