// RUN: fgla-opt %s --fgla-expand-row-norms | FileCheck %s

// Squares of what the largest of the row was divided out of; a row of zeros divides by no zero.
// CHECK-LABEL: func.func private @f
// CHECK-SAME: %[[X:.*]]: tensor<8x16xf32>
func.func private @f(%x: tensor<8x16xf32>) -> tensor<8x1xf32> {
  // CHECK: %[[ABS:.*]] = fgla_tile.map(%[[X]])
  // CHECK: math.absf
  // CHECK: %[[LARGEST:.*]] = fgla_tile.reduce max %[[ABS]] dim 1
  // CHECK: %[[INVERSE:.*]] = fgla_tile.map(%[[LARGEST]])
  // CHECK: arith.maximumf
  // CHECK: arith.divf
  // CHECK: %[[SCALED:.*]] = fgla_tile.map(%[[X]], %[[INVERSE]])
  // CHECK: %[[SQUARES:.*]] = fgla_tile.map(%[[SCALED]], %[[SCALED]])
  // CHECK: %[[SUM:.*]] = fgla_tile.reduce add %[[SQUARES]] dim 1
  // CHECK: %[[NORM:.*]] = fgla_tile.map(%[[SUM]], %[[LARGEST]])
  // CHECK: math.sqrt
  // CHECK: arith.mulf
  // CHECK-NOT: fgla_tile.row_norm
  // CHECK: return %[[NORM]]
  %n = fgla_tile.row_norm %x : tensor<8x16xf32> -> tensor<8x1xf32>
  return %n : tensor<8x1xf32>
}
