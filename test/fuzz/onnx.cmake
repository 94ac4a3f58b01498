# The reader is compiled once more, so that the fuzzer sees its branches.
if(FGLA_FUZZ AND FGLA_ONNX)
  set(reader "${CMAKE_SOURCE_DIR}/frontends/onnx")
  add_executable(onnx-reader-fuzzer onnx-reader-fuzzer.cpp "${reader}/Reader.cpp" "${reader}/Skeleton.cpp" "${reader}/Validator.cpp"
    "${reader}/TensorData.cpp" "${CMAKE_SOURCE_DIR}/dialect/onnx/ExternalData.cpp")
  target_compile_options(onnx-reader-fuzzer PRIVATE -g1 -fexceptions -fsanitize=fuzzer,address)
  target_link_options(onnx-reader-fuzzer PRIVATE -fsanitize=fuzzer,address)
  target_link_libraries(onnx-reader-fuzzer PRIVATE fgla_onnx_library_fuzz)
  set_property(GLOBAL APPEND PROPERTY FGLA_TOOLS onnx-reader-fuzzer)
endif()
