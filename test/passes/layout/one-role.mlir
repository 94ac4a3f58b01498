// RUN: fgla-opt %s --fgla-assign-layouts | FileCheck %s

// Layouts by the names that they have in the dump.
// CHECK-DAG: [[$ROW0:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[0, 1\], \[0, 2\]\], lanes = \[\[0, 4\], \[0, 8\], \[0, 16\], \[0, 32\], \[0, 64\]\], warps = \[\[0, 0\], \[0, 0\], \[0, 0\]\]>}}
// CHECK-DAG: [[$STATE1:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[0, 1\], \[0, 2\], \[8, 0\], \[16, 0\]\], lanes = \[\[0, 4\], \[0, 8\], \[0, 16\], \[0, 32\], \[0, 64\]\], warps = \[\[1, 0\], \[2, 0\], \[4, 0\]\]>}}
// CHECK-DAG: [[$L2:#[a-z_]+[0-9]*]] = #fgla_warp.layout<registers = {{\[\[}}0, 8], [0, 16]], lanes = {{.*}}, warps = {{\[\[}}0, 1], [0, 2], [0, 4]]>
// CHECK-DAG: [[$PART3:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[0, 1\], \[0, 2\], \[4, 0\], \[8, 0\]\], lanes = .*, warps = \[\[1, 0\], \[2, 0\]\]>}}
// CHECK-DAG: [[$L4:#[a-z_]+[0-9]*]] = #fgla_warp.layout<registers = {{\[\[}}4, 0], [8, 0]], {{.*}}>

// One token: rows are whole in each warp, the state's among the warps, 16 bytes of f32 a thread. A row becomes a column
// through shared memory, and what is summed down the columns is combined among warps.
// CHECK-LABEL: func.func private @step
// CHECK: fgla_tile.load {{.*}} -> tensor<1x128xf32, [[$ROW0]]>
// CHECK: fgla_tile.load {{.*}} -> tensor<32x128xf32, [[$STATE1]]>
// CHECK: %[[K:.*]] = fgla_warp.convert %{{.*}} : tensor<1x32xf32, {{.*}}> -> tensor<1x32xf32, [[$L2]]>
// CHECK: fgla_tile.transpose %[[K]]
// CHECK: fgla_tile.map{{.*}} -> tensor<32x128xf32, [[$STATE1]]>
// CHECK: fgla_tile.reduce add {{.*}} : tensor<32x128xf32, [[$STATE1]]> -> tensor<1x128xf32, [[$ROW0]]>
func.func private @step(%v: memref<1x128xf32>, %k: memref<1x32xf32>, %s: memref<32x128xf32>) {
  %c0 = arith.constant 0 : index
  fgla_warp.pipeline stages(1) {
    fgla_warp.role "step" warps(8) instances(1) {
    ^bb0(%i: index):
      %value = fgla_tile.load %v[%c0, %c0] dims [0, 1] : memref<1x128xf32> -> tensor<1x128xf32>
      %key = fgla_tile.load %k[%c0, %c0] dims [0, 1] : memref<1x32xf32> -> tensor<1x32xf32>
      %state = fgla_tile.load %s[%c0, %c0] dims [0, 1] : memref<32x128xf32> -> tensor<32x128xf32>
      %column = fgla_tile.transpose %key : tensor<1x32xf32> -> tensor<32x1xf32>
      %next = fgla_tile.map(%state, %column, %value) : (tensor<32x128xf32>, tensor<32x1xf32>, tensor<1x128xf32>) -> tensor<32x128xf32> {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %b, %c : f32
        %n = arith.addf %a, %p : f32
        fgla_tile.yield %n : f32
      }
      %sum = fgla_tile.reduce add %next dim 0 : tensor<32x128xf32> -> tensor<1x128xf32>
      fgla_tile.store %sum, %v[%c0, %c0] dims [0, 1] : tensor<1x128xf32>, memref<1x128xf32>
    }
  }
  return
}

// In a loop, a row that is loaded only to become a column is loaded as one; what is carried has whole rows.
// CHECK-LABEL: func.func private @merge
// CHECK: scf.for {{.*}} -> (tensor<16x128xf32, [[$PART3]]>)
// CHECK-NOT: fgla_tile.transpose
// CHECK: fgla_tile.load %{{.*}}[%{{.*}}, %{{.*}}] dims [1, -1] : memref<?x16xf32> -> tensor<16x1xf32, [[$L4]]>
// CHECK-NOT: fgla_warp.convert
// CHECK: fgla_tile.store
func.func private @merge(%s: memref<?x16x128xf32>, %g: memref<?x16xf32>, %to: memref<?x16x128xf32>, %n: index, %zero: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  fgla_warp.pipeline stages(1) {
    fgla_warp.role "state" warps(4) instances(1) {
    ^bb0(%i: index):
      %initial = fgla_tile.map() : () -> tensor<16x128xf32> {
        fgla_tile.yield %zero : f32
      }
      %last = scf.for %t = %c0 to %n step %c1 iter_args(%before = %initial) -> (tensor<16x128xf32>) {
        %row = fgla_tile.load %g[%t, %c0] dims [-1, 1] : memref<?x16xf32> -> tensor<1x16xf32>
        %part = fgla_tile.load %s[%t, %c0, %c0] dims [1, 2] : memref<?x16x128xf32> -> tensor<16x128xf32>
        %column = fgla_tile.transpose %row : tensor<1x16xf32> -> tensor<16x1xf32>
        %after = fgla_tile.map(%before, %column, %part) : (tensor<16x128xf32>, tensor<16x1xf32>, tensor<16x128xf32>) -> tensor<16x128xf32> {
        ^bb0(%a: f32, %b: f32, %c: f32):
          %p = arith.mulf %a, %b : f32
          %q = arith.addf %p, %c : f32
          fgla_tile.yield %q : f32
        }
        fgla_tile.store %after, %to[%t, %c0, %c0] dims [1, 2] : tensor<16x128xf32>, memref<?x16x128xf32>
        scf.yield %after : tensor<16x128xf32>
      }
    }
  }
  return
}
