// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @pipeline
// CHECK-SAME: %[[X:.*]]: tensor<16x32xbf16>, %[[TURNS:.*]]: index
func.func @pipeline(%x: tensor<16x32xbf16>, %turns: index) {
  %c0 = arith.constant 0 : index
  // CHECK: fgla_warp.pipeline stages(8) {
  fgla_warp.pipeline stages(8) {
    // CHECK-NEXT: %[[A:.*]] = fgla_warp.channel : <tensor<16x32xbf16>>
    %a = fgla_warp.channel : <tensor<16x32xbf16>>
    // CHECK-NEXT: %[[B:.*]] = fgla_warp.channel reuses(%[[A]] : !fgla_warp.channel<tensor<16x32xbf16>>) : <tensor<16x32xbf16>>
    %b = fgla_warp.channel reuses(%a : !fgla_warp.channel<tensor<16x32xbf16>>) : <tensor<16x32xbf16>>
    // CHECK-NEXT: fgla_warp.role "load" warps(1) instances(1) {
    fgla_warp.role "load" warps(1) instances(1) {
    // CHECK-NEXT: ^bb0(%[[I:.*]]: index):
    ^bb0(%i: index):
      // CHECK-NEXT: fgla_tile.walk (%{{.*}}, %{{.*}}, %[[T:.*]]) = %{{.*}} to %[[TURNS]] by 1 instance(%[[I]] of 1)
      fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) {
        // CHECK-NEXT: fgla_warp.put %[[X]], %[[A]][%[[T]]] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
        fgla_warp.put %x, %a[%t] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
      }
    }
    // CHECK: fgla_warp.role "elementwise" warps(2) instances(4) {
    fgla_warp.role "elementwise" warps(2) instances(4) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 4) {
        // CHECK: %[[Y:.*]] = fgla_warp.get %[[A]][%[[U:.*]]] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
        %y = fgla_warp.get %a[%t] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
        // CHECK-NEXT: fgla_warp.put %[[Y]], %[[B]][%[[U]]] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
        fgla_warp.put %y, %b[%t] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
        // CHECK-NEXT: fgla_warp.release %[[U]]
        fgla_warp.release %t
      }
    }
    // CHECK: fgla_warp.role "matrix" warps(4) instances(1) {
    fgla_warp.role "matrix" warps(4) instances(1) {
    ^bb0(%i: index):
      fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) {
        %y = fgla_warp.get %b[%t] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
        fgla_warp.release %t
      }
    }
    // A role that nobody names in a channel, and attributes.
    // CHECK: fgla_warp.role "idle" warps(1) instances(1) attributes {note = 3 : i64} {
    fgla_warp.role "idle" warps(1) instances(1) attributes {note = 3 : i64} {
    ^bb0(%i: index):
    }
  }
  return
}

// The type in an argument and in a result.
// CHECK-LABEL: func.func private @types(!fgla_warp.channel<tensor<1x128xf32>>) -> !fgla_warp.channel<tensor<16x1xf16>>
func.func private @types(!fgla_warp.channel<tensor<1x128xf32>>) -> !fgla_warp.channel<tensor<16x1xf16>>
