// RUN: fgla-opt %s -split-input-file -verify-diagnostics --fgla-assign-schedule

module attributes {fgla.target = #fgla.target<"cpu">} {
  func.func @cpu(%q: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    // expected-error @below {{a 'cluster' of 2 programs needs a GPU of sm_90 or newer}}
    %o = fgla.attention %q, %q, %q {fgla.schedule = #fgla.schedule<tile = 16, cluster = 2>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_89">} {
  func.func @older(%q: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    // expected-error @below {{a 'cluster' of 2 programs needs a GPU of sm_90 or newer}}
    %o = fgla.attention %q, %q, %q {fgla.schedule = #fgla.schedule<tile = 16, cluster = 2>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @wide(%q: tensor<?x?x2x128xf32>) -> tensor<?x?x2x128xf32> {
    // expected-error @below {{a 'cluster' of 2 programs needs 16-bit arrays, whose outputs cross as bf16}}
    %o = fgla.attention %q, %q, %q {fgla.schedule = #fgla.schedule<tile = 16, cluster = 2>} : (tensor<?x?x2x128xf32>, tensor<?x?x2x128xf32>, tensor<?x?x2x128xf32>) -> (tensor<?x?x2x128xf32>)
    return %o : tensor<?x?x2x128xf32>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @slices(%q: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    // expected-error @below {{a 'cluster' of 4 programs needs as many slices of 64 keys, 128 keys have 2}}
    %o = fgla.attention %q, %q, %q {fgla.schedule = #fgla.schedule<tile = 16, cluster = 4>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @halves(%q: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x64xbf16>) -> tensor<?x?x2x64xbf16> {
    %map = fgla.feature_map hedgehog %q : tensor<?x?x2x64xbf16> -> tensor<?x?x2x128xbf16>
    // expected-error @below {{a 'cluster' of 2 programs cannot share the keys of a map that puts tiles side by side ('hedgehog')}}
    %o = fgla.attention %map, %map, %v {fgla.schedule = #fgla.schedule<tile = 16, cluster = 2>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>)
    return %o : tensor<?x?x2x64xbf16>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @values(%q: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    // expected-error @below {{a 'cluster' of 2 programs is chosen at launch where programs own all values, got a 'value_slice' of 64; with a 'key_slice' it is not}}
    %o = fgla.attention %q, %q, %q {fgla.schedule = #fgla.schedule<tile = 16, segments = 0, value_slice = 64, cluster = 2>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @tile(%q: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    // expected-error @below {{a 'cluster' of 2 programs needs tiles of 16 tokens or more, got 8}}
    %o = fgla.attention %q, %q, %q {fgla.schedule = #fgla.schedule<tile = 8, cluster = 2>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @decays(%q: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    // expected-error @below {{a 'cluster' of 2 programs cannot add up outputs that decays of values have changed}}
    %o = fgla.attention %q, %q, %q decay(%q) axis(value) {fgla.schedule = #fgla.schedule<tile = 16, cluster = 2>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
}

// -----

func.func @number(%q: tensor<?x?x2x128xbf16>) {
  // expected-error @below {{'cluster' must be 0 or a power of two up to 8, got 3}}
  %o = fgla.attention %q, %q, %q {fgla.schedule = #fgla.schedule<tile = 16, cluster = 3>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
  return
}
