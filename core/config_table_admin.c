// SPDX-License-Identifier: Apache-2.0
// The admin API: where it listens, what it is opened with; the folder for what petrel makes itself.
#include "config_table.h"

static const struct config_entry entries[] = {
    {
        .key = "listen",
        .flag = "--listen",
        .environment = "PETREL_LISTEN",
        .type = CONFIG_LISTEN,
        FIELD(listen),
        .default_text = "127.0.0.1:8080",
        .meaning = "Address and port of the admin API; port 0 takes a free one.",
    },
    {
        .key = "admin_key",
        .flag = "--admin-key",
        .environment = "PETREL_ADMIN_KEY",
        .type = CONFIG_KEY,
        FIELD(admin_key),
        .minimum = 16,
        .maximum = 256,
        .default_text = "",
        .is_secret = true,
        .meaning =
            "Key of the admin API. Empty: the one in data_dir, made at the first start. Prefer the "
            "environment: flags are visible to every user of the machine.",
    },
    {
        .key = "tls_cert",
        .flag = "--tls-cert",
        .environment = "PETREL_TLS_CERT",
        .type = CONFIG_TEXT,
        FIELD(tls_cert),
        .minimum = 0,
        .maximum = 4000,
        .default_text = "",
        .meaning =
            "PEM file with the certificate of the admin API, and those between it and its authority. "
            "With it and tls_key it speaks TLS (1.2 or newer) only.",
    },
    {
        .key = "tls_key",
        .flag = "--tls-key",
        .environment = "PETREL_TLS_KEY",
        .type = CONFIG_TEXT,
        FIELD(tls_key),
        .minimum = 0,
        .maximum = 4000,
        .default_text = "",
        .meaning = "PEM file with the private key of tls_cert.",
    },
    {
        .key = "data_dir",
        .flag = "--data-dir",
        .environment = "PETREL_DATA_DIR",
        .type = CONFIG_TEXT,
        FIELD(data_dir),
        .minimum = 1,
        .maximum = 4000,
        .default_text = "./petrel-data",
        .meaning = "Folder for the admin key and the private Redis's data.",
    },
};

const struct config_table config_table_admin = CONFIG_TABLE(entries);
