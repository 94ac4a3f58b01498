# cmake -DOUTPUT=FILE.inc -DPAGES="A.md;B.md" -P Summaries.cmake: the cases of a StringSwitch from ops to their summaries, from
# the pages that mlir-tblgen writes about them.
set(cases "")
foreach(page ${PAGES})
  file(READ ${page} text)
  # Lists of CMake end at semicolons, and brackets keep them together.
  string(REGEX REPLACE "[][;]" "" text "${text}")
  string(REGEX MATCHALL "### `[a-z_.]+` [^\n]*\n\n_[^\n]*_\n" ops "${text}")
  foreach(op ${ops})
    string(REGEX MATCH "`([a-z_.]+)`[^\n]*\n\n_([^\n]*)_\n" ignored "${op}")
    set(name ${CMAKE_MATCH_1})
    string(REPLACE "\"" "\\\"" summary "${CMAKE_MATCH_2}")
    string(APPEND cases ".Case(\"${name}\", \"${summary}\")\n")
  endforeach()
endforeach()
file(WRITE ${OUTPUT} "${cases}")
