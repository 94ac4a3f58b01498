// RUN: fgla-opt %s --fgla-assign-schedule="tuned=none" | FileCheck %s
// RUN: sed 's/sm_90a/sm_89/' %s | fgla-opt --fgla-assign-schedule="tuned=none" | FileCheck %s --check-prefix=NONE

// Programs that share a head by its keys run as a cluster: where there have to be two, and where two fill a device that few heads do not.
// NONE-NOT: cluster
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK-LABEL: func.func @few_heads
  // CHECK: #fgla.schedule<tile = 16, segments = 0, cluster = 2, elementwise
  func.func @few_heads(%q: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    %o = fgla.attention %q, %q, %q : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
  // CHECK-LABEL: func.func @two_slices
  // CHECK: #fgla.schedule<tile = 16, segments = 0, key_slice = 128, cluster = 2, elementwise
  func.func @two_slices(%q: tensor<?x?x2x200xbf16>, %v: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x200xbf16>, tensor<?x?x2x200xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
  // Four leave multiprocessors without work; 64 keys are one line; f32 outputs lose too much as bf16; a sequence of one tile is no work.
  // CHECK-LABEL: func.func @four_slices
  // CHECK: #fgla.schedule<tile = 16, segments = 0, key_slice = 128, elementwise
  func.func @four_slices(%q: tensor<?x?x2x512xbf16>, %v: tensor<?x?x2x64xbf16>) -> tensor<?x?x2x64xbf16> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x512xbf16>, tensor<?x?x2x512xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>)
    return %o : tensor<?x?x2x64xbf16>
  }
  // CHECK-LABEL: func.func @one_line
  // CHECK: #fgla.schedule<tile = 16, segments = 0, elementwise
  func.func @one_line(%q: tensor<?x?x2x64xbf16>) -> tensor<?x?x2x64xbf16> {
    %o = fgla.attention %q, %q, %q : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>)
    return %o : tensor<?x?x2x64xbf16>
  }
  // CHECK-LABEL: func.func @wide
  // CHECK: #fgla.schedule<tile = 16, segments = 0, elementwise
  func.func @wide(%q: tensor<?x?x2x128xf32>) -> tensor<?x?x2x128xf32> {
    %o = fgla.attention %q, %q, %q : (tensor<?x?x2x128xf32>, tensor<?x?x2x128xf32>, tensor<?x?x2x128xf32>) -> (tensor<?x?x2x128xf32>)
    return %o : tensor<?x?x2x128xf32>
  }
  // CHECK-LABEL: func.func @one_tile
  // CHECK: #fgla.schedule<tile = 16, elementwise
  func.func @one_tile(%q: tensor<4x16x2x128xbf16>) -> tensor<4x16x2x128xbf16> {
    %o = fgla.attention %q, %q, %q : (tensor<4x16x2x128xbf16>, tensor<4x16x2x128xbf16>, tensor<4x16x2x128xbf16>) -> (tensor<4x16x2x128xbf16>)
    return %o : tensor<4x16x2x128xbf16>
  }
}
