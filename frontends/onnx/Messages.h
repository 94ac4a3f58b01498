//===- Messages.h - attributes and types as ONNX's messages ---------------===//
//
// Each function leaves alone what says the same already, so that a message
// that was read is written as it was.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_ONNX_MESSAGES_H
#define FGLA_FRONTENDS_ONNX_MESSAGES_H

#include "onnx/onnx_pb.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace fgla::onnx {

namespace pb = ::ONNX_NAMESPACE;

/// ONNX's number of an element type; UNDEFINED if it has none.
int32_t dataTypeOf(mlir::Type type);

/// Makes `proto` hold the type and the elements of `value`. Returns false if ONNX cannot.
bool updateTensor(pb::TensorProto &proto, mlir::ElementsAttr value);

/// Makes `proto` a reference to bytes in a file. Returns false if ONNX has no such type.
bool updateTensor(pb::TensorProto &proto, mlir::RankedTensorType type, llvm::StringRef file, int64_t offset,
                  int64_t length);

/// Makes `proto` the attribute `name` of the value `value`. Returns false if ONNX has no such attribute.
bool updateAttribute(pb::AttributeProto &proto, llvm::StringRef name, mlir::Attribute value);

/// Makes `proto` the type of a value: `dims` has one string per dim (`fgla.dims`), or is null. With `exactly` false, a
/// type that says less is left alone. Returns false if ONNX has no such type.
bool updateType(pb::TypeProto &proto, mlir::Type type, mlir::ArrayAttr dims, bool exactly);

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_ONNX_MESSAGES_H
