// RUN: fgla-opt %s --fgla-record-manifest --split-input-file --verify-diagnostics | FileCheck %s

// Kernels in the order of the module; what is no kernel is left out. No extensions of this machine's processor are asked for.
// CHECK: fgla.manifest = "
// CHECK-SAME: \22kernels\22:[
// CHECK-SAME: {\22block\22:[640,1,1],\22image\22:\22fgla_image_first_2e_gpu\22,\22name\22:\22state\22,\22shared\22:1024},
// CHECK-SAME: {\22block\22:[32,4,2],\22dependent\22:true,\22image\22:\22fgla_image_first_2e_gpu\22,\22name\22:\22outputs\22,\22shared\22:0},
// CHECK-SAME: {\22block\22:[128,1,1],\22image\22:\22fgla_image_second\22,\22name\22:\22state\22,\22shared\22:0}],
// CHECK-SAME: \22requires\22:[],\22target\22:\22sm_90a\22}
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  gpu.module @"first.gpu" {
    llvm.func @state() attributes {nvvm.kernel, nvvm.maxntid = array<i32: 640>, fgla.shared_bytes = 1024 : i64} { llvm.return }
    llvm.func @helper() { llvm.return }
    llvm.func @outputs() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 4, 2>, fgla.dependent} { llvm.return }
  }
  gpu.module @second {
    llvm.func @state() attributes {nvvm.kernel, nvvm.maxntid = array<i32: 128>} { llvm.return }
  }
  func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_80">} {
  gpu.module @code {
    // expected-error @below {{must say how many threads a block has: 'nvvm.maxntid' or 'nvvm.reqntid' with 1 to 3 sizes}}
    llvm.func @k() attributes {nvvm.kernel} { llvm.return }
  }
  func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
