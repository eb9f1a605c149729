// SPDX-License-Identifier: Apache-2.0
// JSON merge patch (RFC 7396) over text: what isn't patched keeps its bytes (big numbers, escapes).
//
// Both texts are valid JSON of at most SUBSCRIPTION_METADATA_MAX_BYTES, so looking members up by name, which
// makes this quadratic, stays a matter of milliseconds; and JSON_MAX_DEPTH bounds the recursion.
#include <cjson/cJSON.h>

#include "petrel/json.h"
#include "subscription_internal.h"

struct merge {
    struct span target, patch; // texts of two objects
    const cJSON *target_tree, *patch_tree;
    struct text *out;
    bool has_members; // written so far
};

static bool is_object(struct span json)
{
    return json.size > 0 && json.data[0] == '{';
}

static cJSON *parse(struct span json)
{
    return cJSON_ParseWithLength(json.data, json.size);
}

static void append_name(struct merge *merge, const char *name)
{
    if (merge->has_members)
        text_append_char(merge->out, ',');
    merge->has_members = true;
    json_append_string(merge->out, span_of(name));
    text_append_char(merge->out, ':');
}

// `target` is empty when there is no such member yet.
static void append_member(struct merge *merge, const char *name, struct span target,
                          struct span patch)
{
    append_name(merge, name);
    if (is_object(patch))
        subscription_merge_json(is_object(target) ? target : SPAN("{}"), patch, merge->out);
    else
        text_append_span(merge->out, patch);
}

static void append_kept_members(struct merge *merge)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, merge->target_tree)
    {
        struct span target;
        const cJSON *change = cJSON_GetObjectItemCaseSensitive(merge->patch_tree, member->string);
        struct span patch;
        if (cJSON_IsNull(change) || !json_find_member(merge->target, member->string, &target))
            continue;
        if (change && json_find_member(merge->patch, member->string, &patch)) {
            append_member(merge, member->string, target, patch);
        } else {
            append_name(merge, member->string);
            text_append_span(merge->out, target);
        }
    }
}

static void append_new_members(struct merge *merge)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, merge->patch_tree)
    {
        struct span patch;
        if (!cJSON_IsNull(member) &&
            !cJSON_GetObjectItemCaseSensitive(merge->target_tree, member->string) &&
            json_find_member(merge->patch, member->string, &patch))
            append_member(merge, member->string, (struct span){0}, patch);
    }
}

void subscription_merge_json(struct span target, struct span patch, struct text *out)
{
    cJSON *target_tree = parse(target);
    cJSON *patch_tree = parse(patch);
    struct merge merge = {
        .target = target,
        .patch = patch,
        .target_tree = target_tree,
        .patch_tree = patch_tree,
        .out = out,
    };
    if (target_tree && patch_tree) {
        text_append_char(out, '{');
        append_kept_members(&merge);
        append_new_members(&merge);
        text_append_char(out, '}');
    } else {
        out->failed = true; // no memory
    }
    cJSON_Delete(target_tree);
    cJSON_Delete(patch_tree);
}
