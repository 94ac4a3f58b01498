// Scores without decays for each key channel: products of what a role computes, by way of shared memory.
// RUN: fgla-opt %s --pass-pipeline='builtin.module(fgla-assign-layouts,fgla-link-companions,fgla-size-stages,fgla-lower-pipelines)' | FileCheck %s

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK: gpu.module @scores_gpu
  // CHECK: llvm.func @scores_0
  func.func private @scores(%in: memref<32x64xbf16>, %decays: memref<32x1xf32>, %out: memref<32x16xf32>, %n: index)
      attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    scf.forall (%b) in (%n) {
      fgla_warp.pipeline stages(1) {
        %x = fgla_warp.channel : <tensor<16x64xbf16>>
        %f = fgla_warp.channel : <tensor<16x1xf32>>
        %y = fgla_warp.channel : <tensor<16x64xbf16>>
        %s = fgla_warp.channel : <tensor<16x16xbf16>>
        fgla_warp.role "load" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_tile.load %in[%r, %c0] dims [0, 1] : memref<32x64xbf16> -> tensor<16x64xbf16>
            fgla_warp.put %a, %x[%t] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
            %d = fgla_tile.load %decays[%r, %c0] dims [0, 1] : memref<32x1xf32> -> tensor<16x1xf32>
            fgla_warp.put %d, %f[%t] : tensor<16x1xf32>, <tensor<16x1xf32>>
          }
        }
        // What is put anyway is read where it was put; the other operand goes to memory of the product's own. One
        // matrix instruction for each 16 of 64 columns and each 8 of 16 keys; then the decays between tokens.
        // CHECK: nvvm.ldmatrix
        // CHECK-COUNT-8: nvvm.mma.sync
        // CHECK-NOT: nvvm.mma.sync
        // CHECK: arith.cmpi sle
        fgla_warp.role "elementwise" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %a = fgla_warp.get %x[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
            %d = fgla_warp.get %f[%t] : <tensor<16x1xf32>> -> tensor<16x1xf32>
            %q = fgla_tile.map(%a) : (tensor<16x64xbf16>) -> tensor<16x64xbf16> {
            ^bb0(%e: bf16):
              %w = arith.extf %e : bf16 to f32
              %g = math.exp %w : f32
              %z = arith.truncf %g : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            %k = fgla_tile.map(%a) : (tensor<16x64xbf16>) -> tensor<16x64xbf16> {
            ^bb0(%e: bf16):
              %w = arith.extf %e : bf16 to f32
              %g = math.absf %w : f32
              %z = arith.truncf %g : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            fgla_warp.put %k, %y[%t] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
            %p = fgla_tile.dot %q, %k transposed : tensor<16x64xbf16>, tensor<16x64xbf16> -> tensor<16x16xf32>
            %m = fgla_tile.decay_matrix %d : tensor<16x1xf32> -> tensor<16x16xf32>
            %o = fgla_tile.map(%p, %m) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xbf16> {
            ^bb0(%e: f32, %g: f32):
              %w = arith.mulf %e, %g : f32
              %z = arith.truncf %w : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            fgla_warp.put %o, %s[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
            fgla_warp.release %t
          }
        }
        // CHECK: llvm.store
        fgla_warp.role "rows" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %k = fgla_warp.get %y[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
            %a = fgla_warp.get %s[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
            %o = fgla_tile.map(%a) : (tensor<16x16xbf16>) -> tensor<16x16xf32> {
            ^bb0(%e: bf16):
              %w = arith.extf %e : bf16 to f32
              fgla_tile.yield %w : f32
            }
            fgla_tile.store %o, %out[%r, %c0] dims [0, 1] : tensor<16x16xf32>, memref<32x16xf32>
            fgla_warp.release %t
          }
        }
      }
    }
    return
  }
}
