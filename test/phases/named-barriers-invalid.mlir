// RUN: not fgla-compile %s --target=sm_90a --segments=1 --schedule=key_slice=128,cluster=2,elementwise=2x8,epilogue=8 -o %t.so 2>&1 | FileCheck %s

// Instances have barriers of their own, and those that start together have one.
// CHECK: error: {{.*}}needs {{1[7-9]}} named barriers for the instances of its roles, a block has 16
func.func @f(%q: tensor<?x?x4x256xbf16>, %v: tensor<?x?x4x128xbf16>, %f: tensor<?x?x4x256xbf16>) -> tensor<?x?x4x128xbf16> {
  %o = fgla.attention %q, %q, %v decay(%f) axis(key) : (tensor<?x?x4x256xbf16>, tensor<?x?x4x256xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x256xbf16>) -> (tensor<?x?x4x128xbf16>)
  return %o : tensor<?x?x4x128xbf16>
}
