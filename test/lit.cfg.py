# lit's configuration: every .mlir, .test and .c file below this folder is a test.
#
# FGLA_OPT_CHECK_ROUNDTRIP=1 in the environment adds --verify-roundtrip to every call of fgla-opt, so that
# each input is also printed, parsed again and compared, in text and in bytecode.
import os
import shutil

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import FindTool, ToolSubst

config.name = "fgla"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "unit", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.fgla_build_root, "test")

llvm_config.use_default_substitutions()
llvm_config.with_environment("PATH", config.fgla_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
# Variables that don't start with $ end at the next CHECK-LABEL.
llvm_config.with_environment("FILECHECK_OPTS", "--enable-var-scope")
# Compiled code of tests stays apart from the user's own.
llvm_config.with_environment("FGLA_CACHE_DIR", os.path.join(config.test_exec_root, "cache"))
llvm_config.with_system_environment(["HOME", "XDG_CACHE_HOME", "TMPDIR", "OMP_NUM_THREADS", "FGLA_PTXAS"])

opt_arguments = ["--verify-roundtrip"] if os.environ.get("FGLA_OPT_CHECK_ROUNDTRIP", "0") not in ("", "0") else []

tools = [ToolSubst("fgla-opt", extra_args=opt_arguments)]
tools += [ToolSubst(tool, unresolved="ignore") for tool in config.fgla_tools if tool != "fgla-opt"]
tools += ["mlir-opt", "mlir-runner", "split-file", "llvm-readelf"]
llvm_config.add_tool_substitutions(tools, [config.fgla_tools_dir, config.llvm_tools_dir])
config.substitutions.append(("%clang", config.c_compiler))
config.substitutions.append(("%fgla_plugin", os.path.join(config.fgla_build_root, "lib", "fgla-plugin.so")))
# A CUDA driver that runs PTX on the CPU, for LD_LIBRARY_PATH.
config.substitutions.append(("%emulator", os.path.join(config.fgla_build_root, "lib", "emulator")))
config.substitutions.append(("%mlir_lib_dir", config.mlir_lib_dir))

# REQUIRES: <tool> skips a test where an optional tool was not built.
for tool in config.fgla_tools:
    config.available_features.add(tool)
if os.environ.get("FGLA_PTXAS") or shutil.which("ptxas") or os.path.exists("/usr/local/cuda/bin/ptxas"):
    config.available_features.add("ptxas")
# UNSUPPORTED: sanitizer leaves out what loads our code into a program without the sanitizer's runtime.
if config.fgla_sanitize:
    config.available_features.add("sanitizer")
