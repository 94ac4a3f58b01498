// A kernel that walks from the end of a sequence: what a tile reads is made of the tokens after it. On the CPU, and
// through roles and layouts on a GPU target, whose code the emulator runs.
// UNSUPPORTED: sanitizer
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../tools/Inputs/tensors.py make %t/40.safetensors x=bf16:40x16:1
// RUN: %python %S/../tools/Inputs/tensors.py make %t/20.safetensors x=bf16:20x16:1
// RUN: fgla-compile %s --compile-from=tiled -o %t/cpu.so
// RUN: env FGLA_PTXAS= fgla-compile %s --compile-from=tiled --target=sm_90a -o %t/gpu.so

// 24 tokens come after the first tile, 16 channels each.
// RUN: fgla-run %t/cpu.so --inputs=%t/40.safetensors | FileCheck %s --check-prefix=LONG
// RUN: env LD_LIBRARY_PATH=%emulator fgla-run %t/gpu.so --inputs=%t/40.safetensors | FileCheck %s --check-prefix=LONG
// RUN: fgla-run %t/cpu.so --inputs=%t/40.safetensors --outputs=%t/cpu.safetensors
// RUN: env LD_LIBRARY_PATH=%emulator fgla-run %t/gpu.so --inputs=%t/40.safetensors --outputs=%t/gpu.safetensors
// RUN: cmp %t/cpu.safetensors %t/gpu.safetensors
// LONG: y: f32[40, 16] = [384, 384, 384, 384, ...]
// LONG: all: f32[16, 16] = [40, 40, 40, 40, ...]

// Four, of the only other tile, which is not full.
// RUN: fgla-run %t/cpu.so --inputs=%t/20.safetensors | FileCheck %s --check-prefix=SHORT
// RUN: env LD_LIBRARY_PATH=%emulator fgla-run %t/gpu.so --inputs=%t/20.safetensors | FileCheck %s --check-prefix=SHORT
// SHORT: y: f32[20, 16] = [64, 64, 64, 64, ...]
// SHORT: all: f32[16, 16] = [20, 20, 20, 20, ...]

func.func private @kernel(%x: memref<?x16xbf16>, %y: memref<?x16xf32>, %all: memref<16x16xf32>) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %tokens = memref.dim %x, %c0 : memref<?x16xbf16>
  scf.forall (%program) in (1) {
    %none = fgla_tile.map() : () -> tensor<16x16xf32> {
      fgla_tile.yield %zero : f32
    }
    %last = fgla_tile.walk (%token, %rows, %turn) = %c0 to %tokens by 16 reverse iter_args(%later = %none) -> (tensor<16x16xf32>) {
      %tile = fgla_tile.load %x[%token, %c0] rows(%rows) dims [0, 1] : memref<?x16xbf16> -> tensor<16x16xbf16>
      %wide = fgla_tile.map(%tile) : (tensor<16x16xbf16>) -> tensor<16x16xf32> {
      ^bb0(%a: bf16):
        %w = arith.extf %a : bf16 to f32
        fgla_tile.yield %w : f32
      }
      %read = fgla_tile.dot %wide, %later : tensor<16x16xf32>, tensor<16x16xf32> -> tensor<16x16xf32>
      fgla_tile.store %read, %y[%token, %c0] rows(%rows) dims [0, 1] : tensor<16x16xf32>, memref<?x16xf32>
      %next = fgla_tile.dot %wide transposed, %wide acc(%later : tensor<16x16xf32>) : tensor<16x16xf32>, tensor<16x16xf32> -> tensor<16x16xf32>
      fgla_tile.yield %next : tensor<16x16xf32>
    }
    fgla_tile.store %last, %all[%c0, %c0] dims [0, 1] : tensor<16x16xf32>, memref<16x16xf32>
  } {mapping = [#gpu.block<linear_dim_0>]}
  return
}

func.func @f(%x: tensor<?x16xbf16> {fgla.name = "x"}) -> (tensor<?x16xf32> {fgla.name = "y"}, tensor<16x16xf32> {fgla.name = "all"}) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x16xbf16>
  %read = tensor.empty(%tokens) : tensor<?x16xf32>
  %state = tensor.empty() : tensor<16x16xf32>
  %y, %all = fgla_tile.launch @kernel ins(%x : tensor<?x16xbf16>) outs(%read, %state : tensor<?x16xf32>, tensor<16x16xf32>)
      -> (tensor<?x16xf32>, tensor<16x16xf32>)
  return %y, %all : tensor<?x16xf32>, tensor<16x16xf32>
}
