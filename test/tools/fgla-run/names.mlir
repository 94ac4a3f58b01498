// Functions may be called what they like, even like something of the C library.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../Inputs/tensors.py make %t/in.safetensors x=f32:4096:1.0
// RUN: fgla-run %s --entry=memset --inputs=%t/in.safetensors | FileCheck %s
// RUN: fgla-run %s --entry=malloc --inputs=%t/in.safetensors | FileCheck %s
// RUN: fgla-run %s --entry="odd name / */" --inputs=%t/in.safetensors | FileCheck %s
// RUN: fgla-compile %s -o %t/names.so --header=%t/names.h && %clang -std=c11 -Wall -Werror -fsyntax-only %t/names.h
// CHECK: y: f32[4096] = [0, 0, 0, 0, ...]
func.func @memset(%x: tensor<4096xf32>) -> tensor<4096xf32> {
  %y = arith.constant dense<0.0> : tensor<4096xf32>
  return %y : tensor<4096xf32>
}
func.func @malloc(%x: tensor<4096xf32>) -> tensor<4096xf32> {
  %y = arith.subf %x, %x : tensor<4096xf32>
  return %y : tensor<4096xf32>
}
func.func @"odd name / */"(%x: tensor<4096xf32>) -> tensor<4096xf32> {
  %y = call @memset(%x) : (tensor<4096xf32>) -> tensor<4096xf32>
  return %y : tensor<4096xf32>
}
