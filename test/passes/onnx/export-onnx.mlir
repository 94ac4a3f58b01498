// RUN: fgla-opt %s --fgla-export-onnx=form=onnx27 --split-input-file | FileCheck %s --check-prefixes=CHECK,STANDARD
// RUN: fgla-opt %s --fgla-export-onnx=form=function --split-input-file | FileCheck %s --check-prefixes=CHECK,FUNCTION
// RUN: fgla-opt %s --fgla-export-onnx=form=ort-contrib --split-input-file | FileCheck %s --check-prefixes=CHECK,CONTRIB

// Features that need no stabilizer: nothing stands around the recurrence but the merging of heads.
// CHECK-LABEL: func.func @plain
// CHECK-NOT: fgla.attention
// STANDARD: %[[O:.*]]:2 = onnx.node "LinearAttention"(%{{.*}}, %{{.*}}, %{{.*}}) version 27 {kv_num_heads = 2 : i64, q_num_heads = 4 : i64, scale = 5.000000e-01 : f32, update_rule = "linear"}
// CONTRIB: %[[O:.*]]:2 = onnx.node "LinearAttention"(%{{.*}}, %{{.*}}, %{{.*}}) domain "com.microsoft" version 1 {kv_num_heads = 2 : i64, q_num_heads = 4 : i64, scale = 5.000000e-01 : f32, update_rule = "linear"}
// FUNCTION: %[[O:.*]]:2 = onnx.node "LinearAttention_4_2_16_8"(%{{.*}}, %{{.*}}, %{{.*}}) domain "fgla" version 1 : (none, none, none) -> (none, none)
// CHECK: %[[Y:.*]] = onnx.node "Reshape"(%[[O]]#0, %{{.*}}) {{.*}} -> (tensor<?x?x4x8xf32>)
// CHECK: return %[[Y]]
// FUNCTION: func.func private @LinearAttention_4_2_16_8(%{{.*}}: none, %{{.*}}: none, %{{.*}}: none) -> (none, none) attributes {onnx.function = "fgla"}
// FUNCTION: onnx.node "Scan"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) version 13 {num_scan_inputs = 3 : i64, scan_input_axes = array<i64: 1, 1, 1>, scan_output_axes = array<i64: 1>}
func.func @plain(%q: tensor<?x?x4x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x8xf32>) -> tensor<?x?x4x8xf32> {
  %o = fgla.attention %q, %k, %v scale(0.5) : (tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>) -> (tensor<?x?x4x8xf32>)
  return %o : tensor<?x?x4x8xf32>
}

// -----

// A running maximum is a scan of one number a head, and part of the decay. What is stored in 16 bits is computed in 32.
// CHECK-LABEL: func.func @running
// CHECK: %[[Z:.*]] = onnx.node "Cast"(%arg1) {{.*}} {to = 1 : i64} : (tensor<?x?x2x16xbf16>) -> (none)
// CHECK: %[[M:.*]]:3 = onnx.node "Scan"
// CHECK: onnx.node "Max"
// CHECK: onnx.node "Identity"
// CHECK: onnx.node "Sub"
// CHECK: %[[U:.*]] = onnx.node "Unsqueeze"(%[[M]]#1, %{{.*}})
// CHECK: %[[D:.*]] = onnx.node "Sub"(%[[Z]], %[[U]])
// CHECK: onnx.node "Exp"(%[[D]])
// STANDARD: onnx.node "LinearAttention"(%{{.*}}, %{{.*}}, %{{.*}}, _, %{{.*}}) {{.*}}update_rule = "gated"
// FUNCTION: onnx.node "LinearAttention_2_2_16_8_decay"
// CHECK: onnx.node "Cast"(%{{.*}}) {{.*}} {to = 16 : i64} : (none) -> (tensor<?x?x2x8xbf16>)
func.func @running(%q: tensor<?x?x2x16xbf16>, %z: tensor<?x?x2x16xbf16>, %v: tensor<?x?x2x8xbf16>) -> (tensor<?x?x2x8xbf16>, tensor<?x2xf32>) {
  %o, %s, %m = fgla.attention %q, %z, %v stabilizer(running)
    : (tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x8xbf16>) -> (tensor<?x?x2x8xbf16>, tensor<?x2x16x8xf32>, tensor<?x2xf32>)
  return %o, %m : tensor<?x?x2x8xbf16>, tensor<?x2xf32>
}

// -----

// One function for recurrences that are alike.
// CHECK-LABEL: func.func @twice
// FUNCTION-COUNT-2: onnx.node "LinearAttention_1_1_16_8_decay"
// FUNCTION-COUNT-1: func.func private
// FUNCTION-NOT: func.func private
func.func @twice(%q: tensor<?x?x1x16xf32>, %v: tensor<?x?x1x8xf32>, %f: tensor<?x?x1x1xf32>) -> (tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>) {
  %a = fgla.attention %q, %q, %v decay(%f) axis(head) : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x1xf32>) -> (tensor<?x?x1x8xf32>)
  %b = fgla.attention %q, %q, %a log_decay(%f) axis(head) : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x1xf32>) -> (tensor<?x?x1x8xf32>)
  return %a, %b : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
}

// -----

// Expressions in regions, op by op.
// CHECK-LABEL: func.func @region
// CHECK: %[[A:.*]] = onnx.node "Abs"(%arg0)
// CHECK: %[[L:.*]] = onnx.node "LessOrEqual"(%[[A]], %{{.*}})
// CHECK: onnx.node "Where"(%[[L]], %arg0, %[[A]]) {{.*}} -> (tensor<?x?x1x16xf32>)
func.func @region(%x: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  %y = fgla.feature_map custom %x : tensor<?x?x1x16xf32> -> tensor<?x?x1x16xf32> {
  ^bb0(%e: f32):
    %one = arith.constant 1.0 : f32
    %a = math.absf %e : f32
    %c = arith.cmpf ole, %a, %one : f32
    %s = arith.select %c, %e, %a : f32
    fgla.yield %s : f32
  }
  return %y : tensor<?x?x1x16xf32>
}

// -----

// Nothing is left to do for a program that only hands on.
// CHECK-LABEL: func.func @nothing
// CHECK-NEXT: onnx.initializer "constant" value dense<1.000000e+00> : tensor<2xf32>
// CHECK-NEXT: return
func.func @nothing() -> tensor<2xf32> {
  %c = arith.constant dense<1.0> : tensor<2xf32>
  return %c : tensor<2xf32>
}

// -----

// A program as one node, whatever is in it.
// RUN: fgla-opt %s --fgla-export-onnx=form=custom-op --split-input-file | FileCheck %s --check-prefix=WHOLE
// WHOLE-LABEL: func.func @whole
// WHOLE-NEXT: %[[Y:.*]] = onnx.node "Program"(%arg0) domain "fgla" version 1 {program = "func.func @whole(%arg0: tensor<?x?x1x16xf32>) {{.*}}fgla.feature_map exp %arg0{{.*}}"} : (tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>)
// WHOLE-NEXT: return %[[Y]]
func.func @whole(%x: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  %y = fgla.feature_map exp %x : tensor<?x?x1x16xf32> -> tensor<?x?x1x16xf32>
  return %y : tensor<?x?x1x16xf32>
}
