// RUN: fgla-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{'tile' must be between 1 and 1024, got 0}}
module attributes {test.a = #fgla.schedule<tile = 0>} {}

// -----

// expected-error @+1 {{'tile' must be between 1 and 1024, got 2048}}
module attributes {test.a = #fgla.schedule<tile = 2048>} {}

// -----

// expected-error @+1 {{'tile' must be a power of two, got 24}}
module attributes {test.a = #fgla.schedule<tile = 24>} {}

// -----

// expected-error @+1 {{'segments' must not be negative, got -1}}
module attributes {test.a = #fgla.schedule<tile = 32, segments = -1>} {}

// -----

// expected-error @+2 {{expected ::fgla::FeatureKind to be one of: identity, relu, elu1, exp, safe_exp, softmax, hedgehog}}
// expected-error @+1 {{failed to parse FGLA_FeatureKindAttr parameter 'value'}}
module attributes {test.a = #fgla<feature gelu>} {}

// -----

// expected-error @+1 {{slices must not be negative, got -16 and 0}}
module attributes {test.a = #fgla.schedule<tile = 16, key_slice = -16>} {}
