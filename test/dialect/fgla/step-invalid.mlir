// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @step_c1_rank(%q: tensor<?x1x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{operand 'query' must have shape [B, Hq, K], got [?, 1, 4, 64] (step_c1)}}
  %r:2 = fgla.step %q, %k, %v state(%s) : (tensor<?x1x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c1_static(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x?xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{operand 'value' of shape [B, H, V] must have a static, positive size in dim 2, got [?, 4, ?] (step_c1)}}
  %r:2 = fgla.step %q, %k, %v state(%s) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x?xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c2(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xbf16>, %v: tensor<?x4x32xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{operand 'key' must have the element type of 'query', 'f32', got 'bf16' (step_c2)}}
  %r:2 = fgla.step %q, %k, %v state(%s) : (tensor<?x4x64xf32>, tensor<?x4x64xbf16>, tensor<?x4x32xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c3(%q: tensor<?x2x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{number of query heads must be a multiple of the number of key/value heads, got 2 and 4 (step_c3)}}
  %r:2 = fgla.step %q, %k, %v state(%s) : (tensor<?x2x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x2x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c4(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %f: tensor<?x4x64xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{'axis' must be given if and only if a decay is, got a decay without axis (step_c4)}}
  %r:2 = fgla.step %q, %k, %v decay(%f) state(%s) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c5(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %f: tensor<?x4x64xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{operand 'decay' must have shape [B, H, 1] = [?, 4, 1], got [?, 4, 64] (step_c5)}}
  %r:2 = fgla.step %q, %k, %v decay(%f) axis(head) state(%s) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c6(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %b: tensor<?x3xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{operand 'beta' must have shape [B, H or 1] = [?, 4], got [?, 3] (step_c6)}}
  %r:2 = fgla.step %q, %k, %v beta(%b) state(%s) rule(delta) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x3xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c7(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %b: tensor<?x4xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{rule 'gated_delta' needs a decay, got none (step_c7)}}
  %r:2 = fgla.step %q, %k, %v beta(%b) state(%s) rule(gated_delta) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c8(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{result 'final_state' must have shape [B, H, K, V] = [?, 4, 64, 32], got [?, 4, 64, 64] (step_c8)}}
  %r:2 = fgla.step %q, %k, %v state(%s) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x64xf32>)
  return
}

// -----

func.func @step_c9_missing(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{operand 'initial_max' must be given if and only if the state is and the stabilizer is 'running' or 'sequence', got none (step_c9)}}
  %r:2 = fgla.step %q, %k, %v state(%s) stabilizer(running) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c9_sequence(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %s: tensor<?x4x64x32xf32>, %m: tensor<?x4xf32>) {
  // expected-error @+1 {{stabilizer 'sequence' needs the whole sequence, use 'running' (step_c9)}}
  %r:3 = fgla.step %q, %k, %v state(%s) max(%m) stabilizer(sequence) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @step_c10(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{the output must have shape [B, Hq, V] = [?, 4, 32], got [?, 4, 64] (step_c10)}}
  %r:2 = fgla.step %q, %k, %v state(%s) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x64xf32>, tensor<?x4x64x32xf32>)
  return
}

// -----

func.func @step_c11(%q: tensor<?x4x64xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x32xf32>, %s: tensor<?x4x64x32xf32>) {
  // expected-error @+1 {{'scale' must be finite, got nan (step_c11)}}
  %r:2 = fgla.step %q, %k, %v state(%s) scale(0x7FF8000000000000) : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>)
  return
}
