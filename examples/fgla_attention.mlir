// FGLA from projections to normalized values: feature map, refined gate, attention with its state, norm. The four ops become one kernel.
//
//   fgla-run examples/fgla_attention.mlir --inputs=in.safetensors --compare=reference --time
//   fgla-compile examples/fgla_attention.mlir --dump-phases=phases -o attention.so --header=attention.h
//
// B and T are any; 4 heads with 64 channels for keys and values. The state (S, m) goes in and comes out, so that a long sequence can be
// given in parts, or the state kept for decoding (fgla_step.mlir).
func.func @attention(
    %zq: tensor<?x?x4x64xf32> {fgla.dims = ["B", "T", "4", "64"]},
    %zk: tensor<?x?x4x64xf32>,
    %v: tensor<?x?x4x64xf32>,
    %zg: tensor<?x?x4x64xf32>,
    %zr: tensor<?x?x4x64xf32>,
    %norm_weight: tensor<64xf32>,
    %state: tensor<?x4x64x64xf32>,
    %maximum: tensor<?x4xf32>)
    -> (tensor<?x?x4x64xf32> {fgla.name = "y"},
        tensor<?x4x64x64xf32> {fgla.name = "new_state"},
        tensor<?x4xf32> {fgla.name = "new_maximum"}) {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  %f = fgla.gate refined(%zg, %zr) : tensor<?x?x4x64xf32>
  %o, %s, %m = fgla.attention %q, %zk, %v decay(%f) axis(key) state(%state) max(%maximum) stabilizer(running)
    : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x4x64x64xf32>, tensor<?x4xf32>)
    -> (tensor<?x?x4x64xf32>, tensor<?x4x64x64xf32>, tensor<?x4xf32>)
  %y = fgla.norm rms %o weight(%norm_weight : tensor<64xf32>) eps(1.0e-5) : tensor<?x?x4x64xf32>
  return %y, %s, %m : tensor<?x?x4x64xf32>, tensor<?x4x64x64xf32>, tensor<?x4xf32>
}
