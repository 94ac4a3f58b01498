// RUN: fgla-opt %s --fgla-destination-results | FileCheck %s
// RUN: fgla-opt %s --fgla-destination-results --eliminate-empty-tensors '--one-shot-bufferize=bufferize-function-boundaries=1 function-boundary-type-conversion=identity-layout-map' --canonicalize | FileCheck %s --check-prefix=MEMORY

// CHECK-LABEL: func.func @f
// CHECK-SAME: (%[[X:.+]]: tensor<?x4xf32> {bufferization.writable = false}, %[[Y:.+]]: memref<?x4xf32>) attributes {llvm.emit_c_interface} {
// CHECK: %[[E:.+]] = bufferization.to_tensor %[[Y]] restrict writable
// CHECK: %[[R:.+]] = linalg.fill {{.*}} outs(%[[E]] :
// CHECK: bufferization.materialize_in_destination %[[R]] in writable %[[Y]]
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

// What starts from a filled tensor has one of its own.
// CHECK-LABEL: func.func @two
// CHECK-COUNT-2: linalg.fill
// CHECK: linalg.matmul
// MEMORY-LABEL: func.func @two
// MEMORY-NOT: memref.copy
// MEMORY: return
func.func @two(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = linalg.matmul ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = linalg.matmul ins(%x, %a : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %a, %b : tensor<4x4xf32>, tensor<4x4xf32>
}

// CHECK-LABEL: func.func private @helper
// CHECK-SAME: -> tensor<4xf32>
func.func private @helper(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// A result that is a tensor under fewer dims, as a step's: its memory is seen with as many.
// CHECK-LABEL: func.func @collapsed
// CHECK-SAME: %[[Y:[^:]+]]: memref<?x4xf32>)
// CHECK: %[[E:.+]] = memref.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [%{{.+}}, 1, 4] : memref<?x4xf32> into memref<?x1x4xf32>
// CHECK: bufferization.materialize_in_destination %{{.+}} in writable %[[E]]
// MEMORY-LABEL: func.func @collapsed
// MEMORY-NOT: memref.alloc
// MEMORY-NOT: copy
// MEMORY: return
func.func @collapsed(%n: index) -> tensor<?x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty(%n) : tensor<?x1x4xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<?x1x4xf32>) -> tensor<?x1x4xf32>
  %y = tensor.collapse_shape %f [[0, 1], [2]] : tensor<?x1x4xf32> into tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// What two results begin with is memory of the second: the first is stored while its own memory is not read any more, and the second
// after it. The other way round, the first's memory would be overwritten before the second is stored.
// CHECK-LABEL: func.func @shared
// CHECK-SAME: %[[A:[^:]+]]: memref<6xf32>, %[[B:[^:]+]]: memref<6xf32>)
// CHECK: %[[E:.+]] = bufferization.to_tensor %[[B]] restrict writable
// CHECK: tensor.insert_slice %{{.+}} into %[[E]][0]
// CHECK: bufferization.materialize_in_destination %{{.+}} in restrict writable %[[A]]
// CHECK: bufferization.materialize_in_destination %{{.+}} in writable %[[B]]
func.func @shared(%x: tensor<3xf32>, %z: tensor<3xf32>) -> (tensor<6xf32>, tensor<6xf32>) {
  %e = tensor.empty() : tensor<6xf32>
  %h = tensor.insert_slice %x into %e[0] [3] [1] : tensor<3xf32> into tensor<6xf32>
  %a = tensor.insert_slice %z into %h[3] [3] [1] : tensor<3xf32> into tensor<6xf32>
  %b = tensor.insert_slice %x into %h[3] [3] [1] : tensor<3xf32> into tensor<6xf32>
  return %a, %b : tensor<6xf32>, tensor<6xf32>
}

// A result of no dims.
// CHECK-LABEL: func.func @number
// CHECK: memref.expand_shape %{{.+}} [] output_shape [1, 1] : memref<f32> into memref<1x1xf32>
// MEMORY-LABEL: func.func @number
// MEMORY-NOT: memref.alloc
// MEMORY: return
func.func @number() -> tensor<f32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x1xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<1x1xf32>) -> tensor<1x1xf32>
  %y = tensor.collapse_shape %f [] : tensor<1x1xf32> into tensor<f32>
  return %y : tensor<f32>
}
