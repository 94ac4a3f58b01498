//===- Validator.h - what is checked before the ONNX library sees a model --===//
#ifndef FGLA_FRONTENDS_ONNX_VALIDATOR_H
#define FGLA_FRONTENDS_ONNX_VALIDATOR_H

#include "frontends/onnx/Reader.h"

namespace fgla::onnx {

/// Checks versions, sizes, depths, names and the calls between functions, and
/// gives the standard domain one spelling (""). The ONNX checker, which runs
/// after it, sees to operators, attributes, order and single assignment. To
/// inspect a model, versions and types may be ones that we do not know.
bool validateModel(pb::ModelProto &model, Purpose purpose, std::string &error);

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_ONNX_VALIDATOR_H
