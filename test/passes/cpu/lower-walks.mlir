// RUN: fgla-opt %s --allow-unregistered-dialect --fgla-lower-walks --canonicalize --cse | FileCheck %s

// A loop over turns, which knows the first token and the rows of each.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[A:.*]]: index, %[[N:.*]]: index, %[[X:.*]]: tensor<1x1xf32>
// CHECK: %[[LENGTH:.*]] = arith.subi %[[N]], %[[A]]
// CHECK: %[[TURNS:.*]] = arith.ceildivsi %[[LENGTH]], %c16
// CHECK: %[[R:.*]] = scf.for %[[TURN:.*]] = %c0 to %[[TURNS]] step %c1 iter_args(%[[S:.*]] = %[[X]]) -> (tensor<1x1xf32>) {
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[TURN]], %c16
// CHECK-NEXT: %[[TOKEN:.*]] = arith.addi %[[A]], %[[OFFSET]]
// CHECK-NEXT: %[[LEFT:.*]] = arith.subi %[[N]], %[[TOKEN]]
// CHECK-NEXT: %[[ROWS:.*]] = arith.minsi %[[LEFT]], %c16
// CHECK-NEXT: %[[NEXT:.*]] = "test.turn"(%[[TOKEN]], %[[ROWS]], %[[TURN]], %[[S]])
// CHECK-NEXT: scf.yield %[[NEXT]]
func.func @forward(%a: index, %n: index, %x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %r = fgla_tile.walk (%token, %rows, %turn) = %a to %n by 16 iter_args(%s = %x) -> (tensor<1x1xf32>) {
    %next = "test.turn"(%token, %rows, %turn, %s) : (index, index, index, tensor<1x1xf32>) -> tensor<1x1xf32>
    fgla_tile.yield %next : tensor<1x1xf32>
  }
  return %r : tensor<1x1xf32>
}

// From the end, the turns of one of four instances.
// CHECK-LABEL: func.func @backward
// CHECK-SAME: %[[I:.*]]: index, %[[N:.*]]: index
// CHECK: %[[TURNS:.*]] = arith.ceildivsi %[[N]], %c16
// CHECK: scf.for %[[TURN:.*]] = %[[I]] to %[[TURNS]] step %c4 {
// CHECK-NEXT: %[[LAST:.*]] = arith.subi %[[TURNS]], %c1
// CHECK-NEXT: %[[TILE:.*]] = arith.subi %[[LAST]], %[[TURN]]
// CHECK-NEXT: %[[TOKEN:.*]] = arith.muli %[[TILE]], %c16
// CHECK-NEXT: %[[LEFT:.*]] = arith.subi %[[N]], %[[TOKEN]]
// CHECK-NEXT: %[[ROWS:.*]] = arith.minsi %[[LEFT]], %c16
// CHECK-NEXT: "test.turn"(%[[TOKEN]], %[[ROWS]], %[[TURN]])
func.func @backward(%i: index, %n: index) {
  %c0 = arith.constant 0 : index
  fgla_tile.walk (%token, %rows, %turn) = %c0 to %n by 16 reverse instance(%i of 4) {
    "test.turn"(%token, %rows, %turn) : (index, index, index) -> ()
  }
  return
}
