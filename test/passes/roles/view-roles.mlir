// RUN: fgla-opt %s --fgla-view-roles -o %t.out 2>&1 | FileCheck %s
// RUN: fgla-opt %s --fgla-view-roles="file=%t.dot" -o %t.out 2>&1 | count 0
// RUN: FileCheck %s --input-file=%t.dot
// RUN: FileCheck %s --input-file=%t.out --check-prefix=UNCHANGED
// RUN: not fgla-opt %s --fgla-view-roles="file=%t.none/x.dot" -o %t.out 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: echo "module {}" | fgla-opt --fgla-view-roles -o %t.out 2>&1 | FileCheck %s --check-prefix=EMPTY

// NOWHERE: error: cannot open output file
// EMPTY: warning: has no 'fgla_warp.pipeline' to draw
// UNCHANGED: fgla_warp.role "load" warps(1) instances(1)

// CHECK: digraph roles {
// CHECK: subgraph "cluster_p0_" {
// CHECK-NEXT: label = "kernel, turns under way: 3";
// CHECK-NEXT: p0_0 [label = "load\nwarps: 1\nload"];
// CHECK-NEXT: p0_1 [label = "say \"x\"\nwarps: 2 × 4\nscan × 2"];
// CHECK-NEXT: p0_2 [label = "matrix\nwarps: 8\nstore"];
// A channel with two readers has two arrows.
// CHECK-NEXT: p0_0 -> p0_1 [label = "0: 16x32xf32"];
// CHECK-NEXT: p0_0 -> p0_2 [label = "0: 16x32xf32"];
// CHECK-NEXT: p0_0 -> p0_1 [label = "1: 16x32xf32"];
// CHECK-NEXT: p0_1 -> p0_2 [label = "2: 16x32xf32\nin the memory of 1", style = dashed];
// CHECK-NEXT: }
// CHECK-NEXT: subgraph "cluster_p1_" {
// CHECK-NEXT: label = "kernel, turns under way: 1";
// CHECK-NEXT: }
// CHECK-NEXT: }
func.func private @kernel(%z: memref<16x32xf32>) {
  fgla_warp.pipeline stages(3) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    %c = fgla_warp.channel : <tensor<16x32xf32>>
    %b = fgla_warp.channel reuses(%c : !fgla_warp.channel<tensor<16x32xf32>>) : <tensor<16x32xf32>>
    fgla_warp.role "load" warps(1) instances(1) {
    ^bb0(%i: index):
      %x = fgla_tile.load %z[%i, %i] dims [0, 1] : memref<16x32xf32> -> tensor<16x32xf32>
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.put %x, %c[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "say \22x\22" warps(2) instances(4) {
    ^bb0(%i: index):
      %v = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      %x = fgla_warp.get %c[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      %y = fgla_tile.scan mul %x : tensor<16x32xf32>
      %w = fgla_tile.scan mul %y : tensor<16x32xf32>
      fgla_warp.put %w, %b[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.release %i
    }
    fgla_warp.role "matrix" warps(8) instances(1) {
    ^bb0(%i: index):
      %x = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      %y = fgla_warp.get %b[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_tile.store %y, %z[%i, %i] dims [0, 1] : tensor<16x32xf32>, memref<16x32xf32>
      fgla_warp.release %i
    }
  }
  fgla_warp.pipeline stages(1) {
  }
  return
}
