// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @rank(%q: tensor<2x5x512xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op operand 'query' must have shape [B, T, Hq, K], got [2, 5, 512] (softmax_attention_c1)}}
  %o = fgla.softmax_attention %q, %k, %v : (tensor<2x5x512xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @heads_free(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x?x64xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op operand 'key' of shape [B, S, H, K] must have a static, positive size in dim 2, got [2, 7, ?, 64] (softmax_attention_c1)}}
  %o = fgla.softmax_attention %q, %k, %v : (tensor<2x5x8x64xf32>, tensor<2x7x?x64xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @key_dim(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x32xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op operand 'key' must have shape [B, S, H, K] = [2, ?, ?, 64], got [2, 7, 4, 32] (softmax_attention_c1)}}
  %o = fgla.softmax_attention %q, %k, %v : (tensor<2x5x8x64xf32>, tensor<2x7x4x32xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @value_tokens(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x6x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op operand 'value' must have shape [B, S, H, V] = [2, 7, 4, ?], got [2, 6, 4, 32] (softmax_attention_c1)}}
  %o = fgla.softmax_attention %q, %k, %v : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x6x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @element(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf16>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op operand 'key' must have the element type of 'query', 'f32', got 'f16' (softmax_attention_c2)}}
  %o = fgla.softmax_attention %q, %k, %v : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf16>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @groups(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x3x64xf32>, %v: tensor<2x7x3x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op number of query heads must be a multiple of the number of key/value heads, got 8 and 3 (softmax_attention_c3)}}
  %o = fgla.softmax_attention %q, %k, %v : (tensor<2x5x8x64xf32>, tensor<2x7x3x64xf32>, tensor<2x7x3x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @output(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x64xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op the output must have shape [B, T, Hq, V] = [2, 5, 8, 32], got [2, 5, 8, 64] (softmax_attention_c4)}}
  %o = fgla.softmax_attention %q, %k, %v : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x64xf32>
  return %o : tensor<2x5x8x64xf32>
}

// -----

func.func @mask(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>, %m: tensor<1x4x1x7xi1>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op operand 'mask' must have shape [B or 1, Hq or 1, T or 1, S or 1] = [?, 8, ?, 7], got [1, 4, 1, 7] (softmax_attention_c5)}}
  %o = fgla.softmax_attention %q, %k, %v mask(%m) : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>, tensor<1x4x1x7xi1>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @lengths(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>, %n: tensor<3xi64>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op operand 'lengths' must have shape [B] = [2], got [3] (softmax_attention_c6)}}
  %o = fgla.softmax_attention %q, %k, %v lengths(%n) : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>, tensor<3xi64>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @sinks(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>, %s: tensor<4xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op operand 'sinks' must have shape [Hq] = [8], got [4] (softmax_attention_c6)}}
  %o = fgla.softmax_attention %q, %k, %v sinks(%s) : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>, tensor<4xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @negative(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op 'behind' must not be negative, got -1 (softmax_attention_c7)}}
  %o = fgla.softmax_attention %q, %k, %v behind(-1) aligned(end) : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @not_aligned(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op 'aligned' must be given if and only if 'behind' or 'ahead' is, got none (softmax_attention_c7)}}
  %o = fgla.softmax_attention %q, %k, %v ahead(0) : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @aligned_alone(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op 'aligned' must be given if and only if 'behind' or 'ahead' is, got it alone (softmax_attention_c7)}}
  %o = fgla.softmax_attention %q, %k, %v aligned(end) : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @scale(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op 'scale' must be finite, got INF (softmax_attention_c8)}}
  %o = fgla.softmax_attention %q, %k, %v scale(0x7FF0000000000000) : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}

// -----

func.func @softcap(%q: tensor<2x5x8x64xf32>, %k: tensor<2x7x4x64xf32>, %v: tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32> {
  // expected-error@+1 {{'fgla.softmax_attention' op 'softcap' must be finite and positive, got 0.000000e+00 (softmax_attention_c8)}}
  %o = fgla.softmax_attention %q, %k, %v softcap(0.0) : (tensor<2x5x8x64xf32>, tensor<2x7x4x64xf32>, tensor<2x7x4x32xf32>) -> tensor<2x5x8x32xf32>
  return %o : tensor<2x5x8x32xf32>
}
