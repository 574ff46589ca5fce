# How everything of ours is compiled: one interface target that every target links, so that
# precompiled headers can be shared.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

# Precompiled headers are only cached by ccache when it may overlook their macros' and their files'
# times.
find_program(TROUPE_CCACHE ccache)
if(TROUPE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
      CCACHE_MAXSIZE=10G "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=true ${TROUPE_CCACHE})
endif()

# __FILE__ is a path from the top; ccache makes paths relative to the build folder, so both forms
# are mapped.
file(RELATIVE_PATH from_build "${PROJECT_BINARY_DIR}" "${PROJECT_SOURCE_DIR}")

add_library(troupe_options INTERFACE)
target_include_directories(troupe_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(troupe_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers
  # g++ 14 warns of the unused half of nearly every std::expected
  "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-fpch-preprocess>"
  "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>"
  # clang instantiates constexpr destructors early, and CAF's config_value_reader holds unique_ptrs to a
  # class that is complete only later; without the macro libstdc++'s unique_ptr is not constexpr
  "$<$<CXX_COMPILER_ID:Clang>:-D_GLIBCXX23_CONSTEXPR=>"
  $<$<BOOL:${TROUPE_WERROR}>:-Werror>
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=" "-ffile-prefix-map=${from_build}=")

if(TROUPE_SANITIZE)
  target_compile_options(troupe_options INTERFACE "-fsanitize=${TROUPE_SANITIZE}" -fno-sanitize-recover=all)
  target_link_options(troupe_options INTERFACE "-fsanitize=${TROUPE_SANITIZE}")
endif()
