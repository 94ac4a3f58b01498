// RUN: fgla-opt %s | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s

!x = tensor<?x?x4x64xbf16>
!g = tensor<?x?x4x64xf32>

// CHECK-LABEL: func.func @gate
// CHECK: fgla.vjp wrt [0](%{{.*}}, %{{.*}}) cotangent(%{{.*}}) : (tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>), tensor<?x?x4x64xf32> -> (tensor<?x?x4x64xf32>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<?x?x4x64xbf16>, %[[B:.*]]: tensor<?x?x4x64xbf16>):
// CHECK-NEXT: %[[F:.*]] = fgla.gate refined(%[[A]], %[[B]]) : tensor<?x?x4x64xbf16>
// CHECK-NEXT: fgla.yield %[[F]] : tensor<?x?x4x64xbf16>
func.func @gate(%zg: !x, %zr: !x, %df: !g) -> !g {
  %dzg = fgla.vjp wrt [0](%zg, %zr) cotangent(%df) : (!x, !x), !g -> (!g) {
  ^bb0(%a: !x, %b: !x):
    %f = fgla.gate refined(%a, %b) : !x
    fgla.yield %f : !x
  }
  return %dzg : !g
}

// A chain of ops, and a parameter.
// CHECK-LABEL: func.func @chain
// CHECK: fgla.vjp wrt [0, 2]
func.func @chain(%x: !x, %z: !x, %w: tensor<4x64xbf16>, %dy: !x) -> (!x, tensor<4x64xf32>) {
  %d:2 = fgla.vjp wrt [0, 2](%x, %z, %w) cotangent(%dy) : (!x, !x, tensor<4x64xbf16>), !x -> (!x, tensor<4x64xf32>) {
  ^bb0(%a: !x, %b: !x, %p: tensor<4x64xbf16>):
    %n = fgla.norm rms %a weight(%p : tensor<4x64xbf16>) : !x
    %y = fgla.output_gate %n, %b : !x
    fgla.yield %y : !x
  }
  return %d#0, %d#1 : !x, tensor<4x64xf32>
}
