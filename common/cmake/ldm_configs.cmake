# ldm_configs(TARGET SOURCE.cpp.in)
#
# Makes the files reference_data/configs/*.yaml that describe a LatentDiffusion part of a library: SOURCE.cpp.in
# becomes a source of it with @LDM_CONFIGS@, a list of {"name", R"yaml(text)yaml"}.
function(ldm_configs target source)
  file(GLOB configs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/reference_data/configs/*.yaml)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${configs})
  set(LDM_CONFIGS "")
  foreach(config IN LISTS configs)
    file(READ ${config} text)
    get_filename_component(name ${config} NAME_WLE)
    if(text MATCHES "LatentDiffusion")
      string(APPEND LDM_CONFIGS "\n    {\"${name}\", R\"yaml(${text})yaml\"},")
    endif()
  endforeach()
  get_filename_component(name ${source} NAME_WLE)
  configure_file(${source} ${CMAKE_CURRENT_BINARY_DIR}/${name} @ONLY)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/${name})
endfunction()
