// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<32x64xf32>, %i: tensor<1x64xf32>, %f: tensor<32x1xf32>, %n: index) {
  // CHECK: fgla_tile.valid rows(%{{.*}}) : tensor<32x1xi1>
  %0 = fgla_tile.valid rows(%n) : tensor<32x1xi1>
  // CHECK: fgla_tile.valid cols(%{{.*}}) : tensor<1x64xi1>
  %c = fgla_tile.valid cols(%n) : tensor<1x64xi1>
  // CHECK: fgla_tile.reduce max %{{.*}} dim 1 : tensor<32x64xf32> -> tensor<32x1xf32>
  %1 = fgla_tile.reduce max %x dim 1 : tensor<32x64xf32> -> tensor<32x1xf32>
  // CHECK: fgla_tile.reduce add %{{.*}} dim 0 : tensor<32x64xf32> -> tensor<1x64xf32>
  %2 = fgla_tile.reduce add %x dim 0 : tensor<32x64xf32> -> tensor<1x64xf32>
  // CHECK: fgla_tile.scan mul %{{[^ ]*}} : tensor<32x64xf32>
  %3 = fgla_tile.scan mul %x : tensor<32x64xf32>
  // CHECK: fgla_tile.scan prob_or %{{[^ ]*}} exclusive reverse init(%{{.*}} : tensor<1x64xf32>) : tensor<32x64xf32>
  %4 = fgla_tile.scan prob_or %x exclusive reverse init(%i : tensor<1x64xf32>) : tensor<32x64xf32>
  // CHECK: fgla_tile.scan max %{{[^ ]*}} reverse : tensor<32x64xf32>
  %5 = fgla_tile.scan max %x reverse : tensor<32x64xf32>
  // CHECK: fgla_tile.decayed_scan %{{[^ ]*}}, %{{[^ ]*}} : tensor<32x64xf32>, tensor<32x64xf32>
  %sum = fgla_tile.decayed_scan %x, %x : tensor<32x64xf32>, tensor<32x64xf32>
  // CHECK: fgla_tile.decayed_scan %{{[^ ]*}}, %{{[^ ]*}} exclusive reverse : tensor<32x64xf32>, tensor<32x1xf32>
  %back = fgla_tile.decayed_scan %x, %f exclusive reverse : tensor<32x64xf32>, tensor<32x1xf32>
  // CHECK: fgla_tile.transpose %{{.*}} : tensor<32x64xf32> -> tensor<64x32xf32>
  %6 = fgla_tile.transpose %x : tensor<32x64xf32> -> tensor<64x32xf32>
  // CHECK: fgla_tile.row_norm %{{.*}} : tensor<32x64xf32> -> tensor<32x1xf32>
  %8 = fgla_tile.row_norm %x : tensor<32x64xf32> -> tensor<32x1xf32>
  // CHECK: fgla_tile.workers : index
  %7 = fgla_tile.workers : index
  return
}
