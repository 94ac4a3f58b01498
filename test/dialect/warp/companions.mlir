// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s

// A tile that scores write along, and one of which they know how it is made.
// CHECK-LABEL: func.func @companions
func.func @companions(%q: tensor<16x64xbf16>, %f: tensor<16x64xf32>, %turns: index) {
  %c0 = arith.constant 0 : index
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x64xbf16>>
    %b = fgla_warp.channel : <tensor<16x64xbf16>>
    fgla_warp.role "elementwise" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) {
        // CHECK: %[[S:.*]] = fgla_tile.decayed_scores
        %s = fgla_tile.decayed_scores %f, %f, %f : tensor<16x64xf32> -> tensor<16x16xf32>
        // CHECK: fgla_warp.put %{{.*}}, %{{.*}}[%{{.*}}] along(%[[S]] : tensor<16x16xf32>) : tensor<16x64xbf16>, <tensor<16x64xbf16>>
        fgla_warp.put %q, %a[%t] along(%s : tensor<16x16xf32>) : tensor<16x64xbf16>, <tensor<16x64xbf16>>
        // CHECK: fgla_warp.put %{{.*}}, %{{.*}}[%{{.*}}] along(%[[S]] : tensor<16x16xf32>) decayed :
        fgla_warp.put %q, %b[%t] along(%s : tensor<16x16xf32>) decayed : tensor<16x64xbf16>, <tensor<16x64xbf16>>
      }
    }
    fgla_warp.role "matrix" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) {
        %x = fgla_warp.get %a[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
        %y = fgla_warp.get %b[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
        fgla_warp.release %t
      }
    }
  }
  return
}
