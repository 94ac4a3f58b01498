// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

func.func private @kernel(memref<?x4xf32>, memref<?x4xf32>)

// CHECK-LABEL: func.func @tensors
func.func @tensors(%x: tensor<?x4xf32>, %e: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: fgla_tile.launch @kernel ins(%{{.*}} : tensor<?x4xf32>) outs(%{{.*}} : tensor<?x4xf32>) -> (tensor<?x4xf32>)
  %y = fgla_tile.launch @kernel ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> (tensor<?x4xf32>)
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @memrefs
func.func @memrefs(%x: memref<?x4xf32>, %y: memref<?x4xf32>) {
  // CHECK: fgla_tile.launch @kernel ins(%{{.*}} : memref<?x4xf32>) outs(%{{.*}} : memref<?x4xf32>)
  fgla_tile.launch @kernel ins(%x : memref<?x4xf32>) outs(%y : memref<?x4xf32>)
  return
}
