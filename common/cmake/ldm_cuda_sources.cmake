# ldm_cuda_sources(target file.cu ...)
#
# Adds CUDA sources to a library, where the CUDA half is built at all.
function(ldm_cuda_sources target)
  if(LDM_CUDA STREQUAL "OFF")
    return()
  endif()
  target_sources(${target} PRIVATE ${ARGN})
  target_link_libraries(${target} PUBLIC ldm::cuda)
  if(LDM_CUDA STREQUAL "ON_HOST")  # a C++ compiler reads them, and calls tests/cuda_on_host/accesses.cpp before each access
    set(options -Wno-unknown-pragmas -g1 -fsanitize=thread,undefined -fno-sanitize-recover=all
                --param=tsan-instrument-func-entry-exit=0)
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "${options}")
    target_link_options(${target} PUBLIC -fsanitize=undefined)
  endif()
endfunction()
