// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @named
func.func @named(%a: tensor<?x?x4x64xf32>, %b: tensor<?x?x4x64xf32>) -> (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>) {
  // CHECK-NEXT: fgla.gate sigmoid(%{{.*}}) : tensor<?x?x4x64xf32>
  %0 = fgla.gate sigmoid(%a) : tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.gate refined(%{{.*}}, %{{.*}}) : tensor<?x?x4x64xf32>
  %1 = fgla.gate refined(%0, %b) : tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.gate log sigmoid(%{{.*}}) : tensor<?x?x4x64xf32>
  %2 = fgla.gate log sigmoid(%a) : tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.gate log refined(%{{.*}}, %{{.*}}) : tensor<?x?x4x64xf32>
  %3 = fgla.gate log refined(%2, %b) : tensor<?x?x4x64xf32>
  return %1, %3 : tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>
}

// CHECK-LABEL: func.func @custom
func.func @custom(%a: tensor<?x?x4x1xbf16>, %b: tensor<?x?x4x1xbf16>) -> tensor<?x?x4x1xbf16> {
  // CHECK: fgla.gate log custom(%{{.*}}, %{{.*}}) : tensor<?x?x4x1xbf16> {
  // CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[Y:.*]]: f32):
  // CHECK-NEXT:   %[[M:.*]] = arith.mulf %[[X]], %[[Y]] : f32
  // CHECK-NEXT:   fgla.yield %[[M]] : f32
  %0 = fgla.gate log custom(%a, %b) : tensor<?x?x4x1xbf16> {
  ^bb0(%x: f32, %y: f32):
    %m = arith.mulf %x, %y : f32
    fgla.yield %m : f32
  }
  return %0 : tensor<?x?x4x1xbf16>
}
