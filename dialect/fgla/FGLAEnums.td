// Named kinds of maps, gates, norms, stabilizers and update rules.
#ifndef FGLA_ENUMS
#define FGLA_ENUMS

include "mlir/IR/EnumAttr.td"
include "dialect/fgla/FGLADialect.td"

class FGLA_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::fgla";
  let genSpecializedAttr = 0;
}
class FGLA_EnumAttr<I32EnumAttr info, string mnemonic> : EnumAttr<FGLA_Dialect, info, mnemonic>;

def FGLA_FeatureKind : FGLA_Enum<"FeatureKind", "feature map", [
  I32EnumAttrCase<"Identity", 0, "identity">,  // x
  I32EnumAttrCase<"ReLU", 1, "relu">,          // max(x, 0)
  I32EnumAttrCase<"Elu1", 2, "elu1">,          // 1 + elu(x)
  I32EnumAttrCase<"Exp", 3, "exp">,            // exp(x)
  I32EnumAttrCase<"SafeExp", 4, "safe_exp">,   // exp(x - max_d x)
  I32EnumAttrCase<"Softmax", 5, "softmax">,    // softmax over d
  I32EnumAttrCase<"Hedgehog", 6, "hedgehog">   // [softmax(x), softmax(-x)]
]>;
def FGLA_FeatureKindAttr : FGLA_EnumAttr<FGLA_FeatureKind, "feature">;

def FGLA_GateKind : FGLA_Enum<"GateKind", "forget gate", [
  I32EnumAttrCase<"Sigmoid", 0, "sigmoid">,    // g = sigmoid(zg)
  I32EnumAttrCase<"Refined", 1, "refined">     // g (g + 2 r (1 - g)), g = sigmoid(zg), r = sigmoid(zr)
]>;
def FGLA_GateKindAttr : FGLA_EnumAttr<FGLA_GateKind, "gate_kind">;

def FGLA_DecayAxis : FGLA_Enum<"DecayAxis", "what one decay value multiplies", [
  I32EnumAttrCase<"Key", 0, "key">,            // [B, T, H, K]: a row of the state
  I32EnumAttrCase<"Value", 1, "value">,        // [B, T, H, V]: a column of the state
  I32EnumAttrCase<"Head", 2, "head">,          // [B, T, H, 1]: the state of a head
  I32EnumAttrCase<"Constant", 3, "constant">   // [H]: the state of a head, the same for every token
]>;
def FGLA_DecayAxisAttr : FGLA_EnumAttr<FGLA_DecayAxis, "axis">;

def FGLA_Stabilizer : FGLA_Enum<"Stabilizer", "what is subtracted from key logits", [
  I32EnumAttrCase<"None", 0, "none">,          // keys are features, nothing is subtracted
  I32EnumAttrCase<"Running", 1, "running">,    // max over tokens s <= t and channels
  I32EnumAttrCase<"Sequence", 2, "sequence">,  // max over all tokens and channels
  I32EnumAttrCase<"Token", 3, "token">         // max over channels
]>;
def FGLA_StabilizerAttr : FGLA_EnumAttr<FGLA_Stabilizer, "stabilizer">;

def FGLA_UpdateRule : FGLA_Enum<"UpdateRule", "how a token enters the state", [
  I32EnumAttrCase<"Gated", 0, "gated">,            // S = f S + k v^T (linear attention where there is no decay)
  I32EnumAttrCase<"Delta", 1, "delta">,            // S = S + beta k (v - S^T k)^T
  I32EnumAttrCase<"GatedDelta", 2, "gated_delta">  // the delta rule on the decayed state f S
]>;
def FGLA_UpdateRuleAttr : FGLA_EnumAttr<FGLA_UpdateRule, "rule">;

def FGLA_Alignment : FGLA_Enum<"Alignment", "which of the keys the queries begin with", [
  I32EnumAttrCase<"Start", 0, "start">,        // query t is where key t is
  I32EnumAttrCase<"End", 1, "end">             // the last query is where the last key is
]>;
def FGLA_AlignmentAttr : FGLA_EnumAttr<FGLA_Alignment, "alignment">;

def FGLA_NormKind : FGLA_Enum<"NormKind", "norm over a head's values", [
  I32EnumAttrCase<"RMS", 0, "rms">,
  I32EnumAttrCase<"Layer", 1, "layer">
]>;
def FGLA_NormKindAttr : FGLA_EnumAttr<FGLA_NormKind, "norm_kind">;

// How exactly tensors of f32 are multiplied on a GPU. Arithmetic is f32 in any case.
def FGLA_Precision : FGLA_Enum<"Precision", "factors of products of f32", [
  I32EnumAttrCase<"F32", 0, "f32">,            // as they are
  I32EnumAttrCase<"TF32", 1, "tf32">           // rounded to 11 bits of significand
]>;
def FGLA_PrecisionAttr : FGLA_EnumAttr<FGLA_Precision, "precision"> {
  let assemblyFormat = "`<` $value `>`";
}

// What becomes of a tensor that the gradient needs.
def FGLA_Retention : FGLA_Enum<"Retention", "what the forward function does with a result for the backward one", [
  I32EnumAttrCase<"Saved", 0, "saved">,            // it is kept
  I32EnumAttrCase<"Recomputed", 1, "recomputed">   // the backward function computes it again
]>;
def FGLA_RetentionAttr : FGLA_EnumAttr<FGLA_Retention, "retention"> {
  let assemblyFormat = "`<` $value `>`";
}

#endif
