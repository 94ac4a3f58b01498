// RUN: fgla-opt %s --fgla-size-stages --split-input-file --verify-diagnostics

// expected-error @below {{module must carry the attribute 'fgla.target' with a GPU}}
module {
}

// -----

// expected-error @below {{module must carry the attribute 'fgla.target' with a GPU}}
module attributes {fgla.target = #fgla.target<"cpu">} {
}

// -----

// 128 rows of 256 f32 with 16 bytes between rows, two turns of them, and two turns' barriers of 24 bytes.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func private @large(%x: tensor<128x256xf32>) {
    // expected-error @below {{needs 266304 bytes of shared memory for two turns, 'sm_90a' has 231424; the largest tile of a turn has 128 x 256 elements}}
    fgla_warp.pipeline stages(1) {
      %a = fgla_warp.channel : <tensor<128x256xf32>>
      fgla_warp.role "load" warps(1) instances(1) {
      ^bb0(%i: index):
        fgla_warp.put %x, %a[%i] : tensor<128x256xf32>, <tensor<128x256xf32>>
      }
      fgla_warp.role "sink" warps(1) instances(1) {
      ^bb0(%i: index):
        %got_a = fgla_warp.get %a[%i] : <tensor<128x256xf32>> -> tensor<128x256xf32>
        fgla_warp.release %i
      }
    }
    return
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func private @given(%x: tensor<128x128xf32>) attributes {fgla.kernel = #fgla.schedule<tile = 128, stages = 4>} {
    // expected-error @below {{needs 270464 bytes of shared memory for the 4 turns that its schedule says, 'sm_90a' has 231424}}
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
