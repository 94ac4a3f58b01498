// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

!q = tensor<?x4x64xf32>
!v = tensor<?x4x32xf32>
!s = tensor<?x4x64x32xf32>
!m = tensor<?x4xf32>

// CHECK-LABEL: func.func @running
func.func @running(%q: tensor<?x8x64xf32>, %k: !q, %v: !v, %f: !q, %s: !s, %m: !m) -> (tensor<?x8x32xf32>, !s, !m) {
  // CHECK: fgla.step %{{.*}}, %{{.*}}, %{{.*}} decay(%{{.*}}) axis(key) state(%{{.*}}) max(%{{.*}}) stabilizer(running) : (
  // CHECK-SAME: -> (tensor<?x8x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>)
  %o:3 = fgla.step %q, %k, %v decay(%f) axis(key) state(%s) max(%m) stabilizer(running)
    : (tensor<?x8x64xf32>, !q, !v, !q, !s, !m) -> (tensor<?x8x32xf32>, !s, !m)
  return %o#0, %o#1, %o#2 : tensor<?x8x32xf32>, !s, !m
}

// CHECK-LABEL: func.func @plain
func.func @plain(%q: !q, %k: !q, %v: !v, %s: !s) -> (!v, !s) {
  // CHECK: fgla.step %{{.*}}, %{{.*}}, %{{.*}} state(%{{.*}}) scale(0.5) :
  %o:2 = fgla.step %q, %k, %v state(%s) scale(0.5) : (!q, !q, !v, !s) -> (!v, !s)
  return %o#0, %o#1 : !v, !s
}

// CHECK-LABEL: func.func @delta
func.func @delta(%q: !q, %k: !q, %v: !v, %a: tensor<4xf32>, %b: tensor<?x1xf32>, %s: !s) -> (!v, !s) {
  // CHECK: log_decay(%{{.*}}) axis(constant) beta(%{{.*}}) state(%{{.*}}) rule(gated_delta) stabilizer(token)
  %o:2 = fgla.step %q, %k, %v log_decay(%a) axis(constant) beta(%b) state(%s) rule(gated_delta) stabilizer(token)
    : (!q, !q, !v, tensor<4xf32>, tensor<?x1xf32>, !s) -> (!v, !s)
  return %o#0, %o#1 : !v, !s
}
