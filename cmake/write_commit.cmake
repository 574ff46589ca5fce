# Run at build time: writes the present commit to OUT, when it changed. Without git's data it is
# what TROUPE_COMMIT says.
execute_process(COMMAND git -c safe.directory=* -C "${SOURCE}" describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "$ENV{TROUPE_COMMIT}")
endif()
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT "${OUT}" CONTENT "#define TROUPE_COMMIT \"${commit}\"\n" @ONLY)
