/* fgla_compiler.h as a C program uses it, with threads, bad programs, compilers that are killed, and a process that
 * treats its children as real ones do. Usage: CompilerCTest FOLDER, which is empty. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "compiler/fgla_compiler.h"
#include "runtime/fgla.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int stderr_copy; /* also where a test has closed stderr */

#define CHECK(condition, what)                                                                                         \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      dprintf(stderr_copy, "%s:%d: failed: %s (%s)\n", __FILE__, __LINE__, #condition, what);                          \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static const char add[] = "func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {\n"
                          "  %y = arith.addf %x, %x : tensor<?xf32>\n"
                          "  return %y : tensor<?xf32>\n"
                          "}\n";
static const char wrong[] = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
                            "  return %nothing : tensor<4xf32>\n"
                            "}\n";
static const char *folder;

static fgla_compile_request make_request(const char *text, const char *output) {
  fgla_compile_request request = {0};
  request.size = sizeof(request);
  request.source = text;
  request.source_bytes = strlen(text);
  request.source_name = "program.mlir";
  request.output_path = output;
  return request;
}

static fgla_compile_result *compile(const fgla_compile_request *request, fgla_compile_status expected) {
  fgla_compile_result *result = NULL;
  fgla_compile_status status = fgla_compile(request, &result);
  CHECK(result != NULL, "no result");
  CHECK(status == expected && result->status == expected, result->message);
  CHECK((status == FGLA_COMPILE_OK) == (result->message[0] == 0), result->message);
  CHECK(strchr(result->message, '\n') == NULL, result->message);
  /* No process is left, not even a dead one. */
  CHECK(expected == FGLA_COMPILE_OK || syscall(SYS_gettid) != getpid() || waitpid(-1, NULL, WNOHANG) < 0, "a child");
  return result;
}

static void expect_message(fgla_compile_result *result, const char *part) {
  CHECK(strstr(result->message, part) != NULL, result->message);
  fgla_compile_result_free(result);
}

static void expect_no_file(const char *path) { CHECK(access(path, F_OK) != 0, path); }

/* What the artifact makes of 3. */
static float run(const char *path) {
  fgla_module *module = NULL;
  const fgla_function *f = NULL;
  CHECK(fgla_module_load(path, &module) == FGLA_OK, fgla_error_message());
  CHECK(fgla_module_function(module, "f", &f) == FGLA_OK, fgla_error_message());
  float x = 3, y = 0;
  const int64_t shape[1] = {1};
  const fgla_device cpu = {FGLA_DEVICE_CPU, 0};
  const fgla_tensor in = {&x, FGLA_F32, 1, shape, NULL, cpu}, out = {&y, FGLA_F32, 1, shape, NULL, cpu};
  CHECK(fgla_call(f, &in, 1, &out, 1) == FGLA_OK, fgla_error_message());
  fgla_module_unload(module);
  return y;
}

static void compile_and_run(const char *name) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s.so", folder, name);
  fgla_compile_request request = make_request(add, path);
  fgla_compile_result *result = compile(&request, FGLA_COMPILE_OK);
  CHECK(result->seconds > 0 && result->peak_bytes > 1000000, "what it took");
  CHECK(strcmp(result->diagnostics, "") == 0, result->diagnostics);
  fgla_compile_result_free(result);
  CHECK(run(path) == 6, path);
  unlink(path);
}

static void *compile_in_thread(void *name) {
  for (int i = 0; i < 2; ++i) {
    compile_and_run(name);
    fgla_compile_request request = make_request(wrong, "/nowhere/wrong.so");
    expect_message(compile(&request, FGLA_COMPILE_REJECTED), "program.mlir:2:10: ");
  }
  return NULL;
}

static void test_threads(void) {
  pthread_t threads[2];
  const char *names[2] = {"one", "two"};
  for (int i = 0; i < 2; ++i)
    CHECK(pthread_create(&threads[i], NULL, compile_in_thread, (void *)names[i]) == 0, "thread");
  for (int i = 0; i < 2; ++i)
    pthread_join(threads[i], NULL);
}

static void test_rejected(void) {
  char path[4096], kept[8] = {0};
  snprintf(path, sizeof(path), "%s/rejected.so", folder);
  FILE *file = fopen(path, "w");
  CHECK(file && fputs("before", file) >= 0 && fclose(file) == 0, path);
  fgla_compile_request request = make_request(wrong, path);
  fgla_compile_result *result = compile(&request, FGLA_COMPILE_REJECTED);
  CHECK(strstr(result->diagnostics, result->message) != NULL, result->diagnostics);
  expect_message(result, "program.mlir:2:10: ");
  file = fopen(path, "r"); /* what was there stays */
  CHECK(file && fread(kept, 1, 7, file) == 6 && strcmp(kept, "before") == 0 && fclose(file) == 0, kept);

  const char *options[] = {"--target=sm_1"};
  request = make_request(add, path);
  request.options = options;
  request.num_options = 1;
  expect_message(compile(&request, FGLA_COMPILE_REJECTED), "sm_1");
  options[0] = "--help";
  expect_message(compile(&request, FGLA_COMPILE_REJECTED), "something else than to compile");
  unlink(path);

  request = make_request(add, "/proc/no/such/folder/f.so");
  expect_message(compile(&request, FGLA_COMPILE_REJECTED), "cannot write '/proc/no/such/folder/f.so'");
  request = make_request(add, path);
  request.source_name = "program.txt";
  expect_message(compile(&request, FGLA_COMPILE_REJECTED), "'program.txt' must end in .mlir");
  request = make_request("not onnx", path);
  request.source_name = "model.onnx";
  expect_message(compile(&request, FGLA_COMPILE_REJECTED), "'model.onnx'");
  expect_no_file(path);
}

static void test_invalid_requests(void) {
  fgla_compile_request request = make_request(add, "f.so"), good = request;
  const char *options[] = {"-o"};
  expect_message(compile(NULL, FGLA_COMPILE_INVALID_REQUEST), "must not be NULL");
  request.size = 0;
  expect_message(compile(&request, FGLA_COMPILE_INVALID_REQUEST), "'size' must be sizeof(fgla_compile_request)");
  request = good, request.source = NULL;
  expect_message(compile(&request, FGLA_COMPILE_INVALID_REQUEST), "'source' must not be NULL");
  request = good, request.source_name = NULL;
  expect_message(compile(&request, FGLA_COMPILE_INVALID_REQUEST), "'source_name'");
  request = good, request.output_path = "";
  expect_message(compile(&request, FGLA_COMPILE_INVALID_REQUEST), "'output_path'");
  request = good, request.options = options, request.num_options = 1;
  expect_message(compile(&request, FGLA_COMPILE_INVALID_REQUEST), "option '-o' must begin with '--'");
  request = good, request.timeout_seconds = -1;
  expect_message(compile(&request, FGLA_COMPILE_INVALID_REQUEST), "'timeout_seconds'");
  CHECK(fgla_compile(&request, NULL) == FGLA_COMPILE_INVALID_REQUEST, "without a result");
  fgla_compile_result_free(NULL);
}

/* A program that stands for the compiler. */
static void make_script(char *path, const char *name, const char *text) {
  sprintf(path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  CHECK(file && fprintf(file, "#!/bin/sh\n%s\n", text) > 0 && fclose(file) == 0, path);
  CHECK(chmod(path, 0755) == 0, path);
}

static void test_other_compilers(void) {
  char path[4096];
  fgla_compile_request request = make_request(add, "/nowhere/f.so");
  request.compiler_path = "/no/such/compiler";
  expect_message(compile(&request, FGLA_COMPILE_NO_COMPILER), "cannot start compiler '/no/such/compiler': No such file");
  request.compiler_path = path;
  make_script(path, "killed", "echo 'warning: almost' >&2; kill -9 $$");
  expect_message(compile(&request, FGLA_COMPILE_CRASHED), "ended by signal 9 (Killed): warning: almost");
  make_script(path, "aborted", "kill -ABRT $$");
  expect_message(compile(&request, FGLA_COMPILE_CRASHED), "ended by signal 6 (Aborted)");
  make_script(path, "failing", "exit 3");
  expect_message(compile(&request, FGLA_COMPILE_REJECTED), "exit code 3");
  make_script(path, "hanging", "sleep 1000 & wait");
  request.timeout_seconds = 0.2;
  fgla_compile_result *result = compile(&request, FGLA_COMPILE_TIMED_OUT);
  CHECK(result->seconds < 20, "it did not end");
  fgla_compile_result_free(result);
}

/* The number of the first process in the file "children" of a thread of another, or 0. */
static int find_child(const char *format, int process, int thread) {
  char path[128];
  int child = 0;
  snprintf(path, sizeof(path), format, process, thread);
  FILE *file = fopen(path, "r");
  if (!file)
    return 0;
  if (fscanf(file, "%d", &child) != 1)
    child = 0;
  fclose(file);
  return child;
}

static volatile int compiling_thread;

static void *be_killed(void *out) {
  fgla_compile_request request = make_request(add, "/nowhere/f.so");
  compiling_thread = (int)syscall(SYS_gettid);
  fgla_compile(&request, out);
  return NULL;
}

/* The real one, killed while it works: its own child, and the process that waits for that. */
static void test_kill(int generation) {
  pthread_t thread;
  fgla_compile_result *result = NULL;
  compiling_thread = 0;
  CHECK(pthread_create(&thread, NULL, be_killed, &result) == 0, "thread");
  int victim = 0;
  for (int i = 0; i < 100000 && !victim; ++i) {
    int child = compiling_thread ? find_child("/proc/%d/task/%d/children", getpid(), compiling_thread) : 0;
    victim = child ? find_child("/proc/%d/task/%d/children", child, child) : 0;
    if (victim && generation == 1)
      victim = child;
    usleep(100);
  }
  CHECK(victim > 0, "found nobody to kill");
  CHECK(kill(victim, SIGKILL) == 0, "kill");
  pthread_join(thread, NULL);
  CHECK(result->status == FGLA_COMPILE_CRASHED, result->message);
  expect_message(result, "signal 9 (Killed)");
  CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child is left");
}

/* Memory that runs out ends the compiler, not this. */
static void test_memory(void) {
  fgla_compile_request request = make_request(add, "/nowhere/f.so");
  request.memory_bytes = 64 << 20;
  fgla_compile_result *result = NULL;
  fgla_compile_status status = fgla_compile(&request, &result);
  CHECK(status == FGLA_COMPILE_CRASHED || status == FGLA_COMPILE_REJECTED, result->message);
  fgla_compile_result_free(result);
}

static void reap_all(int signal) {
  (void)signal;
  int error = errno;
  while (waitpid(-1, NULL, WNOHANG) > 0)
    ;
  errno = error;
}

static void test_signals(void) {
  struct sigaction reap = {0}, ignore = {0}, before;
  reap.sa_handler = reap_all;
  ignore.sa_handler = SIG_IGN;
  const struct sigaction *actions[] = {&reap, &ignore};
  for (int i = 0; i < 2; ++i) {
    CHECK(sigaction(SIGCHLD, actions[i], &before) == 0, "sigaction");
    compile_and_run("signals");
    test_kill(2);
    fgla_compile_request request = make_request(wrong, "/nowhere/f.so");
    expect_message(compile(&request, FGLA_COMPILE_REJECTED), "program.mlir:2:10: ");
    sigaction(SIGCHLD, &before, NULL);
  }
}

static void test_closed_descriptors(void) {
  for (int i = 0; i < 3; ++i)
    close(i);
  compile_and_run("closed");
  fgla_compile_request request = make_request(wrong, "/nowhere/f.so");
  expect_message(compile(&request, FGLA_COMPILE_REJECTED), "program.mlir:2:10: ");
}

static int count_descriptors(void) {
  int count = 0;
  for (int i = 0; i < 256; ++i)
    count += fcntl(i, F_GETFD) >= 0;
  return count;
}

static void test_no_descriptors(void) {
  struct rlimit before, few = {0, 0};
  getrlimit(RLIMIT_NOFILE, &before);
  few.rlim_max = before.rlim_max;
  fgla_compile_request request = make_request(add, "/nowhere/f.so");
  for (few.rlim_cur = 3; few.rlim_cur < 22; ++few.rlim_cur) {
    setrlimit(RLIMIT_NOFILE, &few);
    fgla_compile_result *result = NULL;
    fgla_compile_status status = fgla_compile(&request, &result);
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(status == FGLA_COMPILE_OUT_OF_RESOURCES || few.rlim_cur >= 20, result->message);
    fgla_compile_result_free(result);
  }
}

int main(int argc, char **argv) {
  stderr_copy = fcntl(2, F_DUPFD_CLOEXEC, 100);
  CHECK(argc == 2, "usage: CompilerCTest FOLDER");
  folder = argv[1];
  CHECK(fgla_compiler_abi_version() == FGLA_COMPILER_ABI_VERSION, "version");
  int descriptors = count_descriptors();
  compile_and_run("first");
  test_threads();
  test_rejected();
  test_invalid_requests();
  test_other_compilers();
  test_kill(2);
  test_kill(1);
  test_memory();
  test_signals();
  test_no_descriptors();
  CHECK(count_descriptors() == descriptors, "a file is left open");
  test_closed_descriptors();
  return 0;
}
