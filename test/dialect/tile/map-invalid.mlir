// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @map_c1_none(%z: tensor<32x64xf32>) {
  // expected-error @+1 {{must have at least one result (map_c1)}}
  fgla_tile.map (%z) : (tensor<32x64xf32>) -> () {
  ^bb0(%a: f32):
    fgla_tile.yield
  }
  return
}

// -----

func.func @map_c1_shapes(%z: tensor<32x64xf32>) {
  // expected-error @+1 {{results must have one shape, got 'tensor<32x32xf32>' beside 'tensor<32x64xf32>' (map_c1)}}
  %k:2 = fgla_tile.map (%z) : (tensor<32x64xf32>) -> (tensor<32x64xf32>, tensor<32x32xf32>) {
  ^bb0(%a: f32):
    fgla_tile.yield %a, %a : f32, f32
  }
  return
}

// -----

func.func @map_c2(%z: tensor<32x2xf32>) {
  // expected-error @+1 {{input of type 'tensor<32x2xf32>' can't be broadcast to 'tensor<32x64xf32>' (map_c2)}}
  %k = fgla_tile.map (%z) : (tensor<32x2xf32>) -> tensor<32x64xf32> {
  ^bb0(%a: f32):
    fgla_tile.yield %a : f32
  }
  return
}

// -----

func.func @map_c3_arguments(%z: tensor<32x64xf32>) {
  // expected-error @+1 {{region must take one scalar of each input's element type (map_c3)}}
  %k = fgla_tile.map (%z) : (tensor<32x64xf32>) -> tensor<32x64xf32> {
  ^bb0(%a: f32, %b: f32):
    fgla_tile.yield %a : f32
  }
  return
}

// -----

func.func @map_c3_results(%z: tensor<32x64xf32>) {
  // expected-error @+1 {{region must yield one scalar of each result's element type (map_c3)}}
  %k = fgla_tile.map (%z) : (tensor<32x64xf32>) -> tensor<32x64xf16> {
  ^bb0(%a: f32):
    fgla_tile.yield %a : f32
  }
  return
}

// -----

func.func @map_dynamic(%z: tensor<?x64xf32>) {
  // expected-error @+1 {{result #0 must be variadic of static 2-D tile of floating-point values, but got 'tensor<?x64xf32>'}}
  %k = "fgla_tile.map"() ({
    %c = arith.constant 1.0 : f32
    fgla_tile.yield %c : f32
  }) : () -> tensor<?x64xf32>
  return
}
