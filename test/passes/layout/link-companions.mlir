// RUN: fgla-opt %s --pass-pipeline='builtin.module(fgla-assign-layouts,fgla-link-companions)' | FileCheck %s

// What is put of the scores' elements, in their layout, is written along with them, wherever the put was. It is said
// which is the query, or the key, decayed to an end of the tile. The total of the decays comes after the scores too,
// but is another tile.
// CHECK-LABEL: func.func @scores
// CHECK: fgla_warp.role "elementwise"
// CHECK-NOT: fgla_warp.put
// CHECK: %[[S:.*]] = fgla_tile.decayed_scores
// CHECK-NEXT: fgla_warp.put %{{.*}}, %{{.*}}[%{{.*}}] along(%[[S]] : {{.*}}) decayed : {{.*}}, <tensor<16x64xbf16>>
// CHECK-NEXT: fgla_warp.put %{{.*}}, %{{.*}}[%{{.*}}] : {{.*}}, <tensor<1x64xf32>>
// CHECK: fgla_warp.put %{{.*}}, %{{.*}}[%{{.*}}] along(%[[S]] : {{.*}}) decayed : {{.*}}, <tensor<16x64xbf16>>
// CHECK: fgla_warp.put %{{.*}}, %{{.*}}[%{{.*}}] along(%[[S]] : {{[^)]*}}) : {{.*}}, <tensor<16x64xbf16>>
// CHECK: fgla_warp.put %{{.*}}, %{{.*}}[%{{.*}}] : {{.*}}, <tensor<16x16xbf16>>
func.func @scores(%in: memref<32x64xbf16>, %out: memref<32x64xbf16>, %n: index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  fgla_warp.pipeline stages(2) {
    %x = fgla_warp.channel : <tensor<16x64xbf16>>
    %fromStart = fgla_warp.channel : <tensor<16x64xbf16>>
    %toEnd = fgla_warp.channel : <tensor<16x64xbf16>>
    %other = fgla_warp.channel : <tensor<16x64xbf16>>
    %total = fgla_warp.channel : <tensor<1x64xf32>>
    %scores = fgla_warp.channel : <tensor<16x16xbf16>>
    fgla_warp.role "load" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
        %a = fgla_tile.load %in[%t, %c0] dims [0, 1] : memref<32x64xbf16> -> tensor<16x64xbf16>
        fgla_warp.put %a, %x[%t] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
      }
    }
    fgla_warp.role "elementwise" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
        %a = fgla_warp.get %x[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
        %q, %f, %h = fgla_tile.map(%a) : (tensor<16x64xbf16>) -> (tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xbf16>) {
        ^bb0(%e: bf16):
          %wide = arith.extf %e : bf16 to f32
          %exp = math.exp %wide : f32
          %square = arith.mulf %e, %e : bf16
          fgla_tile.yield %wide, %exp, %square : f32, f32, bf16
        }
        %start = fgla_tile.scan mul %f : tensor<16x64xf32>
        %end = fgla_tile.scan mul %f exclusive reverse : tensor<16x64xf32>
        %qStart = fgla_tile.map(%q, %start) : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xbf16> {
        ^bb0(%e: f32, %d: f32):
          %m = arith.mulf %e, %d : f32
          %r = arith.truncf %m : f32 to bf16
          fgla_tile.yield %r : bf16
        }
        fgla_warp.put %qStart, %fromStart[%t] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
        %row = tensor.extract_slice %start[15, 0] [1, 64] [1, 1] : tensor<16x64xf32> to tensor<1x64xf32>
        fgla_warp.put %row, %total[%t] : tensor<1x64xf32>, <tensor<1x64xf32>>
        %s = fgla_tile.decayed_scores %q, %q, %f : tensor<16x64xf32> -> tensor<16x16xf32>
        %qEnd = fgla_tile.map(%q, %end) : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xbf16> {
        ^bb0(%e: f32, %d: f32):
          %m = arith.mulf %e, %d : f32
          %r = arith.truncf %m : f32 to bf16
          fgla_tile.yield %r : bf16
        }
        fgla_warp.put %qEnd, %toEnd[%t] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
        fgla_warp.put %h, %other[%t] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
        %narrow = fgla_tile.map(%s) : (tensor<16x16xf32>) -> tensor<16x16xbf16> {
        ^bb0(%e: f32):
          %r = arith.truncf %e : f32 to bf16
          fgla_tile.yield %r : bf16
        }
        fgla_warp.put %narrow, %scores[%t] : tensor<16x16xbf16>, <tensor<16x16xbf16>>
        fgla_warp.release %t
      }
    }
    fgla_warp.role "matrix" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %c2 by 1 instance(%i of 1) {
        %a = fgla_warp.get %fromStart[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
        %b = fgla_warp.get %toEnd[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
        %c = fgla_warp.get %other[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
        %d = fgla_warp.get %total[%t] : <tensor<1x64xf32>> -> tensor<1x64xf32>
        %e = fgla_warp.get %scores[%t] : <tensor<16x16xbf16>> -> tensor<16x16xbf16>
        fgla_tile.store %a, %out[%t, %c0] dims [0, 1] : tensor<16x64xbf16>, memref<32x64xbf16>
        fgla_warp.release %t
      }
    }
  }
  return
}
