// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @block_c1(%x: tensor<?x?x4x64xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'input' must have shape [B, T, M], got [?, ?, 4, 64] (block_c1)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c1_static(%x: tensor<?x?x?xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'input' of shape [B, T, M] must have a static, positive size in dim 2, got [?, ?, ?] (block_c1)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x?xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c2_query(%x: tensor<?x?x256xf32>, %wq: tensor<128x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'query_weight' must have shape [M, H, K] = [256, ?, ?], got [128, 4, 64] (block_c2)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<128x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c2_key(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x2x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'key_weight' must have shape [M, H, K] = [256, 4, 64], got [256, 2, 64] (block_c2)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x2x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c2_value(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x2x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'value_weight' must have shape [M, H, V] = [256, 4, ?], got [256, 2, 32] (block_c2)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x2x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c2_gate(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x32xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'gate_weight' must have shape [M, H, K] = [256, 4, 64], got [256, 4, 32] (block_c2)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x32xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c2_output_gate(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %og: tensor<256x4x64xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'output_gate_weight' must have shape [M, H, V] = [256, 4, 32], got [256, 4, 64] (block_c2)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output_gate(%og) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<256x4x64xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c2_output(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<256x4x32xf32>) {
  // expected-error @+1 {{operand 'output_weight' must have shape [H, V, M] = [4, 32, 256], got [256, 4, 32] (block_c2)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<256x4x32xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c3_bias(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'refine_bias' must have shape [H, K] = [4, 64], got [64] (block_c3)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c3_norm(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<64xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operand 'norm_weight' must have shape [V] or [H, V] = [32], got [64] (block_c3)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<64xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c4_result(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{result must have the type of 'input', 'tensor<?x?x256xf32>', got 'tensor<?x?x128xf32>' (block_c4)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x128xf32>)
  return
}

// -----

func.func @block_c4_element(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf16>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{operands must have the element type of 'input', 'f32', got 'f16' (block_c4)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf16>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c4_state(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>, %s: tensor<?x4x32x64xf32>, %m: tensor<?x4xf32>) {
  // expected-error @+1 {{operand 'initial_state' must have shape [B, H, K, V] = [?, 4, 64, 32], got [?, 4, 32, 64] (block_c4)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) state(%s) max(%m) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>, tensor<?x4x32x64xf32>, tensor<?x4xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c4_state_element(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{result 'final_state' must hold 'f32', got 'bf16' (block_c4)}}
  %r:3 = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>, tensor<?x4x64x32xbf16>, tensor<?x4xf32>)
  return
}

// -----

func.func @block_c4_max(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{operand 'initial_max' must be given if and only if the state is and the stabilizer is 'running' or 'sequence', got none (block_c4)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) state(%s) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c5_scale(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{'scale' must be finite, got INF (block_c5)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) scale(0x7FF0000000000000) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}

// -----

func.func @block_c5_eps(%x: tensor<?x?x256xf32>, %wq: tensor<256x4x64xf32>, %wk: tensor<256x4x64xf32>, %wv: tensor<256x4x32xf32>, %wg: tensor<256x4x64xf32>, %bg: tensor<4x64xf32>, %wr: tensor<256x4x64xf32>, %br: tensor<4x64xf32>, %w: tensor<32xf32>, %wo: tensor<4x32x256xf32>) {
  // expected-error @+1 {{'eps' must be finite and not negative, got -1.000000e+00 (block_c5)}}
  %r = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) eps(-1.0) : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x32xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<32xf32>, tensor<4x32x256xf32>) -> (tensor<?x?x256xf32>)
  return
}
