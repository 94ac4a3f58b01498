# ONNX's C++ library, built from the source distribution of the onnx package.
#
# Gives the target `fgla_onnx_library` (link it; only frontends/onnx does) and the variable FGLA_ONNX_NODE_TESTS, the folder of ONNX's node tests.
# The sources are fetched and the library is built once per build folder, by the external project `onnx_external`.
# The namespace is private, so that another ONNX in the same process (LibTorch, ONNX Runtime) does not meet this one.
include(ExternalProject)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_program(FGLA_PROTOC protoc)
find_library(FGLA_PROTOBUF_LIBRARY NAMES libprotobuf.a protobuf)
find_package(ZLIB)
if(NOT FGLA_PROTOC OR NOT FGLA_PROTOBUF_LIBRARY OR NOT ZLIB_FOUND)
  message(FATAL_ERROR "the ONNX frontend needs protobuf (Debian: protobuf-compiler libprotobuf-dev zlib1g-dev); configure with -DFGLA_ONNX=OFF to do without")
endif()

set(FGLA_ONNX_SOURCE_DIR "${CMAKE_BINARY_DIR}/third_party/onnx" CACHE PATH "ONNX's sources; fetched if the folder is empty")
set(onnx_build "${CMAKE_BINARY_DIR}/third_party/onnx-build")
set(FGLA_ONNX_NODE_TESTS "${FGLA_ONNX_SOURCE_DIR}/onnx/backend/test/data/node")

ExternalProject_Add(onnx_external
  PREFIX "${CMAKE_BINARY_DIR}/third_party/onnx-project"
  SOURCE_DIR "${FGLA_ONNX_SOURCE_DIR}"
  BINARY_DIR "${onnx_build}"
  DOWNLOAD_COMMAND "${Python3_EXECUTABLE}" "${CMAKE_SOURCE_DIR}/cmake/fetch_onnx.py" "${FGLA_ONNX_SOURCE_DIR}"
  UPDATE_COMMAND ""
  CMAKE_ARGS
    -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
    -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON
    -DPython3_EXECUTABLE=${Python3_EXECUTABLE}
    -DONNX_NAMESPACE=onnx_fgla
    -DONNX_ML=ON
    -DONNX_INSTALL=OFF
    -DONNX_BUILD_CUSTOM_PROTOBUF=OFF
  INSTALL_COMMAND ""
  BUILD_BYPRODUCTS "${onnx_build}/libonnx.a"
  USES_TERMINAL_BUILD ON)

add_library(fgla_onnx_library INTERFACE)
add_dependencies(fgla_onnx_library onnx_external)
target_include_directories(fgla_onnx_library SYSTEM INTERFACE "${FGLA_ONNX_SOURCE_DIR}" "${onnx_build}")
target_compile_definitions(fgla_onnx_library INTERFACE ONNX_NAMESPACE=onnx_fgla ONNX_ML=1)
target_link_libraries(fgla_onnx_library INTERFACE "${onnx_build}/libonnx.a" "${FGLA_PROTOBUF_LIBRARY}" ZLIB::ZLIB)
