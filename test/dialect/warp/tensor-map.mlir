// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func @describe
// CHECK: fgla_warp.tensor_map %{{.+}} box [1, 16, 1, 128] : memref<?x?x4x128xbf16> -> !fgla_warp.tensor_map
func.func @describe(%x: memref<?x?x4x128xbf16>) -> !fgla_warp.tensor_map {
  %m = fgla_warp.tensor_map %x box [1, 16, 1, 128] : memref<?x?x4x128xbf16> -> !fgla_warp.tensor_map
  return %m : !fgla_warp.tensor_map
}
