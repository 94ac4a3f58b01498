// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @feature_map_c1(%x: tensor<?x?x256xf32>) {
  // expected-error @+1 {{operand 'input' of shape [B, H, D] must have a static, positive size in dim 1, got [?, ?, 256] (feature_map_c1)}}
  %y = fgla.feature_map relu %x : tensor<?x?x256xf32> -> tensor<?x?x256xf32>
  return
}

// -----

func.func @feature_map_c1_empty_head(%x: tensor<?x?x4x0xf32>) {
  // expected-error @+1 {{operand 'input' of shape [B, T, H, D] must have a static, positive size in dim 3, got [?, ?, 4, 0] (feature_map_c1)}}
  %y = fgla.feature_map relu %x : tensor<?x?x4x0xf32> -> tensor<?x?x4x0xf32>
  return
}

// -----

func.func @feature_map_c2_neither(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{must have either a named kind or a region, got neither (feature_map_c2)}}
  %y = fgla.feature_map custom %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @feature_map_c2_both(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{must have either a named kind or a region, got both (feature_map_c2)}}
  %y = fgla.feature_map relu %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32> {
  ^bb0(%a: f32):
    fgla.yield %a : f32
  }
  return
}

// -----

func.func @feature_map_c3(%x: tensor<?x?x4x64xf32>, %w: tensor<4x32x16xf32>) {
  // expected-error @+1 {{operand 'weight' must have shape [H, Din, D] = [4, 64, ?], got [4, 32, 16] (feature_map_c3)}}
  %y = fgla.feature_map relu %x weight(%w : tensor<4x32x16xf32>) : tensor<?x?x4x64xf32> -> tensor<?x?x4x16xf32>
  return
}

// -----

func.func @feature_map_c4(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{result must have shape [B, T, H, D] = [?, ?, 4, 128], got [?, ?, 4, 64] (feature_map_c4)}}
  %y = fgla.feature_map hedgehog %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @feature_map_c4_element(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{result must have the element type of 'input', 'f32', got 'f16' (feature_map_c4)}}
  %y = fgla.feature_map relu %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf16>
  return
}

// -----

func.func @feature_map_c5_arguments(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{region must have 1 scalar argument, got 2 (feature_map_c5)}}
  %y = fgla.feature_map custom %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32> {
  ^bb0(%a: f32, %b: f32):
    fgla.yield %a : f32
  }
  return
}

// -----

func.func @feature_map_c5_type(%x: tensor<?x?x4x64xf16>) {
  // expected-error @+1 {{region arguments must have the computation type 'f32', got 'f16' (feature_map_c5)}}
  %y = fgla.feature_map custom %x : tensor<?x?x4x64xf16> -> tensor<?x?x4x64xf16> {
  ^bb0(%a: f16):
    fgla.yield %a : f16
  }
  return
}

// -----

func.func private @g(f32) -> f32
func.func @feature_map_c5_effects(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{region must hold only ops without side effects and regions, got 'func.call' (feature_map_c5)}}
  %y = fgla.feature_map custom %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32> {
  ^bb0(%a: f32):
    %b = func.call @g(%a) : (f32) -> f32
    fgla.yield %b : f32
  }
  return
}

// -----

func.func @feature_map_c5_speculation(%x: tensor<?x?x4x64xf32>, %i: i32) {
  // expected-error @+1 {{region must hold only ops without side effects and regions, got 'arith.divsi' (feature_map_c5)}}
  %y = fgla.feature_map custom %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32> {
  ^bb0(%a: f32):
    %c = arith.fptosi %a : f32 to i32
    %d = arith.divsi %c, %c : i32
    %b = arith.sitofp %d : i32 to f32
    fgla.yield %b : f32
  }
  return
}

// -----

func.func @feature_map_c5_outside(%x: tensor<?x?x4x64xf32>, %s: f32) {
  // expected-note @+1 {{required by region isolation constraints}}
  %y = "fgla.feature_map"(%x) ({
  ^bb0(%a: f32):
    // expected-error @+1 {{using value defined outside the region}}
    %b = "arith.mulf"(%a, %s) : (f32, f32) -> f32
    "fgla.yield"(%b) : (f32) -> ()
  }) : (tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @feature_map_c5_yield(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{region must end in 'fgla.yield' of one 'f32' (feature_map_c5)}}
  %y = fgla.feature_map custom %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32> {
  ^bb0(%a: f32):
    %b = arith.extf %a : f32 to f64
    fgla.yield %b : f64
  }
  return
}

// -----

// A region whose ops are broken is told of its own fault, not taken for whole.
func.func @broken_yield(%x: tensor<?x?x4x64xf32>) {
  %y = "fgla.feature_map"(%x) ({
  ^bb0(%a: f32):
    // expected-error @+1 {{'fgla.yield' op requires a single operand}}
    "fgla.yield"() : () -> ()
  }) : (tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @empty_block(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{expects a non-empty block}}
  %y = "fgla.feature_map"(%x) ({
  ^bb0:
  }) : (tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @unknown_kind(%x: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{unknown feature map 'gelu'}}
  %y = fgla.feature_map gelu %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @unranked(%x: tensor<*xf32>) {
  // expected-error @+1 {{invalid kind of type specified: expected builtin.tensor, but found 'tensor<*xf32>'}}
  %y = fgla.feature_map relu %x : tensor<*xf32> -> tensor<*xf32>
  return
}
