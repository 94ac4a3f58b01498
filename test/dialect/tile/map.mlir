// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @map
func.func @map(%z: tensor<32x64xf32>, %m: tensor<32x1xf32>, %t: tensor<32x1xi1>) -> (tensor<32x64xf32>, tensor<32x64xbf16>) {
  // CHECK: fgla_tile.map(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<32x64xf32>, tensor<32x1xf32>, tensor<32x1xi1>) -> (tensor<32x64xf32>, tensor<32x64xbf16>) {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: i1):
  // CHECK-NEXT:   %[[D:.*]] = arith.subf %[[A]], %[[B]] : f32
  // CHECK-NEXT:   %[[E:.*]] = arith.select %[[C]], %[[D]], %[[A]] : f32
  // CHECK-NEXT:   %[[F:.*]] = arith.truncf %[[E]] : f32 to bf16
  // CHECK-NEXT:   fgla_tile.yield %[[E]], %[[F]] : f32, bf16
  %k:2 = fgla_tile.map (%z, %m, %t) : (tensor<32x64xf32>, tensor<32x1xf32>, tensor<32x1xi1>) -> (tensor<32x64xf32>, tensor<32x64xbf16>) {
  ^bb0(%a: f32, %b: f32, %c: i1):
    %d = arith.subf %a, %b : f32
    %e = arith.select %c, %d, %a : f32
    %f = arith.truncf %e : f32 to bf16
    fgla_tile.yield %e, %f : f32, bf16
  }
  return %k#0, %k#1 : tensor<32x64xf32>, tensor<32x64xbf16>
}

// A tile from nothing.
// CHECK-LABEL: func.func @splat
func.func @splat() -> tensor<4x8xf32> {
  // CHECK: fgla_tile.map() : () -> tensor<4x8xf32> {
  %k = fgla_tile.map () : () -> tensor<4x8xf32> {
    %c = arith.constant 1.0 : f32
    fgla_tile.yield %c : f32
  }
  return %k : tensor<4x8xf32>
}
