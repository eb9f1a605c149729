// SPDX-License-Identifier: Apache-2.0
// The names of all Redis keys; docs/redis-layout.md says what they hold. No other file spells one.
#include "petrel/keys.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct name {
    const char *text;
    bool has_suffix;
    bool is_control_plane; // one per namespace, under the same name whatever the number of shards
};

static struct name name_of(enum key_name name)
{
    switch (name) {
    case KEY_EVENTS:
        return (struct name){.text = "events"};
    case KEY_DUE:
        return (struct name){.text = "due"};
    case KEY_DEAD:
        return (struct name){.text = "dead"};
    case KEY_REJECTED:
        return (struct name){.text = "rejected"};
    case KEY_ATTEMPTS:
        return (struct name){.text = "attempts"};
    case KEY_FLOOR:
        return (struct name){.text = "floor"};
    case KEY_TOTALS:
        return (struct name){.text = "totals"};
    case KEY_QUEUE:
        return (struct name){.text = "queue", .has_suffix = true};
    case KEY_PARKED:
        return (struct name){.text = "parked", .has_suffix = true};
    case KEY_MESSAGE:
        return (struct name){.text = "message", .has_suffix = true};
    case KEY_DEAD_LETTER:
        return (struct name){.text = "dead", .has_suffix = true};
    case KEY_SEEN:
        return (struct name){.text = "seen", .has_suffix = true};
    case KEY_SETTLED:
        return (struct name){.text = "settled", .has_suffix = true};
    case KEY_HEALTH:
        return (struct name){.text = "health", .has_suffix = true};
    case KEY_OPEN:
        return (struct name){.text = "open"};
    case KEY_BREAKERS:
        return (struct name){.text = "breakers"};
    case KEY_ORDER:
        return (struct name){.text = "order", .has_suffix = true};
    case KEY_FANNED:
        return (struct name){.text = "fanned"};
    case KEY_FANNED_TO:
        return (struct name){.text = "fanned_to"};
    case KEY_RATE:
        return (struct name){.text = "rate", .has_suffix = true};
    case KEY_IDEMPOTENCY:
        return (struct name){.text = "idempotency", .has_suffix = true};
    case KEY_SUBSCRIPTIONS:
        return (struct name){.text = "subscriptions", .is_control_plane = true};
    case KEY_CHANGES:
        return (struct name){.text = "changes", .is_control_plane = true};
    case KEY_INSTANCES:
        return (struct name){.text = "instances", .is_control_plane = true};
    case KEY_LANES:
        return (struct name){.text = "lanes", .has_suffix = true, .is_control_plane = true};
    case KEY_KEYS:
        return (struct name){.text = "keys", .is_control_plane = true};
    case KEY_KEYS_USED:
        return (struct name){.text = "keys_used", .is_control_plane = true};
    case KEY_SCHEMA:
        return (struct name){.text = "schema", .is_control_plane = true};
    }
    assert(!"no such key");
    return (struct name){.text = ""};
}

struct key keys_format(const struct keys *keys, uint32_t shard, enum key_name name,
                       struct span suffix)
{
    struct name base = name_of(name);
    assert(shard < keys->shards);
    assert(base.has_suffix ? suffix.size > 0 : suffix.size == 0);
    struct key key;
    int size;
    if (keys->shards == 1 || base.is_control_plane)
        size = snprintf(key.data, sizeof key.data, "%s:%s", keys->namespace_name, base.text);
    else
        size = snprintf(key.data, sizeof key.data, "%s:{%u}:%s", keys->namespace_name, shard,
                        base.text);
    assert(size > 0);
    key.size = (size_t)size;
    if (base.has_suffix) {
        assert(suffix.size < sizeof key.data - key.size - 1);
        key.data[key.size++] = ':';
        memcpy(key.data + key.size, suffix.data, suffix.size);
        key.size += suffix.size;
    }
    return key;
}

void keys_format_layout(const struct keys *keys, char out[LAYOUT_SIZE])
{
    if (keys->shards == 1)
        snprintf(out, LAYOUT_SIZE, "%s", KEYS_SCHEMA_VERSION);
    else
        snprintf(out, LAYOUT_SIZE, "%s/%u", KEYS_SCHEMA_VERSION, keys->shards);
}

enum keys_layout keys_judge_layout(const struct keys *keys, struct span stored,
                                   uint32_t *stored_shards)
{
    struct span rest = stored;
    struct span version = {0};
    uint64_t shards = 1;
    span_next(&rest, '/', &version);
    bool is_known = span_equals_text(version, KEYS_SCHEMA_VERSION) &&
                    (version.size == stored.size ||
                     (span_to_uint64(rest, &shards) && shards > 1 && shards <= SHARDS_MAX));
    *stored_shards = (uint32_t)shards;
    if (!is_known)
        return KEYS_LAYOUT_OTHER_VERSION;
    return shards == keys->shards ? KEYS_LAYOUT_OURS : KEYS_LAYOUT_OTHER_SHARDS;
}

struct span key_span(const struct key *key)
{
    return (struct span){.data = key->data, .size = key->size};
}

bool keys_is_namespace(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alphanumeric && c != '_' && c != '.' && c != '-')
            return false;
    }
    return text.size > 0 && text.size <= NAMESPACE_MAX_BYTES;
}
