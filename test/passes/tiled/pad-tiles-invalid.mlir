// RUN: fgla-opt %s --fgla-form-kernels=roles --fgla-pad-tiles -split-input-file -verify-diagnostics

func.func @halves(%zq: tensor<?x?x4x24xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32> {
  // expected-error @+1 {{puts tiles of 24 columns side by side, as the feature map 'hedgehog' does: on a GPU each must have a power of two of columns, 16 or more}}
  %q = fgla.feature_map hedgehog %zq : tensor<?x?x4x24xf32> -> tensor<?x?x4x48xf32>
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x16xf32>) -> (tensor<?x?x4x16xf32>)
  return %o : tensor<?x?x4x16xf32>
}

// -----

func.func @wide(%x: tensor<?x?x1x1000000xbf16>, %w: tensor<1x1000000x16xbf16>, %k: tensor<?x?x1x16xbf16>) -> tensor<?x?x1x16xbf16> {
  %q = fgla.feature_map relu %x weight(%w : tensor<1x1000000x16xbf16>) : tensor<?x?x1x1000000xbf16> -> tensor<?x?x1x16xbf16>
  // expected-error @+1 {{makes a tile of 1000000 x 16 elements, but on a GPU no side is longer than 131072}}
  %o = fgla.attention %q, %k, %k {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x1x16xbf16>, tensor<?x?x1x16xbf16>, tensor<?x?x1x16xbf16>) -> (tensor<?x?x1x16xbf16>)
  return %o : tensor<?x?x1x16xbf16>
}
