// SPDX-License-Identifier: Apache-2.0
// The immutable index of all subscriptions.
//
// Two hash tables, built once and never changed: ids, and lists of subscriptions by (tenant, exact type or
// prefix). Per tenant a bit set tells which prefix lengths occur, so a match asks for the exact type and once
// for each such length: its cost doesn't depend on how many subscriptions there are, only on how many match.
// Invariant: no two patterns that are listed for one subscription match the same type (a pattern that a
// shorter one of the same subscription covers isn't listed), so a match names each subscription once.
#include "petrel/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "petrel/event.h"

enum { NONE = UINT32_MAX, LENGTH_WORDS = (EVENT_TYPE_SIZE + 63) / 64 };

// A subscription in the list of one pattern.
struct link {
    struct subscription *subscription;
    uint32_t next; // index into links; NONE at the end
};

// A distinct (tenant, kind, text). For KIND_TENANT the text is empty and `lengths` holds the prefixes' lengths.
enum kind { KIND_EXACT, KIND_PREFIX, KIND_TENANT };
struct key {
    uint64_t hash;
    struct span tenant; // borrowed from a subscription of the snapshot, as is text
    struct span text;
    enum kind kind;
    uint32_t count; // length of the list
    uint32_t first; // index into links
};

struct key_table {
    struct key *keys; // as many as there are slots at most; `count` used
    uint32_t *slots;  // index into keys, or NONE; open addressing, linear
    uint32_t mask;
    uint32_t count;
};

struct snapshot {
    atomic_uint references;
    struct subscription **subscriptions; // by index; a reference on each
    uint32_t *id_slots;                  // index into subscriptions, or NONE
    uint32_t id_mask;
    uint32_t count;
    struct key_table table;
    struct link *links;
    uint32_t link_count;
    uint64_t (*lengths)[LENGTH_WORDS]; // by key's `first` of KIND_TENANT
    uint32_t tenant_count;
    bool has_ordered;
};

// ---- keys

static uint64_t hash_key(enum kind kind, struct span tenant, struct span text)
{
    uint64_t hash = hash_bytes(text) ^ (hash_bytes(tenant) * UINT64_C(0x9e3779b97f4a7c15));
    hash += (uint64_t)kind * UINT64_C(0xff51afd7ed558ccd);
    // FNV's low bits alone are weak for tables of a power of two.
    return hash ^ (hash >> 29) ^ (hash >> 47);
}

static bool is_key(const struct key *key, const struct key *other)
{
    return key->hash == other->hash && key->kind == other->kind &&
           span_equals(key->tenant, other->tenant) && span_equals(key->text, other->text);
}

// The slot that holds the key, or the free one where it belongs.
static uint32_t *find_slot(const struct key_table *table, const struct key *wanted)
{
    uint32_t index = (uint32_t)wanted->hash & table->mask;
    while (table->slots[index] != NONE && !is_key(&table->keys[table->slots[index]], wanted))
        index = (index + 1) & table->mask;
    return &table->slots[index];
}

static const struct key *find_key(const struct key_table *table, enum kind kind, struct span tenant,
                                  struct span text)
{
    struct key wanted = {
        .hash = hash_key(kind, tenant, text), .kind = kind, .tenant = tenant, .text = text};
    uint32_t slot = *find_slot(table, &wanted);
    return slot == NONE ? NULL : &table->keys[slot];
}

static struct key *find_or_add_key(struct key_table *table, enum kind kind, struct span tenant,
                                   struct span text)
{
    struct key wanted = {.hash = hash_key(kind, tenant, text),
                         .kind = kind,
                         .tenant = tenant,
                         .text = text,
                         .first = NONE};
    uint32_t *slot = find_slot(table, &wanted);
    if (*slot == NONE) {
        *slot = table->count;
        table->keys[table->count++] = wanted;
    }
    return &table->keys[*slot];
}

// A table of a power of two that stays at most half full; every slot NONE. NULL without memory.
static uint32_t *create_slots(size_t entries, uint32_t *mask)
{
    size_t size = 16;
    while (size < entries * 2)
        size *= 2;
    if (size > NONE)
        return NULL;
    uint32_t *slots = malloc(size * sizeof *slots);
    if (slots)
        memset(slots, 0xff, size * sizeof *slots);
    *mask = (uint32_t)(size - 1);
    return slots;
}

// ---- building

static bool is_prefix(struct span pattern)
{
    return pattern.size > 0 && pattern.data[pattern.size - 1] == '*';
}

// Whether every type that `pattern` matches is matched by the prefix `wider` too. Petrel's own types are
// matched only by prefixes that begin with "petrel." themselves.
static bool covers(struct span wider, struct span pattern)
{
    if (!is_prefix(wider))
        return false;
    wider.size--; // now "a*" covers "a" too
    struct span own = SPAN(EVENT_RESERVED_PREFIX);
    if (!span_starts_with(pattern, wider))
        return false;
    return !span_starts_with(pattern, own) || span_starts_with(wider, own);
}

static bool is_covered(const struct subscription *subscription, size_t index)
{
    struct span pattern = span_of(subscription->event_types[index]);
    for (size_t i = 0; i < subscription->event_type_count; i++) {
        struct span other = span_of(subscription->event_types[i]);
        // Of two equal ones the first stays.
        if (i != index && (covers(other, pattern) || span_equals(other, pattern)) &&
            !(span_equals(other, pattern) && i > index))
            return true;
    }
    return false;
}

static void note_length(struct snapshot *snapshot, struct span tenant, size_t length)
{
    struct key *key = find_or_add_key(&snapshot->table, KIND_TENANT, tenant, (struct span){0});
    if (key->first == NONE)
        key->first = snapshot->tenant_count++;
    snapshot->lengths[key->first][length / 64] |= UINT64_C(1) << (length % 64);
}

static void add_pattern(struct snapshot *snapshot, struct subscription *subscription,
                        struct span pattern)
{
    struct span tenant = span_of(subscription->tenant);
    bool is_wild = is_prefix(pattern);
    if (is_wild) {
        pattern.size--;
        note_length(snapshot, tenant, pattern.size);
    }
    struct key *key =
        find_or_add_key(&snapshot->table, is_wild ? KIND_PREFIX : KIND_EXACT, tenant, pattern);
    struct link *link = &snapshot->links[snapshot->link_count];
    link->subscription = subscription;
    link->next = key->first;
    key->first = snapshot->link_count++;
    key->count++;
}

static void add_id(struct snapshot *snapshot, uint32_t index)
{
    const char *id = snapshot->subscriptions[index]->id;
    uint32_t slot = (uint32_t)hash_key(KIND_EXACT, span_of(id), (struct span){0});
    while (snapshot->id_slots[slot & snapshot->id_mask] != NONE)
        slot++;
    snapshot->id_slots[slot & snapshot->id_mask] = index;
}

static bool allocate(struct snapshot *snapshot, size_t count, size_t patterns)
{
    struct key_table *table = &snapshot->table;
    // Each pattern may need a key of its own and a tenant's.
    if (count >= NONE / 2 || patterns >= NONE / 4)
        return false;
    snapshot->subscriptions = malloc((count + 1) * sizeof *snapshot->subscriptions);
    snapshot->links = malloc((patterns + 1) * sizeof *snapshot->links);
    snapshot->lengths = calloc(count + 1, sizeof *snapshot->lengths);
    snapshot->id_slots = create_slots(count, &snapshot->id_mask);
    table->keys = malloc((patterns + count + 1) * sizeof *table->keys);
    table->slots = create_slots(patterns + count, &table->mask);
    return snapshot->subscriptions && snapshot->links && snapshot->lengths && snapshot->id_slots &&
           table->keys && table->slots;
}

static void destroy(struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++)
        subscription_unref(&snapshot->subscriptions[i]);
    free(snapshot->subscriptions);
    free(snapshot->links);
    free(snapshot->lengths);
    free(snapshot->id_slots);
    free(snapshot->table.keys);
    free(snapshot->table.slots);
    free(snapshot);
}

struct snapshot *snapshot_create(struct subscription *const *subscriptions, size_t count)
{
    size_t patterns = 0;
    for (size_t i = 0; i < count; i++)
        patterns += subscriptions[i]->event_type_count;
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return NULL;
    atomic_init(&snapshot->references, 1);
    if (!allocate(snapshot, count, patterns)) {
        destroy(snapshot);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct subscription *subscription = subscription_ref(subscriptions[i]);
        snapshot->subscriptions[snapshot->count++] = subscription;
        snapshot->has_ordered = snapshot->has_ordered || subscription->is_ordered;
        add_id(snapshot, (uint32_t)i);
        for (size_t j = 0; j < subscription->event_type_count; j++) {
            if (!is_covered(subscription, j))
                add_pattern(snapshot, subscription, span_of(subscription->event_types[j]));
        }
    }
    return snapshot;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_unref(struct snapshot **snapshot)
{
    struct snapshot *s = *snapshot;
    *snapshot = NULL;
    if (s && atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
        destroy(s);
}

// ---- asking

bool snapshot_has_ordered(const struct snapshot *snapshot)
{
    return snapshot->has_ordered;
}

size_t snapshot_count(const struct snapshot *snapshot)
{
    return snapshot->count;
}

struct subscription *snapshot_find(const struct snapshot *snapshot, const char *id)
{
    uint32_t slot = (uint32_t)hash_key(KIND_EXACT, span_of(id), (struct span){0});
    for (;; slot++) {
        uint32_t index = snapshot->id_slots[slot & snapshot->id_mask];
        if (index == NONE)
            return NULL;
        if (strcmp(snapshot->subscriptions[index]->id, id) == 0)
            return snapshot->subscriptions[index];
    }
}

struct matches {
    struct subscription **out;
    size_t capacity;
    size_t count; // may grow beyond capacity
};

static void add_list(const struct snapshot *snapshot, const struct key *key, struct matches *matches)
{
    if (!key)
        return;
    uint32_t at = key->first;
    for (size_t i = matches->count; at != NONE && i < matches->capacity; i++) {
        matches->out[i] = snapshot->links[at].subscription;
        at = snapshot->links[at].next;
    }
    matches->count += key->count;
}

size_t snapshot_match(const struct snapshot *snapshot, struct span tenant, struct span type,
                      struct subscription **out, size_t capacity)
{
    struct matches matches = {.out = out, .capacity = capacity};
    const struct key_table *table = &snapshot->table;
    add_list(snapshot, find_key(table, KIND_EXACT, tenant, type), &matches);
    const struct key *key = find_key(table, KIND_TENANT, tenant, (struct span){0});
    if (!key)
        return matches.count;
    // "*" and "pet*" don't ask for petrel's own types: only prefixes from "petrel." on do.
    struct span own = SPAN(EVENT_RESERVED_PREFIX);
    size_t shortest = span_starts_with(type, own) ? own.size : 0;
    const uint64_t *lengths = snapshot->lengths[key->first];
    for (size_t length = shortest; length <= type.size && length < EVENT_TYPE_SIZE; length++) {
        if (!(lengths[length / 64] >> (length % 64) & 1))
            continue;
        struct span prefix = {.data = type.data, .size = length};
        add_list(snapshot, find_key(table, KIND_PREFIX, tenant, prefix), &matches);
    }
    return matches.count;
}
