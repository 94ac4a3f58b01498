// RUN: fgla-opt %s --fgla-roles-to-threads=stages=3 --split-input-file --verify-diagnostics | FileCheck %s

// A thread for each instance, a ring for each channel, counters for each channel and role; one program after the other.
// CHECK: llvm.func @dprintf(i32, !llvm.ptr, ...) -> i32
// CHECK-LABEL: func.func private @kernel
func.func private @kernel(%x: memref<?x8xf32>, %n: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  // CHECK: scf.for %{{.*}} = %{{.*}} to %[[N:.*]] step
  scf.forall (%b) in (%n) {
    // Two channels in one memory.
    // CHECK: %[[RING:.*]] = memref.alloc() : memref<3x4x8xf32>
    // CHECK-NOT: memref.alloc() : memref<3x4x8xf32>
    // (2 channels + 3 roles) of 3 slots.
    // CHECK: %[[COUNTERS:.*]] = memref.alloc() : memref<15xi64>
    // CHECK: scf.for
    // CHECK: memref.store %{{.*}}, %[[COUNTERS]]
    fgla_warp.pipeline stages(1) {
      %tiles = fgla_warp.channel : <tensor<4x8xf32>>
      %sums = fgla_warp.channel reuses(%tiles : !fgla_warp.channel<tensor<4x8xf32>>) : <tensor<4x8xf32>>
      // CHECK: scf.forall (%[[THREAD:.*]]) in (5) {
      // CHECK: scf.if
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %n by 1 instance(%i of 1) {
          // CHECK: %[[TILE:.*]] = fgla_tile.load %{{.*}} : memref<?x8xf32> -> tensor<4x8xf32>
          %tile = fgla_tile.load %x[%t, %t] dims [0, 1] : memref<?x8xf32> -> tensor<4x8xf32>
          // For the two roles that get something to release the turn.
          // CHECK-COUNT-2: llvm.call @fgla_role_await
          // CHECK-NOT: llvm.call @fgla_role_await
          // CHECK: fgla_tile.store %[[TILE]], %[[RING]][%{{.*}}, %{{.*}}, %{{.*}}] dims [1, 2] : tensor<4x8xf32>, memref<3x4x8xf32>
          // CHECK: llvm.call @fgla_role_advance
          fgla_warp.put %tile, %tiles[%t] : tensor<4x8xf32>, <tensor<4x8xf32>>
        }
      }
      // CHECK: %[[INSTANCE:.*]] = arith.subi %[[THREAD]]
      // CHECK: arith.cmpi ult, %[[INSTANCE]], %{{.*}}
      // CHECK: scf.if
      fgla_warp.role "sum" warps(2) instances(3) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %n by 1 instance(%i of 3) {
          // Read in place where it is computed with, a copy where it only gets another name.
          // CHECK: llvm.call @fgla_role_await
          // CHECK: %[[SLOT:.*]] = memref.subview %[[RING]]
          // CHECK: %[[GOT:.*]] = bufferization.to_tensor %[[SLOT]] restrict
          // CHECK: %[[COPY:.*]] = fgla_tile.map(%[[GOT]])
          %tile = fgla_warp.get %tiles[%t] : <tensor<4x8xf32>> -> tensor<4x8xf32>
          // CHECK: fgla_tile.transpose %[[COPY]]
          %turned = fgla_tile.transpose %tile : tensor<4x8xf32> -> tensor<8x4xf32>
          // CHECK: fgla_tile.scan add %[[GOT]]
          %sum = fgla_tile.scan add %tile : tensor<4x8xf32>
          // CHECK: fgla_tile.store %{{.*}}, %[[RING]]
          fgla_warp.put %sum, %sums[%t] : tensor<4x8xf32>, <tensor<4x8xf32>>
          // CHECK: llvm.call @fgla_role_advance
          // CHECK: llvm.call @fgla_role_advance
          fgla_warp.release %t
        }
      }
      fgla_warp.role "end" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %n by 1 instance(%i of 1) {
          %sum = fgla_warp.get %sums[%t] : <tensor<4x8xf32>> -> tensor<4x8xf32>
          fgla_warp.release %t
        }
      }
    }
    // CHECK: } {fgla.threads}
  }
  return
}
// CHECK: llvm.func internal @fgla_role_await
// CHECK: llvm.load %{{.*}} atomic acquire
// CHECK: llvm.func internal @fgla_role_advance
// CHECK: llvm.store %{{.*}} atomic release

// -----

// Products of bf16 sum up in f32: of operands that are widened.
// CHECK-LABEL: func.func private @narrow
func.func private @narrow(%a: tensor<8x8xbf16>) {
  scf.forall (%b) in (2) {
    fgla_warp.pipeline stages(1) {
      fgla_warp.role "matrix" warps(1) instances(1) {
      ^bb0(%i: index):
        // CHECK: fgla_tile.dot %{{.*}}, %{{.*}} : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
        %c = fgla_tile.dot %a, %a : tensor<8x8xbf16>, tensor<8x8xbf16> -> tensor<8x8xf32>
      }
    }
  }
  return
}

// -----

func.func private @alone() {
  // expected-error @+1 {{must stand in an 'scf.forall' without results to run on threads}}
  fgla_warp.pipeline stages(1) {
  }
  return
}
