// RUN: fgla-opt %s --split-input-file --fgla-expand-sequences --canonicalize | FileCheck %s

// Each sequence is a slice that is inside of the tokens; each has a state of its own.
// CHECK-LABEL: func.func @attention
// CHECK-SAME: %[[X:.*]]: tensor<1x?x2x8xf32>, %[[A:.*]]: tensor<2xf32>, %[[S:.*]]: tensor<?x2x8x8xf32>, %[[N:.*]]: tensor<?xi32>
// CHECK: %[[T:.*]] = tensor.dim %[[X]], %c1
// CHECK: %[[OFFSETS:.*]] = tensor.dim %[[N]], %c0
// CHECK: %[[COUNT:.*]] = arith.subi %[[OFFSETS]], %c1
// CHECK: %[[FITS:.*]] = arith.cmpi eq, %{{.*}}, %[[COUNT]]
// CHECK: cf.assert %[[FITS]], "'sequences' must have one offset more than there are states (attention_c12)"
// CHECK: scf.for %[[I:.*]] = %c0 to %[[COUNT]]
// CHECK:   tensor.extract %[[N]][%[[I]]]
// CHECK:   arith.maxsi
// CHECK:   %[[BEGIN:.*]] = arith.minsi %{{.*}}, %[[T]]
// CHECK:   arith.minsi %{{.*}}, %[[T]]
// CHECK:   %[[END:.*]] = arith.maxsi %{{.*}}, %[[BEGIN]]
// CHECK:   %[[LENGTH:.*]] = arith.subi %[[END]], %[[BEGIN]]
// CHECK:   %[[OWN:.*]] = tensor.extract_slice %[[X]][0, %[[BEGIN]], 0, 0] [1, %[[LENGTH]], 2, 8]
// CHECK:   %[[STATE:.*]] = tensor.extract_slice %[[S]][%[[I]], 0, 0, 0] [1, 2, 8, 8]
// CHECK:   fgla.attention %[[OWN]], %{{.*}}, %{{.*}} decay(%[[A]]) axis(constant) state(%[[STATE]]) :
// CHECK:   tensor.insert_slice %{{.*}}[0, %[[BEGIN]], 0, 0] [1, %[[LENGTH]], 2, 8]
// CHECK:   tensor.insert_slice %{{.*}}[%[[I]], 0, 0, 0] [1, 2, 8, 8]
func.func @attention(%x: tensor<1x?x2x8xf32>, %a: tensor<2xf32>, %s: tensor<?x2x8x8xf32>, %n: tensor<?xi32>)
    -> (tensor<1x?x2x8xf32>, tensor<?x2x8x8xf32>) {
  %o, %t = fgla.attention %x, %x, %x decay(%a) axis(constant) state(%s) sequences(%n)
    : (tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<2xf32>, tensor<?x2x8x8xf32>, tensor<?xi32>)
    -> (tensor<1x?x2x8xf32>, tensor<?x2x8x8xf32>)
  return %o, %t : tensor<1x?x2x8xf32>, tensor<?x2x8x8xf32>
}

// -----

// The gradient of what all sequences share is a sum over them.
// CHECK-LABEL: func.func @gradient
// CHECK: scf.for %{{.*}} iter_args(%{{.*}} = %{{.*}}, %[[SUM:.*]] = %{{.*}}) -> (tensor<1x?x2x8xf32>, tensor<2xf32>)
// CHECK:   %{{.*}}, %[[MADE:.*]] = fgla.attention_grad
// CHECK:   %[[NEXT:.*]] = linalg.generic {{.*}} ins(%[[MADE]] : tensor<2xf32>) outs(%[[SUM]] : tensor<2xf32>)
// CHECK:   scf.yield %{{.*}}, %[[NEXT]]
func.func @gradient(%x: tensor<1x?x2x8xf32>, %a: tensor<2xf32>, %n: tensor<?xi64>) -> (tensor<1x?x2x8xf32>, tensor<2xf32>) {
  %g:2 = fgla.attention_grad %x, %x, %x decay(%a) axis(constant) sequences(%n) output_grad(%x)
    : (tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<2xf32>, tensor<?xi64>, tensor<1x?x2x8xf32>)
    -> query(tensor<1x?x2x8xf32>) decay(tensor<2xf32>)
  return %g#0, %g#1 : tensor<1x?x2x8xf32>, tensor<2xf32>
}

// -----

// What is not packed stays.
// CHECK-LABEL: func.func @other
// CHECK-NOT: scf.for
// CHECK: fgla.attention %arg0, %arg0, %arg0 :
func.func @other(%x: tensor<1x?x2x8xf32>) -> tensor<1x?x2x8xf32> {
  %o = fgla.attention %x, %x, %x : (tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>) -> (tensor<1x?x2x8xf32>)
  return %o : tensor<1x?x2x8xf32>
}
