// RUN: fgla-opt %s --fgla-assign-roles --canonicalize --cse | FileCheck %s

// Without a loop there is one role and no channel. All loads come first, those of rows before the large one.
// CHECK-LABEL: func.func private @step
// CHECK: scf.forall (%[[B:.*]]) in
// CHECK-NEXT: fgla_warp.pipeline stages(1) {
// CHECK-NOT: fgla_warp.channel
// CHECK: fgla_warp.role "state" warps(4) instances(1) {
// CHECK: %[[X:.*]] = fgla_tile.load %{{.*}} -> tensor<1x64xf32>
// CHECK-NEXT: %[[S:.*]] = fgla_tile.load %{{.*}} -> tensor<64x64xf32>
// CHECK-NEXT: %[[P:.*]] = fgla_tile.map(%[[S]], %[[X]])
// CHECK: fgla_tile.store %[[P]]
// CHECK-NOT: fgla_warp.role
func.func private @step(%x: memref<?x64xf32>, %s: memref<?x64x64xf32>) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %batches = memref.dim %x, %c0 : memref<?x64xf32>
  scf.forall (%b) in (%batches) {
    %state = fgla_tile.load %s[%b, %c0, %c0] dims [1, 2] : memref<?x64x64xf32> -> tensor<64x64xf32>
    %row = fgla_tile.load %x[%b, %c0] dims [0, 1] : memref<?x64xf32> -> tensor<1x64xf32>
    %product = fgla_tile.map(%state, %row) : (tensor<64x64xf32>, tensor<1x64xf32>) -> tensor<64x64xf32> {
    ^bb0(%a: f32, %f: f32):
      %p = arith.mulf %a, %f : f32
      fgla_tile.yield %p : f32
    }
    fgla_tile.store %product, %s[%b, %c0, %c0] dims [1, 2] : tensor<64x64xf32>, memref<?x64x64xf32>
  }
  return
}
