// RUN: fgla-opt %s --fgla-emit-entry-points -split-input-file -verify-diagnostics

// expected-error@+1 {{must have a manifest in the attribute 'fgla.manifest'}}
module {}

// -----

// expected-error@+1 {{manifest: is no valid document}}
module attributes {fgla.manifest = "{"} {}

// -----

// expected-error@+1 {{has no function '_mlir_ciface_fgla.f' for an entry point to call}}
module attributes {fgla.manifest = "{\22abi\22: 2, \22target\22: \22cpu\22, \22functions\22: [{\22name\22: \22f\22, \22entry\22: \22e\22, \22shape\22: \22s\22, \22args\22: [], \22results\22: []}]}"} {}
