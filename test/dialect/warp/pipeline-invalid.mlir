// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @pipeline_c1() {
  // expected-error @+1 {{must have at least one stage, got 0 (pipeline_c1)}}
  fgla_warp.pipeline stages(0) {
  }
  return
}

// -----

func.func @pipeline_c1_negative() {
  // expected-error @+1 {{must have at least one stage, got -1 (pipeline_c1)}}
  fgla_warp.pipeline stages(-1) {
  }
  return
}

// -----

func.func @pipeline_c2_none() {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{must be put by one role, is put by 0 (pipeline_c2)}}
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "reader" warps(1) instances(1) {
    ^bb0(%i: index):
      %x = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
    }
  }
  return
}

// -----

func.func @pipeline_c2_two(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{must be put by one role, is put by 2 (pipeline_c2)}}
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
  }
  return
}

// -----

func.func @pipeline_c3_itself(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    // expected-error @+1 {{"echo" waits for a tile that it puts itself (pipeline_c3)}}
    fgla_warp.role "echo" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
  }
  return
}

// -----

func.func @pipeline_c3_around() {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    %b = fgla_warp.channel : <tensor<16x32xf32>>
    %c = fgla_warp.channel : <tensor<16x32xf32>>
    // expected-error @+1 {{"one" waits for a tile that it puts itself (pipeline_c3)}}
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %c[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %b[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "three" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %b[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %c[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
  }
  return
}

// -----

// Who leads to the roles that wait is not among them.
func.func @pipeline_c3_behind(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    %b = fgla_warp.channel : <tensor<16x32xf32>>
    %c = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "load" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    // expected-error @+1 {{"one" waits for a tile that it puts itself (pipeline_c3)}}
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      %z = fgla_warp.get %c[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %b[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %b[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %c[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
  }
  return
}

// -----

func.func @channel_c1(%x: tensor<16x32xf32>, %y: tensor<16x32xbf16>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    // expected-error @+1 {{must have the type of the channel whose memory it reuses, '!fgla_warp.channel<tensor<16x32xf32>>', got '!fgla_warp.channel<tensor<16x32xbf16>>' (channel_c1)}}
    %b = fgla_warp.channel reuses(%a : !fgla_warp.channel<tensor<16x32xf32>>) : <tensor<16x32xbf16>>
  }
  return
}

// -----

func.func @channel_parent() {
  // expected-error @+1 {{expects parent op 'fgla_warp.pipeline'}}
  %a = fgla_warp.channel : <tensor<16x32xf32>>
  return
}

// -----

func.func @role_parent() {
  // expected-error @+1 {{expects parent op 'fgla_warp.pipeline'}}
  fgla_warp.role "load" warps(1) instances(1) {
  ^bb0(%i: index):
  }
  return
}

// -----

func.func @role_c1_warps() {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{must have at least one warp and one instance, got 0 and 1 (role_c1)}}
    fgla_warp.role "load" warps(0) instances(1) {
    ^bb0(%i: index):
    }
  }
  return
}

// -----

func.func @role_c1_instances() {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{must have at least one warp and one instance, got 2 and -1 (role_c1)}}
    fgla_warp.role "load" warps(2) instances(-1) {
    ^bb0(%i: index):
    }
  }
  return
}

// -----

func.func @role_c2_count() {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{must have a body with one argument of type index (role_c2)}}
    fgla_warp.role "load" warps(1) instances(1) {
    ^bb0(%i: index, %j: index):
    }
  }
  return
}

// -----

func.func @role_c2_type() {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{must have a body with one argument of type index (role_c2)}}
    fgla_warp.role "load" warps(1) instances(1) {
    ^bb0(%i: i32):
    }
  }
  return
}

// -----

func.func @put_c1_shape(%x: tensor<8x32xf32>, %c: !fgla_warp.channel<tensor<16x32xf32>>, %t: index) {
  // expected-error @+1 {{must have a tile of the channel's shape and element type, 'tensor<16x32xf32>', got 'tensor<8x32xf32>' (put_c1)}}
  fgla_warp.put %x, %c[%t] : tensor<8x32xf32>, <tensor<16x32xf32>>
  return
}

// -----

func.func @put_c1_element(%x: tensor<16x32xbf16>, %c: !fgla_warp.channel<tensor<16x32xf32>>, %t: index) {
  // expected-error @+1 {{must have a tile of the channel's shape and element type, 'tensor<16x32xf32>', got 'tensor<16x32xbf16>' (put_c1)}}
  fgla_warp.put %x, %c[%t] : tensor<16x32xbf16>, <tensor<16x32xf32>>
  return
}

// -----

func.func @get_c1_shape(%c: !fgla_warp.channel<tensor<16x32xf32>>, %t: index) {
  // expected-error @+1 {{must have a tile of the channel's shape and element type, 'tensor<16x32xf32>', got 'tensor<32x16xf32>' (get_c1)}}
  %x = fgla_warp.get %c[%t] : <tensor<16x32xf32>> -> tensor<32x16xf32>
  return
}

// -----

// expected-error @+1 {{a channel holds a static tile of two dims, got 'tensor<32xf32>'}}
func.func private @channel_rank(!fgla_warp.channel<tensor<32xf32>>)

// -----

// expected-error @+1 {{a channel holds a static tile of two dims, got 'tensor<?x32xf32>'}}
func.func private @channel_dynamic(!fgla_warp.channel<tensor<?x32xf32>>)

// -----

// expected-error @+2 {{failed to parse Warp_ChannelType parameter 'tile'}}
// expected-error @+1 {{invalid kind of type specified: expected builtin.tensor, but found 'f32'}}
func.func private @channel_scalar(!fgla_warp.channel<f32>)
