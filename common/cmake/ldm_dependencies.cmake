# Everything the project takes from the system's packages (Debian names in brackets).
find_package(Eigen3 3.4 REQUIRED NO_MODULE)   # [libeigen3-dev]      matrices on the CPU
find_package(Boost 1.74 REQUIRED)             # [libboost-dev]       quantiles of the beta distribution
find_package(OpenMP REQUIRED COMPONENTS CXX)  # [libgomp, with g++; libomp-19-dev, with clang] threads
find_package(fmt REQUIRED)                    # [libfmt-dev]         text formatting
find_package(nlohmann_json REQUIRED)          # [nlohmann-json3-dev] JSON
find_package(CLI11 REQUIRED)                  # [libcli11-dev]       command lines
find_package(Catch2 REQUIRED)                 # [catch2]             tests
find_package(benchmark QUIET)                 # [libbenchmark-dev]   timing of single ops; the rest does without
find_package(ICU REQUIRED COMPONENTS uc i18n) # [libicu-dev]         Unicode
find_package(PNG REQUIRED)                    # [libpng-dev]         pictures
find_package(JPEG REQUIRED)                   # [libjpeg-dev]        pictures
find_path(STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb REQUIRED)  # [libstb-dev] reading BMP, writing PNG
find_package(yaml-cpp REQUIRED)               # [libyaml-cpp-dev]    YAML
find_package(faiss 1.7.3 REQUIRED)            # [libfaiss-dev]       nearest neighbours
find_package(PkgConfig REQUIRED)              # [pkg-config]         finds what CMake has no module for
pkg_check_modules(MINIZIP REQUIRED IMPORTED_TARGET minizip)  # [libminizip-dev] the zip files of torch.save
pkg_check_modules(CAIRO REQUIRED cairo cairo-ft cairo-svg freetype2)  # [libcairo2-dev] figures
find_file(LDM_FONT_FILE DejaVuSans.ttf        # [fonts-dejavu-core]  their font, which becomes part of the program
  PATHS /usr/share/fonts /usr/local/share/fonts $ENV{HOME}/.local/share/fonts
  PATH_SUFFIXES truetype/dejavu dejavu dejavu-sans-fonts TTF truetype)
if(NOT LDM_FONT_FILE)
  message(FATAL_ERROR "The font of the figures, DejaVuSans.ttf, is not there: install fonts-dejavu-core, or say where it is with -DLDM_FONT_FILE=")
endif()

# What every target of ours is compiled with.
add_library(ldm_flags INTERFACE)
add_library(ldm::flags ALIAS ldm_flags)
target_include_directories(ldm_flags INTERFACE ${PROJECT_SOURCE_DIR})
# g++ warns about every member that a designated initialiser leaves at its default
target_compile_options(ldm_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-missing-field-initializers>
  $<$<COMPILE_LANGUAGE:CUDA>:--extended-lambda -Xcompiler=-Wall,-Wextra,-Wno-missing-field-initializers>)
target_link_libraries(ldm_flags INTERFACE fmt::fmt OpenMP::OpenMP_CXX)
if(LDM_CUDA STREQUAL "ON")  # [nvidia-cuda-toolkit, or NVIDIA's own packages] the GPU
  # CMake 3.25 does not know that nvcc has C++20
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA_STANDARD 20)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90)  # the last also as PTX, for what comes after it
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  add_library(ldm_cuda INTERFACE)
  add_library(ldm::cuda ALIAS ldm_cuda)
  target_link_libraries(ldm_cuda INTERFACE CUDA::cudart CUDA::cublasLt)
endif()
set(LDM_HAS_CUDNN false)
if(NOT LDM_CUDNN OR LDM_CUDA STREQUAL "OFF")
  # not wanted
elseif(LDM_CUDA STREQUAL "ON_HOST")
  set(LDM_HAS_CUDNN true)  # what tests/cuda_on_host has of it
else()
  find_package(CUDNN 8 QUIET)  # [nvidia-cudnn, or NVIDIA's own packages] convolutions, attention (9.13)
  if(CUDNN_FOUND)
    set(LDM_HAS_CUDNN true)
    target_link_libraries(ldm_cuda INTERFACE CUDNN::cudnn)
    message(STATUS "cuDNN ${CUDNN_VERSION}: ${CUDNN_LIBRARY}")
  else()
    message(STATUS "cuDNN: not found (CUDNN_ROOT may say where it is); convolutions run on this project's own kernel")
  endif()
endif()
target_compile_definitions(ldm_flags INTERFACE LDM_HAS_CUDNN=${LDM_HAS_CUDNN})
if(LDM_CUDA STREQUAL "OFF")
  target_compile_definitions(ldm_flags INTERFACE LDM_HAS_CUDA=false)
else()
  target_compile_definitions(ldm_flags INTERFACE LDM_HAS_CUDA=true)
endif()
if(LDM_NATIVE)
  target_compile_options(ldm_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
if(LDM_SANITIZE)
  # the sanitizers make GCC 12 see uninitialized members inside std::regex and std::function
  target_compile_options(ldm_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  target_link_options(ldm_flags INTERFACE -fsanitize=address,undefined)
endif()
if(LDM_COVERAGE)
  # several processes and threads of the tests write the same counters
  target_compile_options(ldm_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(ldm_flags INTERFACE --coverage)
endif()
if(LDM_FUZZ)
  target_compile_options(ldm_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(ldm_flags INTERFACE -fsanitize=address,undefined)
endif()
