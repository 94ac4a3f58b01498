// RUN: not fgla-compile %s --target=sm_90a --compile-to=roles 2>&1 | FileCheck %s
// RUN: fgla-compile %s --target=cpu --compile-to=tiled | FileCheck %s --check-prefix=CPU

// Heads of 256 keys are cut into two slices on a GPU.
// CHECK: hedgehog-invalid.mlir:[[#@LINE+4]]:{{[0-9]+}}: 'tensor.extract_slice' takes 128 of 256 columns of a computed tile, which has no role on a GPU yet: a map that puts tiles side by side ('hedgehog') needs all keys of a head in one program, at most 128 and no 'key_slice'
// CPU: fgla_tile.launch
func.func @f(%q: tensor<?x?x2x128xbf16>, %k: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
  %a = fgla.feature_map hedgehog %q : tensor<?x?x2x128xbf16> -> tensor<?x?x2x256xbf16>
  %b = fgla.feature_map hedgehog %k : tensor<?x?x2x128xbf16> -> tensor<?x?x2x256xbf16>
  %o = fgla.attention %a, %b, %v : (tensor<?x?x2x256xbf16>, tensor<?x?x2x256xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
  return %o : tensor<?x?x2x128xbf16>
}
