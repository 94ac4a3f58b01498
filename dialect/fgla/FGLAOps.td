// The ops of the fgla dialect, in the order a token meets them.
#ifndef FGLA_OPS
#define FGLA_OPS

include "dialect/fgla/FGLADialect.td"
include "dialect/fgla/FGLAEnums.td"
include "dialect/fgla/FGLAInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def FGLA_Float : AnyTypeOf<[F64, F32, F16, BF16], "f64, f32, f16 or bf16">;
/// What an encoding would mean is not defined, and no pass keeps one.
def FGLA_NoEncoding : CPred<"!::mlir::cast<::mlir::RankedTensorType>($_self).getEncoding()">;
def FGLA_Tensor : RankedTensorOf<[FGLA_Float], [FGLA_NoEncoding], "ranked tensor without encoding">;

/// Where sequences begin that are packed one after the other.
def FGLA_Offsets : RankedTensorOf<[I32, I64], [FGLA_NoEncoding], "tensor of i32 or i64 without encoding">;

/// Which keys a query may see, or what is added to their scores.
def FGLA_Mask : RankedTensorOf<[I1, F64, F32, F16, BF16], [FGLA_NoEncoding], "mask of i1 or floats without encoding">;

class TileForm<list<string> answers = []> : DeclareOpInterfaceMethods<FGLA_TileFormInterface, answers>;
defvar ElementwiseTraits = [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>];

def FGLA_YieldOp : FGLA_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["FeatureMapOp", "GateOp", "VJPOp"]>]> {
  let summary = "ends the region of a feature map, a gate or a vjp";
  let arguments = (ins AnyTypeOf<[AnyFloat, FGLA_Tensor]>:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

/// The region of a map or gate is a function of its arguments. Isolated, so that constants stay inside when they are
/// folded.
defvar ExpressionTraits = ElementwiseTraits # [SingleBlock, IsolatedFromAbove];

def FGLA_FeatureMapOp : FGLA_Op<"feature_map", ExpressionTraits # [TileForm<["isBounded", "hasHalves"]>]> {
  let summary = "maps queries or keys to features";
  let description = [{
    `y = map(x)` or, with a learnable per-head matrix `weight [H, Din, D]`, `y = map(x W_h)`.
    The map is named, or any elementwise expression written in the region; the region sees and yields scalars of the
    computation type (f32, or f64 for f64 tensors). `hedgehog` doubles the last dim.

    Example:
    ```mlir
    %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
    %k = fgla.feature_map custom %zk : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32> {
    ^bb0(%x: f32):
      %y = math.absf %x : f32
      fgla.yield %y : f32
    }
    ```
    Constraints:
    - (feature_map_c1) `input` has shape `[B, T, H, D]`, or `[B, H, D]` for one token; `H` and `D` static.
    - (feature_map_c2) exactly one of a named kind and a region is given.
    - (feature_map_c3) `weight` has shape `[H, Din, D]` with `input`'s `H` and `Din`.
    - (feature_map_c4) the result has `input`'s other sizes and the map's `D`; same element type.
    - (feature_map_c5) the region has one scalar argument and yields one scalar, both of the computation type, and holds
      only speculatable ops without memory effects.
  }];
  let arguments = (ins FGLA_Tensor:$input, Optional<FGLA_Tensor>:$weight, OptionalAttr<FGLA_FeatureKindAttr>:$kind);
  let results = (outs FGLA_Tensor:$output);
  let regions = (region AnyRegion:$expression);
  let assemblyFormat = [{
    custom<KindOrRegion>($kind) $input (`weight` `(` $weight^ `:` type($weight) `)`)? attr-dict
    `:` type($input) `->` type($output) custom<Expression>($expression)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = [{
    /// The size of the last dim of the result of `kind` on `dim` channels.
    static int64_t getFeatureDim(std::optional<FeatureKind> kind, int64_t dim) {
      return kind == FeatureKind::Hedgehog ? 2 * dim : dim;
    }
  }];
}

def FGLA_GateOp : FGLA_Op<"gate", ExpressionTraits # [TileForm<["hasComplement"]>]> {
  let summary = "pre-activations to decays";
  let description = [{
    `sigmoid(zg)` gives `f = σ(zg)`; `refined(zg, zr)` gives ReGLA's gate `f = g (g + 2 r (1 - g))`, `g = σ(zg)`,
    `r = σ(zr)`, which lies in (0, 1) and does not saturate. The region form takes any number of pre-activations, one
    scalar each, and yields `f`, or `log f` with `log`. With `log` the result is the log decay, formed without forming
    `f`.

    Example:
    ```mlir
    %f = fgla.gate refined(%zg, %zr) : tensor<?x?x4x64xf32>
    %a = fgla.gate log custom(%z) : tensor<?x?x4x1xf32> {
    ^bb0(%x: f32):
      %c = arith.constant -0.0625 : f32
      %y = arith.mulf %x, %c : f32
      fgla.yield %y : f32
    }
    ```
    Constraints:
    - (gate_c1) all inputs and the result have one type, of shape `[B, T, H, D]`, or `[B, H, D]` for one token; `H` and
      `D` static.
    - (gate_c2) exactly one of a named kind and a region is given.
    - (gate_c3) `sigmoid` takes one input, `refined` two.
    - (gate_c4) the region has one scalar argument for each input and yields one scalar, all of the computation type,
      and holds only speculatable ops without memory effects.
  }];
  let arguments = (ins Variadic<FGLA_Tensor>:$inputs, OptionalAttr<FGLA_GateKindAttr>:$kind, UnitAttr:$log);
  let results = (outs FGLA_Tensor:$output);
  let regions = (region AnyRegion:$expression);
  let assemblyFormat = [{
    (`log` $log^)? custom<KindOrRegion>($kind) `(` $inputs `)` attr-dict
    `:` custom<GateType>(type($inputs), type($output), ref($inputs)) custom<Expression>($expression)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

/// What `attention` and `step` have in common; `heads` is the dim of the heads.
class Recurrence<int heads> {
  code declarations = [{
    int64_t getNumQueryHeads() { return getQuery().getType().getDimSize(}]#heads#[{); }
    int64_t getNumHeads() { return getKey().getType().getDimSize(}]#heads#[{); }
    int64_t getKeyDim() { return getKey().getType().getDimSize(}]#!add(heads,1)#[{); }
    int64_t getValueDim() { return getValue().getType().getDimSize(}]#!add(heads,1)#[{); }
    /// The factor of the output: the attribute, or ReGLA's default.
    double getEffectiveScale();
    /// The decay in either form, or null.
    ::mlir::Value getAnyDecay() { return getDecay() ? getDecay() : getLogDecay(); }
    /// The state carries the maximum that its keys are relative to.
    bool hasMaxState() { return getStabilizer() == Stabilizer::Running || getStabilizer() == Stabilizer::Sequence; }
    bool isDeltaRule() { return getRule() != UpdateRule::Gated; }
  }];
}

def FGLA_AttentionOp : FGLA_Op<"attention", [Pure, AttrSizedOperandSegments, AttrSizedResultSegments,
    FGLA_RecurrenceInterface, DeclareOpInterfaceMethods<FGLA_KernelRootInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "the gated linear attention recurrence";
  let description = [{
    Per batch and key/value head, with decays `f_t` (rows `diag(f)` for `axis(key)`, columns for `axis(value)`):
    ```
    gated:        S_t = f_t S_(t-1) + k_t v_t^T
    gated_delta:  S_t = f_t S_(t-1) + beta_t k_t (v_t - (f_t S_(t-1))^T k_t)^T       (delta: f = 1)
    o_t = scale * S_t^T q_t
    ```
    The token is decayed, then added: `o_t` sees token `t`. Query head `h` reads key/value head `h / (Hq / H)`.

    With a stabilizer other than `none`, `key` holds *logits*, and the features are `k_t = exp(key_t - m_t)`; `S` is
    kept relative to `m`, so the state is the pair `(S, m)`. `running`: `m_t` is the maximum over channels and tokens up
    to `t` (and `initial_max`); `sequence`: over all tokens (and `initial_max`); `token`: over the token's own channels,
    and `S` is not rescaled. No gradient flows through `m`.

    The decay is given as a factor in [0, 1] (`decay`) or as its logarithm (`log_decay`); without either there is none.
    `scale` defaults to ReGLA's variance-reduction factor `1 / (e sqrt(K (e^2 - 1)))`.

    With `sequences`, the tokens are those of `N` sequences, one after the other, each with a state of its own: sequence
    `n` has the tokens from `sequences[n]` to before `sequences[n + 1]`, none if these are equal. The first offset is 0,
    the last `T`, and none is less than the one before. With other offsets no memory but that of the operands is read,
    and a token that is in no sequence gets an output of zero.

    Example:
    ```mlir
    %o = fgla.attention %q, %zk, %v decay(%f) axis(key) stabilizer(running)
         : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>) -> (tensor<?x?x4x32xf32>)
    ```
    Constraints:
    - (attention_c1) `query [B, T, Hq, K]`, `key [B, T, H, K]`, `value [B, T, H, V]`; heads and dims static and
      positive.
    - (attention_c2) `query`, `key`, `value` and the output have one element type.
    - (attention_c3) `Hq` is a multiple of `H`.
    - (attention_c4) at most one of `decay` and `log_decay` is given; `axis` is given if and only if one is.
    - (attention_c5) the decay has the shape of its axis: `[B, T, H, K]`, `[B, T, H, V]`, `[B, T, H, 1]` or `[H]`.
    - (attention_c6) `beta` is given if and only if the rule is `delta` or `gated_delta`; its shape is `[B, T, H]` or
      `[B, T, 1]`.
    - (attention_c7) the rule `delta` takes no decay, `gated_delta` needs one; delta rules take stabilizer `none` or
      `token`.
    - (attention_c8) `initial_state [B, H, K, V]` and `final_state` hold f32 (f64 for f64 inputs), or what `query`
      holds; between tokens it is f32.
    - (attention_c9) `initial_max [B, H]` is given if and only if `initial_state` is and the stabilizer is `running` or
      `sequence`; likewise `final_max` with `final_state`.
    - (attention_c10) the output has shape `[B, T, Hq, V]`.
    - (attention_c11) `scale` is finite.
    - (attention_c12) `sequences` has shape `[N + 1]`, the batch is then one, and states and maxima have `N` in place of
      `B`.
  }];
  let arguments = (ins FGLA_Tensor:$query, FGLA_Tensor:$key, FGLA_Tensor:$value,
    Optional<FGLA_Tensor>:$decay, Optional<FGLA_Tensor>:$log_decay, Optional<FGLA_Tensor>:$beta,
    Optional<FGLA_Tensor>:$initial_state, Optional<FGLA_Tensor>:$initial_max, Optional<FGLA_Offsets>:$sequences,
    OptionalAttr<FGLA_DecayAxisAttr>:$axis,
    DefaultValuedAttr<FGLA_StabilizerAttr, "Stabilizer::None">:$stabilizer,
    DefaultValuedAttr<FGLA_UpdateRuleAttr, "UpdateRule::Gated">:$rule,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs FGLA_Tensor:$output, Optional<FGLA_Tensor>:$final_state, Optional<FGLA_Tensor>:$final_max);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    (`decay` `(` $decay^ `)`)? (`log_decay` `(` $log_decay^ `)`)? (`axis` `(` custom<Enum>($axis)^ `)`)?
    (`beta` `(` $beta^ `)`)? (`state` `(` $initial_state^ `)`)? (`max` `(` $initial_max^ `)`)?
    (`sequences` `(` $sequences^ `)`)? (`rule` `(` custom<Enum>($rule)^ `)`)? (`stabilizer` `(` custom<Enum>($stabilizer)^ `)`)? (`scale` `(` custom<Number>($scale)^ `)`)?
    attr-dict `:` `(` type(operands) `)` `->`
    `(` type($output) (`,` type($final_state)^)? (`,` type($final_max)^)? `)`
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = Recurrence<2>.declarations;
}

def FGLA_SoftmaxAttentionOp : FGLA_Op<"softmax_attention", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "softmax attention, as models have it";
  let description = [{
    Per batch `b` and query head `h`, which reads the key/value head `h / (Hq / H)`, over the keys `i` that query `t`
    sees:
    ```
    s_i = scale * <query_t, key_i>,  with softcap c: c tanh(s_i / c),  plus mask[b, h, t, i] where it holds floats
    o_t = sum_i exp(s_i) value_i / (sum_i exp(s_i) + exp(sinks_h))      (nothing of sinks where there are none)
    ```
    A query that sees no key gets zeros; to add -inf hides a key.

    What a query sees: key `i` if `mask[b, h, t, i]` is true (where it holds booleans); if `i < lengths[b]`; if
    `p - i <= behind` and `i - p <= ahead`, where `p` is the place of the query among the keys. That is `t` with
    `aligned(start)`, and with `aligned(end)` the last query is at the last key: `p = t + N - T`, where `N` is
    `lengths[b]`, or `S` without them. A causal attention is `ahead(0)`.

    `scale` defaults to `1 / sqrt(K)`. There is no kernel for this op: it is what a model has before it is linearized.

    Example:
    ```mlir
    %o = fgla.softmax_attention %q, %k, %v mask(%pad) ahead(0) aligned(end)
         : (tensor<?x?x8x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x1x1x?xi1>) -> tensor<?x?x8x64xf32>
    ```
    Constraints:
    - (softmax_attention_c1) `query [B, T, Hq, K]`, `key [B, S, H, K]`, `value [B, S, H, V]`; heads and dims static and
      positive.
    - (softmax_attention_c2) `query`, `key`, `value` and the output have one element type.
    - (softmax_attention_c3) `Hq` is a multiple of `H`.
    - (softmax_attention_c4) the output has shape `[B, T, Hq, V]`.
    - (softmax_attention_c5) `mask` has shape `[B, Hq, T, S]`, where any size may be 1, which stands for all.
    - (softmax_attention_c6) `lengths` has shape `[B]`, `sinks` has shape `[Hq]`.
    - (softmax_attention_c7) `behind` and `ahead` are not negative; `aligned` is given if and only if one of them is.
    - (softmax_attention_c8) `scale` is finite; `softcap` is finite and positive.
  }];
  let arguments = (ins FGLA_Tensor:$query, FGLA_Tensor:$key, FGLA_Tensor:$value, Optional<FGLA_Mask>:$mask,
    Optional<FGLA_Offsets>:$lengths, Optional<FGLA_Tensor>:$sinks,
    OptionalAttr<I64Attr>:$behind, OptionalAttr<I64Attr>:$ahead, OptionalAttr<FGLA_AlignmentAttr>:$alignment,
    OptionalAttr<F64Attr>:$scale, OptionalAttr<F64Attr>:$softcap);
  let results = (outs FGLA_Tensor:$output);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    (`mask` `(` $mask^ `)`)? (`lengths` `(` $lengths^ `)`)? (`sinks` `(` $sinks^ `)`)?
    (`behind` `(` $behind^ `)`)? (`ahead` `(` $ahead^ `)`)?
    (`aligned` `(` custom<Enum>($alignment)^ `)`)?
    (`scale` `(` custom<Number>($scale)^ `)`)? (`softcap` `(` custom<Number>($softcap)^ `)`)?
    attr-dict `:` `(` type(operands) `)` `->` type($output)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumQueryHeads() { return getQuery().getType().getDimSize(2); }
    int64_t getNumHeads() { return getKey().getType().getDimSize(2); }
    int64_t getKeyDim() { return getKey().getType().getDimSize(3); }
    int64_t getValueDim() { return getValue().getType().getDimSize(3); }
    double getEffectiveScale();
    /// No query sees a key behind its own place.
    bool isCausal() { return getAhead() == 0; }
  }];
}

def FGLA_NormOp : FGLA_Op<"norm", ElementwiseTraits # [TileForm<>, AttrSizedOperandSegments, AllTypesMatch<["input", "output"]>]> {
  let summary = "normalizes each head's values";
  let description = [{
    Over the last dim `D` of each token and head: `rms`: `x / sqrt(mean(x^2) + eps)`; `layer`:
    `(x - mean x) / sqrt(var x + eps)`; then `* weight + bias`, whose shape is `[D]`, or `[H, D]` for parameters of each
    head.

    Example:
    ```mlir
    %y = fgla.norm rms %o weight(%w : tensor<64xf32>) eps(1.0e-5) : tensor<?x?x4x64xf32>
    ```
    Constraints:
    - (norm_c1) `input` has shape `[B, T, H, D]`, or `[B, H, D]` for one token; `H` and `D` static.
    - (norm_c2) `weight` and `bias` have shape `[D]` or `[H, D]`.
    - (norm_c3) `eps` is finite and not negative.
  }];
  let arguments = (ins FGLA_Tensor:$input, Optional<FGLA_Tensor>:$weight, Optional<FGLA_Tensor>:$bias,
    FGLA_NormKindAttr:$kind, DefaultValuedAttr<F64Attr, "1.0e-5">:$eps);
  let results = (outs FGLA_Tensor:$output);
  let assemblyFormat = [{
    custom<Enum>($kind) $input (`weight` `(` $weight^ `:` type($weight) `)`)? (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`eps` `(` custom<Number>($eps)^ `)`)? attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def FGLA_OutputGateOp : FGLA_Op<"output_gate", ElementwiseTraits # [TileForm<>, AllTypesMatch<["input", "gate", "output"]>]> {
  let summary = "multiplies by silu of a gate";
  let description = [{
    `y = x * silu(gate)`, `silu(z) = z σ(z)`, elementwise.

    Example:
    ```mlir
    %y = fgla.output_gate %x, %zo : tensor<?x?x4x64xf32>
    ```
    Constraints:
    - (output_gate_c1) `input` and `gate` have one type, of shape `[B, T, H, D]`, or `[B, H, D]` for one token; `H` and
      `D` static.
  }];
  let arguments = (ins FGLA_Tensor:$input, FGLA_Tensor:$gate);
  let results = (outs FGLA_Tensor:$output);
  let assemblyFormat = "$input `,` $gate attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def FGLA_StepOp : FGLA_Op<"step", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "one token of the recurrence, for decoding";
  let description = [{
    `fgla.attention` on one token: the operands have no token axis, the state comes in and goes out. A step after `T`
    tokens gives the numbers that an attention over `T + 1` tokens gives for its last one.

    Example:
    ```mlir
    %o, %s, %m = fgla.step %q, %zk, %v decay(%f) axis(key) state(%S) max(%M) stabilizer(running)
      : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>)
      -> (tensor<?x4x32xf32>, tensor<?x4x64x32xf32>, tensor<?x4xf32>)
    ```
    Constraints: those of `fgla.attention` with the token axis left out, under the same numbers:
    - (step_c1) `query [B, Hq, K]`, `key [B, H, K]`, `value [B, H, V]`; heads and dims static and positive.
    - (step_c2) `query`, `key`, `value` and the output have one element type.
    - (step_c3) `Hq` is a multiple of `H`.
    - (step_c4) at most one of `decay` and `log_decay` is given; `axis` is given if and only if one is.
    - (step_c5) the decay has the shape of its axis: `[B, H, K]`, `[B, H, V]`, `[B, H, 1]` or `[H]`.
    - (step_c6) `beta` is given if and only if the rule is `delta` or `gated_delta`; its shape is `[B, H]` or `[B, 1]`.
    - (step_c7) the rule `delta` takes no decay, `gated_delta` needs one; delta rules take stabilizer `none` or `token`.
    - (step_c8) `initial_state [B, H, K, V]` and `final_state` hold f32 (f64 for f64 inputs), or what `query` holds;
      between tokens it is f32.
    - (step_c9) `initial_max [B, H]` and `final_max` are given if and only if the stabilizer is `running`; `sequence` is
      for attention only.
    - (step_c10) the output has shape `[B, Hq, V]`.
    - (step_c11) `scale` is finite.
  }];
  let arguments = (ins FGLA_Tensor:$query, FGLA_Tensor:$key, FGLA_Tensor:$value,
    Optional<FGLA_Tensor>:$decay, Optional<FGLA_Tensor>:$log_decay, Optional<FGLA_Tensor>:$beta,
    FGLA_Tensor:$initial_state, Optional<FGLA_Tensor>:$initial_max,
    OptionalAttr<FGLA_DecayAxisAttr>:$axis,
    DefaultValuedAttr<FGLA_StabilizerAttr, "Stabilizer::None">:$stabilizer,
    DefaultValuedAttr<FGLA_UpdateRuleAttr, "UpdateRule::Gated">:$rule,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs FGLA_Tensor:$output, FGLA_Tensor:$final_state, Optional<FGLA_Tensor>:$final_max);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    (`decay` `(` $decay^ `)`)? (`log_decay` `(` $log_decay^ `)`)? (`axis` `(` custom<Enum>($axis)^ `)`)?
    (`beta` `(` $beta^ `)`)? `state` `(` $initial_state `)` (`max` `(` $initial_max^ `)`)?
    (`rule` `(` custom<Enum>($rule)^ `)`)? (`stabilizer` `(` custom<Enum>($stabilizer)^ `)`)? (`scale` `(` custom<Number>($scale)^ `)`)?
    attr-dict `:` `(` type(operands) `)` `->`
    `(` type($output) `,` type($final_state) (`,` type($final_max)^)? `)`
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Recurrence<1>.declarations;
}

def FGLA_BlockOp : FGLA_Op<"block", [Pure, AttrSizedOperandSegments, AttrSizedResultSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "a whole FGLA block, from hidden states to hidden states";
  let description = [{
    ```
    zq = x Wq   zk = x Wk   v = x Wv   zg = x Wg + bg   zr = x Wr + br   (zo = x Wo_gate)
    y = norm(attention(safe_exp(zq), zk, v; f = refined(zg, zr), stabilizer))   (y = y * silu(zo))   out = concat_h(y) Wo
    ```
    The sizes of a head are read from the weights, which are `[M, H, D]`; `output_weight` is `[H, V, M]`.

    Example:
    ```mlir
    %y = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo)
       : (tensor<?x?x256xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>, tensor<256x4x64xf32>,
          tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<256x4x64xf32>, tensor<4x64xf32>, tensor<64xf32>, tensor<4x64x256xf32>)
       -> (tensor<?x?x256xf32>)
    ```
    Constraints:
    - (block_c1) `input` has shape `[B, T, M]`, `M` static.
    - (block_c2) query, key, gate and refine weights have shape `[M, H, K]`, the value weight `[M, H, V]`, the output
      gate weight `[M, H, V]`, the output weight `[H, V, M]`.
    - (block_c3) the gate and refine biases have shape `[H, K]`, the norm weight `[V]` or `[H, V]`.
    - (block_c4) the operands have `input`'s element type and the result its type; states as for `fgla.attention`
      (attention_c8, attention_c9).
    - (block_c5) `eps` is finite and not negative, `scale` is finite.
  }];
  let arguments = (ins FGLA_Tensor:$input, FGLA_Tensor:$query_weight, FGLA_Tensor:$key_weight, FGLA_Tensor:$value_weight,
    FGLA_Tensor:$gate_weight, FGLA_Tensor:$gate_bias, FGLA_Tensor:$refine_weight, FGLA_Tensor:$refine_bias,
    FGLA_Tensor:$norm_weight, Optional<FGLA_Tensor>:$output_gate_weight, FGLA_Tensor:$output_weight,
    Optional<FGLA_Tensor>:$initial_state, Optional<FGLA_Tensor>:$initial_max,
    DefaultValuedAttr<FGLA_NormKindAttr, "NormKind::RMS">:$norm, DefaultValuedAttr<F64Attr, "1.0e-5">:$eps,
    DefaultValuedAttr<FGLA_StabilizerAttr, "Stabilizer::Running">:$stabilizer, OptionalAttr<F64Attr>:$scale);
  let results = (outs FGLA_Tensor:$output, Optional<FGLA_Tensor>:$final_state, Optional<FGLA_Tensor>:$final_max);
  let assemblyFormat = [{
    $input `query` `(` $query_weight `)` `key` `(` $key_weight `)` `value` `(` $value_weight `)`
    `gate` `(` $gate_weight `,` $gate_bias `)` `refine` `(` $refine_weight `,` $refine_bias `)`
    `norm` `(` $norm_weight `)` (`output_gate` `(` $output_gate_weight^ `)`)? `output` `(` $output_weight `)`
    (`state` `(` $initial_state^ `)`)? (`max` `(` $initial_max^ `)`)?
    (`kind` `(` custom<Enum>($norm)^ `)`)? (`eps` `(` custom<Number>($eps)^ `)`)?
    (`stabilizer` `(` custom<Enum>($stabilizer)^ `)`)? (`scale` `(` custom<Number>($scale)^ `)`)?
    attr-dict `:` `(` type(operands) `)` `->`
    `(` type($output) (`,` type($final_state)^)? (`,` type($final_max)^)? `)`
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Gradients: what fgla-differentiate makes of the ops above
//===----------------------------------------------------------------------===//

def FGLA_AttentionGradOp : FGLA_Op<"attention_grad", [Pure, AttrSizedOperandSegments, AttrSizedResultSegments,
    FGLA_RecurrenceInterface, DeclareOpInterfaceMethods<FGLA_KernelRootInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "the gradients of an attention";
  let description = [{
    What gradients of the output and of the final state of an `fgla.attention` with the same operands and attributes
    (`output_grad`, `final_state_grad`; what is left out is zero) give for its operands. Only the results that are named
    are computed. The stabilizer's maximum counts as a constant; that of a state is the one it is relative to.

    With `dS_t` the gradient of the state after token `t`, `o_t` included (gated rule, `axis(key)`):
    ```
    dS_t = d_(t+1) f_(t+1) dS_(t+1) + scale q_t do_t^T         d_t = exp(m_(t-1) - m_t), the growth of the maximum
    dq_t = scale S_t do_t     dk_t = dS_t v_t (times k_t for logits)     dv_t = dS_t^T k_t
    df_t = rowsum(dS_t * (d_t S_(t-1)))     dlog_f_t = f_t df_t     dS_0 = d_1 f_1 dS_1
    ```
    The result `decay` is the gradient of the form of the decay that is given.

    Example:
    ```mlir
    %dq, %dk = fgla.attention_grad %q, %zk, %v decay(%f) axis(key) stabilizer(running) output_grad(%do)
      : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>)
      -> query(tensor<?x?x4x64xf32>) key(tensor<?x?x4x64xf32>)
    ```
    Constraints: for the operands and attributes of the attention those of `fgla.attention`, under its numbers; and
    - (attention_grad_c1) there is `output_grad`, of shape `[B, T, Hq, V]`, or `final_state_grad`, or both.
    - (attention_grad_c2) `final_state_grad` has shape `[B, H, K, V]`, or `[N, H, K, V]` with `sequences`.
    - (attention_grad_c3) there is a result, and each is for an operand that is there and has its shape.
    - (attention_grad_c4) gradients, given or made, have the element type of what they are for, or the computation type.
  }];
  let arguments = (ins FGLA_Tensor:$query, FGLA_Tensor:$key, FGLA_Tensor:$value,
    Optional<FGLA_Tensor>:$decay, Optional<FGLA_Tensor>:$log_decay, Optional<FGLA_Tensor>:$beta,
    Optional<FGLA_Tensor>:$initial_state, Optional<FGLA_Tensor>:$initial_max, Optional<FGLA_Offsets>:$sequences,
    Optional<FGLA_Tensor>:$output_grad, Optional<FGLA_Tensor>:$final_state_grad,
    OptionalAttr<FGLA_DecayAxisAttr>:$axis,
    DefaultValuedAttr<FGLA_StabilizerAttr, "Stabilizer::None">:$stabilizer,
    DefaultValuedAttr<FGLA_UpdateRuleAttr, "UpdateRule::Gated">:$rule,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs Optional<FGLA_Tensor>:$query_grad, Optional<FGLA_Tensor>:$key_grad,
    Optional<FGLA_Tensor>:$value_grad, Optional<FGLA_Tensor>:$decay_grad, Optional<FGLA_Tensor>:$beta_grad,
    Optional<FGLA_Tensor>:$initial_state_grad);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    (`decay` `(` $decay^ `)`)? (`log_decay` `(` $log_decay^ `)`)? (`axis` `(` custom<Enum>($axis)^ `)`)?
    (`beta` `(` $beta^ `)`)? (`state` `(` $initial_state^ `)`)? (`max` `(` $initial_max^ `)`)?
    (`sequences` `(` $sequences^ `)`)? (`rule` `(` custom<Enum>($rule)^ `)`)? (`stabilizer` `(` custom<Enum>($stabilizer)^ `)`)? (`scale` `(` custom<Number>($scale)^ `)`)?
    (`output_grad` `(` $output_grad^ `)`)? (`final_state_grad` `(` $final_state_grad^ `)`)?
    attr-dict `:` `(` type(operands) `)` `->`
    (`query` `(` type($query_grad)^ `)`)? (`key` `(` type($key_grad)^ `)`)? (`value` `(` type($value_grad)^ `)`)?
    (`decay` `(` type($decay_grad)^ `)`)? (`beta` `(` type($beta_grad)^ `)`)? (`state` `(` type($initial_state_grad)^ `)`)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Recurrence<2>.declarations # [{
    /// The operands that have a gradient, in the order of the results: query, key, value, decay, beta, initial state;
    /// null for those that are not given.
    ::llvm::SmallVector<::mlir::Value> getDifferentiated() {
      return {getQuery(), getKey(), getValue(), getAnyDecay(), getBeta(), getInitialState()};
    }
    /// The results in this order, null for those that are not asked for.
    ::llvm::SmallVector<::mlir::Value> getGradients() {
      return {getQueryGrad(), getKeyGrad(), getValueGrad(), getDecayGrad(), getBetaGrad(), getInitialStateGrad()};
    }
  }];
}

def FGLA_VJPOp : FGLA_Op<"vjp", [Pure, SingleBlock, IsolatedFromAbove,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "the gradients of maps, gates and norms";
  let description = [{
    The region computes a tensor from `inputs` with ops that have a tile form; the results are the gradients of the
    inputs numbered in `wrt`, given the gradient of that tensor, `cotangent`. How an op is differentiated is not said
    here: its tile form, or its sequential form, is, op by op (`dialect/fgla/Derivatives.h`).

    Like the ops in its region it works on each token of each head by itself; only the gradients of parameters are sums
    over tokens and batches. So a kernel can compute it tile by tile (`buildTileForm`).

    Example:
    ```mlir
    %dzg = fgla.vjp wrt [0](%zg, %zr) cotangent(%df) : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>), tensor<?x?x4x64xf32>
        -> (tensor<?x?x4x64xf32>) {
    ^bb0(%a: tensor<?x?x4x64xf32>, %b: tensor<?x?x4x64xf32>):
      %f = fgla.gate refined(%a, %b) : tensor<?x?x4x64xf32>
      fgla.yield %f : tensor<?x?x4x64xf32>
    }
    ```
    Constraints:
    - (vjp_c1) the region has an argument of the type of each input, holds only ops with a tile form, and yields a
      tensor.
    - (vjp_c2) `cotangent` has the shape of what is yielded.
    - (vjp_c3) `wrt` numbers inputs, one at least, in ascending order; there is a result for each, of the input's shape.
    - (vjp_c4) gradients, given or made, have the element type of what they are for, or the computation type.
  }];
  let arguments = (ins Variadic<FGLA_Tensor>:$inputs, FGLA_Tensor:$cotangent, DenseI64ArrayAttr:$wrt);
  let results = (outs Variadic<FGLA_Tensor>:$gradients);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `wrt` $wrt `(` $inputs `)` `cotangent` `(` $cotangent `)` attr-dict
    `:` `(` type($inputs) `)` `,` type($cotangent) `->` `(` type($gradients) `)` $body
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    YieldOp getYield();
    /// The inputs that have a token axis; all others are parameters.
    bool isTokenInput(unsigned input);
    /// The tiles of the gradients, in the order of `wrt`, from tiles of the inputs and of the cotangent, all of the
    /// computation type; a parameter's is the sum over the tile's tokens. Fails where there is no derivative.
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>> buildTileForm(::mlir::OpBuilder &builder,
        ::mlir::ValueRange tiles, ::mlir::Value cotangent);
  }];
}

#endif
