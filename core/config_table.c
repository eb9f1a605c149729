// SPDX-License-Identifier: Apache-2.0
// The table of all settings: flags, environment, file, `petrel config` and the documentation come from it. It has a part per
// subject, config_table_<subject>.c. A new setting is a field of struct config and a row there.
#include "config_table.h"

#include <assert.h>

// As they are shown.
static const struct config_table *const tables[] = {
    &config_table_redis,   &config_table_admin,  &config_table_deliveries,
    &config_table_network, &config_table_events, &config_table_process,
};
enum { TABLE_COUNT = sizeof tables / sizeof tables[0] };

size_t config_entry_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        count += tables[i]->count;
    assert(count <= CONFIG_MAX_KEYS); // struct config has room for their origins
    return count;
}

const struct config_entry *config_entry_at(size_t index)
{
    size_t table = 0;
    while (index >= tables[table]->count) {
        index -= tables[table++]->count;
        assert(table < TABLE_COUNT);
    }
    return &tables[table]->entries[index];
}

size_t config_entry_index(const struct config_entry *entry)
{
    size_t index = 0;
    while (config_entry_at(index) != entry)
        index++;
    return index;
}

static bool is_same_key(struct span a, const char *b)
{
    for (size_t i = 0; i < a.size; i++) {
        char c = a.data[i] == '-' ? '_' : a.data[i];
        if (c != b[i]) // the end of b included
            return false;
    }
    return b[a.size] == '\0';
}

const struct config_entry *config_find_entry(struct span key)
{
    for (size_t i = 0; i < config_entry_count(); i++) {
        if (is_same_key(key, config_entry_at(i)->key))
            return config_entry_at(i);
    }
    return NULL;
}

// How many characters must be put in, taken out or changed to make one of the other (Levenshtein).
static size_t distance(struct span a, struct span b)
{
    enum { LONGEST = 40 };
    size_t row[LONGEST + 1];
    if (a.size > LONGEST || b.size > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            char c = a.data[i - 1] == '-' ? '_' : a.data[i - 1];
            size_t changed = diagonal + (c != b.data[j - 1]);
            size_t moved = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = changed < moved ? changed : moved;
        }
    }
    return row[b.size];
}

const struct config_entry *config_guess_entry(struct span key)
{
    const struct config_entry *best = NULL;
    size_t best_distance = key.size / 3 + 1; // a third of it wrong is no typing error any more
    for (size_t i = 0; i < config_entry_count(); i++) {
        size_t found = distance(key, span_of(config_entry_at(i)->key));
        if (found <= best_distance && (!best || found < best_distance)) {
            best = config_entry_at(i);
            best_distance = found;
        }
    }
    return best;
}
