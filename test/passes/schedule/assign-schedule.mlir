// RUN: fgla-opt %s --fgla-assign-schedule -split-input-file -verify-diagnostics | FileCheck %s
// RUN: fgla-opt %s --fgla-assign-schedule="tile=16 segments=4" -split-input-file | FileCheck %s --check-prefix=GIVEN

module attributes {fgla.target = #fgla.target<"cpu">} {
  // CHECK-LABEL: func.func @dynamic
  // CHECK: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile = 32, segments = 0>
  // GIVEN: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile = 16, segments = 4>
  func.func @dynamic(%q: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
    return %o : tensor<?x?x2x16xf32>
  }

  // A large state is passed over less often.
  // CHECK-LABEL: func.func @large
  // CHECK: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile = 64, segments = 0>
  func.func @large(%q: tensor<?x?x2x256xf32>, %v: tensor<?x?x2x512xf32>) -> tensor<?x?x2x512xf32> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x256xf32>, tensor<?x?x2x256xf32>, tensor<?x?x2x512xf32>) -> (tensor<?x?x2x512xf32>)
    return %o : tensor<?x?x2x512xf32>
  }

  // One token: a tile of one token, and nothing to cut into segments.
  // CHECK-LABEL: func.func @one_token
  // CHECK: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile = 1>
  func.func @one_token(%q: tensor<?x1x2x16xf32>, %v: tensor<?x1x2x16xf32>) -> tensor<?x1x2x16xf32> {
    %o = fgla.attention %q, %q, %v : (tensor<?x1x2x16xf32>, tensor<?x1x2x16xf32>, tensor<?x1x2x16xf32>) -> (tensor<?x1x2x16xf32>)
    return %o : tensor<?x1x2x16xf32>
  }

  // A gradient is one walk a head.
  // CHECK-LABEL: func.func @gradient
  // CHECK: fgla.attention_grad {{.*}}fgla.schedule = #fgla.schedule<tile = 32>
  // GIVEN: fgla.attention_grad {{.*}}fgla.schedule = #fgla.schedule<tile = 16>
  func.func @gradient(%q: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
    %o = fgla.attention_grad %q, %q, %v output_grad(%v) : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> value(tensor<?x?x2x16xf32>)
    return %o : tensor<?x?x2x16xf32>
  }

  // What is there stays.
  // CHECK-LABEL: func.func @given
  // CHECK: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile = 64>
  func.func @given(%q: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
    %o = fgla.attention %q, %q, %v {fgla.schedule = #fgla.schedule<tile = 64>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
    return %o : tensor<?x?x2x16xf32>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"cpu">} {
  // CHECK-LABEL: func.func @delta
  // CHECK-NOT: fgla.schedule
  func.func @delta(%q: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>, %b: tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32> {
    // expected-remark @below {{rule 'delta' has no kernel yet and runs by the sequential lowering}}
    %o = fgla.attention %q, %q, %v beta(%b) rule(delta) : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x2x16xf32>)
    return %o : tensor<?x?x2x16xf32>
  }
  // CHECK-LABEL: func.func @delta_gradient
  // CHECK-NOT: fgla.schedule
  func.func @delta_gradient(%q: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>, %b: tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32> {
    // expected-remark @below {{rule 'delta' has no kernel yet and runs by the sequential lowering}}
    %o = fgla.attention_grad %q, %q, %v beta(%b) rule(delta) output_grad(%v) : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>, tensor<?x?x2x16xf32>) -> value(tensor<?x?x2x16xf32>)
    return %o : tensor<?x?x2x16xf32>
  }
}

// -----

// On a GPU all is chosen that a schedule holds, but for the turns under way: these follow from layouts.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  // CHECK-LABEL: func.func @gpu
  // CHECK: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile = 16, segments = 0, cluster = 2, elementwise = 2x4, matrix = 4, epilogue = 4>
  func.func @gpu(%q: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }

  // f32: twice the sums, half the warps that need registers.
  // CHECK-LABEL: func.func @wide
  // CHECK: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile = 16, segments = 0, elementwise = 2x2, matrix = 8, epilogue = 4>
  func.func @wide(%q: tensor<?x?x2x128xf32>, %v: tensor<?x?x2x128xf32>) -> tensor<?x?x2x128xf32> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x128xf32>, tensor<?x?x2x128xf32>, tensor<?x?x2x128xf32>) -> (tensor<?x?x2x128xf32>)
    return %o : tensor<?x?x2x128xf32>
  }

  // What a given schedule leaves open is chosen.
  // CHECK-LABEL: func.func @open
  // CHECK: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile = 16, segments = 2, stages = 3, load = 1, elementwise = 1x8, matrix = 1, epilogue = 4>
  func.func @open(%q: tensor<?x?x2x16xbf16>, %v: tensor<?x?x2x16xbf16>) -> tensor<?x?x2x16xbf16> {
    %o = fgla.attention %q, %q, %v {fgla.schedule = #fgla.schedule<tile = 16, segments = 2, stages = 3, load = 1>} : (tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>) -> (tensor<?x?x2x16xbf16>)
    return %o : tensor<?x?x2x16xbf16>
  }
}
