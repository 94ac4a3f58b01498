// Accumulators of 16 bits that are put leave up to four blocks of 8 x 8 at a time where there is an instruction for it, element by
// element or by two elsewhere. What decides is how a tile lies in registers.
// RUN: fgla-opt %s --split-input-file --pass-pipeline='builtin.module(fgla-assign-layouts,fgla-link-companions,fgla-size-stages,fgla-lower-pipelines)' | FileCheck %s

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // Rows along the instruction's rows: lanes 8 i ... 8 i + 7 address block i. Blocks 1 and 3 lie 8 rows down, 2 and 3 8 columns on.
  // CHECK-LABEL: llvm.func @plain_0
  // CHECK: nvvm.mma.sync
  // CHECK-COUNT-12: llvm.fptrunc
  // CHECK-NOT: llvm.store
  // CHECK-COUNT-2: nvvm.stmatrix %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} {{{.*}}layout = #nvvm.mma_layout<row>{{.*}}} : !llvm.ptr<3>, i32, i32, i32, i32
  // CHECK-NOT: nvvm.stmatrix
  // CHECK: nvvm.mbarrier.arrive
  func.func private @plain(%out: memref<32x32xbf16>, %n: index)
      attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    scf.forall (%b) in (%n) {
      fgla_warp.pipeline stages(1) {
        %x = fgla_warp.channel : <tensor<16x32xbf16>>
        %y = fgla_warp.channel : <tensor<16x32xbf16>>
        fgla_warp.role "load" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_tile.load %out[%r, %c0] dims [0, 1] : memref<32x32xbf16> -> tensor<16x32xbf16>
            fgla_warp.put %a, %x[%t] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
          }
        }
        fgla_warp.role "matrix" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %a = fgla_warp.get %x[%t] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
            // [16, 16] by [16, 32]: the rows of a tile times themselves, times the tile.
            %s = fgla_tile.dot %a, %a transposed : tensor<16x32xbf16>, tensor<16x32xbf16> -> tensor<16x16xf32>
            %narrow = fgla_tile.map(%s) : (tensor<16x16xf32>) -> tensor<16x16xbf16> {
            ^bb0(%e: f32):
              %z = arith.truncf %e : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            %d = fgla_tile.dot %narrow, %a : tensor<16x16xbf16>, tensor<16x32xbf16> -> tensor<16x32xf32>
            %o = fgla_tile.map(%d) : (tensor<16x32xf32>) -> tensor<16x32xbf16> {
            ^bb0(%e: f32):
              %z = arith.truncf %e : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            fgla_warp.put %o, %y[%t] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
            fgla_warp.release %t
          }
        }
        fgla_warp.role "store" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_warp.get %y[%t] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
            %d = fgla_tile.map(%a) : (tensor<16x32xbf16>) -> tensor<16x32xbf16> {
            ^bb0(%e: bf16):
              fgla_tile.yield %e : bf16
            }
            fgla_tile.store %d, %out[%r, %c0] rows(%c16) dims [0, 1] : tensor<16x32xbf16>, memref<32x32xbf16>
            fgla_warp.release %t
          }
        }
      }
    }
    return
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_80">} {
  // Two neighbours in a row at a time.
  // CHECK-LABEL: llvm.func @old_0
  // CHECK: nvvm.mma.sync
  // CHECK-NOT: nvvm.stmatrix
  // CHECK-COUNT-8: llvm.store %{{.+}}, %{{.+}} {alignment = 4 : i64} : i32, !llvm.ptr<3>
  // CHECK-NOT: llvm.store
  // CHECK: nvvm.mbarrier.arrive
  func.func private @old(%out: memref<32x32xbf16>, %n: index)
      attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    scf.forall (%b) in (%n) {
      fgla_warp.pipeline stages(1) {
        %x = fgla_warp.channel : <tensor<16x32xbf16>>
        %y = fgla_warp.channel : <tensor<16x32xbf16>>
        fgla_warp.role "load" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_tile.load %out[%r, %c0] dims [0, 1] : memref<32x32xbf16> -> tensor<16x32xbf16>
            fgla_warp.put %a, %x[%t] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
          }
        }
        fgla_warp.role "matrix" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %a = fgla_warp.get %x[%t] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
            // [16, 16] by [16, 32]: the rows of a tile times themselves, times the tile.
            %s = fgla_tile.dot %a, %a transposed : tensor<16x32xbf16>, tensor<16x32xbf16> -> tensor<16x16xf32>
            %narrow = fgla_tile.map(%s) : (tensor<16x16xf32>) -> tensor<16x16xbf16> {
            ^bb0(%e: f32):
              %z = arith.truncf %e : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            %d = fgla_tile.dot %narrow, %a : tensor<16x16xbf16>, tensor<16x32xbf16> -> tensor<16x32xf32>
            %o = fgla_tile.map(%d) : (tensor<16x32xf32>) -> tensor<16x32xbf16> {
            ^bb0(%e: f32):
              %z = arith.truncf %e : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            fgla_warp.put %o, %y[%t] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
            fgla_warp.release %t
          }
        }
        fgla_warp.role "store" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_warp.get %y[%t] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
            %d = fgla_tile.map(%a) : (tensor<16x32xbf16>) -> tensor<16x32xbf16> {
            ^bb0(%e: bf16):
              fgla_tile.yield %e : bf16
            }
            fgla_tile.store %d, %out[%r, %c0] rows(%c16) dims [0, 1] : tensor<16x32xbf16>, memref<32x32xbf16>
            fgla_warp.release %t
          }
        }
      }
    }
    return
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // What is the second operand of a product is kept transposed.
  // CHECK-LABEL: llvm.func @transposed_0
  // CHECK: nvvm.mma.sync
  // CHECK: nvvm.stmatrix %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} {{{.*}}layout = #nvvm.mma_layout<col>{{.*}}} : !llvm.ptr<3>, i32, i32, i32, i32
  // CHECK: nvvm.mbarrier.arrive
  func.func private @transposed(%out: memref<32x32xbf16>, %n: index)
      attributes {fgla.kernel = #fgla.schedule<tile = 16, segments = 1, stages = 2>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    scf.forall (%b) in (%n) {
      fgla_warp.pipeline stages(1) {
        %x = fgla_warp.channel : <tensor<16x32xbf16>>
        %y = fgla_warp.channel : <tensor<16x16xbf16>>
        %w = fgla_warp.channel : <tensor<16x16xbf16>>
        fgla_warp.role "load" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_tile.load %out[%r, %c0] dims [0, 1] : memref<32x32xbf16> -> tensor<16x32xbf16>
            fgla_warp.put %a, %x[%t] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
          }
        }
        fgla_warp.role "matrix" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %a = fgla_warp.get %x[%t] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
            // [16, 16] by [16, 32]: the rows of a tile times themselves, times the tile.
            %s = fgla_tile.dot %a, %a transposed : tensor<16x32xbf16>, tensor<16x32xbf16> -> tensor<16x16xf32>
            %narrow = fgla_tile.map(%s) : (tensor<16x16xf32>) -> tensor<16x16xbf16> {
            ^bb0(%e: f32):
              %z = arith.truncf %e : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            fgla_warp.put %narrow, %w[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
            %d = fgla_tile.dot %narrow transposed, %narrow : tensor<16x16xbf16>, tensor<16x16xbf16> -> tensor<16x16xf32>
            %o = fgla_tile.map(%d) : (tensor<16x16xf32>) -> tensor<16x16xbf16> {
            ^bb0(%e: f32):
              %r = arith.truncf %e : f32 to bf16
              fgla_tile.yield %r : bf16
            }
            fgla_warp.put %o, %y[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
            fgla_warp.release %t
          }
        }
        fgla_warp.role "store" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
            %r = arith.muli %t, %c16 : index
            %a = fgla_warp.get %y[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
            %b2 = fgla_warp.get %w[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
            %d = fgla_tile.map(%a, %b2) : (tensor<16x16xbf16>, tensor<16x16xbf16>) -> tensor<16x16xbf16> {
            ^bb0(%e: bf16, %e2: bf16):
              %f = arith.extf %e : bf16 to f32
              %f2 = arith.extf %e2 : bf16 to f32
              %sum = arith.addf %f, %f2 : f32
              %z = arith.truncf %sum : f32 to bf16
              fgla_tile.yield %z : bf16
            }
            fgla_tile.store %d, %out[%r, %c0] rows(%c16) dims [0, 1] : tensor<16x16xbf16>, memref<32x32xbf16>
            fgla_warp.release %t
          }
        }
      }
    }
    return
  }
}
