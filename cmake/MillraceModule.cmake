# millrace_module(NAME LAYER n DEPS module... LIBRARIES target...)
#
# One folder, one module. Sources are every .cc below the folder outside tests/; sources named *_simd.cc are compiled once
# per instruction set by Highway and stay out of unity batches. The link table of the house is LAYER and DEPS: a dependency
# on the same layer must be named like any other, one on a higher layer stops the configuration. tests/*_test.cc become
# the test program <NAME>_test.
set_property(GLOBAL PROPERTY MILLRACE_MODULES "")

set(MILLRACE_PCH_HEADERS
  <algorithm> <array> <atomic> <cstdint> <cstring> <functional> <map> <memory> <mutex> <optional> <span> <string>
  <string_view> <unordered_map> <utility> <variant> <vector>
  <arrow/api.h> <arrow/compute/api.h> <arrow/io/api.h> <fmt/format.h>)

function(millrace_apply_build_settings target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE arrow::core arrow::compute fmt::fmt-header-only)
  if(MILLRACE_PCH)
    if(TARGET millrace_pch)
      target_precompile_headers(${target} REUSE_FROM millrace_pch)
    else()
      message(FATAL_ERROR "millrace_pch must be defined first")
    endif()
  endif()
endfunction()

function(millrace_define_pch)
  file(WRITE ${CMAKE_BINARY_DIR}/pch/pch.cc "// Owner of the precompiled header that all modules share.\n")
  add_library(millrace_pch OBJECT ${CMAKE_BINARY_DIR}/pch/pch.cc)
  target_link_libraries(millrace_pch PRIVATE arrow::core arrow::compute fmt::fmt-header-only)
  target_precompile_headers(millrace_pch PRIVATE ${MILLRACE_PCH_HEADERS})
endfunction()

function(millrace_module name)
  cmake_parse_arguments(arg "" "LAYER" "DEPS;LIBRARIES" ${ARGN})
  if(NOT DEFINED arg_LAYER)
    message(FATAL_ERROR "module ${name} declares no LAYER")
  endif()
  foreach(dep IN LISTS arg_DEPS)
    get_property(dep_layer GLOBAL PROPERTY MILLRACE_LAYER_${dep})
    if("${dep_layer}" STREQUAL "")
      message(FATAL_ERROR "module ${name} depends on ${dep}, which is not defined before it")
    endif()
    if(dep_layer GREATER arg_LAYER)
      message(FATAL_ERROR "layer violation: ${name} (L${arg_LAYER}) -> ${dep} (L${dep_layer})")
    endif()
  endforeach()
  set_property(GLOBAL PROPERTY MILLRACE_LAYER_${name} ${arg_LAYER})
  set_property(GLOBAL APPEND PROPERTY MILLRACE_MODULES ${name})
  # Read by the include check: module, layer, folder, direct dependencies.
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE ";" " " deps "${arg_DEPS}")
  set_property(GLOBAL APPEND_STRING PROPERTY MILLRACE_MODULE_TABLE "${name} ${arg_LAYER} ${folder} ${deps}\n")

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  list(FILTER sources EXCLUDE REGEX "/tests/")
  # A module inside this folder owns its own sources.
  file(GLOB_RECURSE nested CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
  foreach(list_file IN LISTS nested)
    get_filename_component(owner ${list_file} DIRECTORY)
    list(FILTER sources EXCLUDE REGEX "^${owner}/")
    list(FILTER tests EXCLUDE REGEX "^${owner}/")
  endforeach()

  add_library(millrace_${name} OBJECT ${sources})
  millrace_apply_build_settings(millrace_${name})
  target_link_libraries(millrace_${name} PRIVATE ${arg_LIBRARIES})
  if(MILLRACE_UNITY)
    set_target_properties(millrace_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    foreach(source IN LISTS sources)
      if(source MATCHES "_simd\\.cc$")
        set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
      endif()
    endforeach()
  endif()
  set_property(GLOBAL APPEND PROPERTY MILLRACE_LIBRARIES ${arg_LIBRARIES})

  if(tests)
    set_property(GLOBAL APPEND PROPERTY MILLRACE_TESTED_MODULES ${name})
    set_property(GLOBAL PROPERTY MILLRACE_TESTS_${name} ${tests})
    set_property(GLOBAL PROPERTY MILLRACE_TEST_LIBRARIES_${name} ${arg_LIBRARIES})
  endif()
endfunction()

# The one shared library of the engine, made of every module's objects, and the modules' test programs that link it.
function(millrace_shared_library)
  get_property(modules GLOBAL PROPERTY MILLRACE_MODULES)
  get_property(libraries GLOBAL PROPERTY MILLRACE_LIBRARIES)
  list(REMOVE_DUPLICATES libraries)
  get_property(table GLOBAL PROPERTY MILLRACE_MODULE_TABLE)
  file(WRITE ${CMAKE_BINARY_DIR}/modules.txt "${table}")

  add_library(millrace_shared SHARED)
  set_target_properties(millrace_shared PROPERTIES OUTPUT_NAME millrace BUILD_RPATH ${ARROW_LIBRARY_DIR})
  foreach(module IN LISTS modules)
    target_sources(millrace_shared PRIVATE $<TARGET_OBJECTS:millrace_${module}>)
  endforeach()
  # simdjson stands before Parquet in every program: libparquet exports a simdjson of its own, of another version, and the
  # first one in load order answers for the whole process.
  target_link_libraries(millrace_shared
    PRIVATE ${libraries} PUBLIC simdjson::simdjson arrow::core arrow::compute arrow::parquet)
  if(NOT MILLRACE_SANITIZE)
    target_link_options(millrace_shared PRIVATE
      -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/millrace.map -Wl,--no-undefined)
    set_target_properties(millrace_shared PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/millrace.map)
  endif()

  get_property(tested GLOBAL PROPERTY MILLRACE_TESTED_MODULES)
  foreach(module IN LISTS tested)
    get_property(tests GLOBAL PROPERTY MILLRACE_TESTS_${module})
    get_property(test_libraries GLOBAL PROPERTY MILLRACE_TEST_LIBRARIES_${module})
    add_executable(${module}_test ${tests})
    millrace_apply_build_settings(${module}_test)
    target_link_libraries(${module}_test PRIVATE millrace_shared GTest::gtest_main GTest::gmock ${test_libraries})
    if(MILLRACE_UNITY)
      set_target_properties(${module}_test PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    endif()
    add_test(NAME ${module}_test COMMAND ${module}_test)
  endforeach()
endfunction()
