# Arrow and Parquet as shipped inside the pyarrow wheel: headers and shared libraries without CMake files of their own.
set(MILLRACE_PYTHON ${CMAKE_SOURCE_DIR}/.venv/bin/python CACHE FILEPATH "the Python that has pyarrow")
if(NOT EXISTS ${MILLRACE_PYTHON})
  message(FATAL_ERROR "${MILLRACE_PYTHON} is missing: run tools/install.sh first")
endif()
execute_process(
  COMMAND ${MILLRACE_PYTHON} -c
    "import pyarrow as p; print(p.get_include()); print(p.get_library_dirs()[0]); print(p.__version__)"
  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" found "${found}")
list(GET found 0 ARROW_INCLUDE_DIR)
list(GET found 1 ARROW_LIBRARY_DIR)
list(GET found 2 ARROW_VERSION)
message(STATUS "Arrow ${ARROW_VERSION} in ${ARROW_LIBRARY_DIR}")

function(millrace_arrow_library target file)
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${ARROW_LIBRARY_DIR}/${file})
  target_include_directories(${target} SYSTEM INTERFACE ${ARROW_INCLUDE_DIR})
endfunction()

millrace_arrow_library(arrow::core libarrow.so)
millrace_arrow_library(arrow::compute libarrow_compute.so)
millrace_arrow_library(arrow::parquet libparquet.so)
target_link_libraries(arrow::compute INTERFACE arrow::core)
target_link_libraries(arrow::parquet INTERFACE arrow::core)
