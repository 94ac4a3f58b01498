// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @dot_c1(%a: tensor<32x64xf32>, %b: tensor<32x48xf32>) {
  // expected-error @+1 {{must multiply [M, L] by [L, N] onto [M, N], got [32, 64], [32, 48] and [32, 48] (dot_c1)}}
  %0 = fgla_tile.dot %a, %b : tensor<32x64xf32>, tensor<32x48xf32> -> tensor<32x48xf32>
  return
}

// -----

func.func @dot_c1_acc(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>, %c: tensor<48x32xf32>) {
  // expected-error @+1 {{operand 'acc' must have the type of the result, 'tensor<32x48xf32>', got 'tensor<48x32xf32>' (dot_c1)}}
  %0 = fgla_tile.dot %a, %b acc(%c : tensor<48x32xf32>) : tensor<32x64xf32>, tensor<64x48xf32> -> tensor<32x48xf32>
  return
}

// -----

func.func @dot_c2(%a: tensor<32x64xf32>, %b: tensor<64x48xf16>) {
  // expected-error @+1 {{operands must have one element type, got 'f32' and 'f16' (dot_c2)}}
  %0 = fgla_tile.dot %a, %b : tensor<32x64xf32>, tensor<64x48xf16> -> tensor<32x48xf32>
  return
}

// -----

func.func @dot_c3(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>) {
  // expected-error @+1 {{operand 'a' of 'lower' must be square and not transposed, got [32, 64] (dot_c3)}}
  %0 = fgla_tile.dot %a lower, %b : tensor<32x64xf32>, tensor<64x48xf32> -> tensor<32x48xf32>
  return
}

// -----

func.func @dot_c3_transposed(%a: tensor<32x32xf32>, %b: tensor<32x48xf32>) {
  // expected-error @+1 {{operand 'a' of 'lower' must be square and not transposed, got transposed [32, 32] (dot_c3)}}
  %0 = fgla_tile.dot %a transposed lower, %b : tensor<32x32xf32>, tensor<32x48xf32> -> tensor<32x48xf32>
  return
}

// -----

func.func @decayed_scores_c1(%q: tensor<32x64xf32>) {
  // expected-error @+1 {{operands must have one type and the result must be 'tensor<32x32xf32>', got 'tensor<32x64xf32>', 'tensor<32x64xf32>', 'tensor<32x64xf32>' and 'tensor<64x64xf32>' (decayed_scores_c1)}}
  %0 = fgla_tile.decayed_scores %q, %q, %q : tensor<32x64xf32> -> tensor<64x64xf32>
  return
}

// -----

func.func @decayed_scores_grad_c1(%q: tensor<32x64xf32>, %a: tensor<64x64xf32>) {
  // expected-error @+1 {{gradient of the scores must be 'tensor<32x32xf32>', got 'tensor<64x64xf32>' (decayed_scores_grad_c1)}}
  %0:3 = fgla_tile.decayed_scores_grad %q, %q, %q, %a : tensor<32x64xf32>, tensor<64x64xf32>
  return
}

// -----

func.func @decay_matrix_c1(%f: tensor<32x2xf32>) {
  // expected-error @+1 {{decay must be [C, 1] and the result [C, C], got 'tensor<32x2xf32>' and 'tensor<32x32xf32>' (decay_matrix_c1)}}
  %0 = fgla_tile.decay_matrix %f : tensor<32x2xf32> -> tensor<32x32xf32>
  return
}

// -----

func.func @decayed_sum_c1(%a: tensor<16x16xf32>, %v: tensor<32x48xf32>) {
  // expected-error @+1 {{scores must be 'tensor<32x32xf32>' and value, decay and result of one type, got 'tensor<16x16xf32>', 'tensor<32x48xf32>', 'tensor<32x48xf32>' and 'tensor<32x48xf32>' (decayed_sum_c1)}}
  %0 = fgla_tile.decayed_sum %a, %v, %v : tensor<16x16xf32>, tensor<32x48xf32>
  return
}
