//===- Skeleton.h - a model's message without its weights -----------------===//
#ifndef FGLA_FRONTENDS_ONNX_SKELETON_H
#define FGLA_FRONTENDS_ONNX_SKELETON_H

#include <cstddef>
#include <string>

namespace fgla::onnx {

/// Copies the bytes of a `ModelProto`, but for the data of large weights of its
/// graph: such a tensor becomes one whose data is in another file, which is the
/// model's own, `file`. So what a model is can be read without reading its
/// weights. Returns false where the bytes are no such message.
bool copyWithoutWeights(const char *data, size_t size, const std::string &file, std::string &skeleton);

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_ONNX_SKELETON_H
