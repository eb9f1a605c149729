// SPDX-License-Identifier: Apache-2.0
#include "petrel/pattern.h"
#include "unit.h"

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A127 A32 A32 A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(validity)
{
    static const struct {
        const char *pattern;
        bool is_valid;
    } cases[] = {
        {"*", true},
        {"invoice.paid", true},
        {"invoice.*", true},
        {"inv*", true},
        {"a/b:c_d-e.f*", true},
        {"petrel.*", true},
        {A127 "a", true},
        {A127 "*", true},
        {A127 "aa", false},
        {A127 "a*", false},
        {"", false},
        {"**", false},
        {"a**", false},
        {"*a", false},
        {"a*b", false},
        {"*.paid", false},
        {"invoice.?", false},
        {"invoice paid", false},
        {" *", false},
        {"* ", false},
        {"invoice.paid,invoice.sent", false},
        {"caf\xc3\xa9", false},
        {"a\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(pattern_is_valid(span_of(cases[i].pattern)) == cases[i].is_valid,
                  cases[i].pattern);
    CHECK(!pattern_is_valid(SPAN("a\0")));
    CHECK(!pattern_is_valid(SPAN("\0*")));
    CHECK(!pattern_is_valid((struct span){0}));
}

TEST(matching)
{
    static const struct {
        const char *pattern, *type;
        bool matches;
    } cases[] = {
        {"*", "invoice.paid", true},
        {"*", "a", true},
        {"invoice.paid", "invoice.paid", true},
        {"invoice.paid", "invoice.paid2", false},
        {"invoice.paid", "invoice.pai", false},
        {"invoice.paid", "Invoice.paid", false},
        {"invoice.*", "invoice.paid", true},
        {"invoice.*", "invoice.", true},
        {"invoice.*", "invoice", false},
        {"invoice.*", "invoices.paid", false},
        {"invoice.*", "my.invoice.paid", false},
        {"inv*", "invoice.paid", true},
        {"inv*", "inv", true},
        // petrel's own types come to those who name them
        {"*", "petrel.delivery.dead", false},
        {"p*", "petrel.delivery.dead", false},
        {"petrel*", "petrel.delivery.dead", false},
        {"petrel.*", "petrel.delivery.dead", true},
        {"petrel.del*", "petrel.delivery.dead", true},
        {"petrel.delivery.dead", "petrel.delivery.dead", true},
        {"petrel.subscription.*", "petrel.delivery.dead", false},
        {"*", "petrel", true},
        {"*", "petrels.seen", true},
        {"p*", "petrels.seen", true},
        {"petrel*", "petrels.seen", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(pattern_matches(span_of(cases[i].pattern), span_of(cases[i].type)) ==
                      cases[i].matches,
                  cases[i].pattern);
}

UNIT_MAIN()
