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
    // expected-error @+1 {{must be put by one role, channel 0 is put by 0 (pipeline_c2)}}
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
    // expected-error @+1 {{must be put by one role, channel 0 is put by 2 (pipeline_c2)}}
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
    // expected-error @+1 {{"echo" waits for a tile that it puts itself in the same turn: "echo", channel 0, "echo" (pipeline_c3)}}
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
    // expected-error @+1 {{"one" waits for a tile that it puts itself in the same turn: "one", channel 0, "two", channel 1, "three", channel 2, "one" (pipeline_c3)}}
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
    // expected-error @+1 {{"one" waits for a tile that it puts itself in the same turn: "one", channel 1, "two", channel 2, "one" (pipeline_c3)}}
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

func.func @pipeline_c2_twice(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{must be put once in a turn, channel 0 is put 2 times by role "one" (pipeline_c2)}}
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
  }
  return
}

// -----

func.func @pipeline_c2_sometimes(%x: tensor<16x32xf32>, %n: index, %p: i1) {
  %c1 = arith.constant 1 : index
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      scf.for %t = %i to %n step %c1 {
        scf.if %p {
          // expected-error @+1 {{of channel 0 must be done once in each turn by role "one", stands in 'scf.if' (pipeline_c2)}}
          fgla_warp.put %x, %a[%t] : tensor<16x32xf32>, <tensor<16x32xf32>>
        }
      }
    }
  }
  return
}

// -----

func.func @pipeline_c2_other_turn(%x: tensor<16x32xf32>, %n: index) {
  %c1 = arith.constant 1 : index
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      scf.for %t = %i to %n step %c1 {
        // expected-error @+1 {{of channel 0 must name the turn of the loop in role "one" that it stands in (pipeline_c2)}}
        fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      }
    }
  }
  return
}

// -----

func.func @pipeline_c2_outside(%x: tensor<16x32xf32>, %i: index) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    // expected-error @+1 {{of channel 0 must stand in a role of the channel's pipeline (pipeline_c2)}}
    fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
  }
  return
}

// -----

func.func @pipeline_c4_none(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{must be got by a role, channel 0 of role "one" is got by none (pipeline_c4)}}
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
  }
  return
}

// -----

func.func @pipeline_c4_sometimes(%x: tensor<16x32xf32>, %n: index, %p: i1) {
  %c1 = arith.constant 1 : index
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      scf.if %p {
        // expected-error @+1 {{of channel 0 must be done once in each turn by role "two", stands in 'scf.if' (pipeline_c4)}}
        %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      }
      fgla_warp.release %i
    }
  }
  return
}

// -----

func.func @pipeline_c5_none(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    // expected-error @+1 {{"two" must release each turn once, has 0 releases (pipeline_c5)}}
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
    }
  }
  return
}

// -----

func.func @pipeline_c5_elsewhere(%x: tensor<16x32xf32>, %n: index) {
  %c1 = arith.constant 1 : index
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      scf.for %t = %i to %n step %c1 {
        %y = fgla_warp.get %a[%t] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      }
      // expected-error @+1 {{must stand with the 'fgla_warp.get' of channel 0 in role "two", and name its turn (pipeline_c5)}}
      fgla_warp.release %i
    }
  }
  return
}

// -----

func.func @pipeline_c5_get_behind(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.release %i
      // expected-error @+1 {{of channel 0 must come before role "two" releases the turn (pipeline_c5)}}
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
    }
  }
  return
}

// -----

func.func @pipeline_c5_read_behind(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      // expected-error @+1 {{must come behind all that reads channel 0 in role "two", 'fgla_tile.scan' is behind it (pipeline_c5)}}
      fgla_warp.release %i
      %z = fgla_tile.scan mul %y : tensor<16x32xf32>
    }
  }
  return
}

// -----

// The role itself reads the memory once more.
func.func @pipeline_c6_itself(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    // expected-error @+1 {{must be put when the memory of channel 0 has been read: role "two" may still read it when role "two" puts channel 1 (pipeline_c6)}}
    %b = fgla_warp.channel reuses(%a : !fgla_warp.channel<tensor<16x32xf32>>) : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %x, %b[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      %z = fgla_tile.scan mul %y : tensor<16x32xf32>
      fgla_warp.release %i
    }
    fgla_warp.role "three" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %b[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.release %i
    }
  }
  return
}

// -----

// Another role, which hands on a tile before it has read the memory.
func.func @pipeline_c6_other(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    %c = fgla_warp.channel : <tensor<16x32xf32>>
    // expected-error @+1 {{must be put when the memory of channel 0 has been read: role "two" may still read it when role "three" puts channel 2 (pipeline_c6)}}
    %b = fgla_warp.channel reuses(%a : !fgla_warp.channel<tensor<16x32xf32>>) : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %x, %c[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      %z = fgla_tile.scan mul %y : tensor<16x32xf32>
      fgla_warp.release %i
    }
    fgla_warp.role "three" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %c[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %b[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.release %i
    }
    fgla_warp.role "four" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %b[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.release %i
    }
  }
  return
}

// -----

// The same with the reading in front of what is handed on, through a role between: all is well.
func.func @pipeline_c6_handed_on(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    %c = fgla_warp.channel : <tensor<16x32xf32>>
    %d = fgla_warp.channel : <tensor<16x32xf32>>
    %b = fgla_warp.channel reuses(%a : !fgla_warp.channel<tensor<16x32xf32>>) : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      %z = fgla_tile.scan mul %y : tensor<16x32xf32>
      fgla_warp.put %z, %c[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.release %i
    }
    fgla_warp.role "between" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %c[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %d[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.release %i
    }
    fgla_warp.role "three" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %d[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.put %y, %b[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.release %i
    }
    fgla_warp.role "four" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %b[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.release %i
    }
  }
  return
}

// -----

func.func @pipeline_c6_two(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    %a = fgla_warp.channel : <tensor<16x32xf32>>
    // expected-error @+1 {{must be alone in the memory of channel 0, channel 2 reuses it too (pipeline_c6)}}
    %b = fgla_warp.channel reuses(%a : !fgla_warp.channel<tensor<16x32xf32>>) : <tensor<16x32xf32>>
    %c = fgla_warp.channel reuses(%a : !fgla_warp.channel<tensor<16x32xf32>>) : <tensor<16x32xf32>>
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      fgla_warp.put %x, %a[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
    }
    fgla_warp.role "two" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %a[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      %z = fgla_tile.scan mul %y : tensor<16x32xf32>
      fgla_warp.put %z, %b[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.put %z, %c[%i] : tensor<16x32xf32>, <tensor<16x32xf32>>
      fgla_warp.release %i
    }
    fgla_warp.role "three" warps(1) instances(1) {
    ^bb0(%i: index):
      %y = fgla_warp.get %b[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      %z = fgla_warp.get %c[%i] : <tensor<16x32xf32>> -> tensor<16x32xf32>
      fgla_warp.release %i
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

// -----

func.func @role_c3_instances(%n: index) {
  %c0 = arith.constant 0 : index
  fgla_warp.pipeline stages(2) {
    fgla_warp.role "one" warps(1) instances(2) {
    ^bb0(%i: index):
      // expected-error @+1 {{in role "one" must do the turns of the role's instance out of 2 (role_c3)}}
      fgla_tile.walk (%token, %rows, %turn) = %c0 to %n by 16 instance(%i of 4) {
      }
    }
  }
  return
}

// -----

func.func @role_c3_whose(%n: index) {
  %c0 = arith.constant 0 : index
  fgla_warp.pipeline stages(2) {
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      // expected-error @+1 {{in role "one" must do the turns of the role's instance out of 1 (role_c3)}}
      fgla_tile.walk (%token, %rows, %turn) = %c0 to %n by 16 {
      }
    }
  }
  return
}

// -----

func.func @role_c4(%x: tensor<16x32xf32>) {
  fgla_warp.pipeline stages(2) {
    // expected-error @+1 {{"one" must have at most one 'fgla_tile.decayed_scores' in a turn, got 2 (role_c4)}}
    fgla_warp.role "one" warps(1) instances(1) {
    ^bb0(%i: index):
      %a = fgla_tile.decayed_scores %x, %x, %x : tensor<16x32xf32> -> tensor<16x16xf32>
      %b = fgla_tile.decayed_scores %x, %x, %x bounded : tensor<16x32xf32> -> tensor<16x16xf32>
    }
  }
  return
}
