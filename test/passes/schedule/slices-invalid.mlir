// RUN: fgla-opt %s --fgla-assign-schedule="schedule=key_slice=48" -verify-diagnostics

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @f(%q: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    // expected-error @+1 {{slices on a GPU must be powers of two from 16 channels on, got 48}}
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
}
