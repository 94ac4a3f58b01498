// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

!x = tensor<?x?x256xf32>
!w = tensor<256x4x64xf32>
!wv = tensor<256x4x32xf32>
!b = tensor<4x64xf32>
!s = tensor<?x4x64x32xf32>
!m = tensor<?x4xf32>

// CHECK-LABEL: func.func @plain
func.func @plain(%x: !x, %w: !w, %wv: !wv, %b: !b, %n: tensor<32xf32>, %wo: tensor<4x32x256xf32>) -> !x {
  // CHECK: fgla.block %{{.*}} query(%{{.*}}) key(%{{.*}}) value(%{{.*}}) gate(%{{.*}}, %{{.*}}) refine(%{{.*}}, %{{.*}}) norm(%{{.*}}) output(%{{.*}}) : (
  // CHECK-SAME: -> (tensor<?x?x256xf32>)
  %y = fgla.block %x query(%w) key(%w) value(%wv) gate(%w, %b) refine(%w, %b) norm(%n) output(%wo)
    : (!x, !w, !w, !wv, !w, !b, !w, !b, tensor<32xf32>, tensor<4x32x256xf32>) -> (!x)
  return %y : !x
}

// CHECK-LABEL: func.func @everything
func.func @everything(%x: !x, %w: !w, %wv: !wv, %b: !b, %n: tensor<4x32xf32>, %wo: tensor<4x32x256xf32>, %s: !s, %m: !m) -> (!x, !s, !m) {
  // CHECK: output_gate(%{{.*}}) output(%{{.*}}) state(%{{.*}}) max(%{{.*}}) kind(layer) eps(0.001) stabilizer(sequence) scale(0.25) {note = 1 : i64} :
  // CHECK-SAME: -> (tensor<?x?x256xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>)
  %y:3 = fgla.block %x query(%w) key(%w) value(%wv) gate(%w, %b) refine(%w, %b) norm(%n) output_gate(%wv) output(%wo)
    state(%s) max(%m) kind(layer) eps(1.0e-3) stabilizer(sequence) scale(0.25) {note = 1}
    : (!x, !w, !w, !wv, !w, !b, !w, !b, tensor<4x32xf32>, !wv, tensor<4x32x256xf32>, !s, !m) -> (!x, !s, !m)
  return %y#0, %y#1, %y#2 : !x, !s, !m
}
