// RUN: fgla-opt %s --fgla-form-kernels=roles --fgla-pad-tiles --canonicalize --cse | FileCheck %s

// The 8 rows that a program of a cluster finishes stay 8, and what they are combined with; a matrix with 8 rows is padded to 16.
// CHECK-LABEL: func.func private @few_kernel(
// CHECK: fgla_tile.load {{.*}} : memref<4x8x128xbf16> -> tensor<16x128xbf16>
// CHECK: fgla_tile.dot %{{.+}} : tensor<16x16x{{.+}}>, tensor<16x{{.+}}>
// CHECK: fgla_tile.exchange %{{.+}} : tensor<16x64xf32> -> tensor<8x64xf32>, tensor<8x64xf32>
// CHECK: fgla_tile.load {{.*}} -> tensor<8x64xbf16>
// CHECK: fgla_tile.store {{.*}} : tensor<8x64xbf16>
func.func @few(%zq: tensor<?x?x4x8xbf16>, %w: tensor<4x8x128xbf16>, %k: tensor<?x?x4x128xbf16>, %v: tensor<?x?x4x64xbf16>, %zo: tensor<?x?x4x64xbf16>) -> tensor<?x?x4x64xbf16> {
  %q = fgla.feature_map safe_exp %zq weight(%w : tensor<4x8x128xbf16>) : tensor<?x?x4x8xbf16> -> tensor<?x?x4x128xbf16>
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, key_slice = 64, cluster = 2>} : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x64xbf16>) -> (tensor<?x?x4x64xbf16>)
  %y = fgla.output_gate %o, %zo : tensor<?x?x4x64xbf16>
  return %y : tensor<?x?x4x64xbf16>
}
