// RUN: fgla-opt %s --fgla-lower-expand-shapes | FileCheck %s
// RUN: fgla-opt %s --fgla-lower-expand-shapes --expand-strided-metadata | FileCheck %s --check-prefix=GONE

// CHECK-LABEL: func @two_dynamic(
// CHECK-SAME:    %[[X:.+]]: memref<?x128xf32>, %[[B:.+]]: index, %[[T:.+]]: index)
// CHECK:         %[[BASE:.+]], %{{.+}}, %{{.+}}:2, %[[STRIDES:.+]]:2 = memref.extract_strided_metadata %[[X]]
// CHECK:         %[[OUTER:.+]] = arith.muli %[[STRIDES]]#0, %[[T]] : index
// CHECK:         memref.reinterpret_cast %[[BASE]] to offset: [0], sizes: [%[[B]], %[[T]], 128], strides: [%[[OUTER]], 128, 1]
// CHECK-NOT:     memref.expand_shape
// GONE-LABEL:  func @two_dynamic(
// GONE-NOT:      memref.expand_shape
func.func @two_dynamic(%x: memref<?x128xf32>, %b: index, %t: index) -> memref<?x?x128xf32> {
  %y = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %t, 128] : memref<?x128xf32> into memref<?x?x128xf32>
  return %y : memref<?x?x128xf32>
}

// The strides of a view are kept.
// CHECK-LABEL: func @strided(
// CHECK:         %[[BASE:.+]], %[[OFFSET:.+]], %{{.+}}:2, %[[STRIDES:.+]]:2 = memref.extract_strided_metadata
// CHECK:         memref.reinterpret_cast %[[BASE]] to offset: [%[[OFFSET]]], sizes: [%{{.+}}, %{{.+}}, 8], strides: [%{{.+}}, %[[STRIDES]]#0, 2]
func.func @strided(%x: memref<?x8xf32, strided<[?, 2], offset: ?>>, %b: index, %t: index) -> memref<?x?x8xf32, strided<[?, ?, 2], offset: ?>> {
  %y = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %t, 8]
    : memref<?x8xf32, strided<[?, 2], offset: ?>> into memref<?x?x8xf32, strided<[?, ?, 2], offset: ?>>
  return %y : memref<?x?x8xf32, strided<[?, ?, 2], offset: ?>>
}

// One dynamic dim for each group is left to upstream.
// CHECK-LABEL: func @one_dynamic(
// CHECK:         memref.expand_shape
func.func @one_dynamic(%x: memref<?x128xf32>, %t: index) -> memref<?x4x4x32xf32> {
  %y = memref.expand_shape %x [[0, 1], [2, 3]] output_shape [%t, 4, 4, 32] : memref<?x128xf32> into memref<?x4x4x32xf32>
  return %y : memref<?x4x4x32xf32>
}
