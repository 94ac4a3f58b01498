// The same as fgla_attention.mlir in bf16, for a GPU (the state stays f32):
//
//   fgla-compile examples/fgla_attention_bf16.mlir --target=sm_90a -o attention.so --report=md
//
func.func @attention(
    %zq: tensor<?x?x4x64xbf16> {fgla.dims = ["B", "T", "4", "64"]},
    %zk: tensor<?x?x4x64xbf16>,
    %v: tensor<?x?x4x64xbf16>,
    %zg: tensor<?x?x4x64xbf16>,
    %zr: tensor<?x?x4x64xbf16>,
    %norm_weight: tensor<64xf32>,
    %state: tensor<?x4x64x64xf32>,
    %maximum: tensor<?x4xf32>)
    -> (tensor<?x?x4x64xbf16> {fgla.name = "y"},
        tensor<?x4x64x64xf32> {fgla.name = "new_state"},
        tensor<?x4xf32> {fgla.name = "new_maximum"}) {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
  %f = fgla.gate refined(%zg, %zr) : tensor<?x?x4x64xbf16>
  %o, %s, %m = fgla.attention %q, %zk, %v decay(%f) axis(key) state(%state) max(%maximum) stabilizer(running)
    : (tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x4x64x64xf32>, tensor<?x4xf32>)
    -> (tensor<?x?x4x64xbf16>, tensor<?x4x64x64xf32>, tensor<?x4xf32>)
  %y = fgla.norm rms %o weight(%norm_weight : tensor<64xf32>) eps(1.0e-5) : tensor<?x?x4x64xbf16>
  return %y, %s, %m : tensor<?x?x4x64xbf16>, tensor<?x4x64x64xf32>, tensor<?x4xf32>
}
