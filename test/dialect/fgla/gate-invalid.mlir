// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @gate_c1_shape(%a: tensor<?x?x256xf32>) {
  // expected-error @+1 {{result of shape [B, H, D] must have a static, positive size in dim 1, got [?, ?, 256] (gate_c1)}}
  %f = fgla.gate sigmoid(%a) : tensor<?x?x256xf32>
  return
}

// -----

func.func @gate_c1_types(%a: tensor<?x?x4x64xf32>, %b: tensor<?x?x4x64xf16>) {
  // expected-error @+1 {{inputs must have the type of the result, 'tensor<?x?x4x64xf32>', got 'tensor<?x?x4x64xf16>' (gate_c1)}}
  %f = "fgla.gate"(%a, %b) <{kind = #fgla<gate_kind refined>}> ({}) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf16>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @gate_c1_none() {
  // expected-error @+1 {{must have at least one input (gate_c1)}}
  %f = fgla.gate sigmoid() : tensor<?x?x4x64xf32>
  return
}

// -----

func.func @gate_c2(%a: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{must have either a named kind or a region, got neither (gate_c2)}}
  %f = fgla.gate custom(%a) : tensor<?x?x4x64xf32>
  return
}

// -----

func.func @gate_c3_sigmoid(%a: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{'sigmoid' takes 1 input, got 2 (gate_c3)}}
  %f = fgla.gate sigmoid(%a, %a) : tensor<?x?x4x64xf32>
  return
}

// -----

func.func @gate_c3_refined(%a: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{'refined' takes 2 inputs, got 1 (gate_c3)}}
  %f = fgla.gate refined(%a) : tensor<?x?x4x64xf32>
  return
}

// -----

func.func @gate_c4(%a: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{region must have 2 scalar arguments, got 1 (gate_c4)}}
  %f = fgla.gate custom(%a, %a) : tensor<?x?x4x64xf32> {
  ^bb0(%x: f32):
    fgla.yield %x : f32
  }
  return
}

// -----

func.func @unknown_kind(%a: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{unknown gate 'tanh'}}
  %f = fgla.gate tanh(%a) : tensor<?x?x4x64xf32>
  return
}
