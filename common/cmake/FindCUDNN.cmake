# find_package(CUDNN): NVIDIA's library of convolutions and attention, version 8 or 9, as the target CUDNN::cudnn.
#
# It is looked for in CUDNN_ROOT or CUDNN_PATH (CMake or environment variables), beside the CUDA toolkit, and where the system keeps its
# libraries. The folder nvidia/cudnn that `pip install nvidia-cudnn-cu13` makes is a CUDNN_ROOT, too.
find_path(CUDNN_INCLUDE_DIR cudnn.h
  HINTS ${CUDNN_PATH} ENV CUDNN_PATH ${CUDAToolkit_INCLUDE_DIRS}
  PATH_SUFFIXES include)
if(CUDNN_INCLUDE_DIR AND EXISTS ${CUDNN_INCLUDE_DIR}/cudnn_version.h)
  file(STRINGS ${CUDNN_INCLUDE_DIR}/cudnn_version.h lines REGEX "^#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) +[0-9]+")
  list(TRANSFORM lines REPLACE "[^0-9]+" "")
  list(JOIN lines "." CUDNN_VERSION)
  string(REGEX MATCH "^[0-9]+" CUDNN_MAJOR "${CUDNN_VERSION}")
endif()
# by its full name: pip's folder has no other, and a libcudnn.so elsewhere may be of another version than the header
find_library(CUDNN_LIBRARY NAMES libcudnn.so.${CUDNN_MAJOR}
  HINTS ${CUDNN_PATH} ENV CUDNN_PATH ${CUDAToolkit_LIBRARY_DIR}
  PATH_SUFFIXES lib lib64)
mark_as_advanced(CUDNN_INCLUDE_DIR CUDNN_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CUDNN REQUIRED_VARS CUDNN_LIBRARY CUDNN_INCLUDE_DIR VERSION_VAR CUDNN_VERSION)
if(CUDNN_FOUND AND NOT TARGET CUDNN::cudnn)
  add_library(CUDNN::cudnn UNKNOWN IMPORTED)
  set_target_properties(CUDNN::cudnn PROPERTIES
    IMPORTED_LOCATION ${CUDNN_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${CUDNN_INCLUDE_DIR})
endif()
