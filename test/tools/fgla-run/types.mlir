// Every element type that a tensor file can have goes in and comes out.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../Inputs/tensors.py make %t/in.safetensors a=f64:3 b=f32:3 c=f16:3 d=bf16:3 e=i64:3 f=i32:3 g=bool:3 s=f32:
// RUN: fgla-run %s --inputs=%t/in.safetensors --outputs=%t/out.safetensors
// RUN: %python %S/../Inputs/tensors.py show %t/out.safetensors | FileCheck %s
// RUN: %python %S/../Inputs/same.py %t/in.safetensors %t/out.safetensors
// CHECK: a: f64[3]
// CHECK: b: f32[3]
// CHECK: c: f16[3]
// CHECK: d: bf16[3]
// CHECK: e: i64[3]
// CHECK: f: i32[3]
// CHECK: g: bool[3]
// CHECK: s: f32[]
func.func @same(%a: tensor<3xf64>, %b: tensor<3xf32>, %c: tensor<3xf16>, %d: tensor<3xbf16>, %e: tensor<3xi64>, %f: tensor<3xi32>,
                %g: tensor<3xi1>, %s: tensor<f32>)
    -> (tensor<3xf64>, tensor<3xf32>, tensor<3xf16>, tensor<3xbf16>, tensor<3xi64>, tensor<3xi32>, tensor<3xi1>, tensor<f32>) {
  return %a, %b, %c, %d, %e, %f, %g, %s
    : tensor<3xf64>, tensor<3xf32>, tensor<3xf16>, tensor<3xbf16>, tensor<3xi64>, tensor<3xi32>, tensor<3xi1>, tensor<f32>
}
