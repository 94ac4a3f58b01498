// A source and its artifact give the same; results go to a file, or are shown.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../Inputs/tensors.py make %t/in.safetensors x=f32:2x3:iota y=f32:2x3:0.5 unused=i64:4
// RUN: fgla-run %s --inputs=%t/in.safetensors | FileCheck %s --check-prefix=SHOW
// RUN: fgla-run %s --inputs=%t/in.safetensors --outputs=%t/out.safetensors --compare=reference --time | FileCheck %s --check-prefix=COMPARE
// RUN: %python %S/../Inputs/tensors.py show %t/out.safetensors | FileCheck %s --check-prefix=FILE
// RUN: fgla-compile %s -o %t/add.so
// RUN: fgla-run %t/add.so --entry=add --inputs=%t/in.safetensors | FileCheck %s --check-prefix=SHOW
// RUN: %python %S/../Inputs/tensors.py npy %t/x.npy f32:2x3:7
// RUN: fgla-run %t/add.so --inputs=%t/in.safetensors --input x=%t/x.npy | FileCheck %s --check-prefix=NPY
// RUN: fgla-run %s --lowering=reference --inputs=%t/in.safetensors | FileCheck %s --check-prefix=SHOW

// SHOW: sum: f32[2, 3] = [0.5, 1.5, 2.5, 3.5, ...]
// SHOW: {{^}}x2: f32[2, 3] = [0, 2, 4, 6, ...]
// NPY: sum: f32[2, 3] = [7.5, 7.5, 7.5, 7.5, ...]
// COMPARE: sum: ‖y−ref‖/‖ref‖ = {{[0-9.e-]+}} (bound 1e-05)
// COMPARE: x2: ‖y−ref‖/‖ref‖ = 0 (bound 1e-05)
// COMPARE: time: {{[0-9.]+}} {{[um]?}}s (median of {{[0-9]+}} calls; 10% below {{.*}}, 90% below {{.*}})
// FILE: sum: f32[2, 3]
// FILE: x2: f32[2, 3]
func.func @add(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32> {fgla.name = "x2"}) {
  %sum = arith.addf %x, %y : tensor<?x?xf32>
  %twice = arith.addf %x, %x : tensor<?x?xf32>
  return %sum, %twice : tensor<?x?xf32>, tensor<?x?xf32>
}
