// RUN: fgla-opt %s --fgla-lower-launches -verify-diagnostics
func.func private @k(%x: memref<4xf32>, %y: memref<4xf32>) attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1>} {
  return
}
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error@+1 {{'fgla_tile.launch' op must be on memrefs to become a call, got results of 'tensor<4xf32>'}}
  %y = fgla_tile.launch @k ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> (tensor<4xf32>)
  return %y : tensor<4xf32>
}
