/*===- fgla.h - C ABI of the fgla runtime -----------------------------------===
 *
 * Loads a compiled artifact (a shared object), says what functions it has, and
 * calls them on tensors that the caller owns. Nothing of the compiler is
 * needed.
 *
 * Errors.      Every function that can fail returns an fgla_status. When it is
 *              not FGLA_OK, fgla_error_message() gives one line that says what
 *              is wrong; the text belongs to the calling thread and stays until
 *              the next failure in that thread. Outputs of a failed call are
 *              unspecified, except that no out-parameter handle is set.
 * Ownership.   Handles (fgla_module) are owned by the caller and released with
 *              their own function. Functions, names and signatures belong to
 *              the module and live as long as it does. Tensor data, shapes and
 *              strides always belong to the caller.
 * Threads.     All functions may be called from any thread at once, on the same
 *              module too, as long as no module is unloaded while in use and no
 *              two calls write the same output.
 * Units.       Shapes count elements. Strides count elements, not bytes. Time
 *              and bytes do not appear in this interface.
 *===----------------------------------------------------------------------===*/
#ifndef FGLA_RUNTIME_FGLA_H
#define FGLA_RUNTIME_FGLA_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define FGLA_API __attribute__((visibility("default")))
#else
#define FGLA_API
#endif

/* Any number may arrive from another language; a C++ enum of fixed type can
 * hold it, so that it is found and refused instead of being undefined
 * behaviour. */
#ifdef __cplusplus
#define FGLA_INT32 : int32_t
extern "C" {
#else
#define FGLA_INT32
#endif

/* Version of this interface and of the artifact contract. An artifact carries
 * the version that it was compiled for; another one is refused at load. */
#define FGLA_ABI_VERSION 2

/* Highest rank of a tensor. */
#define FGLA_MAX_RANK 8

typedef enum fgla_status FGLA_INT32 {
  FGLA_OK = 0,
  FGLA_INVALID_ARGUMENT = 1, /* a tensor or parameter breaks a rule */
  FGLA_NOT_FOUND = 2,        /* no such file or function */
  FGLA_INVALID_ARTIFACT = 3, /* damaged, or breaks the artifact contract */
  FGLA_ABI_MISMATCH = 4,     /* compiled for another FGLA_ABI_VERSION */
  FGLA_UNSUPPORTED = 5,      /* a device or target this runtime does not have */
  FGLA_OUT_OF_MEMORY = 6,
  FGLA_IO_ERROR = 7,    /* the operating system refused to read or write */
  FGLA_DEVICE_ERROR = 8 /* the GPU or its driver failed */
} fgla_status;

typedef enum fgla_dtype FGLA_INT32 {
  FGLA_F64 = 0,
  FGLA_F32 = 1,
  FGLA_F16 = 2,  /* IEEE binary16 */
  FGLA_BF16 = 3, /* upper half of an f32 */
  FGLA_I64 = 4,
  FGLA_I32 = 5,
  FGLA_I16 = 6,
  FGLA_I8 = 7,
  FGLA_U8 = 8,
  FGLA_BOOL = 9 /* one byte, 0 or 1 */
} fgla_dtype;

typedef enum fgla_device_kind FGLA_INT32 {
  FGLA_DEVICE_CPU = 0,
  FGLA_DEVICE_CUDA = 1 /* needs NVIDIA's driver, which is loaded at the first use */
} fgla_device_kind;

typedef struct fgla_device {
  fgla_device_kind kind;
  int32_t index; /* 0 for the CPU; as CUDA counts */
} fgla_device;

/* A view of memory that the caller owns. Element (i0, i1, ...) is at
 * data + (i0 * stride[0] + i1 * stride[1] + ...) * element size. */
typedef struct fgla_tensor {
  void *data; /* aligned to the element size; may be NULL when empty */
  fgla_dtype dtype;
  int32_t rank;          /* 0 ... FGLA_MAX_RANK */
  const int64_t *shape;  /* [rank], each >= 0; may be NULL when rank is 0 */
  const int64_t *stride; /* [rank] in elements, may be 0 or negative for an
                            input; NULL = contiguous, last dimension fastest */
  fgla_device device;
} fgla_tensor;

/* One dimension in a signature. */
typedef struct fgla_dim {
  int64_t size;       /* >= 0: must be exactly this; -1: dynamic */
  const char *symbol; /* dynamic only: dims with the same symbol must be equal;
                         NULL = no constraint. NULL when static. */
} fgla_dim;

/* An argument or a result in a signature. All pointers belong to the module. */
typedef struct fgla_value_info {
  const char *name;
  fgla_dtype dtype;
  int32_t rank;
  const fgla_dim *dims; /* [rank] */
} fgla_value_info;

typedef struct fgla_module fgla_module;
typedef struct fgla_function fgla_function;

/*---- About the library ----------------------------------------------------*/

/* FGLA_ABI_VERSION of the library itself, to compare with the header's. */
FGLA_API int32_t fgla_abi_version(void);

/* The calling thread's latest error text, "" when there was none. Never NULL.
 */
FGLA_API const char *fgla_error_message(void);

/* "ok", "invalid argument", ... Never NULL; "unknown status" for other values.
 */
FGLA_API const char *fgla_status_name(fgla_status status);

/* "f32", "bool", ... NULL when `dtype` is none of the enum's values. */
FGLA_API const char *fgla_dtype_name(fgla_dtype dtype);

/* Bytes of one element; 0 when `dtype` is none of the enum's values. */
FGLA_API size_t fgla_dtype_size(fgla_dtype dtype);

/* How many devices of a kind this runtime can use (CPU: 1). FGLA_UNSUPPORTED
 * for a kind that it does not have, or where the driver is missing. */
FGLA_API fgla_status fgla_device_count(fgla_device_kind kind, int32_t *count);

/*---- Modules and functions ------------------------------------------------*/

/* Loads the artifact at `path` and checks it. An artifact is machine code: load
 * only files that you would execute. A path that this process has loaded
 * already, and not unloaded, gives the code of the first load even if the file
 * has been replaced since. */
FGLA_API fgla_status fgla_module_load(const char *path, fgla_module **module);

/* Releases the module and everything that came from it. NULL is allowed. */
FGLA_API void fgla_module_unload(fgla_module *module);

/* What the artifact was compiled for: "cpu", or a GPU ("sm_90a"). A GPU's artifact can be loaded and looked at
 * anywhere; its code is given to a device at the first call there. */
FGLA_API const char *fgla_module_target(const fgla_module *module);

/* Which compiler wrote the artifact; "" when it does not say. */
FGLA_API const char *fgla_module_compiler(const fgla_module *module);

FGLA_API int32_t fgla_module_num_functions(const fgla_module *module);

/* By position, in the artifact's order; FGLA_INVALID_ARGUMENT when there is no
 * such position. */
FGLA_API fgla_status fgla_module_function_at(const fgla_module *module, int32_t index, const fgla_function **function);

/* By name; FGLA_NOT_FOUND lists the names there are. */
FGLA_API fgla_status fgla_module_function(const fgla_module *module, const char *name, const fgla_function **function);

FGLA_API const char *fgla_function_name(const fgla_function *function);
FGLA_API int32_t fgla_function_num_args(const fgla_function *function);
FGLA_API int32_t fgla_function_num_results(const fgla_function *function);

/* Sum of the ranks of all results: the length of `dims` below. */
FGLA_API int32_t fgla_function_num_result_dims(const fgla_function *function);

FGLA_API fgla_status fgla_function_arg(const fgla_function *function, int32_t index, fgla_value_info *info);
FGLA_API fgla_status fgla_function_result(const fgla_function *function, int32_t index, fgla_value_info *info);

/*---- Calls ----------------------------------------------------------------*/

/* Shapes of all results for arguments of the given shapes, concatenated in
 * `dims` (`num_dims` = fgla_function_num_result_dims). Arguments are checked as
 * for a call, but only dtype, rank, shape and device matter: data and strides
 * are not looked at. */
FGLA_API fgla_status fgla_function_result_shapes(const fgla_function *function, const fgla_tensor *args,
                                                 int32_t num_args, int64_t *dims, int32_t num_dims);

/* Runs the function and returns when the results are complete.
 *
 * All tensors are on the CPU, or, for an artifact that was compiled for a GPU,
 * on one CUDA device: there the default stream is used and waited for.
 *
 * Checked first, so that a failed call has written nothing: number of arguments
 * and results, dtype, rank, static dims, equality of dims with one symbol, data
 * pointers, device; that results have the shapes the function gives, are
 * contiguous and overlap neither an argument nor each other.
 *
 * Numbers that a program must not get (an ONNX model's index out of range) show
 * while it runs: FGLA_INVALID_ARGUMENT too, and the results are worth nothing.
 *
 * Arguments on the CPU with other strides are copied once to a contiguous
 * temporary. Data on a GPU must be contiguous and aligned to 16 bytes.
 * Whether an argument overlaps a result is decided by the range from its lowest
 * to its highest element, so two interleaved views count as overlapping. */
FGLA_API fgla_status fgla_call(const fgla_function *function, const fgla_tensor *args, int32_t num_args,
                               const fgla_tensor *results, int32_t num_results);

/* How work on a GPU is ordered, and where its memory comes from. */
typedef struct fgla_launch_options {
  void *stream; /* CUstream or cudaStream_t, of the tensors' device; NULL = the
                   default stream */
  /* Memory for the time of a call. `release` is called before fgla_call_on
   * returns, while the work that uses the memory is still in the stream: what
   * takes the memory next must be ordered behind it. NULL = a pool of the
   * runtime's own. */
  void *(*allocate)(void *user, size_t bytes, void *stream);
  void (*release)(void *user, void *memory, void *stream);
  void *user;
} fgla_launch_options;

/* As fgla_call, but puts the work on a stream and returns: the results are
 * complete when the stream gets there. Arguments and results must stay until
 * then. Nothing waits for the device, so that a call can be captured in a CUDA
 * graph, the first call too. An error of a kernel shows at a later call, as is CUDA's way.
 * For a function on the CPU this is fgla_call. `options` may be NULL. */
FGLA_API fgla_status fgla_call_on(const fgla_function *function, const fgla_tensor *args, int32_t num_args,
                                  const fgla_tensor *results, int32_t num_results, const fgla_launch_options *options);

#ifdef __cplusplus
}
#endif

#endif /* FGLA_RUNTIME_FGLA_H */
