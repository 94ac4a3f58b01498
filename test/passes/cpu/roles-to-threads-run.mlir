// Roles as threads compute what they should, and a wrong split does not: it stops with a message, or gives other numbers.
// UNSUPPORTED: sanitizer
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../../tools/Inputs/tensors.py make %t/in.safetensors x=f32:16x8:iota

// RUN: fgla-opt %s --fgla-roles-to-threads="stages=2 timeout=1" -o %t/right.mlir
// RUN: fgla-compile %t/right.mlir --compile-from=tiled -o %t/right.so
// RUN: fgla-run %t/right.so --inputs=%t/in.safetensors | FileCheck %s --check-prefix=RIGHT
// RIGHT: y: f32[1, 8] = [80320, 82272, 84256, 86272, ...]

// The same with one turn under way, and by the driver.
// RUN: fgla-opt %s --fgla-roles-to-threads="timeout=1" -o %t/one.mlir
// RUN: fgla-compile %t/one.mlir --compile-from=tiled -o %t/one.so
// RUN: fgla-run %t/one.so --inputs=%t/in.safetensors | FileCheck %s --check-prefix=RIGHT
// RUN: fgla-compile %s --compile-from=roles --lowering=roles -o %t/driver.so
// RUN: fgla-run %t/driver.so --inputs=%t/in.safetensors | FileCheck %s --check-prefix=RIGHT

// (What the verifier would refuse comes in unverified.) A turn that is never put. Each role that waits says for what.
// RUN: sed 's|.turns by 1 instance(.i of 1) { // load|%c3 by 1 instance(%i of 1) {|' %s | fgla-opt --mlir-very-unsafe-disable-verifier-on-parsing --verify-each=false --fgla-roles-to-threads="stages=2 timeout=1" -o %t/lost.mlir
// RUN: fgla-compile %t/lost.mlir --compile-from=tiled -o %t/lost.so
// RUN: not fgla-run %t/lost.so --inputs=%t/in.safetensors 2>&1 | FileCheck %s --check-prefix=LOST
// LOST-DAG: error: role 'add' cannot get channel {{[12]}} in turn 3: nothing happened for 1 seconds
// LOST-DAG: error: role 'square' cannot get channel 0 in turn 3: nothing happened for 1 seconds

// A turn that is never released.
// RUN: sed 's|fgla_warp.release .t // square||' %s | fgla-opt --mlir-very-unsafe-disable-verifier-on-parsing --verify-each=false --fgla-roles-to-threads="stages=2 timeout=1" -o %t/kept.mlir
// RUN: fgla-compile %t/kept.mlir --compile-from=tiled -o %t/kept.so
// RUN: not fgla-run %t/kept.so --inputs=%t/in.safetensors 2>&1 | FileCheck %s --check-prefix=KEPT
// KEPT-DAG: error: role 'square' cannot get channel 0 in turn 2: nothing happened for 1 seconds
// KEPT-DAG: error: role 'add' cannot get channel {{[12]}} in turn 2: nothing happened for 1 seconds
// KEPT-DAG: error: role 'load' cannot put channel 0 in turn 2, before role 'square' has released its memory: nothing happened for 1 seconds

// A tile that is put twice.
// RUN: sed 's|// twice||' %s | fgla-opt --mlir-very-unsafe-disable-verifier-on-parsing --verify-each=false --fgla-roles-to-threads="stages=2 timeout=1" -o %t/twice.mlir
// RUN: fgla-compile %t/twice.mlir --compile-from=tiled -o %t/twice.so
// RUN: not fgla-run %t/twice.so --inputs=%t/in.safetensors 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: role 'load' cannot put channel 0 in turn 0: its place in the ring holds another turn

// A turn that is released twice.
// RUN: sed 's|// again||' %s | fgla-opt --mlir-very-unsafe-disable-verifier-on-parsing --verify-each=false --fgla-roles-to-threads="stages=2 timeout=1" -o %t/again.mlir
// RUN: fgla-compile %t/again.mlir --compile-from=tiled -o %t/again.so
// RUN: not fgla-run %t/again.so --inputs=%t/in.safetensors 2>&1 | FileCheck %s --check-prefix=AGAIN
// AGAIN: error: role 'add' cannot release turn {{[01]}}: its place in the ring holds another turn

// Memory that is used again while its tile is still read: squares where the tile was.
// RUN: sed 's|// early||; /late$/d' %s | fgla-opt --mlir-very-unsafe-disable-verifier-on-parsing --verify-each=false --fgla-roles-to-threads="stages=2 timeout=1" -o %t/early.mlir
// RUN: fgla-compile %t/early.mlir --compile-from=tiled -o %t/early.so
// RUN: fgla-run %t/early.so --inputs=%t/in.safetensors | FileCheck %s --check-prefix=EARLY
// EARLY: y: f32[1, 8] = [158720, 162592, 166528, 170528, ...]

module attributes {fgla.target = #fgla.target<"cpu">} {
  func.func private @kernel(%x: memref<?x8xf32>, %y: memref<1x8xf32>) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant 0.0 : f32
    %tokens = memref.dim %x, %c0 : memref<?x8xf32>
    %turns = arith.ceildivsi %tokens, %c4 : index
    scf.forall (%program) in (1) {
      fgla_warp.pipeline stages(1) {
        %tiles = fgla_warp.channel : <tensor<4x8xf32>>
        %squares = fgla_warp.channel reuses(%tiles : !fgla_warp.channel<tensor<4x8xf32>>) : <tensor<4x8xf32>>
        %copies = fgla_warp.channel : <tensor<4x8xf32>>
        fgla_warp.role "load" warps(1) instances(1) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) { // load
            %row = arith.muli %t, %c4 : index
            %tile = fgla_tile.load %x[%row, %c0] dims [0, 1] : memref<?x8xf32> -> tensor<4x8xf32>
            fgla_warp.put %tile, %tiles[%t] : tensor<4x8xf32>, <tensor<4x8xf32>>
            // twice fgla_warp.put %tile, %tiles[%t] : tensor<4x8xf32>, <tensor<4x8xf32>>
          }
        }
        fgla_warp.role "square" warps(1) instances(2) {
        ^bb0(%i: index):
          fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 2) {
            %tile = fgla_warp.get %tiles[%t] : <tensor<4x8xf32>> -> tensor<4x8xf32>
            %square = fgla_tile.map(%tile) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
            ^bb0(%a: f32):
              %m = arith.mulf %a, %a : f32
              fgla_tile.yield %m : f32
            }
            // early fgla_warp.put %square, %squares[%t] : tensor<4x8xf32>, <tensor<4x8xf32>>
            %copy = fgla_tile.map(%tile) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
            ^bb0(%a: f32):
              fgla_tile.yield %a : f32
            }
            fgla_warp.put %copy, %copies[%t] : tensor<4x8xf32>, <tensor<4x8xf32>>
            fgla_warp.put %square, %squares[%t] : tensor<4x8xf32>, <tensor<4x8xf32>> // late
            fgla_warp.release %t // square
          }
        }
        fgla_warp.role "add" warps(1) instances(1) {
        ^bb0(%i: index):
          %none = fgla_tile.map() : () -> tensor<1x8xf32> {
            fgla_tile.yield %zero : f32
          }
          %sum = fgla_tile.walk (%token, %rows, %t) = %c0 to %turns by 1 instance(%i of 1) iter_args(%carried = %none) -> (tensor<1x8xf32>) {
            %square = fgla_warp.get %squares[%t] : <tensor<4x8xf32>> -> tensor<4x8xf32>
            %copy = fgla_warp.get %copies[%t] : <tensor<4x8xf32>> -> tensor<4x8xf32>
            %a = fgla_tile.reduce add %square dim 0 : tensor<4x8xf32> -> tensor<1x8xf32>
            %b = fgla_tile.reduce add %copy dim 0 : tensor<4x8xf32> -> tensor<1x8xf32>
            fgla_warp.release %t
            // again fgla_warp.release %t
            %next = fgla_tile.map(%carried, %a, %b) : (tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32> {
            ^bb0(%p: f32, %q: f32, %r: f32):
              %s = arith.addf %q, %r : f32
              %u = arith.addf %p, %s : f32
              fgla_tile.yield %u : f32
            }
            fgla_tile.yield %next : tensor<1x8xf32>
          }
          fgla_tile.store %sum, %y[%c0, %c0] dims [0, 1] : tensor<1x8xf32>, memref<1x8xf32>
        }
      }
    }
    return
  }
  func.func @f(%x: tensor<?x8xf32> {fgla.name = "x"}) -> (tensor<1x8xf32> {fgla.name = "y"}) {
    %e = tensor.empty() : tensor<1x8xf32>
    %y = fgla_tile.launch @kernel ins(%x : tensor<?x8xf32>) outs(%e : tensor<1x8xf32>) -> (tensor<1x8xf32>)
    return %y : tensor<1x8xf32>
  }
}
