// RUN: fgla-opt %s | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @one
// CHECK: %{{.*}}, %{{.*}} = fgla.attention_grad %{{.*}}, %{{.*}}, %{{.*}} decay(%{{.*}}) axis(key) stabilizer(running) output_grad(%{{.*}}) : (tensor<?x?x4x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x32xf32>, tensor<?x?x2x64xf32>, tensor<?x?x4x32xf32>) -> query(tensor<?x?x4x64xf32>) decay(tensor<?x?x2x64xf32>)
func.func @one(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x2x64xf32>, %v: tensor<?x?x2x32xf32>, %f: tensor<?x?x2x64xf32>, %do: tensor<?x?x4x32xf32>)
    -> (tensor<?x?x4x64xf32>, tensor<?x?x2x64xf32>) {
  %dq, %df = fgla.attention_grad %q, %k, %v decay(%f) axis(key) stabilizer(running) output_grad(%do)
    : (tensor<?x?x4x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x32xf32>, tensor<?x?x2x64xf32>, tensor<?x?x4x32xf32>)
    -> query(tensor<?x?x4x64xf32>) decay(tensor<?x?x2x64xf32>)
  return %dq, %df : tensor<?x?x4x64xf32>, tensor<?x?x2x64xf32>
}

// Gradients of f16 and bf16 are f32 where no memory is theirs.
// CHECK-LABEL: func.func @every
// CHECK: fgla.attention_grad %{{.*}} log_decay(%{{.*}}) axis(constant) beta(%{{.*}}) state(%{{.*}}) rule(gated_delta) scale(0.5) output_grad(%{{[a-z0-9]*}}) final_state_grad(%{{[a-z0-9]*}})
// CHECK-SAME: -> query(tensor<?x?x2x8xf32>) key(tensor<?x?x2x8xbf16>) value(tensor<?x?x2x8xf32>) decay(tensor<2xf32>) beta(tensor<?x?x1xf32>) state(tensor<?x2x8x8xf32>)
func.func @every(%x: tensor<?x?x2x8xbf16>, %a: tensor<2xf32>, %b: tensor<?x?x1xbf16>, %s: tensor<?x2x8x8xf32>, %do: tensor<?x?x2x8xf32>) {
  %g:6 = fgla.attention_grad %x, %x, %x log_decay(%a) axis(constant) beta(%b) state(%s) rule(gated_delta) scale(0.5) output_grad(%do) final_state_grad(%s)
    : (tensor<?x?x2x8xbf16>, tensor<?x?x2x8xbf16>, tensor<?x?x2x8xbf16>, tensor<2xf32>, tensor<?x?x1xbf16>, tensor<?x2x8x8xf32>, tensor<?x?x2x8xf32>, tensor<?x2x8x8xf32>)
    -> query(tensor<?x?x2x8xf32>) key(tensor<?x?x2x8xbf16>) value(tensor<?x?x2x8xf32>) decay(tensor<2xf32>) beta(tensor<?x?x1xf32>) state(tensor<?x2x8x8xf32>)
  return
}

// CHECK-LABEL: func.func @packed
// CHECK: fgla.attention_grad %{{.*}} sequences(%{{.*}}) output_grad(%{{.*}}) final_state_grad(%{{.*}})
func.func @packed(%x: tensor<1x?x2x8xf32>, %s: tensor<3x2x8x8xf32>, %n: tensor<4xi64>) {
  %g = fgla.attention_grad %x, %x, %x sequences(%n) output_grad(%x) final_state_grad(%s)
    : (tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<4xi64>, tensor<1x?x2x8xf32>, tensor<3x2x8x8xf32>) -> value(tensor<1x?x2x8xf32>)
  return
}
