// A program for a GPU, run by the driver that there is: here the one that runs PTX on the CPU (test/emulator).
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../Inputs/tensors.py make %t/in.safetensors q=bf16:1x20x1x16:0.1 k=bf16:1x20x1x16:0.3 v=bf16:1x20x1x32:iota decay=bf16:1x20x1x16:0.5
// RUN: env FGLA_PTXAS= LD_LIBRARY_PATH=%emulator fgla-run %s --target=sm_90a --inputs=%t/in.safetensors --compare=reference | FileCheck %s
// RUN: env FGLA_PTXAS= LD_LIBRARY_PATH=%emulator fgla-run %s --target=sm_80 --inputs=%t/in.safetensors --compare=reference | FileCheck %s

// The state is f32, and as exact as the bf16 arrays that it is made of.
// CHECK: y: ‖y−ref‖/‖ref‖ = {{0.00[0-9]+}} (bound 0.01)
// CHECK: state: ‖y−ref‖/‖ref‖ = {{[0-9.e-]+}} (bound 0.01)
func.func @attention(%q: tensor<?x?x1x16xbf16> {fgla.name = "q"}, %k: tensor<?x?x1x16xbf16> {fgla.name = "k"},
                     %v: tensor<?x?x1x32xbf16> {fgla.name = "v"}, %f: tensor<?x?x1x16xbf16> {fgla.name = "decay"})
    -> (tensor<?x?x1x32xbf16> {fgla.name = "y"}, tensor<?x1x16x32xf32> {fgla.name = "state"}) {
  %y, %state = fgla.attention %q, %k, %v decay(%f) axis(key)
    : (tensor<?x?x1x16xbf16>, tensor<?x?x1x16xbf16>, tensor<?x?x1x32xbf16>, tensor<?x?x1x16xbf16>)
    -> (tensor<?x?x1x32xbf16>, tensor<?x1x16x32xf32>)
  return %y, %state : tensor<?x?x1x32xbf16>, tensor<?x1x16x32xf32>
}
