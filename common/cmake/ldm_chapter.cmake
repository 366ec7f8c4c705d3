# ldm_chapter(05_resblock USES ddpm vae)
#
# A chapter is a folder chapters/05_resblock with a library (every .cpp but main.cpp, and every .cu), a program
# (main.cpp), a test (tests/05_resblock_test.cpp, 05_resblock_*_test.cpp) and a smoke run of the program, with
# LDM_CUDA another one on the GPU, which is skipped where there is none.
# USES names the chapters it builds on; arrows only point back.
function(ldm_chapter folder)
  cmake_parse_arguments(arg "" "" "USES" ${ARGN})
  string(SUBSTRING ${folder} 0 2 number)
  string(SUBSTRING ${folder} 3 -1 idea)
  set(here ${PROJECT_SOURCE_DIR}/chapters/${folder})

  foreach(earlier IN LISTS arg_USES)
    if(NOT TARGET ldm_${earlier})
      message(FATAL_ERROR "${folder} uses '${earlier}', which is not an earlier chapter: lessons only build on earlier lessons")
    endif()
  endforeach()

  file(GLOB sources CONFIGURE_DEPENDS ${here}/*.cpp ${here}/*/*.cpp)
  list(REMOVE_ITEM sources ${here}/main.cpp)
  add_library(ldm_${idea} STATIC ${sources})
  add_library(ldm::${idea} ALIAS ldm_${idea})
  list(TRANSFORM arg_USES PREPEND ldm::)
  target_link_libraries(ldm_${idea} PUBLIC ldm::common ${arg_USES})
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${here}/*/*.cu)
  if(cuda_sources)
    ldm_cuda_sources(ldm_${idea} ${cuda_sources})
  endif()

  add_executable(${folder} ${here}/main.cpp)
  target_link_libraries(${folder} PRIVATE ldm::${idea})

  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}_test.cpp ${PROJECT_SOURCE_DIR}/tests/${folder}_*_test.cpp)
  add_executable(${folder}_test ${tests})
  target_link_libraries(${folder}_test PRIVATE ldm::${idea} ldm::test_support)
  add_test(NAME ${folder} COMMAND ${folder}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  add_test(NAME ${folder}_runs COMMAND ${folder} --output ${CMAKE_BINARY_DIR}/pictures)
  if(NOT LDM_CUDA STREQUAL "OFF")
    add_test(NAME ${folder}_runs_on_gpu COMMAND ${folder} --device cuda --output ${CMAKE_BINARY_DIR}/pictures_gpu)
    set_tests_properties(${folder}_runs_on_gpu PROPERTIES SKIP_REGULAR_EXPRESSION "CUDA cannot be used")
  endif()
endfunction()
