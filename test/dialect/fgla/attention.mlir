// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

!x = tensor<?x?x4x64xf32>
!v = tensor<?x?x4x32xf32>
!s = tensor<?x4x64x32xf32>
!m = tensor<?x4xf32>

// CHECK-LABEL: func.func @plain
func.func @plain(%q: !x, %k: !x, %v: !v) -> !v {
  // CHECK: fgla.attention %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  %o = fgla.attention %q, %k, %v : (!x, !x, !v) -> (!v)
  return %o : !v
}

// CHECK-LABEL: func.func @everything
func.func @everything(%q: tensor<?x?x8x64xf32>, %k: !x, %v: !v, %f: !x, %s: !s, %m: !m) -> (tensor<?x?x8x32xf32>, !s, !m) {
  // CHECK: fgla.attention %{{.*}}, %{{.*}}, %{{.*}} decay(%{{.*}}) axis(key) state(%{{.*}}) max(%{{.*}}) stabilizer(running) scale(0.125) {fgla.schedule = #fgla.schedule<tile = 32>} :
  // CHECK-SAME: -> (tensor<?x?x8x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>)
  %o:3 = fgla.attention %q, %k, %v decay(%f) axis(key) state(%s) max(%m) stabilizer(running) scale(0.125)
    {fgla.schedule = #fgla.schedule<tile = 32, segments = 1>}
    : (tensor<?x?x8x64xf32>, !x, !v, !x, !s, !m) -> (tensor<?x?x8x32xf32>, !s, !m)
  return %o#0, %o#1, %o#2 : tensor<?x?x8x32xf32>, !s, !m
}

// CHECK-LABEL: func.func @decays
func.func @decays(%q: !x, %k: !x, %v: !v, %value: !v, %head: tensor<?x?x4x1xf32>, %constant: tensor<4xf32>) -> (!v, !v, !v) {
  // CHECK: log_decay(%{{.*}}) axis(value) stabilizer(sequence)
  %0 = fgla.attention %q, %k, %v log_decay(%value) axis(value) stabilizer(sequence) : (!x, !x, !v, !v) -> (!v)
  // CHECK: decay(%{{.*}}) axis(head) stabilizer(token)
  %1 = fgla.attention %q, %k, %v decay(%head) axis(head) stabilizer(token) : (!x, !x, !v, tensor<?x?x4x1xf32>) -> (!v)
  // CHECK: log_decay(%{{.*}}) axis(constant) :
  %2 = fgla.attention %q, %k, %v log_decay(%constant) axis(constant) stabilizer(none) : (!x, !x, !v, tensor<4xf32>) -> (!v)
  return %0, %1, %2 : !v, !v, !v
}

// CHECK-LABEL: func.func @delta
func.func @delta(%q: tensor<2x7x4x64xbf16>, %v: tensor<2x7x4x32xbf16>, %a: tensor<2x7x4x1xf32>, %b: tensor<2x7x4xbf16>, %b1: tensor<2x7x1xbf16>)
    -> (tensor<2x7x4x32xbf16>, tensor<2x7x4x32xbf16>, tensor<2x4x64x32xf32>) {
  // CHECK: beta(%{{.*}}) rule(delta) stabilizer(token)
  %0 = fgla.attention %q, %q, %v beta(%b) rule(delta) stabilizer(token)
    : (tensor<2x7x4x64xbf16>, tensor<2x7x4x64xbf16>, tensor<2x7x4x32xbf16>, tensor<2x7x4xbf16>) -> (tensor<2x7x4x32xbf16>)
  // CHECK: log_decay(%{{.*}}) axis(head) beta(%{{.*}}) rule(gated_delta) scale(1.0)
  %1:2 = fgla.attention %q, %q, %v log_decay(%a) axis(head) beta(%b1) rule(gated_delta) scale(1.0)
    : (tensor<2x7x4x64xbf16>, tensor<2x7x4x64xbf16>, tensor<2x7x4x32xbf16>, tensor<2x7x4x1xf32>, tensor<2x7x1xbf16>)
    -> (tensor<2x7x4x32xbf16>, tensor<2x4x64x32xf32>)
  return %0, %1#0, %1#1 : tensor<2x7x4x32xbf16>, tensor<2x7x4x32xbf16>, tensor<2x4x64x32xf32>
}

// No tokens and no batch are sizes like others.
// CHECK-LABEL: func.func @empty
func.func @empty(%q: tensor<0x0x4x64xf64>, %v: tensor<0x0x4x32xf64>) -> tensor<0x0x4x32xf64> {
  // CHECK: fgla.attention
  %0 = fgla.attention %q, %q, %v : (tensor<0x0x4x64xf64>, tensor<0x0x4x64xf64>, tensor<0x0x4x32xf64>) -> (tensor<0x0x4x32xf64>)
  return %0 : tensor<0x0x4x32xf64>
}

// Packed sequences have states of their own.
// CHECK-LABEL: func.func @packed
func.func @packed(%q: tensor<1x?x4x64xf32>, %v: tensor<1x?x4x32xf32>, %s: tensor<?x4x64x32xf32>, %m: tensor<?x4xf32>, %n: tensor<?xi32>)
    -> (tensor<1x?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>) {
  // CHECK: fgla.attention %{{.*}} state(%{{.*}}) max(%{{.*}}) sequences(%{{.*}}) stabilizer(running) :
  %0:3 = fgla.attention %q, %q, %v state(%s) max(%m) sequences(%n) stabilizer(running)
    : (tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>, tensor<?xi32>)
    -> (tensor<1x?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>)
  return %0#0, %0#1, %0#2 : tensor<1x?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>
}
