//===- OrtApi.h - What is used of ONNX Runtime's C ABI --------------------===//
//
// ONNX Runtime's header is in none of its Python packages, so the part that a library of custom ops needs is declared
// here. The ABI is stable by its own rules: OrtApi is a list of functions whose places never change, OrtCustomOp grows
// at its end and says by `version` what is there. The places are those of version 1; the last members of OrtCustomOp
// came with version 16 (ONNX Runtime 1.16).
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_ONNXRUNTIME_ORTAPI_H
#define FGLA_FRONTENDS_ONNXRUNTIME_ORTAPI_H

#include <cstddef>
#include <cstdint>

extern "C" {

struct OrtStatus; // null: all is well
struct OrtSessionOptions;
struct OrtCustomOpDomain;
struct OrtKernelInfo;
struct OrtKernelContext;
struct OrtValue;
struct OrtTensorTypeAndShapeInfo;
struct OrtCustomOp;

enum OrtErrorCode : int32_t { ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2 };

/// TensorProto.DataType, as far as it goes.
enum ONNXTensorElementDataType : int32_t {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED = 0,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 = 3,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 = 5,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 = 7,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL = 9,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 = 10,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE = 11,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 = 16,
};

struct OrtApi {
  OrtStatus *(*CreateStatus)(OrtErrorCode code, const char *message);
  void *unused1[25];
  OrtStatus *(*CreateCustomOpDomain)(const char *domain, OrtCustomOpDomain **out);
  OrtStatus *(*CustomOpDomain_Add)(OrtCustomOpDomain *domain, const OrtCustomOp *op);
  OrtStatus *(*AddCustomOpDomain)(OrtSessionOptions *options, OrtCustomOpDomain *domain);
  void *unused29[22];
  OrtStatus *(*GetTensorMutableData)(OrtValue *value, void **out);
  void *unused52[8];
  OrtStatus *(*GetTensorElementType)(const OrtTensorTypeAndShapeInfo *info, ONNXTensorElementDataType *out);
  OrtStatus *(*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo *info, size_t *out);
  OrtStatus *(*GetDimensions)(const OrtTensorTypeAndShapeInfo *info, int64_t *sizes, size_t count);
  void *unused63[2];
  OrtStatus *(*GetTensorTypeAndShape)(const OrtValue *value, OrtTensorTypeAndShapeInfo **out);
  void *unused66[21];
  /// With `out` null, sets `size` to what the text takes, with its end.
  OrtStatus *(*KernelInfoGetAttribute_string)(const OrtKernelInfo *info, const char *name, char *out, size_t *size);
  OrtStatus *(*KernelContext_GetInputCount)(const OrtKernelContext *context, size_t *out);
  OrtStatus *(*KernelContext_GetOutputCount)(const OrtKernelContext *context, size_t *out);
  OrtStatus *(*KernelContext_GetInput)(const OrtKernelContext *context, size_t index, const OrtValue **out);
  OrtStatus *(*KernelContext_GetOutput)(OrtKernelContext *context, size_t index, const int64_t *sizes, size_t count,
                                        OrtValue **out);
  void *unused92;
  void (*ReleaseStatus)(OrtStatus *status);
  void *unused94[5];
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo *info);
  void *unused100;
  void (*ReleaseCustomOpDomain)(OrtCustomOpDomain *domain);
};
static_assert(offsetof(OrtApi, CreateCustomOpDomain) == 26 * sizeof(void *));
static_assert(offsetof(OrtApi, GetTensorMutableData) == 51 * sizeof(void *));
static_assert(offsetof(OrtApi, GetTensorTypeAndShape) == 65 * sizeof(void *));
static_assert(offsetof(OrtApi, KernelInfoGetAttribute_string) == 87 * sizeof(void *));
static_assert(offsetof(OrtApi, ReleaseCustomOpDomain) == 101 * sizeof(void *));

struct OrtApiBase {
  const OrtApi *(*GetApi)(uint32_t version); // null: the runtime is older
  const char *(*GetVersionString)();
};

enum OrtCustomOpInputOutputCharacteristic : int32_t { INPUT_OUTPUT_VARIADIC = 2 };
enum OrtMemType : int32_t { OrtMemTypeDefault = 0 };

struct OrtCustomOp {
  uint32_t version;
  void *(*CreateKernel)(const OrtCustomOp *op, const OrtApi *api, const OrtKernelInfo *info);
  const char *(*GetName)(const OrtCustomOp *op);
  const char *(*GetExecutionProviderType)(const OrtCustomOp *op);
  ONNXTensorElementDataType (*GetInputType)(const OrtCustomOp *op, size_t index);
  size_t (*GetInputTypeCount)(const OrtCustomOp *op);
  ONNXTensorElementDataType (*GetOutputType)(const OrtCustomOp *op, size_t index);
  size_t (*GetOutputTypeCount)(const OrtCustomOp *op);
  void (*KernelCompute)(void *kernel, OrtKernelContext *context);
  void (*KernelDestroy)(void *kernel);
  OrtCustomOpInputOutputCharacteristic (*GetInputCharacteristic)(const OrtCustomOp *op, size_t index);
  OrtCustomOpInputOutputCharacteristic (*GetOutputCharacteristic)(const OrtCustomOp *op, size_t index);
  OrtMemType (*GetInputMemoryType)(const OrtCustomOp *op, size_t index);
  int (*GetVariadicInputMinArity)(const OrtCustomOp *op);
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp *op);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp *op);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp *op);
  OrtStatus *(*CreateKernelV2)(const OrtCustomOp *op, const OrtApi *api, const OrtKernelInfo *info, void **kernel);
  OrtStatus *(*KernelComputeV2)(void *kernel, OrtKernelContext *context);
};

} // extern "C"

#endif // FGLA_FRONTENDS_ONNXRUNTIME_ORTAPI_H
