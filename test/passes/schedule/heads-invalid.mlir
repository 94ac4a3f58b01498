// RUN: fgla-opt %s --fgla-assign-schedule -verify-diagnostics

// Threads hold two neighbouring channels.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @one(%q: tensor<?x?x2x1xf32>, %v: tensor<?x?x2x4xf32>) -> tensor<?x?x2x4xf32> {
    // expected-error @+1 {{heads on a GPU must have two or more channels of keys and of values, got 1 and 4}}
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x1xf32>, tensor<?x?x2x1xf32>, tensor<?x?x2x4xf32>) -> (tensor<?x?x2x4xf32>)
    return %o : tensor<?x?x2x4xf32>
  }
}
