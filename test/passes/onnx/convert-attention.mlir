// RUN: fgla-opt %s --fgla-convert-onnx --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func @gated_with_state
// CHECK-SAME: (%[[Q:.*]]: tensor<?x?x256xf16> {{.*}}, %[[S:.*]]: tensor<?x4x64x64xf16>
func.func @gated_with_state(%q: tensor<?x?x256xf16> {fgla.dims = ["B", "T", "256"]}, %s: tensor<?x4x64x64xf16> {fgla.dims = ["B", "4", "64", "64"]})
    -> (tensor<?x?x256xf16>, tensor<?x4x64x64xf16>) {
  // CHECK: %[[Q4:.*]] = tensor.expand_shape %[[Q]] {{\[\[}}0], [1], [2, 3]] output_shape [%{{.*}}, %{{.*}}, 4, 64] : tensor<?x?x256xf16> into tensor<?x?x4x64xf16>
  // The state is f32 inside, which the kernel sees to, and what the model says outside.
  // CHECK: %[[O:.*]], %[[F:.*]] = fgla.attention %{{.*}}, %{{.*}}, %{{.*}} log_decay(%{{.*}}) axis(key) state(%[[S]]) scale(0.125) : ({{.*}}) -> (tensor<?x?x4x64xf16>, tensor<?x4x64x64xf16>)
  // CHECK: tensor.collapse_shape %[[O]]
  %o, %p = onnx.node "LinearAttention"(%q, %q, %q, %s, %q) version 27 {kv_num_heads = 4 : i64, q_num_heads = 4 : i64, update_rule = "gated"}
    : (tensor<?x?x256xf16>, tensor<?x?x256xf16>, tensor<?x?x256xf16>, tensor<?x4x64x64xf16>, tensor<?x?x256xf16>)
    -> (tensor<?x?x256xf16>, tensor<?x4x64x64xf16>)
  return %o, %p : tensor<?x?x256xf16>, tensor<?x4x64x64xf16>
}

// -----

// CHECK-LABEL: func @linear_grouped
func.func @linear_grouped(%q: tensor<2x9x64xf32>, %k: tensor<2x9x16xf32>, %v: tensor<2x9x8xf32>) -> tensor<2x9x32xf32> {
  // Nobody reads the state, so there is none.
  // CHECK: fgla.attention %{{.*}}, %{{.*}}, %{{.*}} scale(0.5) : (tensor<2x9x8x8xf32>, tensor<2x9x2x8xf32>, tensor<2x9x2x4xf32>) -> (tensor<2x9x8x4xf32>)
  %o, %s = onnx.node "LinearAttention"(%q, %k, %v) version 27 {kv_num_heads = 2 : i64, q_num_heads = 8 : i64, update_rule = "linear", scale = 0.5 : f32}
    : (tensor<2x9x64xf32>, tensor<2x9x16xf32>, tensor<2x9x8xf32>) -> (tensor<2x9x32xf32>, tensor<2x2x8x4xf32>)
  return %o : tensor<2x9x32xf32>
}

// -----

// CHECK-LABEL: func @gated_delta_is_the_default
func.func @gated_delta_is_the_default(%q: tensor<2x9x16xf32>, %a: tensor<2x9x2xf32>, %b: tensor<2x9x1xf32>) -> tensor<2x9x16xf32> {
  // CHECK: fgla.attention %{{.*}}, %{{.*}}, %{{.*}} log_decay(%{{.*}}) axis(head) beta(%{{.*}}) rule(gated_delta) scale(
  %o = onnx.node "LinearAttention"(%q, %q, %q, _, %a, %b) version 27 name "attn" {kv_num_heads = 2 : i64, q_num_heads = 2 : i64}
    : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>, _, tensor<2x9x2xf32>, tensor<2x9x1xf32>) -> (tensor<2x9x16xf32>)
  return %o : tensor<2x9x16xf32>
}

// -----

func.func @decay_is_missing(%q: tensor<2x9x16xf32>) -> tensor<2x9x16xf32> {
  // expected-error@+1 {{operator 'LinearAttention' (node 'attn'): update_rule 'gated' needs input 'decay'}}
  %o = onnx.node "LinearAttention"(%q, %q, %q) version 27 name "attn" {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "gated"}
    : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>) -> (tensor<2x9x16xf32>)
  return %o : tensor<2x9x16xf32>
}

// -----

func.func @beta_is_too_much(%q: tensor<2x9x16xf32>, %b: tensor<2x9x2xf32>) -> tensor<2x9x16xf32> {
  // expected-error@+1 {{update_rule 'linear' takes no input 'beta'}}
  %o = onnx.node "LinearAttention"(%q, %q, %q, _, _, %b) version 27 {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "linear"}
    : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>, _, _, tensor<2x9x2xf32>) -> (tensor<2x9x16xf32>)
  return %o : tensor<2x9x16xf32>
}

// -----

func.func @rule(%q: tensor<2x9x16xf32>) -> tensor<2x9x16xf32> {
  // expected-error@+1 {{update_rule must be linear, gated, delta or gated_delta, got 'quadratic'}}
  %o = onnx.node "LinearAttention"(%q, %q, %q) version 27 {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "quadratic"}
    : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>) -> (tensor<2x9x16xf32>)
  return %o : tensor<2x9x16xf32>
}

// -----

func.func @heads(%q: tensor<2x9x16xf32>) -> tensor<2x9x16xf32> {
  // expected-error@+1 {{q_num_heads must be a positive multiple of kv_num_heads, got 3 and 2}}
  %o = onnx.node "LinearAttention"(%q, %q, %q) version 27 {kv_num_heads = 2 : i64, q_num_heads = 3 : i64, update_rule = "linear"}
    : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>) -> (tensor<2x9x16xf32>)
  return %o : tensor<2x9x16xf32>
}

// -----

func.func @dims_do_not_divide(%q: tensor<2x9x15xf32>) -> tensor<2x9x15xf32> {
  // expected-error@+1 {{the last dim of input 'query' must be known and a multiple of the 2 heads, got [2, 9, 15]}}
  %o = onnx.node "LinearAttention"(%q, %q, %q) version 27 {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "linear"}
    : (tensor<2x9x15xf32>, tensor<2x9x15xf32>, tensor<2x9x15xf32>) -> (tensor<2x9x15xf32>)
  return %o : tensor<2x9x15xf32>
}

// -----

func.func @decay_shape(%q: tensor<2x9x16xf32>, %a: tensor<2x9x4xf32>) -> tensor<2x9x16xf32> {
  // expected-error@+1 {{input 'decay' must have shape [B, T, 2] or [B, T, 16], got [2, 9, 4]}}
  %o = onnx.node "LinearAttention"(%q, %q, %q, _, %a) version 27 {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "gated"}
    : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>, _, tensor<2x9x4xf32>) -> (tensor<2x9x16xf32>)
  return %o : tensor<2x9x16xf32>
}

// -----

func.func @state_shape(%q: tensor<2x9x16xf32>, %s: tensor<2x8x8x2xf32>) -> tensor<2x9x16xf32> {
  // expected-error@+1 {{input 'past_state' must have shape [B, 2, 8, 8], got [2, 8, 8, 2]}}
  %o = onnx.node "LinearAttention"(%q, %q, %q, %s) version 27 {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "linear"}
    : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x8x8x2xf32>) -> (tensor<2x9x16xf32>)
  return %o : tensor<2x9x16xf32>
}

// -----

// Free dims without a name are what the operator says, and get one name, by which the runtime checks them.
// CHECK-LABEL: func @unnamed_dims
// CHECK-SAME: %arg0: tensor<?x?x16xf32> {fgla.dims = ["D0", "D1", "16"]}
// CHECK-SAME: %arg1: tensor<?x?x16xf32> {fgla.dims = ["D0", "D1", "16"]}
// CHECK-SAME: %arg2: tensor<?x2x8x8xf32> {fgla.dims = ["D0", "2", "8", "8"]}
// CHECK: fgla.attention
func.func @unnamed_dims(%q: tensor<?x?x16xf32>, %k: tensor<?x?x16xf32>, %s: tensor<?x2x8x8xf32>) -> tensor<?x?x16xf32> {
  %m = onnx.node "Relu"(%k) version 27 : (tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>)
  %o = onnx.node "LinearAttention"(%q, %m, %k, %s) version 27 {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "linear"}
    : (tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x2x8x8xf32>) -> (tensor<?x?x16xf32>)
  return %o : tensor<?x?x16xf32>
}

// -----

// CHECK-LABEL: func @named_dims
// CHECK-SAME: {fgla.dims = ["1", "T", "16"]}
// CHECK-SAME: {fgla.dims = ["1", "T", "16"]}
func.func @named_dims(%q: tensor<1x?x16xf32> {fgla.dims = ["1", "T", "16"]}, %k: tensor<1x?x16xf32> {fgla.dims = ["1", "S", "16"]}) -> tensor<1x?x16xf32> {
  %o = onnx.node "LinearAttention"(%q, %k, %k) version 27 {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "linear"}
    : (tensor<1x?x16xf32>, tensor<1x?x16xf32>, tensor<1x?x16xf32>) -> (tensor<1x?x16xf32>)
  return %o : tensor<1x?x16xf32>
}

// -----

// Nobody could check a size that is computed, and memory would be read that is not there.
func.func @other_tokens(%q: tensor<?x?x16xf32>, %k: tensor<?x?x16xf32>) -> tensor<?x?x16xf32> {
  %kk = onnx.node "Concat"(%k, %k) version 27 {axis = 1 : i64} : (tensor<?x?x16xf32>, tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>)
  // expected-error@+1 {{can't see that input 'key' has the batch and tokens of 'query'}}
  %o = onnx.node "LinearAttention"(%q, %kk, %kk) version 27 {kv_num_heads = 2 : i64, q_num_heads = 2 : i64, update_rule = "linear"}
    : (tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>)
  return %o : tensor<?x?x16xf32>
}
