// RUN: fgla-opt %s --fgla-assign-schedule | FileCheck %s
// RUN: fgla-opt %s --fgla-assign-schedule="schedule=value_slice=32" | FileCheck %s --check-prefix=GIVEN
// RUN: sed 's/sm_90a/sm_86/' %s | fgla-opt --fgla-assign-schedule | FileCheck %s --check-prefix=SMALL

// What a state of more than 128 x 128 elements is cut into on a GPU: values as long as keys are few.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK-LABEL: func.func @fits
  // CHECK: #fgla.schedule<tile = 16, segments = 0, elementwise
  // SMALL: #fgla.schedule<tile = 16, segments = 0, value_slice = 64, load = 1, elementwise
  // GIVEN: #fgla.schedule<tile = 16, segments = 0, value_slice = 32, elementwise
  func.func @fits(%q: tensor<?x?x2x128xf32>, %v: tensor<?x?x2x128xf32>) -> tensor<?x?x2x128xf32> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x128xf32>, tensor<?x?x2x128xf32>, tensor<?x?x2x128xf32>) -> (tensor<?x?x2x128xf32>)
    return %o : tensor<?x?x2x128xf32>
  }
  // CHECK-LABEL: func.func @values
  // CHECK: #fgla.schedule<tile = 16, segments = 0, value_slice = 256, elementwise
  func.func @values(%q: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x512xbf16>) -> tensor<?x?x2x512xbf16> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x512xbf16>) -> (tensor<?x?x2x512xbf16>)
    return %o : tensor<?x?x2x512xbf16>
  }
  // CHECK-LABEL: func.func @both
  // CHECK: #fgla.schedule<tile = 16, segments = 0, key_slice = 128, value_slice = 128, cluster = 2, elementwise = 2x4, matrix = 4, epilogue = 4>
  func.func @both(%q: tensor<?x?x2x256xbf16>, %v: tensor<?x?x2x512xbf16>) -> tensor<?x?x2x512xbf16> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x256xbf16>, tensor<?x?x2x256xbf16>, tensor<?x?x2x512xbf16>) -> (tensor<?x?x2x512xbf16>)
    return %o : tensor<?x?x2x512xbf16>
  }
  // Sums of f32 in a warp that has 16 values, all there are; halves side by side are all in one program.
  // CHECK-LABEL: func.func @few
  // CHECK: #fgla.schedule<tile = 16, segments = 0, key_slice = 128, elementwise
  func.func @few(%q: tensor<?x?x2x256xf32>, %v: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x256xf32>, tensor<?x?x2x256xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
    return %o : tensor<?x?x2x16xf32>
  }
  // CHECK-LABEL: func.func @halves
  // CHECK: #fgla.schedule<tile = 16, segments = 0, value_slice = 64, elementwise
  func.func @halves(%q: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    %map = fgla.feature_map hedgehog %q : tensor<?x?x2x128xbf16> -> tensor<?x?x2x256xbf16>
    %o = fgla.attention %map, %map, %v : (tensor<?x?x2x256xbf16>, tensor<?x?x2x256xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
  // Two turns of decays of 256 values do not fit where shared memory is small.
  // CHECK-LABEL: func.func @value_decays
  // CHECK: #fgla.schedule<tile = 16, segments = 0, value_slice = 256, elementwise
  // SMALL-LABEL: func.func @value_decays
  // SMALL: #fgla.schedule<tile = 16, segments = 0, value_slice = 128, load = 1, elementwise
  func.func @value_decays(%q: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x512xbf16>) -> tensor<?x?x2x512xbf16> {
    %o = fgla.attention %q, %q, %v decay(%v) axis(value) : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x512xbf16>, tensor<?x?x2x512xbf16>) -> (tensor<?x?x2x512xbf16>)
    return %o : tensor<?x?x2x512xbf16>
  }
}
