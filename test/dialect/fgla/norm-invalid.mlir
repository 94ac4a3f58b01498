// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @norm_c1(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{operand 'input' must have shape [B, T, H, D], got [?, 64] (norm_c1)}}
  %y = fgla.norm rms %x : tensor<?x64xf32>
  return
}

// -----

func.func @norm_c1_static(%x: tensor<?x?x?x64xf32>) {
  // expected-error @+1 {{operand 'input' of shape [B, T, H, D] must have a static, positive size in dim 2, got [?, ?, ?, 64] (norm_c1)}}
  %y = fgla.norm rms %x : tensor<?x?x?x64xf32>
  return
}

// -----

func.func @norm_c2_weight(%x: tensor<?x?x4x64xf32>, %w: tensor<32xf32>) {
  // expected-error @+1 {{operand 'weight' must have shape [D] or [H, D] = [64], got [32] (norm_c2)}}
  %y = fgla.norm rms %x weight(%w : tensor<32xf32>) : tensor<?x?x4x64xf32>
  return
}

// -----

func.func @norm_c2_bias(%x: tensor<?x?x4x64xf32>, %b: tensor<2x64xf32>) {
  // expected-error @+1 {{operand 'bias' must have shape [D] or [H, D] = [4, 64], got [2, 64] (norm_c2)}}
  %y = fgla.norm rms %x bias(%b : tensor<2x64xf32>) : tensor<?x?x4x64xf32>
  return
}

// -----

func.func @norm_c2_scalar(%x: tensor<?x?x4x64xf32>, %b: tensor<f32>) {
  // expected-error @+1 {{operand 'bias' must have shape [D] or [H, D] = [64], got [] (norm_c2)}}
  %y = fgla.norm rms %x bias(%b : tensor<f32>) : tensor<?x?x4x64xf32>
  return
}

// -----

func.func @norm_c3(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{'eps' must be finite and not negative, got -1.000000e+00 (norm_c3)}}
  %y = fgla.norm rms %x eps(-1.0) : tensor<?x?x4x64xf32>
  return
}

// -----

func.func @encoding(%x: tensor<?x?x4x64xf32, "e">) {
  // expected-error @+1 {{operand #0 must be ranked tensor without encoding of f64, f32, f16 or bf16 values, but got 'tensor<?x?x4x64xf32, "e">'}}
  %y = fgla.norm rms %x : tensor<?x?x4x64xf32, "e">
  return
}

// -----

func.func @unknown_kind(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{expected one of [rms, layer] for norm over a head's values, got: batch}}
  %y = fgla.norm batch %x : tensor<?x?x4x64xf32>
  return
}
