// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @attention_c1_rank(%q: tensor<?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{operand 'query' must have shape [B, T, Hq, K], got [?, 4, 64] (attention_c1)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c1_static(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x?x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{operand 'key' of shape [B, T, H, K] must have a static, positive size in dim 2, got [?, ?, ?, 64] (attention_c1)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x4x64xf32>, tensor<?x?x?x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c1_positive(%q: tensor<?x?x0x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{operand 'query' of shape [B, T, Hq, K] must have a static, positive size in dim 2, got [?, ?, 0, 64] (attention_c1)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x0x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c1_key(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x32xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{operand 'key' must have shape [B, T, H, K] = [?, ?, ?, 64], got [?, ?, 4, 32] (attention_c1)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c1_value(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x2x32xf32>) {
  // expected-error @+1 {{operand 'value' must have shape [B, T, H, V] = [?, ?, 4, ?], got [?, ?, 2, 32] (attention_c1)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x2x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c1_tokens(%q: tensor<?x?x4x64xf32>, %k: tensor<?x7x4x64xf32>, %v: tensor<?x8x4x32xf32>) {
  // expected-error @+1 {{operand 'value' must have shape [B, T, H, V] = [?, 7, 4, ?], got [?, 8, 4, 32] (attention_c1)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x4x64xf32>, tensor<?x7x4x64xf32>, tensor<?x8x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c2_value(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf16>) {
  // expected-error @+1 {{operand 'value' must have the element type of 'query', 'f32', got 'f16' (attention_c2)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf16>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c2_output(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{the output must have the element type of 'query', 'f32', got 'f16' (attention_c2)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf16>)
  return
}

// -----

func.func @attention_c3(%q: tensor<?x?x6x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{number of query heads must be a multiple of the number of key/value heads, got 6 and 4 (attention_c3)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x6x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x6x32xf32>)
  return
}

// -----

func.func @attention_c4_both(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %f: tensor<?x?x4x64xf32>, %g: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{must have at most one of 'decay' and 'log_decay', got both (attention_c4)}}
  %r = fgla.attention %q, %k, %v decay(%f) log_decay(%g) axis(key) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c4_no_axis(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %f: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{'axis' must be given if and only if a decay is, got a decay without axis (attention_c4)}}
  %r = fgla.attention %q, %k, %v decay(%f) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c4_no_decay(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{'axis' must be given if and only if a decay is, got an axis without decay (attention_c4)}}
  %r = fgla.attention %q, %k, %v axis(key) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c5_key(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %f: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{operand 'decay' must have shape [B, T, H, K] = [?, ?, 4, 64], got [?, ?, 4, 32] (attention_c5)}}
  %r = fgla.attention %q, %k, %v decay(%f) axis(key) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c5_value(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %f: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{operand 'log_decay' must have shape [B, T, H, V] = [?, ?, 4, 32], got [?, ?, 4, 64] (attention_c5)}}
  %r = fgla.attention %q, %k, %v log_decay(%f) axis(value) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c5_head(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %f: tensor<?x?x4xf32>) {
  // expected-error @+1 {{operand 'decay' must have shape [B, T, H, 1] = [?, ?, 4, 1], got [?, ?, 4] (attention_c5)}}
  %r = fgla.attention %q, %k, %v decay(%f) axis(head) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c5_constant(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %f: tensor<1xf32>) {
  // expected-error @+1 {{operand 'decay' must have shape [H] = [4], got [1] (attention_c5)}}
  %r = fgla.attention %q, %k, %v decay(%f) axis(constant) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<1xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c6_missing(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{operand 'beta' must be given if and only if the rule is 'delta' or 'gated_delta', got none with rule 'delta' (attention_c6)}}
  %r = fgla.attention %q, %k, %v rule(delta) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c6_unwanted(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %b: tensor<?x?x4xf32>) {
  // expected-error @+1 {{operand 'beta' must be given if and only if the rule is 'delta' or 'gated_delta', got one with rule 'gated' (attention_c6)}}
  %r = fgla.attention %q, %k, %v beta(%b) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c6_shape(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %b: tensor<?x?x2xf32>) {
  // expected-error @+1 {{operand 'beta' must have shape [B, T, H or 1] = [?, ?, 4], got [?, ?, 2] (attention_c6)}}
  %r = fgla.attention %q, %k, %v beta(%b) rule(delta) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c6_scalar(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %b: tensor<f32>) {
  // expected-error @+1 {{operand 'beta' must have shape [B, T, H or 1] = [?, ?, 4], got [] (attention_c6)}}
  %r = fgla.attention %q, %k, %v beta(%b) rule(delta) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<f32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c7_delta(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %f: tensor<?x?x4x64xf32>, %b: tensor<?x?x4xf32>) {
  // expected-error @+1 {{rule 'delta' takes no decay, got one (attention_c7)}}
  %r = fgla.attention %q, %k, %v decay(%f) axis(key) beta(%b) rule(delta) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c7_gated_delta(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %b: tensor<?x?x4xf32>) {
  // expected-error @+1 {{rule 'gated_delta' needs a decay, got none (attention_c7)}}
  %r = fgla.attention %q, %k, %v beta(%b) rule(gated_delta) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c7_stabilizer(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %b: tensor<?x?x4xf32>) {
  // expected-error @+1 {{rule 'delta' takes stabilizer 'none' or 'token', got 'running' (attention_c7)}}
  %r = fgla.attention %q, %k, %v beta(%b) rule(delta) stabilizer(running) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c8_shape(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %s: tensor<?x4x32x64xf32>) {
  // expected-error @+1 {{operand 'initial_state' must have shape [B, H, K, V] = [?, 4, 64, 32], got [?, 4, 32, 64] (attention_c8)}}
  %r = fgla.attention %q, %k, %v state(%s) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x4x32x64xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c8_element(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %s: tensor<?x4x64x32xf16>) {
  // expected-error @+1 {{operand 'initial_state' must hold 'f32', got 'f16' (attention_c8)}}
  %r = fgla.attention %q, %k, %v state(%s) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x4x64x32xf16>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c8_narrow(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x4x64xbf16>, %v: tensor<?x?x4x32xbf16>, %s: tensor<?x4x64x32xf16>) {
  // expected-error @+1 {{operand 'initial_state' must hold 'f32' or 'bf16', got 'f16' (attention_c8)}}
  %o = fgla.attention %q, %k, %v state(%s) : (tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x32xbf16>, tensor<?x4x64x32xf16>) -> (tensor<?x?x4x32xbf16>)
  return
}

// -----

func.func @attention_c8_result(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{result 'final_state' must hold 'f32', got 'f64' (attention_c8)}}
  %r:2 = fgla.attention %q, %k, %v : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>, tensor<?x4x64x32xf64>)
  return
}

// -----

func.func @attention_c9_missing(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{operand 'initial_max' must be given if and only if the state is and the stabilizer is 'running' or 'sequence', got none (attention_c9)}}
  %r = fgla.attention %q, %k, %v state(%s) stabilizer(running) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c9_unwanted(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %s: tensor<?x4x64x32xf32>, %m: tensor<?x4xf32>) {
  // expected-error @+1 {{operand 'initial_max' must be given if and only if the state is and the stabilizer is 'running' or 'sequence', got one (attention_c9)}}
  %r = fgla.attention %q, %k, %v state(%s) max(%m) stabilizer(token) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c9_shape(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %s: tensor<?x4x64x32xf32>, %m: tensor<?x8xf32>) {
  // expected-error @+1 {{operand 'initial_max' must have shape [B, H] = [?, 4], got [?, 8] (attention_c9)}}
  %r = fgla.attention %q, %k, %v state(%s) max(%m) stabilizer(sequence) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x8xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c9_element(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %s: tensor<?x4x64x32xf32>, %m: tensor<?x4xbf16>) {
  // expected-error @+1 {{operand 'initial_max' must hold 'f32', got 'bf16' (attention_c9)}}
  %r = fgla.attention %q, %k, %v state(%s) max(%m) stabilizer(running) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xbf16>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c9_result(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{result 'final_max' must be given if and only if the state is and the stabilizer is 'running' or 'sequence', got none (attention_c9)}}
  %r:2 = fgla.attention %q, %k, %v stabilizer(running) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @attention_c10(%q: tensor<?x?x8x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{the output must have shape [B, T, Hq, V] = [?, ?, 8, 32], got [?, ?, 4, 32] (attention_c10)}}
  %r = fgla.attention %q, %k, %v : (tensor<?x?x8x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

func.func @attention_c11(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{'scale' must be finite, got INF (attention_c11)}}
  %r = fgla.attention %q, %k, %v scale(0x7FF0000000000000) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return
}

// -----

// Segments may say anything in the generic form.
func.func @segments(%q: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{must have one operand in segment #0, got 3}}
  %r = "fgla.attention"(%q, %q, %q) <{operandSegmentSizes = array<i32: 3, 0, 0, 0, 0, 0, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}>
    : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @encoding(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32, "e">) {
  // expected-error @+1 {{operand #1 must be ranked tensor without encoding of f64, f32, f16 or bf16 values, but got 'tensor<?x?x4x64xf32, "e">'}}
  %r = fgla.attention %q, %k, %q : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32, "e">, tensor<?x?x4x64xf32>) -> (tensor<?x?x4x64xf32>)
  return
}

// -----

func.func @attention_c12(%q: tensor<?x?x4x64xf32>, %n: tensor<?xi32>) {
  // expected-error @+1 {{operand 'query' must have a batch of 1 where 'sequences' packs them, got [?, ?, 4, 64] (attention_c12)}}
  %r = fgla.attention %q, %q, %q sequences(%n) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?xi32>) -> (tensor<?x?x4x64xf32>)
  return
}

// -----

func.func @attention_c12(%q: tensor<1x?x4x64xf32>, %n: tensor<?x2xi64>) {
  // expected-error @+1 {{operand 'sequences' must have shape [N + 1], got [?, 2] (attention_c12)}}
  %r = fgla.attention %q, %q, %q sequences(%n) : (tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<?x2xi64>) -> (tensor<1x?x4x64xf32>)
  return
}

// -----

func.func @attention_c12(%q: tensor<1x?x4x64xf32>, %n: tensor<0xi32>) {
  // expected-error @+1 {{operand 'sequences' must hold one offset at least, got none (attention_c12)}}
  %r = fgla.attention %q, %q, %q sequences(%n) : (tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<0xi32>) -> (tensor<1x?x4x64xf32>)
  return
}

// -----

func.func @attention_c12(%q: tensor<1x?x4x64xf32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{result 'final_state' must have shape [B, H, K, V] = [3, 4, 64, 64], got [4, 4, 64, 64] (attention_c8)}}
  %r:2 = fgla.attention %q, %q, %q sequences(%n) : (tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<4xi32>) -> (tensor<1x?x4x64xf32>, tensor<4x4x64x64xf32>)
  return
}

// -----

func.func @attention_c12(%q: tensor<1x?x4x64xf32>, %n: tensor<?xi16>) {
  // expected-error @+1 {{operand #3 must be tensor of i32 or i64 without encoding of 32-bit signless integer or 64-bit signless integer values, but got 'tensor<?xi16>'}}
  %r = fgla.attention %q, %q, %q sequences(%n) : (tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<?xi16>) -> (tensor<1x?x4x64xf32>)
  return
}
