# SPDX-License-Identifier: Apache-2.0
# What the compiler is to complain about, and how the binary is hardened.
include(CheckCCompilerFlag)

function(petrel_add_warnings target)
    target_compile_options(${target} INTERFACE
        -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
        -Wpointer-arith -Wwrite-strings -Wundef -Wdouble-promotion -Wnull-dereference)
    if(PETREL_WERROR)
        target_compile_options(${target} INTERFACE -Werror)
    endif()
endfunction()

function(petrel_add_hardening target)
    target_compile_options(${target} INTERFACE -fstack-protector-strong -fstack-clash-protection
                           -fno-omit-frame-pointer)
    target_link_options(${target} INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
    if(PETREL_SANITIZE)
        target_compile_options(${target} INTERFACE -fsanitize=${PETREL_SANITIZE} -fno-sanitize-recover=all)
        target_link_options(${target} INTERFACE -fsanitize=${PETREL_SANITIZE})
        if(PETREL_FUZZ)
            target_compile_options(${target} INTERFACE -fsanitize=fuzzer-no-link)
        endif()
    elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
        # 3 sees sizes that are known only at run time; compilers without it take 2.
        set(CMAKE_REQUIRED_FLAGS "-O2 -Werror")
        check_c_compiler_flag(-D_FORTIFY_SOURCE=3 petrel_has_fortify_3)
        unset(CMAKE_REQUIRED_FLAGS)
        if(petrel_has_fortify_3)
            target_compile_options(${target} INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
        else()
            target_compile_options(${target} INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
        endif()
    endif()
endfunction()
