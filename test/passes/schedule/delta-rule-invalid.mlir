// RUN: fgla-opt %s --fgla-assign-schedule -verify-diagnostics

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @delta(%q: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>, %b: tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32> {
    // expected-error @+1 {{rule 'delta' has no kernel for a GPU yet, got target 'sm_90a'; target 'cpu' runs it}}
    %o = fgla.attention %q, %q, %v beta(%b) rule(delta) : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x2x16xf32>)
    return %o : tensor<?x?x2x16xf32>
  }
}
