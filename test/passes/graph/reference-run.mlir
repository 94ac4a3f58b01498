// The sequential form runs, and its numbers are those of a calculation by hand.
// RUN: fgla-opt %s --fgla-lower-to-reference --one-shot-bufferize=bufferize-function-boundaries \
// RUN:   | mlir-opt --buffer-deallocation-pipeline --convert-linalg-to-loops --expand-strided-metadata --lower-affine --convert-scf-to-cf --convert-math-to-libm \
// RUN:       --convert-math-to-llvm --convert-arith-to-llvm --convert-bufferization-to-memref --finalize-memref-to-llvm \
// RUN:       --convert-func-to-llvm --convert-cf-to-llvm --reconcile-unrealized-casts \
// RUN:   | mlir-runner -e main --entry-point-result=void \
// RUN:       --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so,%mlir_lib_dir/libmlir_c_runner_utils.so \
// RUN:   | FileCheck %s

!x = tensor<1x3x1x1xf32>
!s = tensor<1x1x1x1xf32>
!m = tensor<1x1xf32>

func.func private @printMemrefF32(%x: tensor<*xf32>)

func.func @print(%x: tensor<?x?x?x?xf32>) {
  %u = tensor.cast %x : tensor<?x?x?x?xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  return
}

func.func @show(%o: !x, %s: !s) {
  %0 = tensor.cast %o : !x to tensor<?x?x?x?xf32>
  call @print(%0) : (tensor<?x?x?x?xf32>) -> ()
  %1 = tensor.cast %s : !s to tensor<?x?x?x?xf32>
  call @print(%1) : (tensor<?x?x?x?xf32>) -> ()
  return
}

func.func @main() {
  %q = arith.constant dense<1.0> : !x
  %z = arith.constant dense<[[[[0.0]], [[1.0]], [[0.0]]]]> : !x
  %v = arith.constant dense<[[[[1.0]], [[2.0]], [[4.0]]]]> : !x
  %f = arith.constant dense<0.5> : !x
  %s = arith.constant dense<3.0> : !s

  // m = 0, 1, 1, so k = 1, 1, 1/e. S = 1, then 0.5 S / e + 2, then 0.5 S + 4 / e.
  // CHECK: sizes = [1, 3, 1, 1]
  // CHECK-NEXT: {{^ *\[+1\]}}
  // CHECK-NEXT: {{^ *\[+2[.]18394\]}}
  // CHECK-NEXT: {{^ *\[+2[.]56349\]}}
  // CHECK: sizes = [1, 1, 1, 1]
  // CHECK-NEXT: {{^ *\[+2[.]56349\]}}
  %0:3 = fgla.attention %q, %z, %v decay(%f) axis(key) stabilizer(running) scale(1.0) : (!x, !x, !x, !x) -> (!x, !s, !m)
  call @show(%0#0, %0#1) : (!x, !s) -> ()

  // All relative to m = 1: k = 1/e, 1, 1/e.
  // CHECK: sizes = [1, 3, 1, 1]
  // CHECK-NEXT: {{^ *\[+0[.]367879\]}}
  // CHECK-NEXT: {{^ *\[+2[.]18394\]}}
  // CHECK-NEXT: {{^ *\[+2[.]56349\]}}
  // CHECK: sizes = [1, 1, 1, 1]
  // CHECK-NEXT: {{^ *\[+2[.]56349\]}}
  %1:3 = fgla.attention %q, %z, %v decay(%f) axis(key) stabilizer(sequence) scale(1.0) : (!x, !x, !x, !x) -> (!x, !s, !m)
  call @show(%1#0, %1#1) : (!x, !s) -> ()

  // S = 3, 3 / 4 + 1 / 2, …: k = 1, beta 1/2 and f = 1/2: S = f S + (v - f S) / 2 = 1/4 S + v / 2.
  // CHECK: sizes = [1, 3, 1, 1]
  // CHECK-NEXT: {{^ *\[+1[.]25\]}}
  // CHECK-NEXT: {{^ *\[+1[.]3125\]}}
  // CHECK-NEXT: {{^ *\[+2[.]32812\]}}
  // CHECK: sizes = [1, 1, 1, 1]
  // CHECK-NEXT: {{^ *\[+2[.]32812\]}}
  %b = arith.constant dense<0.5> : tensor<1x3x1xf32>
  %2:2 = fgla.attention %q, %q, %v decay(%f) axis(value) beta(%b) state(%s) rule(gated_delta) scale(1.0)
    : (!x, !x, !x, !x, tensor<1x3x1xf32>, !s) -> (!x, !s)
  call @show(%2#0, %2#1) : (!x, !s) -> ()

  // No tokens: the state goes through, and nothing is a NaN.
  // CHECK: sizes = [1, 1, 1, 1]
  // CHECK-NEXT: {{^ *\[+3\]}}
  %none = arith.constant dense<> : tensor<1x0x1x1xf32>
  %m = arith.constant dense<0xFF800000> : !m
  %3:3 = fgla.attention %none, %none, %none state(%s) max(%m) stabilizer(running)
    : (tensor<1x0x1x1xf32>, tensor<1x0x1x1xf32>, tensor<1x0x1x1xf32>, !s, !m) -> (tensor<1x0x1x1xf32>, !s, !m)
  %4 = tensor.cast %3#1 : !s to tensor<?x?x?x?xf32>
  call @print(%4) : (tensor<?x?x?x?xf32>) -> ()
  return
}
