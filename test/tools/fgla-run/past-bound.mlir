// A result past its bound is an error. This function adds numbers that f32 cannot hold, so that it must be off.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../Inputs/tensors.py make %t/in.safetensors x=f32:4:1.0
// RUN: not fgla-run %s --inputs=%t/in.safetensors --outputs=%t/out.safetensors --compare=reference > %t/stdout 2> %t/stderr
// RUN: FileCheck %s < %t/stdout && FileCheck %s --check-prefix=ERROR < %t/stderr && not ls %t/out.safetensors
// CHECK: difference: ‖y−ref‖/‖ref‖ = 1 (bound 1e-05)
// ERROR: error: result 'difference' is off by more than its bound
func.func @cancel(%x: tensor<4xf32>) -> tensor<4xf32> {
  %large = arith.constant dense<1.0e+08> : tensor<4xf32>
  %sum = arith.addf %x, %large : tensor<4xf32>
  %difference = arith.subf %sum, %large : tensor<4xf32>
  return %difference : tensor<4xf32>
}
