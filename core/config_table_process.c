// SPDX-License-Identifier: Apache-2.0
// Secrets at rest, dumps, the log.
#include "config_table.h"

static const struct config_entry entries[] = {
    {
        .key = "encryption_keys_file",
        .flag = "--encryption-keys-file",
        .environment = "PETREL_ENCRYPTION_KEYS_FILE",
        .type = CONFIG_TEXT,
        FIELD(encryption_keys_file),
        .minimum = 0,
        .maximum = 4000,
        .default_text = "",
        .meaning =
            "Keys that encrypt subscriptions' secrets and header values in Redis: lines \"<key id> <base64 of "
            "32 bytes>\", the first one current. Read again on SIGHUP. Empty: they lie there unencrypted.",
    },
    {
        .key = "core_dumps",
        .flag = "--core-dumps",
        .environment = "PETREL_CORE_DUMPS",
        .type = CONFIG_BOOL,
        FIELD(core_dumps),
        .default_text = "no",
        .meaning =
            "A crash may leave a core dump, and debuggers of the same user may attach. Secrets "
            "and bodies can be read in it.",
    },
    {
        .key = "log_level",
        .flag = "--log-level",
        .environment = "PETREL_LOG_LEVEL",
        .type = CONFIG_LOG_LEVEL,
        FIELD(log_level),
        .default_text = "info",
        .meaning = "What is logged: debug, info, warn or error and what is above.",
    },
    {
        .key = "log_format",
        .flag = "--log-format",
        .environment = "PETREL_LOG_FORMAT",
        .type = CONFIG_LOG_FORMAT,
        FIELD(log_format),
        .default_text = "logfmt",
        .meaning = "Form of a log line: logfmt or json.",
    },
};

const struct config_table config_table_process = CONFIG_TABLE(entries);
