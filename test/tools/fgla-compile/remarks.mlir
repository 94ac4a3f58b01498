// What could have been faster is said, and why it is not; what is as it should be is not mentioned.
// RUN: env FGLA_PTXAS= fgla-compile %s --target=sm_90a --segments=1 --report=md | FileCheck %s --check-prefix=NEW
// RUN: env FGLA_PTXAS= fgla-compile %s --target=sm_80 --segments=1 --report=md | FileCheck %s --check-prefix=OLD
// RUN: env FGLA_PTXAS= fgla-compile %s --target=sm_90a --segments=1 --schedule=stages=4 --report=json | FileCheck %s --check-prefix=FEW

// Rows of 32 values are half a line; those of 64 keys are whole.
// NEW: shared_memory_cycles_of_a_turn: 224
// NEW: remarks:
// NEW-NOT: same number of registers
// NEW-NOT: turns under way, two
// NEW: - threads copy a tile with rows of 64 bytes: the copy engine takes whole lines of 128 bytes
// NEW-NOT: threads copy
// NEW: - scores of a tile with a product of decays under 2^-60 over half of it take 2 products in place of one, 5 where one over a quarter is under 2^-90

// OLD: remarks:
// OLD: - all roles have the same number of registers: 'sm_80' cannot move them between warps
// OLD-NOT: copy engine

// FEW: "remarks": [
// FEW: "4 turns under way, two for each of {{[48]}} instances would take {{[0-9]+}} bytes of shared memory of the 232448 of 'sm_90a'"
func.func @f(%q: tensor<?x?x2x64xbf16>, %k: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x32xbf16>, %f: tensor<?x?x2x64xbf16>) -> tensor<?x?x2x32xbf16> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(key) : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x32xbf16>)
  return %o : tensor<?x?x2x32xbf16>
}
