// RUN: not fgla-compile %s --target=sm_90a --schedule=key_slice=128 --compile-to=roles 2>&1 | FileCheck %s
// RUN: fgla-compile %s --target=sm_90a --segments=1 --compile-to=roles | FileCheck %s --check-prefix=VALUES
// RUN: fgla-compile %s --target=cpu --compile-to=tiled | FileCheck %s --check-prefix=CPU

// Halves that are made side by side are not cut into slices of keys. The rule takes slices of values.
// CHECK: hedgehog-invalid.mlir:[[#@LINE+5]]:{{[0-9]+}}: 'tensor.extract_slice' takes 128 of 256 columns of a computed tile, which has no role on a GPU yet: a map that puts tiles side by side ('hedgehog') needs all keys of a head in one program, and no 'key_slice'
// VALUES: fgla_tile.dot {{.*}} : tensor<16x256xbf16>, tensor<256x64xbf16>
// CPU: fgla_tile.launch
func.func @f(%q: tensor<?x?x2x128xbf16>, %k: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
  %a = fgla.feature_map hedgehog %q : tensor<?x?x2x128xbf16> -> tensor<?x?x2x256xbf16>
  %b = fgla.feature_map hedgehog %k : tensor<?x?x2x128xbf16> -> tensor<?x?x2x256xbf16>
  %o = fgla.attention %a, %b, %v : (tensor<?x?x2x256xbf16>, tensor<?x?x2x256xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
  return %o : tensor<?x?x2x128xbf16>
}
