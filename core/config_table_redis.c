// SPDX-License-Identifier: Apache-2.0
// Where Redis is, and how petrel's keys lie in it.
#include "config_table.h"

static const struct config_entry entries[] = {
    {
        .key = "redis_url",
        .flag = "--redis-url",
        .environment = "PETREL_REDIS_URL",
        .type = CONFIG_REDIS_URL,
        FIELD(redis_url),
        .default_text = "",
        .meaning =
            "Where Redis is: redis://[user:password@]host[:port][/db], rediss:// with TLS, "
            "unix:///path[?db=n], or redis+sentinel://[user:password@]host:port,host:port/master-name[/db]"
            "[?sentinel_user=u&sentinel_password=p], which follows failovers, with TLS "
            "rediss+sentinel://. Empty: 127.0.0.1:6379; `serve` starts a private one if there is "
            "none.",
    },
    {
        .key = "namespace",
        .flag = "--namespace",
        .environment = "PETREL_NAMESPACE",
        .type = CONFIG_NAMESPACE,
        FIELD(namespace_name),
        .default_text = "petrel",
        .meaning =
            "First part of every Redis key, so that several installations can share one Redis.",
    },
    {
        .key = "shards",
        .flag = "--shards",
        .environment = "PETREL_SHARDS",
        .type = CONFIG_NUMBER32,
        FIELD(shards),
        .minimum = 1,
        .maximum = SHARDS_MAX,
        .default_text = "1",
        .meaning = "Independent sets of Redis keys; the same for every instance and every producer.",
    },
};

const struct config_table config_table_redis = CONFIG_TABLE(entries);
