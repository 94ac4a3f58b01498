// RUN: fgla-opt %s --pass-pipeline='builtin.module(fgla-assign-layouts,fgla-link-companions,fgla-size-stages,fgla-lower-pipelines)' | FileCheck %s

// What a role carries on is computed where it is asked for. What is computed from the turn's memory is asked for before
// the role says that it is done with that: else the next turn may be there already.
module attributes {fgla.target = #fgla.target<"sm_80">} {
  // CHECK-LABEL: llvm.func @total_0
  // CHECK: nvvm.mbarrier.test.wait
  // CHECK: nvvm.mbarrier.test.wait
  // CHECK: %[[GOT:.+]] = llvm.load {{.*}} !llvm.ptr<3> -> vector<2xf32>
  // CHECK: %[[ONE:.+]] = llvm.extractelement %[[GOT]]
  // CHECK: arith.mulf %{{.+}}, %[[ONE]]
  // CHECK: nvvm.mbarrier.arrive
  // CHECK-NOT: llvm.load
  // CHECK: scf.yield
  func.func private @total(%in: memref<32x64xf32>, %out: memref<1x64xf32>, %n: index, %one: f32)
      attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    scf.forall (%b) in (%n) {
      fgla_warp.pipeline stages(1) {
        %x = fgla_warp.channel : <tensor<1x64xf32>>
        fgla_warp.role "load" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %a = fgla_tile.load %in[%t, %c0] dims [0, 1] : memref<32x64xf32> -> tensor<1x64xf32>
            fgla_warp.put %a, %x[%t] : tensor<1x64xf32>, <tensor<1x64xf32>>
          }
        }
        fgla_warp.role "matrix" warps(1) instances(1) {
        ^bb0(%i: index):
          %initial = fgla_tile.map() : () -> tensor<1x64xf32> {
            fgla_tile.yield %one : f32
          }
          %last = fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) iter_args(%total = %initial) -> (tensor<1x64xf32>) {
            %a = fgla_warp.get %x[%t] : <tensor<1x64xf32>> -> tensor<1x64xf32>
            %next = fgla_tile.map(%total, %a) : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32> {
            ^bb0(%e: f32, %f: f32):
              %p = arith.mulf %e, %f : f32
              fgla_tile.yield %p : f32
            }
            fgla_warp.release %t
            fgla_tile.yield %next : tensor<1x64xf32>
          }
          fgla_tile.store %last, %out[%c0, %c0] dims [0, 1] : tensor<1x64xf32>, memref<1x64xf32>
        }
      }
    }
    return
  }
}
