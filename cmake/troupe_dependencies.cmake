# Third parties, all from Debian (deploy/packages/build.list). Their headers are system headers.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

find_package(Boost 1.83 CONFIG REQUIRED COMPONENTS headers url)
find_package(CAF 0.18.7 CONFIG REQUIRED COMPONENTS core io test)
find_package(CLI11 CONFIG REQUIRED)
find_package(EXPAT REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(glaze 8 CONFIG REQUIRED)
find_package(msgpack-cxx CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)

pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(libjwt REQUIRED IMPORTED_TARGET libjwt)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(libpqxx REQUIRED IMPORTED_TARGET libpqxx)
pkg_check_modules(libsodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(libxxhash REQUIRED IMPORTED_TARGET libxxhash)

# Their own flags would reach every target that links them: warnings, and macros that keep it from
# sharing a precompiled header.
set_property(TARGET CAF::internal PROPERTY INTERFACE_COMPILE_OPTIONS "-ftemplate-depth=512")
set_property(TARGET PkgConfig::hiredis PROPERTY INTERFACE_COMPILE_OPTIONS)

# The same macros everywhere, linked or not, or a precompiled header could not be shared.
target_compile_definitions(troupe_options INTERFACE
  $<TARGET_PROPERTY:spdlog::spdlog,INTERFACE_COMPILE_DEFINITIONS>
  $<TARGET_PROPERTY:fmt::fmt,INTERFACE_COMPILE_DEFINITIONS>
  $<TARGET_PROPERTY:msgpack-cxx,INTERFACE_COMPILE_DEFINITIONS>
  MSGPACK_NO_BOOST
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)

# Asio and Beast are compiled once, here, rather than in each file that includes them.
add_library(troupe_asio STATIC "${PROJECT_SOURCE_DIR}/cmake/asio/asio.cpp")
target_link_libraries(troupe_asio
  PRIVATE troupe_options
  PUBLIC Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
