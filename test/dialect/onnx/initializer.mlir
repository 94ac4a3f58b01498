// RUN: fgla-opt %s | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s

// CHECK-LABEL: func @weights
func.func @weights() -> (tensor<128x128xf32>, tensor<2x3xi1>) {
  // CHECK: onnx.initializer "proj.weight" file "model.onnx.data" offset 4096 length 65536 : tensor<128x128xf32>
  %w = onnx.initializer "proj.weight" file "model.onnx.data" offset 4096 length 65536 : tensor<128x128xf32>
  // CHECK: onnx.initializer "shape" value dense<[0, 0, 4, 64]> : tensor<4xi64>
  %s = onnx.initializer "shape" value dense<[0, 0, 4, 64]> : tensor<4xi64>
  // A boolean takes a byte.
  // CHECK: onnx.initializer "mask" file "data/mask.bin" offset 0 length 6 : tensor<2x3xi1>
  %m = onnx.initializer "mask" file "data/mask.bin" offset 0 length 6 : tensor<2x3xi1>
  // CHECK: onnx.initializer "big" value dense_resource<big> : tensor<2xf32>
  %b = onnx.initializer "big" value dense_resource<big> : tensor<2xf32>
  return %w, %m : tensor<128x128xf32>, tensor<2x3xi1>
}

{-#
  dialect_resources: {
    builtin: {
      big: "0x040000000000803F00000040"
    }
  }
#-}
