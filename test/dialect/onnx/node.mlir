// RUN: fgla-opt %s | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func @linear_attention
func.func @linear_attention(%q: tensor<?x?x256xf32>, %a: tensor<?x?x256xf32>) -> tensor<?x?x256xf32> {
  // CHECK: %{{.*}}:2 = onnx.node "LinearAttention"(%{{.*}}, %{{.*}}, %{{.*}}, _, %{{.*}}) version 27 name "attn" gives ["output", "state"] {kv_num_heads = 4 : i64, q_num_heads = 4 : i64, update_rule = "gated"} : (tensor<?x?x256xf32>, tensor<?x?x256xf32>, tensor<?x?x256xf32>, _, tensor<?x?x256xf32>) -> (tensor<?x?x256xf32>, tensor<?x4x64x64xf32>)
  %o, %s = onnx.node "LinearAttention"(%q, %q, %q, _, %a) version 27 name "attn"
    gives ["output", "state"] {kv_num_heads = 4 : i64, q_num_heads = 4 : i64, update_rule = "gated"}
    : (tensor<?x?x256xf32>, tensor<?x?x256xf32>, tensor<?x?x256xf32>, _, tensor<?x?x256xf32>)
    -> (tensor<?x?x256xf32>, tensor<?x4x64x64xf32>)
  return %o : tensor<?x?x256xf32>
}

// CHECK-LABEL: func @every_attribute
func.func @every_attribute(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: onnx.node "Custom"(%{{.*}}) domain "com.example" version 1 {an = array<i64: 1, 2>, f = 5.000000e-01 : f32, fs = array<f32: 1.000000e+00>, i = -1 : i64, s = "text", ss = ["a", "b"], t = dense<[1, 2]> : tensor<2xi64>} attributes {note = "kept"} : (tensor<4xf32>) -> (_, tensor<4xf32>, _)
  %y = onnx.node "Custom"(%x) domain "com.example" version 1
    {an = array<i64: 1, 2>, f = 0.5 : f32, fs = array<f32: 1.0>, i = -1 : i64, s = "text", ss = ["a", "b"], t = dense<[1, 2]> : tensor<2xi64>}
    attributes {note = "kept"}
    : (tensor<4xf32>) -> (_, tensor<4xf32>, _)
  return %y : tensor<4xf32>
}

// CHECK-LABEL: func @nothing_comes_in
func.func @nothing_comes_in() -> tensor<f32> {
  // CHECK: onnx.node "Constant"() version 13 {value = dense<2.000000e+00> : tensor<f32>} : () -> (tensor<f32>)
  %c = onnx.node "Constant"() version 13 {value = dense<2.0> : tensor<f32>} : () -> (tensor<f32>)
  return %c : tensor<f32>
}

// The result of an operator that nobody knows has no type.
// CHECK-LABEL: func @unknown_type
func.func @unknown_type(%x: tensor<*xf32>) -> none {
  // CHECK: onnx.node "Mystery"(%{{.*}}) domain "x" version 1 : (tensor<*xf32>) -> (none)
  %y = onnx.node "Mystery"(%x) domain "x" version 1 : (tensor<*xf32>) -> (none)
  return %y : none
}

// Attributes that are graphs.
// CHECK-LABEL: func @graphs
func.func @graphs(%init: tensor<f32>, %x: tensor<?xf32>) -> none {
  // CHECK: onnx.node "Scan"(%{{.*}}, %{{.*}}) version 13 {num_scan_inputs = 1 : i64} : (tensor<f32>, tensor<?xf32>) -> (none) graph "body" {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: none, %[[B:.*]]: none):
  // CHECK-NEXT: %[[M:.*]] = onnx.node "Max"(%[[A]], %[[B]]) version 13 : (none, none) -> (none)
  // CHECK-NEXT: onnx.yield %[[M]] : none
  %m = onnx.node "Scan"(%init, %x) version 13 {num_scan_inputs = 1 : i64} : (tensor<f32>, tensor<?xf32>) -> (none) graph "body" {
  ^bb0(%a: none, %b: none):
    %max = onnx.node "Max"(%a, %b) version 13 : (none, none) -> (none)
    onnx.yield %max : none
  }
  return %m : none
}

// A function of the model.
// CHECK: func.func private @twice({{.*}}) -> none attributes {onnx.function = "local"}
func.func private @twice(%x: none) -> none attributes {onnx.function = "local"} {
  %y = onnx.node "Add"(%x, %x) version 13 : (none, none) -> (none)
  return %y : none
}
