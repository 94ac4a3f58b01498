// RUN: fgla-opt %s --fgla-choose-saved=memory=balanced --fgla-differentiate --split-input-file --canonicalize | FileCheck %s
// RUN: fgla-opt %s --fgla-choose-saved=memory=min --fgla-differentiate --split-input-file --canonicalize | FileCheck %s --check-prefix=MIN
// RUN: fgla-opt %s --fgla-choose-saved=memory=speed --fgla-differentiate --split-input-file --canonicalize | FileCheck %s --check-prefix=SPEED

!x = tensor<?x?x2x8xf32>
!s = tensor<?x2x8x8xf32>
!m = tensor<?x2xf32>

// The attention's output is dear and saved; the map and the gate are not. The maximum has no gradient.
// CHECK-LABEL: func.func @fgla_forward
// CHECK-SAME: -> (tensor<?x?x2x8xf32> {fgla.name = "y"}, tensor<?x2x8x8xf32> {fgla.name = "final"}, tensor<?x2xf32> {fgla.name = "max"}, tensor<?x?x2x8xf32> {fgla.name = "saved_attention"})
// CHECK: %[[OUT:.*]], %[[S:.*]], %[[M:.*]] = fgla.attention
// CHECK: %[[Y:.*]] = fgla.norm rms %[[OUT]]
// CHECK: return %[[Y]], %[[S]], %[[M]], %[[OUT]]
// CHECK-LABEL: func.func @fgla_backward
// CHECK-SAME: (%[[ZQ:.*]]: tensor<?x?x2x8xf32> {fgla.name = "zq"}, %[[ZK:.*]]: tensor<?x?x2x8xf32> {fgla.name = "zk"}, %[[V:.*]]: tensor<?x?x2x8xf32> {fgla.name = "v"}, %[[ZG:.*]]: tensor<?x?x2x8xf32> {fgla.name = "zg"}, %[[ZR:.*]]: tensor<?x?x2x8xf32> {fgla.name = "zr"}, %[[W:.*]]: tensor<8xf32> {fgla.name = "w"}, %[[S0:.*]]: tensor<?x2x8x8xf32> {fgla.name = "s0"}, %[[M0:.*]]: tensor<?x2xf32> {fgla.name = "m0"}, %[[DY:.*]]: tensor<?x?x2x8xf32> {fgla.name = "d_y"}, %[[DS:.*]]: tensor<?x2x8x8xf32> {fgla.name = "d_final"}, %[[O:.*]]: tensor<?x?x2x8xf32> {fgla.name = "saved_attention"})
// CHECK-SAME: -> (tensor<?x?x2x8xf32> {fgla.name = "d_zq"}, tensor<?x?x2x8xf32> {fgla.name = "d_zk"}, tensor<?x?x2x8xf32> {fgla.name = "d_v"}, tensor<?x?x2x8xf32> {fgla.name = "d_zg"}, tensor<?x?x2x8xf32> {fgla.name = "d_zr"}, tensor<8xf32> {fgla.name = "d_w"}, tensor<?x2x8x8xf32> {fgla.name = "d_s0"})
// CHECK-DAG: %[[Q:.*]] = fgla.feature_map safe_exp %[[ZQ]] {fgla.retention = #fgla.retention<recomputed>}
// CHECK-DAG: %[[F:.*]] = fgla.gate refined(%[[ZG]], %[[ZR]])
// CHECK-NOT: fgla.attention{{ }}
// CHECK: %[[DO:.*]]:2 = fgla.vjp wrt [0, 1](%[[O]], %[[W]]) cotangent(%[[DY]])
// CHECK: fgla.norm rms
// CHECK: %[[DQ:.*]], %[[DK:.*]], %[[DV:.*]], %[[DF:.*]], %[[DS0:.*]] = fgla.attention_grad %[[Q]], %[[ZK]], %[[V]] decay(%[[F]]) axis(key) state(%[[S0]]) max(%[[M0]]) stabilizer(running) output_grad(%[[DO]]#0) final_state_grad(%[[DS]])
// CHECK: %[[DZ:.*]]:2 = fgla.vjp wrt [0, 1](%[[ZG]], %[[ZR]]) cotangent(%[[DF]])
// CHECK: %[[DZQ:.*]] = fgla.vjp wrt [0](%[[ZQ]]) cotangent(%[[DQ]])
// CHECK: return %[[DZQ]], %[[DK]], %[[DV]], %[[DZ]]#0, %[[DZ]]#1, %[[DO]]#1, %[[DS0]]

// Nothing is saved; the attention is computed again.
// MIN-LABEL: func.func @fgla_forward
// MIN-NOT: saved
// MIN-LABEL: func.func @fgla_backward
// MIN: fgla.attention{{ }}
// MIN: fgla.attention_grad

// All that is needed is saved.
// SPEED-LABEL: func.func @fgla_forward
// SPEED-SAME: {fgla.name = "saved_feature_map"}, {{.*}} {fgla.name = "saved_gate"}, {{.*}} {fgla.name = "saved_attention"})
// SPEED-LABEL: func.func @fgla_backward
// SPEED-SAME: (%[[ZQ:[a-z0-9]*]]: tensor
// SPEED-NOT: fgla.feature_map safe_exp %[[ZQ]] :
// SPEED: return
func.func @fgla(%zq: !x {fgla.name = "zq"}, %zk: !x {fgla.name = "zk"}, %v: !x {fgla.name = "v"}, %zg: !x {fgla.name = "zg"}, %zr: !x {fgla.name = "zr"},
    %w: tensor<8xf32> {fgla.name = "w"}, %s: !s {fgla.name = "s0"}, %m: !m {fgla.name = "m0"})
    -> (!x {fgla.name = "y"}, !s {fgla.name = "final"}, !m {fgla.name = "max"}) {
  %q = fgla.feature_map safe_exp %zq : !x -> !x
  %f = fgla.gate refined(%zg, %zr) : !x
  %o:3 = fgla.attention %q, %zk, %v decay(%f) axis(key) state(%s) max(%m) stabilizer(running) : (!x, !x, !x, !x, !s, !m) -> (!x, !s, !m)
  %y = fgla.norm rms %o#0 weight(%w : tensor<8xf32>) : !x
  return %y, %o#1, %o#2 : !x, !s, !m
}

// -----

!x = tensor<?x?x2x8xf32>

// What is a result anyway is not returned twice. An argument that is not needed is none; nor is a gradient that is zero.
// CHECK-LABEL: func.func @reused_forward
// CHECK-SAME: -> (tensor<?x?x2x8xf32> {fgla.name = "result0"}, tensor<?x?x2x8xf32> {fgla.name = "result1"}) {
// CHECK-LABEL: func.func @reused_backward
// CHECK-SAME: (%{{.*}}: tensor<?x?x2x8xf32> {fgla.name = "arg0"}, %{{.*}}: tensor<?x?x2x8xf32> {fgla.name = "d_result0"}, %{{.*}}: tensor<?x?x2x8xf32> {fgla.name = "d_result1"}, %{{.*}}: tensor<?x?x2x8xf32> {fgla.name = "result0"}) -> (tensor<?x?x2x8xf32> {fgla.name = "d_arg0"})
func.func @reused(%x: !x, %other: !x) -> (!x, !x) {
  %o = fgla.attention %x, %x, %x : (!x, !x, !x) -> (!x)
  %y = fgla.norm layer %o : !x
  return %o, %y : !x, !x
}

// -----

// Contractions and what is around them: products with the loops of the other operands, sums over what is not there.
// CHECK-LABEL: func.func @project_backward
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32> {fgla.name = "arg0"}, %[[W:.*]]: tensor<4x3xf32> {fgla.name = "arg1"}, %[[DY:.*]]: tensor<?x3xf32> {fgla.name = "d_result0"})
// CHECK: %[[DB:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]} ins(%[[DY]] : tensor<?x3xf32>)
// CHECK: %[[DX:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction", "parallel"]} ins(%[[W]], %[[DY]] :
// CHECK: %[[P:.*]] = arith.mulf
// CHECK: arith.addf %{{.*}}, %[[P]]
// CHECK: %[[DW:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "parallel", "parallel"]} ins(%[[X]], %[[DY]] :
// CHECK: return %[[DX]], %[[DW]], %[[DB]]
func.func @project(%x: tensor<?x4xf32>, %w: tensor<4x3xf32>, %b: tensor<3xf32>) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
  %p = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x3xf32>) outs(%f : tensor<?x3xf32>) -> tensor<?x3xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%p, %b : tensor<?x3xf32>, tensor<3xf32>) outs(%e : tensor<?x3xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
