// A head that is too large for the target's shared memory is refused before any code is made, and only there.
// RUN: not fgla-compile %s --target=sm_86 --segments=1 --tile=64 --compile-to=layout 2>&1 | FileCheck %s
// RUN: fgla-compile %s --target=sm_90a --segments=1 --tile=16 --compile-to=layout | FileCheck %s --check-prefix=FITS
// CHECK: error: {{.*}}needs {{[0-9]+}} bytes of shared memory for two turns, 'sm_86' has 100352
// FITS: fgla_warp.pipeline stages({{[2-9]|1[0-6]}})
func.func @f(%q: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x128xbf16>, %d: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
  %o = fgla.attention %q, %q, %v decay(%d) axis(key)
    : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
  return %o : tensor<?x?x2x128xbf16>
}
