# SPDX-License-Identifier: Apache-2.0
# Run at build time by petrel_embed.
get_filename_component(name ${OUTPUT} NAME)
set(header "// Generated. Do not edit.\n#include <stddef.h>\n")
set(source "// Generated. Do not edit.\n#include \"${name}.h\"\n")
foreach(file IN LISTS FILES)
    get_filename_component(stem ${file} NAME)
    string(REGEX REPLACE "\\.lua$" "" stem ${stem})
    string(MAKE_C_IDENTIFIER ${stem} stem)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "(char)0x\\1," bytes "${hex}")
    string(APPEND header "extern const char ${PREFIX}_${stem}[];\nextern const size_t ${PREFIX}_${stem}_size;\n")
    string(APPEND source "const char ${PREFIX}_${stem}[] = {${bytes}0};\n"
                         "const size_t ${PREFIX}_${stem}_size = sizeof ${PREFIX}_${stem} - 1;\n")
endforeach()
file(WRITE ${OUTPUT}.h "${header}")
file(WRITE ${OUTPUT}.c "${source}")
