// RUN: fgla-opt %s --pass-pipeline='builtin.module(fgla-assign-layouts,fgla-link-companions,fgla-size-stages,fgla-lower-pipelines)' | FileCheck %s

// Where a role writes what others may still read, it waits for them first.
module attributes {fgla.target = #fgla.target<"sm_90a">} {

// Of 16 x 16 elements, four threads of 64 hold the same: each has read what it changes before one writes.
// CHECK-LABEL: llvm.func @copies_0
// CHECK-COUNT-16: llvm.load {{.*}} : !llvm.ptr<3> -> f32
// CHECK-NOT: llvm.store
// CHECK: "llvm.nvvm.barrier.cta.sync.aligned.count"
// CHECK-COUNT-16: llvm.store {{.*}} : f32, !llvm.ptr<3>
func.func private @copies(%in: memref<32x16xf32>, %out: memref<32x16xf32>, %n: index)
    attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.forall (%b) in (%n) {
    fgla_warp.pipeline stages(1) {
      %x = fgla_warp.channel : <tensor<16x16xf32>>
      %y = fgla_warp.channel reuses(%x : !fgla_warp.channel<tensor<16x16xf32>>) : <tensor<16x16xf32>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_tile.load %in[%t, %c0] dims [0, 1] : memref<32x16xf32> -> tensor<16x16xf32>
          fgla_warp.put %a, %x[%t] : tensor<16x16xf32>, <tensor<16x16xf32>>
        }
      }
      fgla_warp.role "elementwise" warps(2) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_warp.get %x[%t] : <tensor<16x16xf32>> -> tensor<16x16xf32>
          %double = fgla_tile.map(%a) : (tensor<16x16xf32>) -> tensor<16x16xf32> {
          ^bb0(%e: f32):
            %d = arith.addf %e, %e : f32
            fgla_tile.yield %d : f32
          }
          fgla_warp.put %double, %y[%t] : tensor<16x16xf32>, <tensor<16x16xf32>>
          fgla_warp.release %t
        }
      }
      fgla_warp.role "matrix" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_warp.get %y[%t] : <tensor<16x16xf32>> -> tensor<16x16xf32>
          fgla_tile.store %a, %out[%t, %c0] dims [0, 1] : tensor<16x16xf32>, memref<32x16xf32>
          fgla_warp.release %t
        }
      }
    }
  }
  return
}

// Both warps read all of the first operand, and each writes half of the product in its place. In a product each of
// whose warps has columns of its own, as of the second operand, a warp's own threads are enough.
// CHECK-LABEL: llvm.func @first_0
// CHECK: nvvm.mma.sync
// CHECK-NOT: nvvm.stmatrix
// CHECK: "llvm.nvvm.barrier.cta.sync.aligned.count"
// CHECK: nvvm.stmatrix
// CHECK-LABEL: llvm.func @second_0
// CHECK: nvvm.mma.sync
// CHECK-NOT: "llvm.nvvm.barrier.cta.sync.aligned.count"
// CHECK: nvvm.bar.warp.sync
// CHECK: nvvm.stmatrix
func.func private @first(%in: memref<32x16xbf16>, %weight: memref<16x16xbf16>, %out: memref<32x16xbf16>, %n: index)
    attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.forall (%b) in (%n) {
    fgla_warp.pipeline stages(1) {
      %x = fgla_warp.channel : <tensor<16x16xbf16>>
      %w = fgla_warp.channel : <tensor<16x16xbf16>>
      %y = fgla_warp.channel reuses(%x : !fgla_warp.channel<tensor<16x16xbf16>>) : <tensor<16x16xbf16>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_tile.load %in[%t, %c0] dims [0, 1] : memref<32x16xbf16> -> tensor<16x16xbf16>
          fgla_warp.put %a, %x[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
          %b2 = fgla_tile.load %weight[%c0, %c0] dims [0, 1] : memref<16x16xbf16> -> tensor<16x16xbf16>
          fgla_warp.put %b2, %w[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
        }
      }
      fgla_warp.role "matrix" warps(2) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_warp.get %x[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
          %b2 = fgla_warp.get %w[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
          %product = fgla_tile.dot %a, %b2 : tensor<16x16xbf16>, tensor<16x16xbf16> -> tensor<16x16xf32>
          %narrow = fgla_tile.map(%product) : (tensor<16x16xf32>) -> tensor<16x16xbf16> {
          ^bb0(%e: f32):
            %d = arith.truncf %e : f32 to bf16
            fgla_tile.yield %d : bf16
          }
          fgla_warp.put %narrow, %y[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
          fgla_warp.release %t
        }
      }
      fgla_warp.role "epilogue" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_warp.get %y[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
          fgla_tile.store %a, %out[%t, %c0] dims [0, 1] : tensor<16x16xbf16>, memref<32x16xbf16>
          fgla_warp.release %t
        }
      }
    }
  }
  return
}

func.func private @second(%in: memref<32x16xbf16>, %weight: memref<16x16xbf16>, %out: memref<32x16xbf16>, %n: index)
    attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.forall (%b) in (%n) {
    fgla_warp.pipeline stages(1) {
      %x = fgla_warp.channel : <tensor<16x16xbf16>>
      %w = fgla_warp.channel : <tensor<16x16xbf16>>
      %y = fgla_warp.channel reuses(%x : !fgla_warp.channel<tensor<16x16xbf16>>) : <tensor<16x16xbf16>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_tile.load %in[%t, %c0] dims [0, 1] : memref<32x16xbf16> -> tensor<16x16xbf16>
          fgla_warp.put %a, %x[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
          %b2 = fgla_tile.load %weight[%c0, %c0] dims [0, 1] : memref<16x16xbf16> -> tensor<16x16xbf16>
          fgla_warp.put %b2, %w[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
        }
      }
      fgla_warp.role "matrix" warps(2) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_warp.get %x[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
          %b2 = fgla_warp.get %w[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
          %product = fgla_tile.dot %b2, %a : tensor<16x16xbf16>, tensor<16x16xbf16> -> tensor<16x16xf32>
          %narrow = fgla_tile.map(%product) : (tensor<16x16xf32>) -> tensor<16x16xbf16> {
          ^bb0(%e: f32):
            %d = arith.truncf %e : f32 to bf16
            fgla_tile.yield %d : bf16
          }
          fgla_warp.put %narrow, %y[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
          fgla_warp.release %t
        }
      }
      fgla_warp.role "epilogue" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_warp.get %y[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
          fgla_tile.store %a, %out[%t, %c0] dims [0, 1] : tensor<16x16xbf16>, memref<32x16xbf16>
          fgla_warp.release %t
        }
      }
    }
  }
  return
}

// What a role computes from constants alone is put when the turn's memory is free: nobody else tells the role.
// CHECK-LABEL: llvm.func @constants_0
// CHECK: nvvm.mbarrier.try_wait
// CHECK: llvm.store {{.*}} : f32, !llvm.ptr<3>
// CHECK: nvvm.mbarrier.arrive
// CHECK: nvvm.mbarrier.try_wait
func.func private @constants(%out: memref<32x1xf32>, %one: f32, %n: index)
    attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.forall (%b) in (%n) {
    fgla_warp.pipeline stages(1) {
      %x = fgla_warp.channel : <tensor<16x1xf32>>
      fgla_warp.role "rows" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_tile.map() : () -> tensor<16x1xf32> {
            fgla_tile.yield %one : f32
          }
          fgla_warp.put %a, %x[%t] : tensor<16x1xf32>, <tensor<16x1xf32>>
        }
      }
      fgla_warp.role "epilogue" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
          %a = fgla_warp.get %x[%t] : <tensor<16x1xf32>> -> tensor<16x1xf32>
          fgla_tile.store %a, %out[%t, %c0] dims [0, 1] : tensor<16x1xf32>, memref<32x1xf32>
          fgla_warp.release %t
        }
      }
    }
  }
  return
}
}
