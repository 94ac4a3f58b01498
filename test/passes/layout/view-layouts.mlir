// RUN: fgla-opt %s --fgla-view-layouts="rows=3 columns=4" -o %t.out 2>&1 | FileCheck %s --match-full-lines --strict-whitespace
// RUN: fgla-opt %s --fgla-view-layouts="rows=3 columns=4 file=%t.txt" -o %t.out 2>&1 | count 0
// RUN: FileCheck %s --input-file=%t.txt --match-full-lines --strict-whitespace
// RUN: not fgla-opt %s --fgla-view-layouts="rows=0" -o %t.out 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not fgla-opt %s --fgla-view-layouts="file=%t.none/x.txt" -o %t.out 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: echo "module {}" | fgla-opt --fgla-view-layouts -o %t.out 2>&1 | FileCheck %s --check-prefix=EMPTY

// Layouts by the names that they have in the dump.

// ZERO: error: 'rows' and 'columns' must be at least 1, got 0 and 16
// NOWHERE: error: cannot open output file
// EMPTY: warning: has no tile with a layout

#acc = #fgla_warp.layout<registers = [[0, 1], [8, 0]], lanes = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warps = [[0, 8]]>
#row = #fgla_warp.layout<registers = [[0, 1]], lanes = [[0, 2], [0, 4], [0, 0], [0, 0], [0, 0]], warps = [[0, 8]]>
#holes = #fgla_warp.layout<registers = [[1, 0]], lanes = [[0, 2]], warps = []>

func.func private @f(%x: tensor<16x16xf32, #acc>, %y: tensor<1x16xf32, #row>, %z: tensor<2x4xf32, #holes>, %plain: tensor<16x16xf32>) {
  %w = fgla_tile.map(%x) : (tensor<16x16xf32, #acc>) -> tensor<16x16xbf16, #acc> {
  ^bb0(%a: f32):
    %b = arith.truncf %a : f32 to bf16
    fgla_tile.yield %b : bf16
  }
  return
}

// Two values, of f32 and bf16, and one table.
//      CHECK:16x16 of f32, bf16, values: 2, registers: 2^2
// CHECK-NEXT:  registers = {{\[\[}}0, 1], [8, 0]], lanes = {{\[\[}}0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warps = {{\[\[}}0, 8]]
// CHECK-NEXT:           0      1      2      3
// CHECK-NEXT:    0  0/0:0  0/0:1  0/1:0  0/1:1
// CHECK-NEXT:    1  0/4:0  0/4:1  0/5:0  0/5:1
// CHECK-NEXT:    2  0/8:0  0/8:1  0/9:0  0/9:1
// CHECK-EMPTY:
// Eight lanes hold each element.
// CHECK-NEXT:1x16 of f32, values: 1, registers: 2^1
// CHECK-NEXT:  registers = {{\[\[}}0, 1]], lanes = {{\[\[}}0, 2], [0, 4], [0, 0], [0, 0], [0, 0]], warps = {{\[\[}}0, 8]]
// CHECK-NEXT:             0        1        2        3
// CHECK-NEXT:    0  0/0:0+7  0/0:1+7  0/1:0+7  0/1:1+7
// CHECK-EMPTY:
// CHECK-NEXT:2x4 of f32, values: 1, registers: 2^1
// CHECK-NEXT:  registers = {{\[\[}}1, 0]], lanes = {{\[\[}}0, 2]], warps = []
// CHECK-NEXT:  does not hold each element of the tile, or others
// CHECK-NEXT:           0      1      2      3
// CHECK-NEXT:    0  0/0:0      -  0/1:0      -
// CHECK-NEXT:    1  0/0:1      -  0/1:1      -
