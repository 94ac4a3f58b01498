// RUN: fgla-opt %s --fgla-assign-layouts | FileCheck %s

// Layouts by the names that they have in the dump.
// CHECK-DAG: [[$COLUMN0:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\], lanes = \[\[1, 0\], \[2, 0\], \[4, 0\], \[8, 0\], \[0, 0\]\], warps = \[\]>}}
// CHECK-DAG: [[$ROWS1:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[0, 1\], \[0, 2\], \[0, 4\], \[0, 8\]\], lanes = \[\[1, 0\], \[2, 0\], \[4, 0\], \[8, 0\], \[0, 16\]\], warps = \[\]>}}
// CHECK-DAG: [[$COLS2:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[0, 1\], \[1, 0\], \[2, 0\], \[4, 0\]\], lanes = \[\[0, 2\], \[0, 4\], \[0, 8\], \[0, 16\], \[0, 32\]\], warps = \[\[0, 64\]\]>}}
// CHECK-DAG: [[$ROW3:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[0, 1\]\], lanes = \[\[0, 2\], \[0, 4\], \[0, 8\], \[0, 16\], \[0, 32\]\], warps = \[\[0, 64\]\]>}}
// CHECK-DAG: [[$STATE4:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[1, 0\], \[0, 8\], \[8, 0\], \[16, 0\], \[32, 0\]\], lanes = \[\[2, 0\], \[4, 0\], \[0, 1\], \[0, 2\], \[0, 4\]\], warps = \[\[0, 16\]\]>}}
// CHECK-DAG: [[$OUT5:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[0, 1\], \[8, 0\], \[0, 8\]\], lanes = \[\[0, 2\], \[0, 4\], \[1, 0\], \[2, 0\], \[4, 0\]\], warps = \[\[0, 16\]\]>}}
// CHECK-DAG: [[$L6:#[a-z_]+[0-9]*]] = #fgla_warp.layout<registers = {{\[\[}}8, 0]], lanes = {{\[\[}}0, 0], [0, 0], [1, 0], [2, 0], [4, 0]], warps = {{\[\[}}0, 0]]>
// CHECK-DAG: [[$ROWS7:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[0, 1\], \[0, 2\], \[4, 0\], \[8, 0\]\], lanes = \[\[0, 4\], \[0, 8\], \[0, 16\], \[1, 0\], \[2, 0\]\], warps = \[\]>}}
// CHECK-DAG: [[$COLS8:#[a-z_]+[0-9]*]] = {{#fgla_warp.layout<registers = \[\[1, 0\], \[2, 0\], \[4, 0\], \[8, 0\]\], lanes = \[\[0, 1\], \[0, 2\], \[0, 4\], \[0, 8\], \[0, 16\]\], warps = \[\]>}}

// Row reductions of what was got: a row in two lanes, half of its columns each. Running combinations of one number a row
// stay in that layout.
// CHECK-LABEL: func.func private @rows
func.func private @rows(%turn: index, %n: index) {
  fgla_warp.pipeline stages(1) {
    %in = fgla_warp.channel : <tensor<16x32xbf16>>
    %out = fgla_warp.channel : <tensor<16x1xf32>>
    // CHECK: fgla_warp.role "load"
    fgla_warp.role "load" warps(1) instances(1) {
    ^bb0(%i: index):
      // What is loaded goes to memory as it is.
      // CHECK: fgla_tile.load {{.*}} -> tensor<16x32xbf16>
      // CHECK: fgla_warp.put {{.*}} : tensor<16x32xbf16>, <tensor<16x32xbf16>>
      %z = memref.alloc() : memref<16x32xbf16>
      %x = fgla_tile.load %z[%i, %i] dims [0, 1] : memref<16x32xbf16> -> tensor<16x32xbf16>
      fgla_warp.put %x, %in[%turn] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
    }
    // CHECK: fgla_warp.role "rows"
    fgla_warp.role "rows" warps(1) instances(1) {
    ^bb0(%i: index):
      // CHECK: %[[X:.*]] = fgla_warp.get {{.*}} -> tensor<16x32xbf16>{{$}}
      %x = fgla_warp.get %in[%turn] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
      // CHECK: %[[VALID:.*]] = fgla_tile.valid rows(%{{.*}}) : tensor<16x1xi1, [[$COLUMN0]]>
      %valid = fgla_tile.valid rows(%n) : tensor<16x1xi1>
      // CHECK: fgla_tile.map(%[[X]], %[[VALID]]) : (tensor<16x32xbf16>, tensor<16x1xi1, [[$COLUMN0]]>)
      // CHECK-SAME: -> tensor<16x32xf32, [[$ROWS1]]>
      %wide = fgla_tile.map(%x, %valid) : (tensor<16x32xbf16>, tensor<16x1xi1>) -> tensor<16x32xf32> {
      ^bb0(%a: bf16, %v: i1):
        %w = arith.extf %a : bf16 to f32
        fgla_tile.yield %w : f32
      }
      // CHECK: fgla_tile.reduce max {{.*}} : tensor<16x32xf32, [[$ROWS1]]> -> tensor<16x1xf32, [[$COLUMN0]]>
      %max = fgla_tile.reduce max %wide dim 1 : tensor<16x32xf32> -> tensor<16x1xf32>
      // CHECK: fgla_tile.scan max {{.*}} : tensor<16x1xf32, [[$COLUMN0]]>
      %running = fgla_tile.scan max %max : tensor<16x1xf32>
      // CHECK: fgla_warp.put {{.*}} : tensor<16x1xf32, [[$COLUMN0]]>, <tensor<16x1xf32>>
      fgla_warp.put %running, %out[%turn] : tensor<16x1xf32>, <tensor<16x1xf32>>
      fgla_warp.release %turn
    }
    fgla_warp.role "sink" warps(1) instances(1) {
    ^bb0(%i: index):
      %got_out = fgla_warp.get %out[%i] : <tensor<16x1xf32>> -> tensor<16x1xf32>
      fgla_warp.release %i
    }
  }
  return
}

// Running combinations down the rows have them in registers, two neighbouring columns a lane, and so has all that is
// computed from them; a row of them is its columns.
// CHECK-LABEL: func.func private @columns
func.func private @columns(%turn: index) {
  fgla_warp.pipeline stages(1) {
    %in = fgla_warp.channel : <tensor<8x128xf32>>
    %out = fgla_warp.channel : <tensor<8x128xf32>>
    %last = fgla_warp.channel : <tensor<1x128xf32>>
    fgla_warp.role "load" warps(1) instances(1) {
    ^bb0(%i: index):
      %z = memref.alloc() : memref<8x128xf32>
      %x = fgla_tile.load %z[%i, %i] dims [0, 1] : memref<8x128xf32> -> tensor<8x128xf32>
      fgla_warp.put %x, %in[%turn] : tensor<8x128xf32>, <tensor<8x128xf32>>
    }
    // CHECK: fgla_warp.role "elementwise" warps(2)
    fgla_warp.role "elementwise" warps(2) instances(1) {
    ^bb0(%i: index):
      %x = fgla_warp.get %in[%turn] : <tensor<8x128xf32>> -> tensor<8x128xf32>
      // CHECK: fgla_tile.map(%{{.*}}) : (tensor<8x128xf32>) -> tensor<8x128xf32, [[$COLS2]]>
      %e = fgla_tile.map(%x) : (tensor<8x128xf32>) -> tensor<8x128xf32> {
      ^bb0(%a: f32):
        %b = math.exp %a : f32
        fgla_tile.yield %b : f32
      }
      // CHECK: fgla_tile.scan mul {{.*}} : tensor<8x128xf32, [[$COLS2]]>
      %product = fgla_tile.scan mul %e : tensor<8x128xf32>
      // CHECK-NOT: tensor.extract_slice
      // CHECK: fgla_warp.row %{{.*}}[7] : tensor<8x128xf32, [[$COLS2]]> -> tensor<1x128xf32, [[$ROW3]]>
      %row = tensor.extract_slice %product[7, 0] [1, 128] [1, 1] : tensor<8x128xf32> to tensor<1x128xf32>
      fgla_warp.put %row, %last[%turn] : tensor<1x128xf32>, <tensor<1x128xf32>>
      // CHECK: fgla_tile.map({{.*}}) : (tensor<8x128xf32, [[$COLS2]]>, tensor<1x128xf32, [[$ROW3]]>) -> tensor<8x128xf32, [[$COLS2]]>
      %quotient = fgla_tile.map(%product, %row) : (tensor<8x128xf32>, tensor<1x128xf32>) -> tensor<8x128xf32> {
      ^bb0(%a: f32, %b: f32):
        %c = arith.mulf %a, %b : f32
        fgla_tile.yield %c : f32
      }
      fgla_warp.put %quotient, %out[%turn] : tensor<8x128xf32>, <tensor<8x128xf32>>
      fgla_warp.release %turn
    }
    fgla_warp.role "sink" warps(1) instances(1) {
    ^bb0(%i: index):
      %got_out = fgla_warp.get %out[%i] : <tensor<8x128xf32>> -> tensor<8x128xf32>
      %got_last = fgla_warp.get %last[%i] : <tensor<1x128xf32>> -> tensor<1x128xf32>
      fgla_warp.release %i
    }
  }
  return
}

// The state is the second operand of a product: its accumulators are of the transposed tile, and what comes of them needs
// no conversion. The product itself is of the usual kind; so are the numbers of its rows.
// CHECK-LABEL: func.func private @matrix
func.func private @matrix(%y: memref<16x32xf32>, %s: memref<64x32xf32>, %n: index, %zero: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  fgla_warp.pipeline stages(1) {
    %queries = fgla_warp.channel : <tensor<16x64xbf16>>
    %values = fgla_warp.channel : <tensor<16x32xbf16>>
    fgla_warp.role "load" warps(1) instances(1) {
    ^bb0(%i: index):
      %zq = memref.alloc() : memref<16x64xbf16>
      %zv = memref.alloc() : memref<16x32xbf16>
      %q = fgla_tile.load %zq[%i, %i] dims [0, 1] : memref<16x64xbf16> -> tensor<16x64xbf16>
      %v = fgla_tile.load %zv[%i, %i] dims [0, 1] : memref<16x32xbf16> -> tensor<16x32xbf16>
      fgla_warp.put %q, %queries[%i] : tensor<16x64xbf16>, <tensor<16x64xbf16>>
      fgla_warp.put %v, %values[%i] : tensor<16x32xbf16>, <tensor<16x32xbf16>>
    }
    // CHECK: fgla_warp.role "matrix" warps(2)
    fgla_warp.role "matrix" warps(2) instances(1) {
    ^bb0(%i: index):
      // CHECK: %[[INIT:.*]] = fgla_tile.map() : () -> tensor<64x32xf32, [[$STATE4]]>
      %initial = fgla_tile.map() : () -> tensor<64x32xf32> {
        fgla_tile.yield %zero : f32
      }
      // CHECK: fgla_tile.walk {{.*}} -> (tensor<64x32xf32, [[$STATE4]]>)
      %state = fgla_tile.walk (%token, %rows, %t) = %c0 to %n by 1 instance(%i of 1) iter_args(%carried = %initial) -> (tensor<64x32xf32>) {
        %q = fgla_warp.get %queries[%t] : <tensor<16x64xbf16>> -> tensor<16x64xbf16>
        %v = fgla_warp.get %values[%t] : <tensor<16x32xbf16>> -> tensor<16x32xbf16>
        // CHECK: fgla_tile.map(%{{.*}}) : (tensor<64x32xf32, [[$STATE4]]>) -> tensor<64x32xbf16, [[$STATE4]]>
        %narrow = fgla_tile.map(%carried) : (tensor<64x32xf32>) -> tensor<64x32xbf16> {
        ^bb0(%a: f32):
          %b = arith.truncf %a : f32 to bf16
          fgla_tile.yield %b : bf16
        }
        // CHECK: fgla_tile.dot %{{.*}} : tensor<16x64xbf16>, tensor<64x32xbf16, [[$STATE4]]> -> tensor<16x32xf32, [[$OUT5]]>
        %o = fgla_tile.dot %q, %narrow : tensor<16x64xbf16>, tensor<64x32xbf16> -> tensor<16x32xf32>
        // CHECK: fgla_tile.dot %{{.*}} transposed, %{{.*}} acc(%{{.*}} : tensor<64x32xf32, [[$STATE4]]>) : tensor<16x64xbf16>, tensor<16x32xbf16> -> tensor<64x32xf32, [[$STATE4]]>
        %next = fgla_tile.dot %q transposed, %v acc(%carried : tensor<64x32xf32>) : tensor<16x64xbf16>, tensor<16x32xbf16> -> tensor<64x32xf32>
        // CHECK: fgla_tile.reduce add {{.*}} : tensor<16x32xf32, [[$OUT5]]> -> tensor<16x1xf32, [[$L6]]>
        %sum = fgla_tile.reduce add %o dim 1 : tensor<16x32xf32> -> tensor<16x1xf32>
        %scaled = fgla_tile.map(%o, %sum) : (tensor<16x32xf32>, tensor<16x1xf32>) -> tensor<16x32xf32> {
        ^bb0(%a: f32, %b: f32):
          %c = arith.mulf %a, %b : f32
          fgla_tile.yield %c : f32
        }
        // CHECK-NOT: fgla_warp.convert
        // CHECK: fgla_tile.store {{.*}} : tensor<16x32xf32, [[$OUT5]]>
        fgla_tile.store %scaled, %y[%c0, %c0] dims [0, 1] : tensor<16x32xf32>, memref<16x32xf32>
        fgla_warp.release %t
        fgla_tile.yield %next : tensor<64x32xf32>
      }
      // CHECK: fgla_tile.store {{.*}} : tensor<64x32xf32, [[$STATE4]]>
      fgla_tile.store %state, %s[%c0, %c0] dims [0, 1] : tensor<64x32xf32>, memref<64x32xf32>
    }
  }
  return
}

// What is bound to one layout and wanted in another is converted.
// CHECK-LABEL: func.func private @converted
func.func private @converted(%z: memref<16x32xf32>, %s: memref<16x32xf32>, %zero: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  fgla_warp.pipeline stages(1) {
    // CHECK: fgla_warp.role "only"
    fgla_warp.role "only" warps(1) instances(1) {
    ^bb0(%i: index):
      %initial = fgla_tile.map() : () -> tensor<16x32xf32> {
        fgla_tile.yield %zero : f32
      }
      // (Without channels, tiles are states, and rows whole in a warp.)
      // CHECK: scf.for {{.*}} -> (tensor<16x32xf32, [[$ROWS7]]>)
      %last = scf.for %t = %c0 to %i step %c1 iter_args(%carried = %initial) -> (tensor<16x32xf32>) {
        // CHECK: %[[SCAN:.*]] = fgla_tile.scan add {{.*}} : tensor<16x32xf32, [[$COLS8]]>
        // CHECK: %[[MOVED:.*]] = fgla_warp.convert %[[SCAN]] : tensor<16x32xf32, [[$COLS8]]> -> tensor<16x32xf32, [[$ROWS7]]>
        %x = fgla_tile.load %z[%c0, %c0] dims [0, 1] : memref<16x32xf32> -> tensor<16x32xf32>
        %sum = fgla_tile.scan add %x : tensor<16x32xf32>
        // CHECK: scf.yield %[[MOVED]]
        scf.yield %sum : tensor<16x32xf32>
      }
      fgla_tile.store %last, %s[%c0, %c0] dims [0, 1] : tensor<16x32xf32>, memref<16x32xf32>
    }
  }
  return
}
