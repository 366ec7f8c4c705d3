# Everything the project takes from the system's packages (Debian names in brackets).
find_package(Eigen3 3.4 REQUIRED NO_MODULE)   # [libeigen3-dev]      matrices on the CPU
find_package(OpenMP REQUIRED COMPONENTS CXX)  # [libgomp, with g++]  threads
find_package(fmt REQUIRED)                    # [libfmt-dev]         text formatting
find_package(nlohmann_json REQUIRED)          # [nlohmann-json3-dev] JSON
find_package(CLI11 REQUIRED)                  # [libcli11-dev]       command lines
find_package(Catch2 REQUIRED)                 # [catch2]             tests
find_package(benchmark REQUIRED)              # [libbenchmark-dev]   timing of single ops
find_package(ICU REQUIRED COMPONENTS uc i18n) # [libicu-dev]         Unicode
find_path(STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb REQUIRED)  # [libstb-dev] picture files

# What every target of ours is compiled with.
add_library(ldm_flags INTERFACE)
add_library(ldm::flags ALIAS ldm_flags)
target_include_directories(ldm_flags INTERFACE ${PROJECT_SOURCE_DIR})
# g++ warns about every member that a designated initialiser leaves at its default
target_compile_options(ldm_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
target_link_libraries(ldm_flags INTERFACE fmt::fmt OpenMP::OpenMP_CXX)
target_compile_definitions(ldm_flags INTERFACE LDM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
if(LDM_NATIVE)
  target_compile_options(ldm_flags INTERFACE -march=native)
endif()
if(LDM_SANITIZE)
  # the sanitizers make GCC 12 see uninitialized members inside std::regex and std::function
  target_compile_options(ldm_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  target_link_options(ldm_flags INTERFACE -fsanitize=address,undefined)
endif()
if(LDM_FUZZ)
  target_compile_options(ldm_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(ldm_flags INTERFACE -fsanitize=address,undefined)
endif()
