// RUN: fgla-opt %s --fgla-make-shape-functions -split-input-file | FileCheck %s

// The dims of all results, one after the other; nothing else is computed.
// CHECK-LABEL: func.func @fgla_shapes_f(
// CHECK-SAME: %[[X:.+]]: tensor<?x?x2x16xf32>, %{{.+}}: tensor<?xf32>, %[[DIMS:.+]]: memref<?xindex>) attributes {fgla.shape_function}
// CHECK-DAG: %[[B:.+]] = tensor.dim %[[X]], %c0
// CHECK-DAG: %[[T:.+]] = tensor.dim %[[X]], %c1
// CHECK-DAG: memref.store %[[B]], %[[DIMS]][%c0]
// CHECK-DAG: memref.store %[[T]], %[[DIMS]][%c1]
// CHECK-DAG: memref.store %c2, %[[DIMS]][%c2]
// CHECK-DAG: memref.store %c32, %[[DIMS]][%c3]
// CHECK-DAG: memref.store %{{.+}}, %[[DIMS]][%c4]
// CHECK-NOT: fgla.
// CHECK: return
func.func @f(%x: tensor<?x?x2x16xf32>, %y: tensor<?xf32>) -> (tensor<?x?x2x32xf32>, tensor<?xf32>) {
  %h = fgla.feature_map hedgehog %x : tensor<?x?x2x16xf32> -> tensor<?x?x2x32xf32>
  %twice = tensor.concat dim(0) %y, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %h, %twice : tensor<?x?x2x32xf32>, tensor<?xf32>
}

// -----

// What a loop carries has the shape that it began with.
// CHECK-LABEL: func.func @fgla_shapes_loop
// CHECK-SAME: (%[[X:.+]]: tensor<?xf32>, %[[DIMS:.+]]: memref<?xindex>)
// CHECK: %[[N:.+]] = tensor.dim %[[X]]
// CHECK: memref.store %[[N]], %[[DIMS]]
// CHECK-NOT: scf.for
// CHECK: return
func.func @loop(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %one = arith.constant 1.0 : f32
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %x) -> tensor<?xf32> {
    %b = tensor.insert %one into %a[%i] : tensor<?xf32>
    scf.yield %b : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
