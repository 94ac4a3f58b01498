// A norm that needs whole rows where no program has them is a kernel of its own, which says why; the others do not.
// RUN: env FGLA_PTXAS= fgla-compile %s --target=sm_90a --segments=1 --report=md | FileCheck %s
// RUN: env FGLA_PTXAS= fgla-compile %s --target=sm_90a --segments=1 --schedule=key_slice=64,value_slice=128 --report=md | FileCheck %s --check-prefix=BOTH

// CHECK-COUNT-1: - heads are cut into slices of 128 values, so no program has whole outputs: what needs them (sums of parts, norm, output gate) is not fused but this kernel's, and outputs go through memory once more
// CHECK-NOT: heads are cut
// BOTH-COUNT-1: - heads are cut into slices of 64 keys and 128 values,
// BOTH-NOT: heads are cut
func.func @f(%q: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x256xbf16>, %w: tensor<256xf32>) -> tensor<?x?x2x256xbf16> {
  %o = fgla.attention %q, %q, %v : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x256xbf16>) -> (tensor<?x?x2x256xbf16>)
  %n = fgla.norm rms %o weight(%w : tensor<256xf32>) eps(1.0e-5) : tensor<?x?x2x256xbf16>
  return %n : tensor<?x?x2x256xbf16>
}
// Whole heads, and slices of values of which nothing more is made, are not mentioned.
func.func @g(%q: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x512xbf16>) -> tensor<?x?x2x512xbf16> {
  %o = fgla.attention %q, %q, %v : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x512xbf16>) -> (tensor<?x?x2x512xbf16>)
  return %o : tensor<?x?x2x512xbf16>
}
