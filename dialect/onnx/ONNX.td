//===- ONNX.td - a mirror of an ONNX graph ------------------------*- tablegen -*-===//
//
// One generic op holds any ONNX node, so the dialect does not grow with ONNX's list of operators.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ONNX_ONNX_TD
#define DIALECT_ONNX_ONNX_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def ONNX_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::fgla::onnx";
  let summary = "a mirror of an ONNX graph";
  let description = [{
    What the reader of ONNX files makes: the nodes and weights of a model as they are, before anything is understood.
    `fgla-convert-onnx` turns them into `fgla`, `linalg`, `tensor`, `arith` and `math`. A node is `onnx.node`, a weight
    is `onnx.initializer`; the graph is a `func.func` whose argument and result attributes keep the names (`fgla.name`)
    and the symbolic dimensions (`fgla.dims`). The module's `onnx.folder` is where the files are that initializers name.

    `onnx.model` on the module is the model's message as it was read, without the large weights that it holds: what ops
    do not say (comments, metadata, functions, the order of attributes). The mirror is written back as this message with
    the ops' changes, so that what no pass touched stays as it was, byte for byte.

    A second function of the module whose attribute `onnx.function` names a domain is a function of the model: nodes of
    that domain and of the function's name call it.
  }];
  let hasOperationAttrVerify = 1;
}

// A value whose type ONNX's shape inference does not know (the result of an operator without a schema) has the type
// `none`.
def ONNX_Value : AnyTypeOf<[AnyTensor, NoneType], "tensor, or none where the type is unknown">;

def ONNX_NodeOp : Op<ONNX_Dialect, "node", [Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "any ONNX node";
  let description = [{
    The operator's name comes first, then the inputs. An optional input or output that is left out is written `_` and
    keeps its place. `domain` is ONNX's operator set (left out: the standard one), `version` is the version of that set
    that the model imports, `name` is the node's name, `gives` are the names of its outputs (left out: whatever a writer
    chooses). The node's attributes are a dictionary: integers are `i64`,
    floats `f32`, lists `array<i64: …>` and `array<f32: …>`, tensors are elements attributes. Attributes that are graphs
    are regions that end in `onnx.yield`: `graph "body" { … }`; what they use of the values around them, they name.

    ```mlir
    %output, %state = onnx.node "LinearAttention"(%q, %k, %v, _, %decay) version 27 name "attn"
        gives ["output", "state"] {kv_num_heads = 4 : i64, q_num_heads = 4 : i64, update_rule = "gated"}
        : (tensor<?x?x256xf32>, tensor<?x?x256xf32>, tensor<?x?x256xf32>, _, tensor<?x?x256xf32>)
        -> (tensor<?x?x256xf32>, tensor<?x4x64x64xf32>)
    ```

    Constraints:
    - (node_c1) the operator's name is not empty.
    - (node_c2) the places of absent operands and results are ascending, not negative, and inside the list.
    - (node_c3) an attribute is an integer, float, string, list of these, elements or type.
    - (node_c4) the version is at least 1.
    - (node_c5) there is a name for each result, or none at all.
    - (node_c6) there is a name for each graph, and a graph is one block that ends in `onnx.yield`.
  }];
  let arguments = (ins
    StrAttr:$op_type,
    DefaultValuedStrAttr<StrAttr, "">:$domain,
    I64Attr:$version,
    DefaultValuedStrAttr<StrAttr, "">:$node_name,
    DefaultValuedAttr<StrArrayAttr, "{}">:$output_names,
    DictionaryAttr:$node_attributes,
    DefaultValuedAttr<StrArrayAttr, "{}">:$graph_names,
    DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$absent_inputs,
    DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$absent_outputs,
    Variadic<ONNX_Value>:$inputs);
  let results = (outs Variadic<ONNX_Value>:$outputs);
  let regions = (region VariadicRegion<AnyRegion>:$graphs);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The number of inputs and outputs with the absent ones counted.
    size_t getNumInputPlaces() { return getInputs().size() + getAbsentInputs().size(); }
    size_t getNumOutputPlaces() { return getOutputs().size() + getAbsentOutputs().size(); }
    /// The input or output at a place of ONNX's list, or null where it is absent.
    ::mlir::Value getInput(size_t place);
    ::mlir::Value getOutput(size_t place);
    /// An attribute of the node, or null.
    ::mlir::Attribute getNodeAttr(::llvm::StringRef name) { return getNodeAttributes().get(name); }
    /// `'LinearAttention' (node 'attn')`, for messages.
    std::string describe();
  }];
}

def ONNX_YieldOp : Op<ONNX_Dialect, "yield", [Pure, Terminator, HasParent<"::fgla::onnx::NodeOp">]> {
  let summary = "the outputs of a graph that is an attribute";
  let description = [{
    ```mlir
    %m = onnx.node "Scan"(%init, %x) version 13 {num_scan_inputs = 1 : i64} : (none, none) -> (none) graph "body" {
    ^bb0(%a: none, %b: none):
      %max = onnx.node "Max"(%a, %b) version 13 : (none, none) -> (none)
      onnx.yield %max : none
    }
    ```
  }];
  let arguments = (ins Variadic<ONNX_Value>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def ONNX_InitializerOp : Op<ONNX_Dialect, "initializer", [Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "a weight, by value or by reference";
  let description = [{
    A weight of the model. Small weights are held by value; weights that the model keeps in another file are named by
    the file (relative to the model's folder, which the module's attribute `onnx.folder` holds), the offset and the
    number of bytes. Bytes are little-endian.

    ```mlir
    %w = onnx.initializer "proj.weight" file "model.onnx.data" offset 4096 length 65536 : tensor<128x128xf32>
    %s = onnx.initializer "shape" value dense<[0, 0, 4, 64]> : tensor<4xi64>
    ```

    Constraints:
    - (initializer_c1) there is a value or a file, not both.
    - (initializer_c2) the type is a tensor of known shape; a value has this type.
    - (initializer_c3) offset and length are not negative, and length is the number of bytes of the type.
    - (initializer_c4) the file is a relative path without `..`.
  }];
  let arguments = (ins
    StrAttr:$weight_name,
    OptionalAttr<ElementsAttr>:$value,
    OptionalAttr<StrAttr>:$file,
    DefaultValuedAttr<I64Attr, "0">:$offset,
    DefaultValuedAttr<I64Attr, "0">:$length);
  let results = (outs AnyTensor:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // DIALECT_ONNX_ONNX_TD
