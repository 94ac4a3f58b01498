// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

#columns = #fgla_warp.layout<registers = [[1, 0], [2, 0], [4, 0], [8, 0]], lanes = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], warps = []>
#row = #fgla_warp.layout<registers = [], lanes = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], warps = []>
#matrix = #fgla_warp.layout<registers = [[0, 1], [8, 0], [0, 8]], lanes = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warps = [[0, 16], [0, 0]]>

// In dumps a layout is said once, under a name that says how it shares out a tile.
// CHECK-DAG: #accumulator = #fgla_warp.layout<registers = {{\[\[}}0, 1], [8, 0], [0, 8]], lanes = {{.*}}, warps = {{\[\[}}0, 16], [0, 0]]>
// CHECK-DAG: #columns = #fgla_warp.layout<registers = {{\[\[}}1, 0], [2, 0], [4, 0], [8, 0]], {{.*}}>
// CHECK-DAG: #columns1 = #fgla_warp.layout<registers = [], {{.*}}>

// CHECK-LABEL: func.func @row
// CHECK: fgla_warp.row %{{.*}}[15] : tensor<16x32xf32, #columns>
// CHECK-SAME: -> tensor<1x32xf32, #columns1>
func.func @row(%x: tensor<16x32xf32, #columns>) -> tensor<1x32xf32, #row> {
  %r = fgla_warp.row %x[15] : tensor<16x32xf32, #columns> -> tensor<1x32xf32, #row>
  return %r : tensor<1x32xf32, #row>
}

// CHECK-LABEL: func.func @convert
// CHECK: fgla_warp.convert %{{.*}} : tensor<16x32xf32, #columns> -> tensor<16x32xf32, #accumulator>
func.func @convert(%x: tensor<16x32xf32, #columns>) -> tensor<16x32xf32, #matrix> {
  %y = fgla_warp.convert %x : tensor<16x32xf32, #columns> -> tensor<16x32xf32, #matrix>
  return %y : tensor<16x32xf32, #matrix>
}

// The channel's tile has no layout; what is put and got may.
// CHECK-LABEL: func.func @channel
// CHECK: fgla_warp.put %{{.*}}, %{{.*}}[%{{.*}}] : tensor<16x32xf32, #columns>, <tensor<16x32xf32>>
// CHECK: fgla_warp.get %{{.*}}[%{{.*}}] : <tensor<16x32xf32>> -> tensor<16x32xf32, #accumulator>
func.func @channel(%x: tensor<16x32xf32, #columns>, %c: !fgla_warp.channel<tensor<16x32xf32>>, %t: index) {
  fgla_warp.put %x, %c[%t] : tensor<16x32xf32, #columns>, <tensor<16x32xf32>>
  %y = fgla_warp.get %c[%t] : <tensor<16x32xf32>> -> tensor<16x32xf32, #matrix>
  return
}

// Ops of other dialects on tiles with a layout.
// CHECK-LABEL: func.func @others
// CHECK: fgla_tile.reduce add %{{.*}} dim 0 : tensor<16x32xf32, #columns> -> tensor<1x32xf32, #columns1>
func.func @others(%x: tensor<16x32xf32, #columns>) {
  %r = fgla_tile.reduce add %x dim 0 : tensor<16x32xf32, #columns> -> tensor<1x32xf32, #row>
  return
}
