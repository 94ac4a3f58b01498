// RUN: fgla-opt %s --fgla-record-manifest | FileCheck %s

// CHECK: module attributes {fgla.manifest = "{\22abi\22:2,\22compiler\22:\22fgla {{.+}}\22,\22functions\22:[
// CHECK-SAME: {\22args\22:{{\[}}{\22dtype\22:\22f32\22,\22name\22:\22x\22,\22shape\22:[\22B\22,\22?\22,4]},{\22dtype\22:\22bool\22,\22name\22:\22arg1\22,\22shape\22:[]}]
// CHECK-SAME: \22entry\22:\22fgla_fn_odd_20_name\22
// CHECK-SAME: \22name\22:\22odd name\22
// CHECK-SAME: \22results\22:{{\[}}{\22dtype\22:\22u8\22,\22name\22:\22result0\22,\22shape\22:[3]}]
// CHECK-SAME: \22shape\22:\22fgla_shape_odd_20_name\22
// CHECK-SAME: }],\22requires\22:[{{.*}}],\22target\22:\22cpu\22}"}
// CHECK: func.func @"fgla.odd name"
// CHECK: call @fgla.helper
// CHECK: func.func private @fgla.helper
// CHECK: func.func private @outside
func.func @"odd name"(%x: tensor<?x?x4xf32> {fgla.name = "x", fgla.dims = ["B", "?", "4"]}, %flag: tensor<i1>) -> tensor<3xui8> {
  %one = arith.constant 1.0 : f32
  %z = call @helper(%one) : (f32) -> f32
  %y = tensor.empty() : tensor<3xui8>
  return %y : tensor<3xui8>
}
func.func private @helper(%x: f32) -> f32 {
  return %x : f32
}
func.func private @outside(f32)
