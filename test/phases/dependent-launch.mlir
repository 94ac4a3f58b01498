// RUN: fgla-compile %s --target=sm_90a --segments=4 --compile-to=kernel | FileCheck %s
// RUN: fgla-compile %s --target=sm_90a --segments=1 --compile-to=kernel | FileCheck %s --check-prefix=ONE
// RUN: fgla-compile %s --target=sm_80 --segments=4 --compile-to=kernel | FileCheck %s --check-prefix=OLD

// Three kernels: states of segments, what segments start from, outputs. The last starts while the second ends, and only
// the roles that read what was written by those before wait for its end: the maximum's and the state's.
// CHECK-LABEL: llvm.func @attention_kernel_0(
// CHECK-NOT: fgla.dependent
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NOT: nvvm.griddepcontrol wait
// What nobody else writes may be read as a constant.
// CHECK: llvm.func @attention_kernel_1({{.*}}llvm.noalias{{.*}}llvm.noalias{{.*}}llvm.noalias{{.*}}llvm.noalias
// CHECK-NOT: fgla.dependent
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK: llvm.func @attention_kernel_2({{.*}}fgla.dependent
// CHECK-NOT: launch_dependents
// CHECK-COUNT-2: nvvm.griddepcontrol wait
// CHECK-NOT: nvvm.griddepcontrol

// ONE-NOT: griddepcontrol
// OLD-NOT: griddepcontrol

func.func @attention(%q: tensor<?x?x2x64xbf16>, %k: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x64xbf16>, %f: tensor<?x?x2x64xbf16>) -> tensor<?x?x2x64xbf16> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(key) stabilizer(running) : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>)
  return %o : tensor<?x?x2x64xbf16>
}
