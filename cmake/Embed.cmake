# SPDX-License-Identifier: Apache-2.0
# Files as byte arrays: petrel_embed(script_source out a.lua b.lua) makes out.c and out.h with
# `const char script_source_a[]` (NUL-terminated) and `const size_t script_source_a_size`.
file(GLOB petrel_embed_libraries CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/lua/lib/*.lua)
function(petrel_embed prefix output)
    add_custom_command(
        OUTPUT ${output}.c ${output}.h
        COMMAND ${CMAKE_COMMAND} -DPREFIX=${prefix} -DOUTPUT=${output} "-DFILES=${ARGN}"
                -P ${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake
        DEPENDS ${ARGN} ${petrel_embed_libraries} ${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake
        COMMENT "Embedding ${prefix} files"
        VERBATIM)
endfunction()
