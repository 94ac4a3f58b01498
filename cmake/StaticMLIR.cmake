# Links MLIR and LLVM as archives, for tools that are carried to machines without them. Larger, and slower to link; for everything else take
# the shared libraries.
function(fgla_link_static_mlir name)
  # All of MLIR but its C interface, its test support and what needs packages that are not always there; the linker takes what is used.
  file(GLOB archives "${LLVM_LIBRARY_DIR}/libMLIR*.a")
  list(FILTER archives EXCLUDE REGEX "libMLIR(CAPI|Test|.*Test)|SPIRV|ROCDL|Python|EmitC|Tosa|Jit|ExecutionEngine|LLVMLinkExtension")
  llvm_map_components_to_libnames(llvm native nvptxcodegen nvptxdesc nvptxinfo asmparser bitwriter codegen core frontendopenmp ipo irreader linker mc option
    passes support target targetparser transformutils)
  target_link_options(${name} PRIVATE LINKER:--gc-sections LINKER:--icf=all LINKER:--as-needed)
  target_link_libraries(${name} PRIVATE "-Wl,--start-group" ${archives} "-Wl,--end-group" ${llvm} ${CMAKE_DL_LIBS})
endfunction()
