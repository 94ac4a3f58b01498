// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @output_gate_c1_shape(%x: tensor<?x?x?x64xf32>) {
  // expected-error @+1 {{operand 'input' of shape [B, T, H, D] must have a static, positive size in dim 2, got [?, ?, ?, 64] (output_gate_c1)}}
  %y = fgla.output_gate %x, %x : tensor<?x?x?x64xf32>
  return
}

// -----

func.func @output_gate_c1_types(%x: tensor<?x?x4x64xf32>, %z: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{failed to verify that all of {input, gate, output} have same type}}
  %y = "fgla.output_gate"(%x, %z) : (tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> tensor<?x?x4x64xf32>
  return
}
