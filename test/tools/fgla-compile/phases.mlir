// Compilation stops after a phase, goes on from what was written, and shows every phase.
// RUN: rm -rf %t && mkdir %t
// RUN: fgla-compile %s --compile-to=import | FileCheck %s --check-prefix=IMPORT
// RUN: fgla-compile %s --compile-to=graph | FileCheck %s --check-prefix=GRAPH
// RUN: fgla-compile %s --compile-to=schedule -o %t/schedule.mlir && FileCheck %s --check-prefix=SCHEDULE < %t/schedule.mlir
// RUN: fgla-compile %t/schedule.mlir --compile-from=schedule --compile-to=tiled -o %t/tiled.mlir
// RUN: FileCheck %s --check-prefix=TILED < %t/tiled.mlir
// RUN: fgla-compile %t/tiled.mlir --compile-from=tiled -o %t/late.so
// RUN: fgla-compile %s -o %t/whole.so --dump-phases=%t/dump && cmp %t/late.so %t/whole.so
// RUN: ls %t/dump | FileCheck %s --check-prefix=DUMP
// RUN: fgla-compile %s -o %t/reference.so --lowering=reference --dump-phases=%t/dump-reference
// RUN: ls %t/dump-reference | FileCheck %s --check-prefix=DUMP-REFERENCE
// RUN: FileCheck %s --check-prefix=REFERENCE < %t/dump-reference/3.reference.mlir
// RUN: fgla-compile %s --compile-to=schedule --tile=8 | FileCheck %s --check-prefix=TILE
// RUN: fgla-compile %s -o %t/text.ll && FileCheck %s --check-prefix=LLVM < %t/text.ll
// RUN: fgla-compile %s -o %t/kernel.mlir && FileCheck %s --check-prefix=KERNEL < %t/kernel.mlir

// IMPORT: func.func @f(%arg0: tensor<?x?x2x16xf32> {fgla.name = "q"}
// GRAPH: func.func @f(%arg0: tensor<?x?x2x16xf32> {fgla.dims = ["B", "T", "2", "16"], fgla.name = "q"}
// GRAPH: fgla.attention
// SCHEDULE: fgla.attention {{.*}}fgla.schedule = #fgla.schedule<tile =
// TILE: #fgla.schedule<tile = 8
// TILED-NOT: fgla.attention
// TILED: scf.forall
// TILED: fgla_tile.launch
// REFERENCE-NOT: fgla.attention
// REFERENCE: scf.for
// REFERENCE: linalg.generic
// KERNEL: llvm.func @fgla_fn_f
// LLVM: define {{.*}}i32 @fgla_fn_f
// DUMP: 1.import.mlir
// DUMP-NEXT: 2.graph.mlir
// DUMP-NEXT: 3.schedule.mlir
// DUMP-NEXT: 4.tiled.mlir
// DUMP-NEXT: 5.kernel.mlir
// DUMP-NEXT: 6.binary.ll
// DUMP-NOT: {{.}}
// DUMP-REFERENCE: 1.import.mlir
// DUMP-REFERENCE-NEXT: 2.graph.mlir
// DUMP-REFERENCE-NEXT: 3.reference.mlir
// DUMP-REFERENCE-NEXT: 4.kernel.mlir
// DUMP-REFERENCE-NEXT: 5.binary.ll
// DUMP-REFERENCE-NOT: {{.}}
func.func @f(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %o = fgla.attention %q, %k, %v : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}
