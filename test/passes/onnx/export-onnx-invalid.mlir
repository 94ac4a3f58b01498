// RUN: fgla-opt %s --fgla-export-onnx --split-input-file --verify-diagnostics
// RUN: not fgla-opt %s --fgla-export-onnx=form=onnx3 2>&1 | FileCheck %s
// CHECK: error: option 'form' must be 'onnx27', 'function', 'ort-contrib' or 'custom-op', got 'onnx3'

func.func @packed(%q: tensor<1x?x2x16xf32>, %v: tensor<1x?x2x8xf32>, %s: tensor<?xi32>) -> tensor<1x?x2x8xf32> {
  // expected-error@+1 {{'fgla.attention' op has packed sequences ('sequences'), which no LinearAttention of ONNX has}}
  %o = fgla.attention %q, %q, %v sequences(%s) : (tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>, tensor<1x?x2x8xf32>, tensor<?xi32>) -> (tensor<1x?x2x8xf32>)
  return %o : tensor<1x?x2x8xf32>
}

// -----

func.func @value_axis(%q: tensor<?x2x16xf32>, %v: tensor<?x2x8xf32>, %s: tensor<?x2x16x8xf32>) -> tensor<?x2x8xf32> {
  // expected-error@+1 {{'fgla.step' op has a decay of 'axis(value)'; LinearAttention of ONNX has one for each channel of the keys, or one for a head}}
  %o, %t = fgla.step %q, %q, %v decay(%v) axis(value) state(%s) : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x16x8xf32>) -> (tensor<?x2x8xf32>, tensor<?x2x16x8xf32>)
  return %o : tensor<?x2x8xf32>
}

// -----

func.func @double(%x: tensor<?x?x2x16xf64>) -> tensor<?x?x2x16xf64> {
  // expected-error@+1 {{'fgla.feature_map' op has numbers of f64; a program is written to ONNX in f32, f16 or bf16}}
  %y = fgla.feature_map relu %x : tensor<?x?x2x16xf64> -> tensor<?x?x2x16xf64>
  return %y : tensor<?x?x2x16xf64>
}

// -----

func.func @region(%x: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %y = fgla.feature_map custom %x : tensor<?x?x2x16xf32> -> tensor<?x?x2x16xf32> {
  ^bb0(%e: f32):
    // expected-error@+1 {{'math.log1p' has no operator in ONNX that computes it as exactly}}
    %s = math.log1p %e : f32
    fgla.yield %s : f32
  }
  return %y : tensor<?x?x2x16xf32>
}

// -----

func.func @other(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error@+1 {{'math.exp' op cannot be written to an ONNX model: the ops of 'fgla' but gradients can, and constants}}
  %y = math.exp %x : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @scalar() {
  // expected-error@+1 {{'arith.constant' op cannot be written to an ONNX model: its constants are tensors, got 'f32'}}
  %c = arith.constant 1.0 : f32
  return
}
