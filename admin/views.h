// SPDX-License-Identifier: Apache-2.0
// What the API shows of each resource, as JSON objects appended to a text. Pure.
#ifndef PETREL_ADMIN_VIEWS_H
#define PETREL_ADMIN_VIEWS_H

#include "petrel/store.h"

void view_event(const struct store_event *found, const char *id, struct text *out);
void view_event_summary(const struct store_event_summary *event, struct text *out);
void view_dead_letter(const struct store_dead_letter *letter, struct text *out);
void view_attempt(const struct store_attempt *attempt, struct text *out);
void view_rejected(const struct store_rejected *rejected, struct text *out);
void view_rejected_entry(const struct store_rejected_entry *entry, struct text *out);
void view_instance(const struct store_instance *instance, struct text *out);
void view_status(const struct store_status *status, struct text *out);
void view_secret(const struct subscription *subscription, struct text *out);
// Around the items of a list; view_begin_item before each.
void view_begin_list(struct text *out);
void view_begin_item(size_t index, struct text *out);
void view_end_list(const char *next_cursor, struct text *out);

#endif
