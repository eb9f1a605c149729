// SPDX-License-Identifier: Apache-2.0
// TCP ports as a list of ranges: "443,8443,9000-9099". Pure.
#ifndef PETREL_PORTS_H
#define PETREL_PORTS_H

#include "petrel/text.h"

enum { PORTS_ERROR_SIZE = 160, PORTS_MAX_RANGES = 64 };

struct port_range {
    uint16_t first, last;
};

struct port_list {
    struct port_range items[PORTS_MAX_RANGES];
    size_t count;
};

// Empty text is an empty list. error names the item and why.
bool port_list_parse(struct span text, struct port_list *list, char error[PORTS_ERROR_SIZE]);
void port_list_format(const struct port_list *list, struct text *out); // as it is parsed
bool port_list_contains(const struct port_list *list, uint16_t port);

#endif
