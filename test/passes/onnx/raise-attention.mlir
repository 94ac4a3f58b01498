// RUN: fgla-opt %s --fgla-raise-attention --split-input-file | FileCheck %s

// Heads are packed into the last dim; the scale is the default, and a causal attention begins at the first key.
// CHECK-LABEL: func.func @packed
// CHECK-SAME: (%[[Q:.*]]: tensor<?x?x512xf32>, %[[K:.*]]: tensor<?x?x256xf32>, %[[V:.*]]: tensor<?x?x128xf32>)
func.func @packed(%q: tensor<?x?x512xf32>, %k: tensor<?x?x256xf32>, %v: tensor<?x?x128xf32>) -> tensor<?x?x256xf32> {
  // CHECK: %[[QH:.*]] = onnx.node "Reshape"(%[[Q]], %{{.*}}) {{.*}} -> (tensor<?x?x8x64xf32>)
  // CHECK: %[[KH:.*]] = onnx.node "Reshape"(%[[K]], %{{.*}}) {{.*}} -> (tensor<?x?x4x64xf32>)
  // CHECK: %[[VH:.*]] = onnx.node "Reshape"(%[[V]], %{{.*}}) {{.*}} -> (tensor<?x?x4x32xf32>)
  // CHECK: %[[O:.*]] = fgla.softmax_attention %[[QH]], %[[KH]], %[[VH]] ahead(0) aligned(start) :
  // CHECK: %[[RESULT:.*]] = onnx.node "Reshape"(%[[O]], %{{.*}}) {{.*}} -> (tensor<?x?x256xf32>)
  // CHECK: return %[[RESULT]]
  %y = onnx.node "Attention"(%q, %k, %v) version 23 name "attn" {is_causal = 1 : i64, q_num_heads = 8 : i64, kv_num_heads = 4 : i64}
    : (tensor<?x?x512xf32>, tensor<?x?x256xf32>, tensor<?x?x128xf32>) -> (tensor<?x?x256xf32>)
  return %y : tensor<?x?x256xf32>
}

// -----

// Heads come first; the past is put in front of keys and values, which are results; queries are at the end.
// CHECK-LABEL: func.func @past
// CHECK-SAME: (%[[Q:.*]]: tensor<2x8x5x64xf32>, %[[K:.*]]: tensor<2x4x5x64xf32>, %[[P:.*]]: tensor<2x4x12x64xf32>, %[[M:.*]]: tensor<5x17xi1>)
func.func @past(%q: tensor<2x8x5x64xf32>, %k: tensor<2x4x5x64xf32>, %p: tensor<2x4x12x64xf32>, %m: tensor<5x17xi1>)
    -> (tensor<2x8x5x64xf32>, tensor<2x4x17x64xf32>, tensor<2x4x17x64xf32>) {
  // CHECK: %[[QT:.*]] = onnx.node "Transpose"(%[[Q]]) {{.*}} {perm = array<i64: 0, 2, 1, 3>}
  // CHECK: %[[ALL:.*]] = onnx.node "Concat"(%[[P]], %[[K]]) {{.*}} {axis = 2 : i64}
  // CHECK: %[[KT:.*]] = onnx.node "Transpose"(%[[ALL]])
  // CHECK: %[[VALUES:.*]] = onnx.node "Concat"(%[[P]], %[[K]])
  // CHECK: %[[VT:.*]] = onnx.node "Transpose"(%[[VALUES]])
  // CHECK: %[[MASK:.*]] = onnx.node "Unsqueeze"(%[[M]], %{{.*}}) {{.*}} -> (tensor<1x1x5x17xi1>)
  // CHECK: %[[O:.*]] = fgla.softmax_attention %[[QT]], %[[KT]], %[[VT]] mask(%[[MASK]]) behind(7) ahead(0) aligned(end) scale(0.5) softcap(3.0e+1) :
  // CHECK: %[[RESULT:.*]] = onnx.node "Transpose"(%[[O]])
  // CHECK: return %[[RESULT]], %[[ALL]], %[[VALUES]]
  %y, %pk, %pv = onnx.node "Attention"(%q, %k, %k, %m, %p, %p) version 24
    {left_window_size = 7 : i64, is_causal = 1 : i64, scale = 5.000000e-01 : f32, softcap = 3.000000e+01 : f32}
    : (tensor<2x8x5x64xf32>, tensor<2x4x5x64xf32>, tensor<2x4x5x64xf32>, tensor<5x17xi1>, tensor<2x4x12x64xf32>, tensor<2x4x12x64xf32>)
    -> (tensor<2x8x5x64xf32>, tensor<2x4x17x64xf32>, tensor<2x4x17x64xf32>)
  return %y, %pk, %pv : tensor<2x8x5x64xf32>, tensor<2x4x17x64xf32>, tensor<2x4x17x64xf32>
}

// -----

// Keys that a mask is too short for are hidden; those after a length are not there.
// CHECK-LABEL: func.func @short_mask
// CHECK-SAME: %[[M:[^:]*]]: tensor<1x1x2x4xf32>, %[[N:.*]]: tensor<2xi64>)
func.func @short_mask(%q: tensor<2x3x2x8xf32>, %k: tensor<2x3x6x8xf32>, %m: tensor<1x1x2x4xf32>, %n: tensor<2xi64>) -> tensor<2x3x2x8xf32> {
  // CHECK: %[[HIDDEN:.*]] = onnx.node "Constant"() {{.*}} {value = dense<0xFF800000> : tensor<1x1x2x2xf32>}
  // CHECK: %[[MASK:.*]] = onnx.node "Concat"(%[[M]], %[[HIDDEN]]) {{.*}} {axis = 3 : i64}
  // CHECK: fgla.softmax_attention %{{.*}}, %{{.*}}, %{{.*}} mask(%[[MASK]]) lengths(%[[N]]) :
  %y = onnx.node "Attention"(%q, %k, %k, %m, _, _, %n) version 24
    : (tensor<2x3x2x8xf32>, tensor<2x3x6x8xf32>, tensor<2x3x6x8xf32>, tensor<1x1x2x4xf32>, _, _, tensor<2xi64>) -> (tensor<2x3x2x8xf32>)
  return %y : tensor<2x3x2x8xf32>
}

// -----

// Left alone: scores are a result; heads are not known; versions differ in what a causal attention with lengths sees.
// CHECK-LABEL: func.func @left_alone
// CHECK-COUNT-3: onnx.node "Attention"
// CHECK-NOT: fgla.
func.func @left_alone(%q: tensor<2x3x2x8xf32>, %k: tensor<2x3x6x8xf32>, %p: tensor<2x6x24xf32>, %n: tensor<2xi64>)
    -> (tensor<2x3x2x8xf32>, tensor<2x3x2x6xf32>, tensor<2x6x24xf32>, tensor<2x3x2x8xf32>) {
  %y, %s = onnx.node "Attention"(%q, %k, %k) version 24 : (tensor<2x3x2x8xf32>, tensor<2x3x6x8xf32>, tensor<2x3x6x8xf32>) -> (tensor<2x3x2x8xf32>, _, _, tensor<2x3x2x6xf32>)
  %z = onnx.node "Attention"(%p, %p, %p) version 24 : (tensor<2x6x24xf32>, tensor<2x6x24xf32>, tensor<2x6x24xf32>) -> (tensor<2x6x24xf32>)
  %w = onnx.node "Attention"(%q, %k, %k, _, _, _, %n) version 24 {is_causal = 1 : i64}
    : (tensor<2x3x2x8xf32>, tensor<2x3x6x8xf32>, tensor<2x3x6x8xf32>, _, _, _, tensor<2xi64>) -> (tensor<2x3x2x8xf32>)
  return %y, %s, %z, %w : tensor<2x3x2x8xf32>, tensor<2x3x2x6xf32>, tensor<2x6x24xf32>, tensor<2x3x2x8xf32>
}
