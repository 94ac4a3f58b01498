// RUN: fgla-opt %s --fgla-share-loads | FileCheck %s

// A slice of a tile that is loaded whole is a part of it, also where it comes first.
// CHECK-LABEL: func.func private @part
func.func private @part(%z: memref<?x256xbf16>, %n: index, %s: index, %sum: tensor<16x64xbf16>) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  // CHECK: %[[FIRST:.*]] = arith.muli
  %first = arith.muli %s, %c64 : index
  // CHECK: fgla_tile.walk
  fgla_tile.walk (%t, %rows, %turn) = %c0 to %n by 16 {
    // CHECK-NEXT: %[[WHOLE:.*]] = fgla_tile.load %{{.*}}[%{{.*}}, %c0] {{.*}} -> tensor<16x256xbf16>
    // CHECK-NEXT: %[[PART:.*]] = tensor.extract_slice %[[WHOLE]][0, %[[FIRST]]] [16, 64] [1, 1]
    // CHECK-NEXT: fgla_tile.store %[[PART]]
    // CHECK-NOT: fgla_tile.load
    %part = fgla_tile.load %z[%t, %first] rows(%n) dims [0, 1] : memref<?x256xbf16> -> tensor<16x64xbf16>
    fgla_tile.store %part, %z[%t, %c0] dims [0, 1] : tensor<16x64xbf16>, memref<?x256xbf16>
    %whole = fgla_tile.load %z[%t, %c0] rows(%n) dims [0, 1] : memref<?x256xbf16> -> tensor<16x256xbf16>
    fgla_tile.store %whole, %z[%t, %c0] dims [0, 1] : tensor<16x256xbf16>, memref<?x256xbf16>
  }
  return
}

// Not where it is no whole lines, where there are other rows, or in front of the walk, where nothing goes through channels.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: tensor.extract_slice
func.func private @others(%z: memref<?x256xbf16>, %n: index, %s: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %first = arith.muli %s, %c16 : index
  %line = arith.muli %s, %c64 : index
  %a = fgla_tile.load %z[%c0, %line] rows(%n) dims [0, 1] : memref<?x256xbf16> -> tensor<16x64xbf16>
  %b = fgla_tile.load %z[%c0, %c0] rows(%n) dims [0, 1] : memref<?x256xbf16> -> tensor<16x256xbf16>
  fgla_tile.store %a, %z[%c0, %c0] dims [0, 1] : tensor<16x64xbf16>, memref<?x256xbf16>
  fgla_tile.store %b, %z[%c0, %c0] dims [0, 1] : tensor<16x256xbf16>, memref<?x256xbf16>
  fgla_tile.walk (%t, %rows, %turn) = %c0 to %n by 16 {
    %whole = fgla_tile.load %z[%t, %c0] rows(%n) dims [0, 1] : memref<?x256xbf16> -> tensor<16x256xbf16>
    %x = fgla_tile.load %z[%t, %first] rows(%n) dims [0, 1] : memref<?x256xbf16> -> tensor<16x64xbf16>
    %y = fgla_tile.load %z[%t, %line] rows(%t) dims [0, 1] : memref<?x256xbf16> -> tensor<16x64xbf16>
    fgla_tile.store %whole, %z[%t, %c0] dims [0, 1] : tensor<16x256xbf16>, memref<?x256xbf16>
    fgla_tile.store %x, %z[%t, %c0] dims [0, 1] : tensor<16x64xbf16>, memref<?x256xbf16>
    fgla_tile.store %y, %z[%t, %c0] dims [0, 1] : tensor<16x64xbf16>, memref<?x256xbf16>
  }
  return
}
