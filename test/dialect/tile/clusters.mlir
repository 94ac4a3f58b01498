// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @clusters
func.func @clusters(%x: tensor<16x128xbf16>, %m: tensor<16x1xf32>, %rank: index) {
  // CHECK: %{{.*}}:2 = fgla_tile.exchange %{{.*}} rank(%{{.*}}) : tensor<16x128xbf16> -> tensor<8x128xbf16>, tensor<8x128xbf16>
  %0:2 = fgla_tile.exchange %x rank(%rank) : tensor<16x128xbf16> -> tensor<8x128xbf16>, tensor<8x128xbf16>
  // CHECK: %{{.*}}:4 = fgla_tile.gather %{{.*}} : tensor<16x1xf32> -> tensor<16x1xf32>, tensor<16x1xf32>, tensor<16x1xf32>, tensor<16x1xf32>
  %1:4 = fgla_tile.gather %m : tensor<16x1xf32> -> tensor<16x1xf32>, tensor<16x1xf32>, tensor<16x1xf32>, tensor<16x1xf32>
  return
}
