# SPDX-License-Identifier: Apache-2.0
# Finds every library, and names all that are missing in one message, with the command that installs them.
# All of it is put on the interface library petrel_dependencies, with SYSTEM headers.
find_package(PkgConfig QUIET)
find_package(Threads REQUIRED)
add_library(petrel_dependencies INTERFACE)
set(petrel_missing "")

# module: pkg-config's name; package: Debian's
function(petrel_need module package minimum)
    set(found FALSE)
    if(PKG_CONFIG_FOUND)
        pkg_check_modules(${module} QUIET IMPORTED_TARGET ${module}>=${minimum})
        if(${module}_FOUND)
            target_link_libraries(petrel_dependencies INTERFACE PkgConfig::${module})
            target_include_directories(petrel_dependencies SYSTEM INTERFACE ${${module}_INCLUDE_DIRS})
            set(${module}_VERSION ${${module}_VERSION} PARENT_SCOPE)
            set(found TRUE)
        endif()
    endif()
    if(NOT found)
        set(petrel_missing "${petrel_missing} ${package}" PARENT_SCOPE)
    endif()
endfunction()

# Libraries without a dependable pkg-config file.
function(petrel_need_header header package)
    find_path(petrel_${package}_dir ${header})
    if(NOT petrel_${package}_dir)
        set(petrel_missing "${petrel_missing} ${package}" PARENT_SCOPE)
    endif()
endfunction()

if(NOT PKG_CONFIG_FOUND)
    string(APPEND petrel_missing " pkg-config")
endif()
petrel_need(libcurl libcurl4-openssl-dev 7.88)
petrel_need(hiredis libhiredis-dev 0.14)
petrel_need(libcjson libcjson-dev 1.7)
petrel_need(openssl libssl-dev 3.0)
petrel_need(libuv libuv1-dev 1.44)
petrel_need(libmicrohttpd libmicrohttpd-dev 0.9.75)
petrel_need(inih libinih-dev 55)
petrel_need_header(uthash.h uthash-dev)

if(petrel_missing)
    # Indented, so that CMake doesn't break the line: it is there to be copied.
    message(FATAL_ERROR "Packages are missing (Debian's names); install them with:\n"
                        "  sudo apt-get install${petrel_missing}")
endif()
target_link_libraries(petrel_dependencies INTERFACE Threads::Threads m)

# rediss:// needs hiredis >= 1.0 with its TLS library; Debian 12 has 0.14 without.
if(hiredis_VERSION VERSION_GREATER_EQUAL 1.0)
    pkg_check_modules(hiredis_ssl QUIET IMPORTED_TARGET hiredis_ssl)
    if(hiredis_ssl_FOUND)
        target_link_libraries(petrel_dependencies INTERFACE PkgConfig::hiredis_ssl)
        target_compile_definitions(petrel_dependencies INTERFACE PETREL_HAVE_HIREDIS_SSL)
    endif()
endif()
