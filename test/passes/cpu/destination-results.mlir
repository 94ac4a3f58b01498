// RUN: fgla-opt %s --fgla-destination-results | FileCheck %s
// RUN: fgla-opt %s --fgla-destination-results --eliminate-empty-tensors '--one-shot-bufferize=bufferize-function-boundaries=1 function-boundary-type-conversion=identity-layout-map' --canonicalize | FileCheck %s --check-prefix=MEMORY

// CHECK-LABEL: func.func @f
// CHECK-SAME: (%[[X:.+]]: tensor<?x4xf32> {bufferization.writable = false}, %[[Y:.+]]: memref<?x4xf32>) {
// CHECK: %[[R:.+]] = linalg.fill
// CHECK: bufferization.materialize_in_destination %[[R]] in restrict writable %[[Y]]
// CHECK: return{{$}}

// What computes the result writes it where the caller wants it.
// MEMORY-LABEL: func.func @f
// MEMORY-SAME: (%{{.+}}: memref<?x4xf32>{{.*}}, %[[Y:.+]]: memref<?x4xf32>)
// MEMORY-NOT: alloc
// MEMORY: linalg.fill {{.*}} outs(%[[Y]] : memref<?x4xf32>)
// MEMORY-NOT: copy
// MEMORY: return
func.func @f(%x: tensor<?x4xf32> {fgla.name = "x"}) -> (tensor<?x4xf32> {fgla.name = "y"}) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.fill ins(%one : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func.func private @helper
// CHECK-SAME: -> tensor<4xf32>
func.func private @helper(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
