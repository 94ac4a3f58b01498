// y = x + x, with a kernel and what launches it written by hand, and a workspace that is of no use but to be there.
// The phases before `layout` are taken as done.
module {
  gpu.module @scale_gpu {
    llvm.func @scale(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %w: !llvm.ptr<1>, %n: i64, %factor: f32) attributes {
        nvvm.kernel, nvvm.maxntid = array<i32: 128>, nvvm.minctasm = 1 : i32, fgla.shared_bytes = 65536 : i64} {
      %block = nvvm.read.ptx.sreg.ctaid.x : i32
      %thread = nvvm.read.ptx.sreg.tid.x : i32
      %size = llvm.mlir.constant(128 : i32) : i32
      %base = llvm.mul %block, %size : i32
      %index = llvm.add %base, %thread : i32
      %i = llvm.zext %index : i32 to i64
      %inside = llvm.icmp "slt" %i, %n : i64
      llvm.cond_br %inside, ^body, ^end
    ^body:
      %from = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %v = llvm.load %from : !llvm.ptr<1> -> f32
      %z = llvm.fmul %v, %factor : f32
      %space = llvm.getelementptr %w[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %z, %space : f32, !llvm.ptr<1>
      %to = llvm.getelementptr %y[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %z, %to : f32, !llvm.ptr<1>
      llvm.br ^end
    ^end:
      llvm.return
    }
  }
  func.func private @scale_kernel(%x: memref<?xf32>, %y: memref<?xf32>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %tile = arith.constant 128 : index
    %factor = arith.constant 2.0 : f32
    %n = memref.dim %x, %zero : memref<?xf32>
    %tiles = arith.ceildivsi %n, %tile : index
    %w = memref.alloc(%n) : memref<?xf32>
    fgla_warp.dispatch @scale_gpu::@scale grid(%tiles, %one, %one) args(%x, %y, %w, %n, %factor : memref<?xf32>, memref<?xf32>, memref<?xf32>, index, f32)
    return
  }
  func.func @scale(%x: tensor<?xf32> {fgla.name = "x", fgla.dims = ["N"]}) -> (tensor<?xf32> {fgla.name = "y", fgla.dims = ["N"]}) {
    %zero = arith.constant 0 : index
    %n = tensor.dim %x, %zero : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %y = fgla_tile.launch @scale_kernel ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> (tensor<?xf32>)
    return %y : tensor<?xf32>
  }
}
