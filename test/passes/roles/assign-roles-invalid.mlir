// RUN: fgla-opt %s --fgla-assign-roles --split-input-file --verify-diagnostics

func.func private @none(%n: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  // expected-error @+1 {{has no 'fgla_tile.walk' in its body, which every GPU kernel has}}
  scf.forall (%b) in (%n) {
  }
  return
}

// -----

// Another loop is no walk over tokens.
func.func private @other(%z: memref<?x32xf32>, %n: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{has no 'fgla_tile.walk' in its body, which every GPU kernel has}}
  scf.forall (%b) in (%n) {
    scf.for %i = %c0 to %n step %c1 {
      %x = fgla_tile.load %z[%i, %c0] dims [-1, 1] : memref<?x32xf32> -> tensor<1x32xf32>
    }
  }
  return
}

// -----

func.func private @two(%z: memref<?x32xf32>, %n: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  scf.forall (%b) in (%n) {
    fgla_tile.walk (%i, %rows, %turn) = %c0 to %n by 16 {
      %x = fgla_tile.load %z[%i, %c0] rows(%rows) dims [0, 1] : memref<?x32xf32> -> tensor<16x32xf32>
    }
    // expected-error @+1 {{is the second one in one body, which no GPU kernel has yet}}
    fgla_tile.walk (%i, %rows, %turn) = %c0 to %n by 16 {
      %x = fgla_tile.load %z[%i, %c0] rows(%rows) dims [0, 1] : memref<?x32xf32> -> tensor<16x32xf32>
    }
  }
  return
}

// -----

func.func private @region(%z: memref<?x32xf32>, %n: index, %p: i1) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  scf.forall (%b) in (%n) {
    fgla_tile.walk (%i, %rows, %turn) = %c0 to %n by 16 {
      %x = fgla_tile.load %z[%i, %c0] rows(%rows) dims [0, 1] : memref<?x32xf32> -> tensor<16x32xf32>
      // expected-error @+1 {{in the walk has no role on a GPU yet}}
      scf.if %p {
        fgla_tile.store %x, %z[%i, %c0] rows(%rows) dims [0, 1] : tensor<16x32xf32>, memref<?x32xf32>
      }
    }
  }
  return
}

// -----

func.func private @warps(%z: memref<?x32xf32>, %y: memref<?x32xf32>, %n: index) attributes {fgla.kernel = #fgla.schedule<tile = 16, load = 8, elementwise = 1x32>} {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{'scf.forall' needs 40 warps by its schedule, a block has at most 32}}
  scf.forall (%b) in (%n) {
    fgla_tile.walk (%i, %rows, %turn) = %c0 to %n by 16 {
      %x = fgla_tile.load %z[%i, %c0] rows(%rows) dims [0, 1] : memref<?x32xf32> -> tensor<16x32xf32>
      %e = fgla_tile.map(%x) : (tensor<16x32xf32>) -> tensor<16x32xf32> {
      ^bb0(%a: f32):
        %m = math.exp %a : f32
        fgla_tile.yield %m : f32
      }
      %s = fgla_tile.scan mul %e : tensor<16x32xf32>
      fgla_tile.store %s, %y[%i, %c0] rows(%rows) dims [0, 1] : tensor<16x32xf32>, memref<?x32xf32>
    }
  }
  return
}
