# ONNX's C++ library, built from the source distribution of the onnx package.
#
# Gives the target `fgla_onnx_library` (link it; only frontends/onnx does) and the variable FGLA_ONNX_NODE_TESTS, the folder of ONNX's node tests.
# The sources are fetched and the library is built once per build folder, by an external project.
# The namespace is private, so that another ONNX in the same process (LibTorch, ONNX Runtime) does not meet this one.
include(ExternalProject)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_program(FGLA_PROTOC protoc)
find_library(FGLA_PROTOBUF_LIBRARY NAMES libprotobuf.a protobuf)
# Debian's archive has code that a shared library cannot hold.
find_library(FGLA_PROTOBUF_SHARED_LIBRARY NAMES protobuf)
find_package(ZLIB)
if(NOT FGLA_PROTOC OR NOT FGLA_PROTOBUF_LIBRARY OR NOT ZLIB_FOUND)
  message(FATAL_ERROR "the ONNX frontend needs protobuf (Debian: protobuf-compiler libprotobuf-dev zlib1g-dev); configure with -DFGLA_ONNX=OFF to do without")
endif()

set(FGLA_ONNX_SOURCE_DIR "${CMAKE_BINARY_DIR}/third_party/onnx" CACHE PATH "ONNX's sources; fetched if the folder is empty")
set(FGLA_ONNX_NODE_TESTS "${FGLA_ONNX_SOURCE_DIR}/onnx/backend/test/data/node" CACHE INTERNAL "ONNX's node tests")

# fgla_build_onnx(<target> <flags> <external project>...)   a build of its own, linked by <target>; waits for the external projects named
function(fgla_build_onnx target flags)
  set(build "${CMAKE_BINARY_DIR}/third_party/${target}")
  ExternalProject_Add(${target}_external
    PREFIX "${CMAKE_BINARY_DIR}/third_party/${target}-project"
    SOURCE_DIR "${FGLA_ONNX_SOURCE_DIR}"
    BINARY_DIR "${build}"
    DOWNLOAD_COMMAND "${Python3_EXECUTABLE}" "${CMAKE_SOURCE_DIR}/cmake/fetch_onnx.py" "${FGLA_ONNX_SOURCE_DIR}"
    UPDATE_COMMAND ""
    CMAKE_ARGS
      -DCMAKE_BUILD_TYPE=Release
      -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
      -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
      -DCMAKE_CXX_FLAGS=${flags}
      -DCMAKE_POSITION_INDEPENDENT_CODE=ON
      -DPython3_EXECUTABLE=${Python3_EXECUTABLE}
      -DONNX_NAMESPACE=onnx_fgla
      -DONNX_ML=ON
      -DONNX_INSTALL=OFF
      -DONNX_BUILD_CUSTOM_PROTOBUF=OFF
    INSTALL_COMMAND ""
    BUILD_BYPRODUCTS "${build}/libonnx.a"
    DEPENDS ${ARGN}
    USES_TERMINAL_BUILD ON)
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_external)
  target_include_directories(${target} SYSTEM INTERFACE "${FGLA_ONNX_SOURCE_DIR}" "${build}")
  target_compile_definitions(${target} INTERFACE ONNX_NAMESPACE=onnx_fgla ONNX_ML=1)
  target_link_libraries(${target} INTERFACE "${build}/libonnx.a"
    "$<IF:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,SHARED_LIBRARY>,${FGLA_PROTOBUF_SHARED_LIBRARY},${FGLA_PROTOBUF_LIBRARY}>" ZLIB::ZLIB)
endfunction()

fgla_build_onnx(fgla_onnx_library "")
# A fuzzer that can't see into the library finds nothing there.
if(FGLA_FUZZ)
  fgla_build_onnx(fgla_onnx_library_fuzz "-g1 -fsanitize=address,fuzzer-no-link" fgla_onnx_library_external)
endif()
