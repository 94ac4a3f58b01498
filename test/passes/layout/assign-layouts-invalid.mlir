// Layouts are made of bits: a tile whose sizes are no powers of two is refused here, not computed in part.
// RUN: fgla-opt %s --fgla-assign-layouts --verify-diagnostics

func.func private @columns(%x: memref<16x96xf32>, %i: index) {
  fgla_warp.pipeline stages(1) {
    fgla_warp.role "elementwise" warps(2) instances(1) {
    ^bb0(%instance: index):
      // expected-error @below {{has a tile of 16x96 elements, which no layout shares out among 2 warps; a GPU's tiles have powers of two from 16 on, heads at least two channels}}
      %tile = fgla_tile.load %x[%i, %i] dims [0, 1] : memref<16x96xf32> -> tensor<16x96xf32>
      %product = fgla_tile.scan mul %tile : tensor<16x96xf32>
      fgla_tile.store %product, %x[%i, %i] dims [0, 1] : tensor<16x96xf32>, memref<16x96xf32>
    }
  }
  return
}
