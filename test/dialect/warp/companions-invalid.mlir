// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @other(%q: tensor<16x64xbf16>, %s: tensor<16x16xf32>, %turns: index) {
  %c0 = arith.constant 0 : index
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x64xbf16>>
    fgla_warp.role "elementwise" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) {
        // expected-error @+1 {{must name scores of the same turn (put_c2)}}
        fgla_warp.put %q, %a[%t] along(%s : tensor<16x16xf32>) : tensor<16x64xbf16>, <tensor<16x64xbf16>>
      }
    }
  }
  return
}

// -----

func.func @shape(%q: tensor<16x64xbf16>, %f: tensor<16x64xf32>, %x: tensor<16x32xbf16>, %turns: index) {
  %c0 = arith.constant 0 : index
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xbf16>>
    fgla_warp.role "elementwise" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) {
        %s = fgla_tile.decayed_scores %f, %f, %f : tensor<16x64xf32> -> tensor<16x16xf32>
        // expected-error @+1 {{must have the shape and the layout of the query that it is written along with, 'tensor<16x64xf32>', got 'tensor<16x32xbf16>' (put_c2)}}
        fgla_warp.put %x, %a[%t] along(%s : tensor<16x16xf32>) : tensor<16x32xbf16>, <tensor<16x32xbf16>>
      }
    }
  }
  return
}

// -----

func.func @decayed(%q: tensor<16x64xbf16>, %turns: index) {
  %c0 = arith.constant 0 : index
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x64xbf16>>
    fgla_warp.role "elementwise" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) {
        // expected-error @+1 {{must name the scores whose operand it is, decayed (put_c3)}}
        fgla_warp.put %q, %a[%t] decayed : tensor<16x64xbf16>, <tensor<16x64xbf16>>
      }
    }
  }
  return
}
