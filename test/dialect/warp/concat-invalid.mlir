// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @not_twice(%x: tensor<16x64xf32>) -> tensor<16x64xf32> {
  // expected-error @+1 {{must put two tiles of one shape side by side, got 'tensor<16x64xf32>' and 'tensor<16x64xf32>' as 'tensor<16x64xf32>' (concat_c1)}}
  %y = fgla_warp.concat %x, %x : tensor<16x64xf32>, tensor<16x64xf32> -> tensor<16x64xf32>
  return %y : tensor<16x64xf32>
}
