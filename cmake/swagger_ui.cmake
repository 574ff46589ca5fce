# Embeds Swagger UI's files, which ./dev build has put into .local/swagger-ui
# (deploy/local/swagger_ui.py), into the gateway: one assembler file that includes them as they are,
# and the table behind gateway/docs/assets.hpp.

set(TROUPE_SWAGGER_UI "${PROJECT_SOURCE_DIR}/.local/swagger-ui" CACHE PATH "Where Swagger UI's files are")

function(troupe_embed_swagger_ui target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()
  set(files)
  if(TROUPE_DOCS)
    set(files
      swagger-ui.css text/css
      swagger-ui-bundle.js text/javascript
      swagger-ui-standalone-preset.js text/javascript
      oauth2-redirect.html text/html
      oauth2-redirect.js text/javascript
      favicon-32x32.png image/png
      favicon-16x16.png image/png)
  endif()

  set(assembly "  .section .rodata\n")
  set(declarations "")
  set(rows "")
  set(number 0)
  set(paths)
  while(files)
    list(POP_FRONT files name mime)
    set(path "${TROUPE_SWAGGER_UI}/${name}")
    if(NOT EXISTS "${path}")
      message(FATAL_ERROR "Swagger UI's ${name} is not in ${TROUPE_SWAGGER_UI}. "
        "Build by ./dev build, which fetches it, or configure with -DTROUPE_DOCS=OFF.")
    endif()
    set(symbol "troupe_docs_asset_${number}")
    string(APPEND assembly "  .global ${symbol}, ${symbol}_end\n"
      "${symbol}:\n  .incbin \"${path}\"\n${symbol}_end:\n  .byte 0\n")
    string(APPEND declarations "extern const char ${symbol}[], ${symbol}_end[];\n")
    string(APPEND rows "  asset{\"${name}\", \"${mime}\", {${symbol}, ${symbol}_end}},\n")
    list(APPEND paths "${path}")
    math(EXPR number "${number} + 1")
  endwhile()
  string(APPEND assembly "  .section .note.GNU-stack,\"\",%progbits\n")

  set(generated "${CMAKE_CURRENT_BINARY_DIR}/docs")
  file(CONFIGURE OUTPUT "${generated}/assets.S" CONTENT "${assembly}" @ONLY)
  file(CONFIGURE OUTPUT "${generated}/assets.cpp" @ONLY CONTENT "#include \"gateway/docs/assets.hpp\"

#include <array>

extern \"C\" {
${declarations}}

namespace troupe::gateway {

std::span<const asset> docs_assets() noexcept {
  static const std::array<asset, ${number}> table{{
${rows}  }};
  return table;
}

} // namespace troupe::gateway
")
  set_source_files_properties("${generated}/assets.S" PROPERTIES OBJECT_DEPENDS "${paths}")
  set_source_files_properties("${generated}/assets.cpp" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  target_sources(${target} PRIVATE "${generated}/assets.S" "${generated}/assets.cpp")
endfunction()
