// Sizes of which a GPU's programs would have no end.
// RUN: fgla-opt %s --fgla-form-kernels=roles -verify-diagnostics

func.func @wide(%q: tensor<?x?x1x2147483648xf32>, %v: tensor<?x?x1x8xf32>) -> tensor<?x?x1x8xf32> {
  // expected-error @+1 {{'fgla.attention' has heads of 2147483648 channels, but on a GPU no side of a tile is longer than 131072}}
  %y = fgla.attention %q, %q, %v scale(1.0) {fgla.schedule = #fgla.schedule<tile = 16, segments = 1>}
    : (tensor<?x?x1x2147483648xf32>, tensor<?x?x1x2147483648xf32>, tensor<?x?x1x8xf32>) -> (tensor<?x?x1x8xf32>)
  return %y : tensor<?x?x1x8xf32>
}
