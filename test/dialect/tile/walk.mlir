// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --canonicalize | FileCheck %s --check-prefix=CANONICAL

// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[N:.*]]: index, %[[S:.*]]: tensor<16x16xf32>
func.func @forward(%n: index, %s: tensor<16x16xf32>, %y: memref<?x16xf32>) -> tensor<16x16xf32> {
  %c0 = arith.constant 0 : index
  // CHECK: %[[LAST:.*]] = fgla_tile.walk (%[[TOKEN:.*]], %[[ROWS:.*]], %[[TURN:.*]]) = %{{.*}} to %[[N]] by 16 iter_args(%[[STATE:.*]] = %[[S]]) -> (tensor<16x16xf32>) {
  %last = fgla_tile.walk (%token, %rows, %turn) = %c0 to %n by 16 iter_args(%state = %s) -> (tensor<16x16xf32>) {
    // CHECK-NEXT: fgla_tile.store %[[STATE]], %{{.*}}[%[[TOKEN]], %{{.*}}] rows(%[[ROWS]])
    fgla_tile.store %state, %y[%token, %c0] rows(%rows) dims [0, 1] : tensor<16x16xf32>, memref<?x16xf32>
    // CHECK-NEXT: %[[NEXT:.*]] = fgla_tile.transpose %[[STATE]]
    %next = fgla_tile.transpose %state : tensor<16x16xf32> -> tensor<16x16xf32>
    // CHECK-NEXT: fgla_tile.yield %[[NEXT]] : tensor<16x16xf32>
    fgla_tile.yield %next : tensor<16x16xf32>
  }
  // CHECK: return %[[LAST]]
  return %last : tensor<16x16xf32>
}

// Backward, every fourth turn, with an attribute and nothing carried. One turn stays a walk: its rows are counted.
// CHECK-LABEL: func.func @backward
// CANONICAL-LABEL: func.func @backward
func.func @backward(%i: index, %x: tensor<16x16xf32>, %y: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  // CHECK: fgla_tile.walk (%{{.*}}, %{{.*}}, %{{.*}}) = %{{.*}} to %{{.*}} by 16 reverse instance(%{{.*}} of 4) attributes {note = 3 : i64} {
  // CHECK-NEXT: fgla_tile.store
  // CHECK-NEXT: }
  // CANONICAL: fgla_tile.walk {{.*}} reverse
  fgla_tile.walk (%token, %rows, %turn) = %c0 to %c16 by 16 reverse instance(%i of 4) attributes {note = 3 : i64} {
    fgla_tile.store %x, %y[%token, %c0] rows(%rows) dims [0, 1] : tensor<16x16xf32>, memref<?x16xf32>
  }
  return
}

// What does not change, or is carried for nothing, is not carried.
// CANONICAL-LABEL: func.func @constant
// CANONICAL-SAME: %[[N:.*]]: index, %[[A:.*]]: tensor<16x16xf32>, %[[B:.*]]: tensor<16x16xf32>
// CANONICAL: %[[LAST:.*]] = fgla_tile.walk {{.*}} iter_args(%[[STATE:.*]] = %[[B]]) -> (tensor<16x16xf32>) {
// CANONICAL-NEXT: %[[NEXT:.*]] = fgla_tile.dot %[[STATE]], %[[A]]
// CANONICAL-NEXT: fgla_tile.yield %[[NEXT]]
// CANONICAL: return %[[A]], %[[LAST]]
func.func @constant(%n: index, %a: tensor<16x16xf32>, %b: tensor<16x16xf32>) -> (tensor<16x16xf32>, tensor<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %r:4 = fgla_tile.walk (%token, %rows, %turn) = %c0 to %n by 16 iter_args(%x = %a, %y = %b, %z = %a, %unused = %b)
      -> (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) {
    %next = fgla_tile.dot %y, %z : tensor<16x16xf32>, tensor<16x16xf32> -> tensor<16x16xf32>
    %other = fgla_tile.transpose %x : tensor<16x16xf32> -> tensor<16x16xf32>
    fgla_tile.yield %x, %next, %a, %other : tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>
  }
  return %r#0, %r#1 : tensor<16x16xf32>, tensor<16x16xf32>
}
