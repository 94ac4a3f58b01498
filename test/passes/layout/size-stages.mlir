// RUN: fgla-opt %s --fgla-size-stages --split-input-file | FileCheck %s

// A turn takes 16 rows of 128 bf16 with 16 bytes between rows, 4352 bytes: more than 16 turns would fit and are not used.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK-LABEL: func.func private @most
  // CHECK: fgla_warp.pipeline stages(16)
  func.func private @most(%x: tensor<16x128xbf16>) {
    fgla_warp.pipeline stages(1) {
      %a = fgla_warp.channel : <tensor<16x128xbf16>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_warp.put %x, %a[%i] : tensor<16x128xbf16>, <tensor<16x128xbf16>>
      }
      fgla_warp.role "sink" warps(1) instances(1) {
      ^bb0(%i: index):
        %got_a = fgla_warp.get %a[%i] : <tensor<16x128xbf16>> -> tensor<16x128xbf16>
        fgla_warp.release %i
      }
    }
    return
  }
}

// -----

// 128 rows of 128 f32 with 16 bytes between rows: 67584 bytes a turn. sm_90a has 227 KiB less 1 KiB: three turns.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK-LABEL: func.func private @three
  // CHECK: fgla_warp.pipeline stages(3)
  func.func private @three(%x: tensor<128x128xf32>) {
    fgla_warp.pipeline stages(1) {
      %a = fgla_warp.channel : <tensor<128x128xf32>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_warp.put %x, %a[%i] : tensor<128x128xf32>, <tensor<128x128xf32>>
      }
      fgla_warp.role "sink" warps(1) instances(1) {
      ^bb0(%i: index):
        %got_a = fgla_warp.get %a[%i] : <tensor<128x128xf32>> -> tensor<128x128xf32>
        fgla_warp.release %i
      }
    }
    return
  }
}

// -----

// Memory that is used again counts once.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK-LABEL: func.func private @reused
  // CHECK: fgla_warp.pipeline stages(3)
  func.func private @reused(%x: tensor<128x128xf32>) {
    fgla_warp.pipeline stages(1) {
      %a = fgla_warp.channel : <tensor<128x128xf32>>
      %b = fgla_warp.channel reuses(%a : !fgla_warp.channel<tensor<128x128xf32>>) : <tensor<128x128xf32>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_warp.put %x, %a[%i] : tensor<128x128xf32>, <tensor<128x128xf32>>
      }
      fgla_warp.role "copy" warps(1) instances(1) {
      ^bb0(%i: index):
        %y = fgla_warp.get %a[%i] : <tensor<128x128xf32>> -> tensor<128x128xf32>
        fgla_warp.put %y, %b[%i] : tensor<128x128xf32>, <tensor<128x128xf32>>
        fgla_warp.release %i
      }
      fgla_warp.role "sink" warps(1) instances(1) {
      ^bb0(%i: index):
        %y = fgla_warp.get %b[%i] : <tensor<128x128xf32>> -> tensor<128x128xf32>
        fgla_warp.release %i
      }
    }
    return
  }
}

// -----

// sm_86 has 99 KiB less 1 KiB. Four instances convert a tile each through memory of their own, 9 KiB: what is left for
// turns of 9 KiB is 98 KiB - 36 KiB.
module attributes {fgla.target = #fgla.target<"sm_86">} {
  // CHECK-LABEL: func.func private @scratch
  // CHECK: fgla_warp.pipeline stages(6)
  func.func private @scratch(%x: tensor<64x32xf32>) {
    fgla_warp.pipeline stages(1) {
      %a = fgla_warp.channel : <tensor<64x32xf32>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_warp.put %x, %a[%i] : tensor<64x32xf32>, <tensor<64x32xf32>>
      }
      fgla_warp.role "elementwise" warps(1) instances(4) {
      ^bb0(%i: index):
        %y = fgla_warp.convert %x : tensor<64x32xf32> -> tensor<64x32xf32>
      }
      fgla_warp.role "sink" warps(1) instances(1) {
      ^bb0(%i: index):
        %got_a = fgla_warp.get %a[%i] : <tensor<64x32xf32>> -> tensor<64x32xf32>
        fgla_warp.release %i
      }
    }
    return
  }
}

// -----

// Fewer turns than fit, where the kernel's schedule says so.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK-LABEL: func.func private @given
  // CHECK: fgla_warp.pipeline stages(4)
  func.func private @given(%x: tensor<16x128xbf16>) attributes {fgla.kernel = #fgla.schedule<tile = 16, stages = 4>} {
    fgla_warp.pipeline stages(1) {
      %a = fgla_warp.channel : <tensor<16x128xbf16>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_warp.put %x, %a[%i] : tensor<16x128xbf16>, <tensor<16x128xbf16>>
      }
      fgla_warp.role "sink" warps(1) instances(1) {
      ^bb0(%i: index):
        %got_a = fgla_warp.get %a[%i] : <tensor<16x128xbf16>> -> tensor<16x128xbf16>
        fgla_warp.release %i
      }
    }
    return
  }
}

// -----

// Three turns fit: of eight instances, which take turns, two are left. (A barrier's first phase looks complete to who
// waits for the second.)
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK-LABEL: func.func private @instances
  // CHECK: fgla_warp.pipeline stages(3)
  // CHECK: fgla_warp.role "elementwise" warps(1) instances(2) {
  // CHECK-NEXT: ^bb0(%[[I:.*]]: index):
  // CHECK: fgla_tile.walk {{.*}} instance(%[[I]] of 2)
  func.func private @instances(%x: tensor<128x128xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    fgla_warp.pipeline stages(1) {
      %a = fgla_warp.channel : <tensor<128x128xf32>>
      fgla_warp.role "elementwise" warps(1) instances(8) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %turn) = %c0 to %n by 1 instance(%i of 8) {
          fgla_warp.put %x, %a[%turn] : tensor<128x128xf32>, <tensor<128x128xf32>>
        }
      }
      fgla_warp.role "sink" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_tile.walk (%token, %rows, %turn) = %c0 to %n by 1 instance(%i of 1) {
          %y = fgla_warp.get %a[%turn] : <tensor<128x128xf32>> -> tensor<128x128xf32>
          fgla_warp.release %turn
        }
      }
    }
    return
  }
}

// -----

// sm_86 has 99 KiB less 1 KiB. Two turns of 33 KiB leave less than the four instances' memory, 9 KiB each: two are left.
module attributes {fgla.target = #fgla.target<"sm_86">} {
  // CHECK-LABEL: func.func private @room
  // CHECK: fgla_warp.pipeline stages(2)
  // CHECK: fgla_warp.role "elementwise" warps(1) instances(2) {
  func.func private @room(%x: tensor<64x128xf32>, %z: tensor<64x32xf32>) {
    fgla_warp.pipeline stages(1) {
      %a = fgla_warp.channel : <tensor<64x128xf32>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_warp.put %x, %a[%i] : tensor<64x128xf32>, <tensor<64x128xf32>>
      }
      fgla_warp.role "elementwise" warps(1) instances(4) {
      ^bb0(%i: index):
        %y = fgla_warp.convert %z : tensor<64x32xf32> -> tensor<64x32xf32>
      }
      fgla_warp.role "sink" warps(1) instances(1) {
      ^bb0(%i: index):
        %got_a = fgla_warp.get %a[%i] : <tensor<64x128xf32>> -> tensor<64x128xf32>
        fgla_warp.release %i
      }
    }
    return
  }
}
