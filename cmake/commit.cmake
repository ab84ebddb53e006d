# cmake -D root=<repository> -D output=<header> -P commit.cmake: a header that defines BITSTATE_COMMIT, "" where git
# does not know. It is not touched when it would stay as it is.
set(commit "")
find_program(git git)
if(git AND EXISTS ${root}/.git)
  execute_process(COMMAND ${git} -C ${root} describe --always --dirty --abbrev=12 --exclude=*
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
set(text "#define BITSTATE_COMMIT \"${commit}\"\n")
set(before "")
if(EXISTS ${output})
  file(READ ${output} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${output} "${text}")
endif()
