// RUN: fgla-opt %s --canonicalize --split-input-file | FileCheck %s

!x = tensor<?x?x4x64xf32>
!s = tensor<?x4x64x64xf32>
!m = tensor<?x4xf32>

// feature_map identity (x) -> x
// CHECK-LABEL: func.func @identity
// CHECK-SAME: %[[X:.*]]: tensor<?x?x4x64xf32>
// CHECK-NEXT: return %[[X]]
func.func @identity(%x: !x) -> !x {
  %y = fgla.feature_map identity %x : !x -> !x
  return %y : !x
}

// CHECK-LABEL: func.func @identity_keeps_weight
// CHECK: fgla.feature_map identity
func.func @identity_keeps_weight(%x: !x, %w: tensor<4x64x64xf32>) -> !x {
  %y = fgla.feature_map identity %x weight(%w : tensor<4x64x64xf32>) : !x -> !x
  return %y : !x
}

// CHECK-LABEL: func.func @identity_keeps_type
// CHECK: fgla.feature_map identity
func.func @identity_keeps_type(%x: !x) -> tensor<2x?x4x64xf32> {
  %y = fgla.feature_map identity %x : !x -> tensor<2x?x4x64xf32>
  return %y : tensor<2x?x4x64xf32>
}

// Constants of a region stay in it.
// CHECK-LABEL: func.func @custom
// CHECK-NEXT: fgla.gate log custom
// CHECK-NEXT: ^bb0
// CHECK-NEXT:   %[[C:.*]] = arith.constant -5.000000e-01 : f32
// CHECK-NEXT:   arith.mulf %{{.*}}, %[[C]]
func.func @custom(%x: !x) -> !x {
  %y = fgla.gate log custom(%x) : !x {
  ^bb0(%a: f32):
    %c = arith.constant -0.5 : f32
    %m = arith.mulf %c, %a : f32
    fgla.yield %m : f32
  }
  return %y : !x
}

// -----

!x = tensor<?x?x4x64xf32>
!s = tensor<?x4x64x64xf32>
!m = tensor<?x4xf32>

// CHECK-LABEL: func.func @drop_dead_state
// CHECK: %[[O:.*]] = fgla.attention {{.*}} stabilizer(running) {note = "kept"} : {{.*}} -> (tensor<?x?x4x64xf32>)
// CHECK-NEXT: return %[[O]]
func.func @drop_dead_state(%q: !x) -> !x {
  %o:3 = fgla.attention %q, %q, %q stabilizer(running) {note = "kept"} : (!x, !x, !x) -> (!x, !s, !m)
  return %o#0 : !x
}

// CHECK-LABEL: func.func @used_state
// CHECK: -> (tensor<?x?x4x64xf32>, tensor<?x4x64x64xf32>, tensor<?x4xf32>)
func.func @used_state(%q: !x) -> (!x, !m) {
  %o:3 = fgla.attention %q, %q, %q stabilizer(running) : (!x, !x, !x) -> (!x, !s, !m)
  return %o#0, %o#2 : !x, !m
}

// -----

!x = tensor<2x5x4x64xf32>

// CHECK-LABEL: func.func @drop_constant_decay
// CHECK-NEXT: %[[O:.*]] = fgla.attention %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} : (
// CHECK-NEXT: return %[[O]]
func.func @drop_constant_decay(%q: !x) -> !x {
  %one = arith.constant dense<1.0> : !x
  %o = fgla.attention %q, %q, %q decay(%one) axis(key) : (!x, !x, !x, !x) -> (!x)
  return %o : !x
}

// CHECK-LABEL: func.func @drop_constant_log_decay
// CHECK-NEXT: fgla.attention %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} scale(0.5) : (
func.func @drop_constant_log_decay(%q: !x) -> !x {
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %o = fgla.attention %q, %q, %q log_decay(%zero) axis(constant) scale(0.5) : (!x, !x, !x, tensor<4xf32>) -> (!x)
  return %o : !x
}

// CHECK-LABEL: func.func @other_decays
// CHECK: decay(%{{.*}}) axis(constant)
// CHECK: log_decay(%{{.*}}) axis(constant)
// CHECK: decay(%{{.*}}) axis(constant)
func.func @other_decays(%q: !x) -> !x {
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %some = arith.constant dense<[1.0, 1.0, 1.0, 0.5]> : tensor<4xf32>
  %0 = fgla.attention %q, %q, %q decay(%zero) axis(constant) : (!x, !x, !x, tensor<4xf32>) -> (!x)
  %1 = fgla.attention %0, %q, %q log_decay(%one) axis(constant) : (!x, !x, !x, tensor<4xf32>) -> (!x)
  %2 = fgla.attention %1, %q, %q decay(%some) axis(constant) : (!x, !x, !x, tensor<4xf32>) -> (!x)
  return %2 : !x
}

// gated_delta needs a decay.
// CHECK-LABEL: func.func @delta_keeps_decay
// CHECK: decay(%{{.*}}) axis(constant)
func.func @delta_keeps_decay(%q: !x, %b: tensor<2x5x4xf32>) -> !x {
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %o = fgla.attention %q, %q, %q decay(%one) axis(constant) beta(%b) rule(gated_delta) : (!x, !x, !x, tensor<4xf32>, tensor<2x5x4xf32>) -> (!x)
  return %o : !x
}

// A splat of no elements.
// CHECK-LABEL: func.func @no_tokens
// CHECK: fgla.attention
func.func @no_tokens(%q: tensor<2x0x4x64xf32>) -> tensor<2x0x4x64xf32> {
  %none = arith.constant dense<> : tensor<2x0x4x64xf32>
  %o = fgla.attention %q, %q, %q decay(%none) axis(key)
    : (tensor<2x0x4x64xf32>, tensor<2x0x4x64xf32>, tensor<2x0x4x64xf32>, tensor<2x0x4x64xf32>) -> (tensor<2x0x4x64xf32>)
  return %o : tensor<2x0x4x64xf32>
}

// -----

!x = tensor<2x?x4x8xf32>
!s = tensor<2x4x8x8xf32>
!m = tensor<2x4xf32>

// CHECK-LABEL: func.func @drop_zero_state
// CHECK-NOT: state(
// CHECK: return
func.func @drop_zero_state(%q: !x) -> !x {
  %zero = arith.constant dense<0.0> : !s
  %o = fgla.attention %q, %q, %q state(%zero) : (!x, !x, !x, !s) -> (!x)
  return %o : !x
}

// The maximum counts even where the state is zero.
// CHECK-LABEL: func.func @zero_state_with_max
// CHECK: state(%{{.*}}) max(%{{.*}})
func.func @zero_state_with_max(%q: !x, %m: !m) -> !x {
  %zero = arith.constant dense<0.0> : !s
  %o = fgla.attention %q, %q, %q state(%zero) max(%m) stabilizer(running) : (!x, !x, !x, !s, !m) -> (!x)
  return %o : !x
}

// -----

!x = tensor<2x5x4x8xf32>

// CHECK-LABEL: func.func @fold_query_scale
// CHECK-SAME: %[[Q:.*]]: tensor<2x5x4x8xf32>, %[[K:.*]]: tensor<2x5x4x8xf32>
// CHECK-NEXT: fgla.attention %[[Q]], %[[K]], %[[K]] scale(1.5)
func.func @fold_query_scale(%q: !x, %k: !x) -> !x {
  %c = arith.constant dense<3.0> : !x
  %s = arith.mulf %q, %c : !x
  %o = fgla.attention %s, %k, %k scale(0.5) : (!x, !x, !x) -> (!x)
  return %o : !x
}

// The default scale is 1 / (e sqrt(K (e^2 - 1))), 0.05145... for K = 8.
// CHECK-LABEL: func.func @fold_into_default_scale
// CHECK: scale(0.10291
func.func @fold_into_default_scale(%q: !x, %k: !x) -> !x {
  %c = arith.constant dense<2.0> : !x
  %s = arith.mulf %c, %q : !x
  %o = fgla.attention %s, %k, %k : (!x, !x, !x) -> (!x)
  return %o : !x
}

// CHECK-LABEL: func.func @keep_query_scale
// CHECK: arith.mulf
// CHECK: arith.mulf
func.func @keep_query_scale(%q: !x, %k: !x) -> (!x, !x, !x) {
  %inf = arith.constant dense<0x7F800000> : !x
  %c = arith.constant dense<2.0> : !x
  // Used elsewhere.
  %s = arith.mulf %q, %c : !x
  %0 = fgla.attention %s, %k, %k : (!x, !x, !x) -> (!x)
  // Not a finite scale.
  %i = arith.mulf %q, %inf : !x
  %1 = fgla.attention %i, %k, %k : (!x, !x, !x) -> (!x)
  return %0, %1, %s : !x, !x, !x
}
