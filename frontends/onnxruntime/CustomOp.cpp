//===- CustomOp.cpp - fgla's programs as an operator of ONNX Runtime ------===//
//
// The operator `Program` of the domain `fgla` calls one function: inputs are its arguments, outputs its results, in
// their order. See README.md.
//
//===----------------------------------------------------------------------===//
#include "frontends/onnxruntime/OrtApi.h"
#include "frontends/onnxruntime/Program.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace fgla::ort;

/// The first version with kernels that return their errors.
static constexpr uint32_t kApiVersion = 16;

static std::optional<fgla_dtype> convertType(ONNXTensorElementDataType type) {
  switch (type) {
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
    return FGLA_F32;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
    return FGLA_F16;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
    return FGLA_BF16;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
    return FGLA_F64;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
    return FGLA_I64;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
    return FGLA_I32;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16:
    return FGLA_I16;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
    return FGLA_I8;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
    return FGLA_U8;
  case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
    return FGLA_BOOL;
  default:
    return std::nullopt;
  }
}

namespace {
/// What a session keeps of one node.
struct Kernel {
  const OrtApi *api;
  const fgla_function *function;

  OrtStatus *fail(const std::string &reason) const {
    return api->CreateStatus(ORT_INVALID_ARGUMENT,
                             ("fgla.Program '" + std::string(fgla_function_name(function)) + "': " + reason).c_str());
  }
  OrtStatus *compute(OrtKernelContext *context) const;
  OrtStatus *getArguments(OrtKernelContext *context, std::vector<fgla_tensor> &arguments,
                          std::vector<int64_t> &sizes) const;
};
} // namespace

/// Fills in a tensor but for its sizes, which are appended to `sizes`.
static OrtStatus *describe(const Kernel &kernel, const OrtValue *value, fgla_tensor &tensor,
                           std::vector<int64_t> &sizes) {
  const OrtApi &api = *kernel.api;
  OrtTensorTypeAndShapeInfo *info = nullptr;
  if (OrtStatus *status = api.GetTensorTypeAndShape(value, &info))
    return status;
  std::unique_ptr<OrtTensorTypeAndShapeInfo, void (*)(OrtTensorTypeAndShapeInfo *)> guard(
      info, api.ReleaseTensorTypeAndShapeInfo);
  ONNXTensorElementDataType type;
  size_t rank;
  if (OrtStatus *status = api.GetTensorElementType(info, &type))
    return status;
  if (OrtStatus *status = api.GetDimensionsCount(info, &rank))
    return status;
  std::optional<fgla_dtype> converted = convertType(type);
  if (!converted || rank > FGLA_MAX_RANK)
    return kernel.fail("an input has a type or a rank that programs do not have (type " + std::to_string(type) +
                       ", rank " + std::to_string(rank) + ")");
  sizes.resize(sizes.size() + rank);
  if (OrtStatus *status = api.GetDimensions(info, sizes.data() + sizes.size() - rank, rank))
    return status;
  tensor.dtype = *converted;
  tensor.rank = static_cast<int32_t>(rank);
  return api.GetTensorMutableData(const_cast<OrtValue *>(value), &tensor.data);
}

/// Lets each tensor see its sizes, which lie one after the other.
static void setShapes(std::vector<fgla_tensor> &tensors, const std::vector<int64_t> &sizes) {
  const int64_t *next = sizes.data();
  for (fgla_tensor &tensor : tensors) {
    tensor.shape = next;
    next += tensor.rank;
  }
}

OrtStatus *Kernel::getArguments(OrtKernelContext *context, std::vector<fgla_tensor> &arguments,
                                std::vector<int64_t> &sizes) const {
  size_t count;
  if (OrtStatus *status = api->KernelContext_GetInputCount(context, &count))
    return status;
  arguments.resize(count);
  for (size_t i = 0; i != count; ++i) {
    const OrtValue *value = nullptr;
    if (OrtStatus *status = api->KernelContext_GetInput(context, i, &value))
      return status;
    if (!value)
      return fail("input " + std::to_string(i) + " must not be left out");
    if (OrtStatus *status = describe(*this, value, arguments[i], sizes))
      return status;
  }
  setShapes(arguments, sizes);
  return nullptr;
}

OrtStatus *Kernel::compute(OrtKernelContext *context) const {
  std::vector<fgla_tensor> arguments;
  std::vector<int64_t> argumentSizes, resultSizes(fgla_function_num_result_dims(function));
  if (OrtStatus *status = getArguments(context, arguments, argumentSizes))
    return status;
  size_t count;
  if (OrtStatus *status = api->KernelContext_GetOutputCount(context, &count))
    return status;
  std::vector<fgla_tensor> results(fgla_function_num_results(function));
  if (count != results.size())
    return fail("has " + std::to_string(results.size()) + " results, the node has " + std::to_string(count) +
                " outputs");
  if (fgla_function_result_shapes(function, arguments.data(), arguments.size(), resultSizes.data(),
                                  resultSizes.size()) != FGLA_OK)
    return fail(fgla_error_message());
  const int64_t *next = resultSizes.data();
  for (size_t i = 0; i != count; ++i) {
    fgla_value_info info;
    fgla_function_result(function, i, &info);
    results[i].dtype = info.dtype;
    results[i].rank = info.rank;
    OrtValue *value = nullptr;
    if (OrtStatus *status = api->KernelContext_GetOutput(context, i, next, info.rank, &value))
      return status;
    next += info.rank;
    std::vector<int64_t> sizes;
    if (OrtStatus *status = describe(*this, value, results[i], sizes))
      return status;
    if (results[i].dtype != info.dtype)
      return fail("result '" + std::string(info.name) + "' is of " + fgla_dtype_name(info.dtype) +
                  ", the model takes output " + std::to_string(i) + " to be of " + fgla_dtype_name(results[i].dtype));
  }
  setShapes(results, resultSizes);
  if (fgla_call(function, arguments.data(), arguments.size(), results.data(), results.size()) != FGLA_OK)
    return fail(fgla_error_message());
  return nullptr;
}

/// An attribute that is a text; empty where there is none.
static std::string getAttribute(const OrtApi *api, const OrtKernelInfo *info, const char *name) {
  size_t size = 0;
  std::string text;
  OrtStatus *status = api->KernelInfoGetAttribute_string(info, name, nullptr, &size);
  if (!status && size > 0) {
    text.resize(size);
    status = api->KernelInfoGetAttribute_string(info, name, text.data(), &size);
    text.resize(status ? 0 : size - 1);
  }
  if (status)
    api->ReleaseStatus(status);
  return text;
}

static OrtStatus *createKernel(const OrtCustomOp *, const OrtApi *api, const OrtKernelInfo *info, void **kernel) {
  std::string artifact = getAttribute(api, info, "artifact"), program = getAttribute(api, info, "program");
  std::string name = getAttribute(api, info, "function"), error;
  if (artifact.empty() == program.empty())
    return api->CreateStatus(ORT_INVALID_ARGUMENT,
                             "fgla.Program: one of the attributes 'artifact' and 'program' must be given");
  const fgla_function *function =
      artifact.empty() ? compileProgram(program, name, error) : loadArtifact(artifact, name, error);
  if (!function)
    return api->CreateStatus(ORT_FAIL, ("fgla.Program: " + error).c_str());
  *kernel = new Kernel{api, function};
  return nullptr;
}

//===----------------------------------------------------------------------===//
// The operator
//===----------------------------------------------------------------------===//

static OrtCustomOp makeOperator() {
  OrtCustomOp op = {};
  op.version = kApiVersion;
  op.GetName = [](const OrtCustomOp *) { return "Program"; };
  op.GetExecutionProviderType = [](const OrtCustomOp *) -> const char * { return nullptr; }; // the CPU
  op.GetInputType =
      op.GetOutputType = [](const OrtCustomOp *, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; };
  op.GetInputTypeCount = op.GetOutputTypeCount = [](const OrtCustomOp *) -> size_t { return 1; };
  op.GetInputCharacteristic =
      op.GetOutputCharacteristic = [](const OrtCustomOp *, size_t) { return INPUT_OUTPUT_VARIADIC; };
  op.GetInputMemoryType = [](const OrtCustomOp *, size_t) { return OrtMemTypeDefault; };
  // Any number, each of its own type.
  op.GetVariadicInputMinArity = [](const OrtCustomOp *) { return 0; };
  op.GetVariadicOutputMinArity = [](const OrtCustomOp *) { return 1; };
  op.GetVariadicInputHomogeneity = op.GetVariadicOutputHomogeneity = [](const OrtCustomOp *) { return 0; };
  op.CreateKernelV2 = createKernel;
  op.KernelComputeV2 = [](void *kernel, OrtKernelContext *context) {
    return static_cast<const Kernel *>(kernel)->compute(context);
  };
  op.KernelDestroy = [](void *kernel) { delete static_cast<Kernel *>(kernel); };
  return op;
}

extern "C" __attribute__((visibility("default"))) OrtStatus *RegisterCustomOps(OrtSessionOptions *options,
                                                                               const OrtApiBase *base) {
  static const OrtCustomOp op = makeOperator();
  const OrtApi *api = base->GetApi(kApiVersion);
  if (!api) // an older runtime; version 1 has what says so
    return base->GetApi(1)->CreateStatus(ORT_FAIL, "libfgla_onnxruntime needs ONNX Runtime 1.16 or newer");
  OrtCustomOpDomain *domain = nullptr;
  if (OrtStatus *status = api->CreateCustomOpDomain("fgla", &domain))
    return status;
  // Lives as long as the sessions that the options are for, which nobody tells us of.
  if (OrtStatus *status = api->CustomOpDomain_Add(domain, &op))
    return status;
  return api->AddCustomOpDomain(options, domain);
}
