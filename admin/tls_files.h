// SPDX-License-Identifier: Apache-2.0
// The admin API's certificate and private key, as PEM text from their files.
#ifndef PETREL_ADMIN_TLS_FILES_H
#define PETREL_ADMIN_TLS_FILES_H

#include "petrel/config.h"

struct tls_files {
    char *certificate, *key; // both or neither
};

// False: error says what is wrong with which file.
bool tls_files_load(const struct config *config, struct tls_files *files, char *error,
                    size_t error_size);
void tls_files_fini(struct tls_files *files); // wipes the key

#endif
