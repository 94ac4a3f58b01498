/*===- fgla_compiler.h - C ABI of the fgla compiler -------------------------===
 *
 * Compiles a program for callers that must not die of it: the compiler
 * (fgla-compile) runs in a process of its own. Whatever happens there, a fatal
 * error of LLVM, memory that runs out, a signal, the caller gets a status and
 * a line of text. libfgla_compiler.so holds neither LLVM nor MLIR, so it lives
 * beside any other copy of them.
 *
 * Threads.     All functions may be called from any thread at once. No signal
 *              handler is installed or changed, and the caller may ignore
 *              SIGCHLD or wait for children of its own. No file descriptor of
 *              the caller reaches the compiler; 0, 1 and 2 may be closed.
 * Ownership.   What a request points to belongs to the caller and is not kept.
 *              A result belongs to the caller and is freed with
 *              fgla_compile_result_free(); its texts live as long as it does.
 *              A call returns when its process is gone. When the calling thread
 *              ends, so does the process.
 *===----------------------------------------------------------------------===*/
#ifndef FGLA_COMPILER_FGLA_COMPILER_H
#define FGLA_COMPILER_FGLA_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define FGLA_COMPILER_API __attribute__((visibility("default")))
#else
#define FGLA_COMPILER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this interface. Members are added at the ends of structs only, and
 * `size` says which of them the caller knows. */
#define FGLA_COMPILER_ABI_VERSION 1

/* The version that the loaded library has. */
FGLA_COMPILER_API int32_t fgla_compiler_abi_version(void);

typedef enum fgla_compile_status {
  FGLA_COMPILE_OK = 0,
  FGLA_COMPILE_INVALID_REQUEST = 1, /* the request breaks a rule below */
  FGLA_COMPILE_REJECTED = 2,        /* the compiler says what is wrong with the program, an option or a file */
  FGLA_COMPILE_CRASHED = 3,         /* the compiler ended without saying so: the message names the signal */
  FGLA_COMPILE_TIMED_OUT = 4,       /* it took longer than `timeout_seconds` and was ended */
  FGLA_COMPILE_NO_COMPILER = 5,     /* fgla-compile is not there or cannot be started */
  FGLA_COMPILE_OUT_OF_RESOURCES = 6 /* this process has no memory, file descriptors or processes left */
} fgla_compile_status;

typedef struct fgla_compile_request {
  size_t size; /* sizeof(fgla_compile_request) */

  /* The program, and its name: the ending says what it is (.mlir, .mlirbc,
   * .onnx, .onnxtxt), messages begin with it, and weights that a model keeps in
   * other files are looked for in its folder. */
  const void *source;
  size_t source_bytes;
  const char *source_name;

  /* What to write: an artifact (.so) for the runtime, or what else
   * `fgla-compile -o` makes by its ending. It appears whole or not at all. */
  const char *output_path;

  /* Options as on the command line of fgla-compile, "--target=sm_90a", each in
   * one text. NULL when there are none. */
  const char *const *options;
  size_t num_options;

  /* fgla-compile; NULL: the one that $FGLA_COMPILE names, else the one beside
   * this library (../bin or the same folder). */
  const char *compiler_path;

  double timeout_seconds; /* 0: none */
  uint64_t memory_bytes;  /* most address space that the compiler may take; 0: no limit */
} fgla_compile_request;

typedef struct fgla_compile_result {
  fgla_compile_status status;
  const char *message;     /* one line, what is wrong; empty when nothing is */
  const char *diagnostics; /* all that the compiler wrote to stderr: warnings, remarks, errors */
  const char *report;      /* all that it wrote to stdout: what --report=json asks for */
  double seconds;          /* that it took */
  uint64_t peak_bytes;     /* most memory that it held at once */
} fgla_compile_result;

/* Compiles. `*result` is set unless there is no memory for it (then it is NULL
 * and the status is FGLA_COMPILE_OUT_OF_RESOURCES); the status is the result's.
 * `result` may be NULL. */
FGLA_COMPILER_API fgla_compile_status fgla_compile(const fgla_compile_request *request, fgla_compile_result **result);

/* NULL is allowed. */
FGLA_COMPILER_API void fgla_compile_result_free(fgla_compile_result *result);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* FGLA_COMPILER_FGLA_COMPILER_H */
