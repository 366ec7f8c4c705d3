# ldm_cuda_sources(target file.cu ...)
#
# Adds CUDA sources to a library, where the CUDA half is built at all.
function(ldm_cuda_sources target)
  if(LDM_CUDA STREQUAL "OFF")
    return()
  endif()
  target_sources(${target} PRIVATE ${ARGN})
  target_link_libraries(${target} PUBLIC ldm::cuda)
  if(LDM_CUDA STREQUAL "ON_HOST")  # a C++ compiler reads them
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS -Wno-unknown-pragmas)
  endif()
endfunction()
