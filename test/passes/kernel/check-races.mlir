// Who arrives at the barrier that says "all is there": a lane for its warp, after a bar.warp.sync; for race checkers, every lane.
// RUN: fgla-opt %s --pass-pipeline='builtin.module(fgla-assign-layouts,fgla-link-companions,fgla-size-stages,fgla-lower-pipelines)' | FileCheck %s --check-prefixes=CHECK,WARP
// RUN: fgla-opt %s --pass-pipeline='builtin.module(fgla-assign-layouts,fgla-link-companions,fgla-size-stages,fgla-lower-pipelines{check-races=true})' | FileCheck %s --check-prefixes=CHECK,LANES

module attributes {fgla.target = #fgla.target<"sm_80">} {
  // CHECK-LABEL: llvm.func @double_0
  // The copying role: each of its 32 threads. Then the others, of one warp each: what is put, and that both are done.
  // CHECK-DAG: %[[LANES:.+]] = arith.constant 32 : i32
  // WARP: %[[ONE:.+]] = arith.constant 1 : i32
  // WARP-NEXT: nvvm.mbarrier.init %{{.+}}, %[[ONE]]
  // WARP: %[[BOTH:.+]] = arith.constant 2 : i32
  // WARP-NEXT: nvvm.mbarrier.init %{{.+}}, %[[BOTH]]
  // LANES: %[[BOTH:.+]] = arith.constant 64 : i32
  // LANES-NEXT: nvvm.mbarrier.init %{{.+}}, %[[BOTH]]
  // CHECK: nvvm.bar.warp.sync
  // WARP: scf.if
  // LANES-NOT: scf.if
  // CHECK: nvvm.mbarrier.arrive
  func.func private @double(%in: memref<32x64xbf16>, %out: memref<32x64xbf16>, %n: index)
      attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    scf.forall (%b) in (%n) {
      fgla_warp.pipeline stages(1) {
        %x = fgla_warp.channel : <tensor<16x64xbf16>>
        %y = fgla_warp.channel : <tensor<16x64xbf16>>
        fgla_warp.role "load" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_tile.load %in[%r, %c0] dims [0, 1] : memref<32x64xbf16> -> tensor<16x64xbf16>
            fgla_warp.put %a, %x[%t] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
          }
        }
        fgla_warp.role "elementwise" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %a = fgla_warp.get %x[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
            %d = fgla_tile.map(%a) : (tensor<16x64xbf16>) -> tensor<16x64xbf16> {
            ^bb0(%e: bf16):
              %w = arith.extf %e : bf16 to f32
              %s = arith.addf %w, %w : f32
              %z = arith.truncf %s : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            fgla_warp.put %d, %y[%t] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
            fgla_warp.release %t
          }
        }
        fgla_warp.role "store" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_warp.get %y[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
            %d = fgla_tile.map(%a) : (tensor<16x64xbf16>) -> tensor<16x64xbf16> {
            ^bb0(%e: bf16):
              fgla_tile.yield %e : bf16
            }
            fgla_tile.store %d, %out[%r, %c0] rows(%c16) dims [0, 1] : tensor<16x64xbf16>, memref<32x64xbf16>
            fgla_warp.release %t
          }
        }
      }
    }
    return
  }
}
