// SPDX-License-Identifier: Apache-2.0
// The dispatchers that beat, as they describe themselves.
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "petrel/json.h"
#include "store_internal.h"

static uint32_t read_number(const cJSON *tree, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, name);
    bool is_good = cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble < 4e9;
    return is_good ? (uint32_t)value->valuedouble : 0;
}

// "<heartbeat ms> <description JSON>"
static bool read_instance(struct span id, struct span value, struct store_instance *instance)
{
    struct span beat;
    *instance = (struct store_instance){.pid = 0};
    if (!span_copy(id, instance->id, sizeof instance->id) || !span_next(&value, ' ', &beat) ||
        !span_to_int64(beat, &instance->last_heartbeat_at_ms) || !json_validate(value, NULL))
        return false;
    cJSON *tree = cJSON_ParseWithLength(value.data, value.size);
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "version"));
    instance->pid = read_number(tree, "pid");
    instance->workers = read_number(tree, "workers");
    if (!version || !span_copy(span_of(version), instance->version, sizeof instance->version))
        instance->version[0] = '\0';
    cJSON_Delete(tree);
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct store_instance *)a)->id, ((const struct store_instance *)b)->id);
}

enum store_result store_list_instances(struct store *store, struct store_instances *list)
{
    struct redis_command *command = redis_command_create("HGETALL");
    redis_reply *reply = NULL;
    *list = (struct store_instances){0};
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, 0, KEY_INSTANCES, (struct span){0});
    enum store_result result = store_call(store, &command, &reply);
    if (result != STORE_OK)
        return result;
    size_t count = redis_reply_count(reply) / 2;
    list->items = calloc(count + 1, sizeof *list->items);
    for (size_t i = 0; list->items && i < count; i++)
        list->count += read_instance(redis_reply_span(redis_reply_at(reply, 2 * i)),
                                     redis_reply_span(redis_reply_at(reply, 2 * i + 1)),
                                     &list->items[list->count]);
    redis_client_free_reply(&reply);
    if (!list->items)
        return store_fail_memory(store);
    qsort(list->items, list->count, sizeof *list->items, compare);
    return STORE_OK;
}

void store_instances_fini(struct store_instances *list)
{
    free(list->items);
    *list = (struct store_instances){0};
}
