// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @load_store
func.func @load_store(%z: memref<?x?x4x64xbf16>, %w: memref<64xf32, strided<[2], offset: ?>>, %b: index, %t: index, %n: index) {
  %c0 = arith.constant 0 : index
  // CHECK: %[[X:.*]] = fgla_tile.load %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] rows(%{{.*}}) dims [1, 3] : memref<?x?x4x64xbf16> -> tensor<32x64xbf16>
  %x = fgla_tile.load %z[%b, %t, %c0, %c0] rows(%n) dims [1, 3] : memref<?x?x4x64xbf16> -> tensor<32x64xbf16>
  // CHECK: fgla_tile.load %{{.*}}[%{{.*}}] dims [-1, 0] : memref<64xf32, strided<[2], offset: ?>> -> tensor<1x64xf32>
  %y = fgla_tile.load %w[%c0] dims [-1, 0] : memref<64xf32, strided<[2], offset: ?>> -> tensor<1x64xf32>
  // CHECK: fgla_tile.load %{{.*}} rows(%{{.*}}) cols(%{{.*}}) dims [1, 3]
  %c = fgla_tile.load %z[%b, %t, %c0, %c0] rows(%n) cols(%n) dims [1, 3] : memref<?x?x4x64xbf16> -> tensor<32x128xbf16>
  // CHECK: fgla_tile.store %{{.*}} cols(%{{.*}}) dims [1, 3] : tensor<32x128xbf16>
  fgla_tile.store %c, %z[%b, %t, %c0, %c0] cols(%n) dims [1, 3] : tensor<32x128xbf16>, memref<?x?x4x64xbf16>
  // CHECK: fgla_tile.store %[[X]], %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] rows(%{{.*}}) dims [1, 3] : tensor<32x64xbf16>, memref<?x?x4x64xbf16>
  fgla_tile.store %x, %z[%b, %t, %c0, %c0] rows(%n) dims [1, 3] : tensor<32x64xbf16>, memref<?x?x4x64xbf16>
  // CHECK: fgla_tile.store %{{.*}}, %{{.*}}[%{{.*}}] dims [-1, 0] : tensor<1x64xf32>, memref<64xf32, strided<[2], offset: ?>>
  fgla_tile.store %y, %w[%c0] dims [-1, 0] : tensor<1x64xf32>, memref<64xf32, strided<[2], offset: ?>>
  return
}
