// RUN: fgla-opt %s '--one-shot-bufferize=bufferize-function-boundaries=1 function-boundary-type-conversion=identity-layout-map' --canonicalize | FileCheck %s --check-prefix=MEMORY
// RUN: fgla-opt %s '--one-shot-bufferize=bufferize-function-boundaries=1 function-boundary-type-conversion=identity-layout-map' --fgla-lower-launches --canonicalize | FileCheck %s --check-prefix=CALL

func.func private @kernel(%in: memref<4x8xf32>, %out: memref<4x8xf32>) {
  return
}

// MEMORY-LABEL: func.func @dense
// MEMORY-SAME: (%[[X:.+]]: memref<4x8xf32>)
// MEMORY: %[[Y:.+]] = memref.alloc() {{.*}} : memref<4x8xf32>
// MEMORY: fgla_tile.launch @kernel ins(%[[X]] : memref<4x8xf32>) outs(%[[Y]] : memref<4x8xf32>)
// MEMORY: return %[[Y]]
// CALL-LABEL: func.func @dense
// CALL: call @kernel(%{{.+}}, %{{.+}}) : (memref<4x8xf32>, memref<4x8xf32>) -> ()
func.func @dense(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %y = fgla_tile.launch @kernel ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> (tensor<4x8xf32>)
  return %y : tensor<4x8xf32>
}

// A kernel gets memory without gaps: what is a part of something larger is copied.
// MEMORY-LABEL: func.func @part
// MEMORY: %[[PART:.+]] = memref.subview
// MEMORY: memref.alloc
// MEMORY: %[[COPY:.+]] = memref.alloc() {{.*}} : memref<4x8xf32>
// MEMORY-NEXT: memref.copy %[[PART]], %[[COPY]]
// MEMORY: fgla_tile.launch @kernel ins(%[[COPY]] : memref<4x8xf32>)
func.func @part(%x: tensor<4x9xf32>) -> tensor<4x8xf32> {
  %part = tensor.extract_slice %x[0, 1] [4, 8] [1, 1] : tensor<4x9xf32> to tensor<4x8xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %y = fgla_tile.launch @kernel ins(%part : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> (tensor<4x8xf32>)
  return %y : tensor<4x8xf32>
}
