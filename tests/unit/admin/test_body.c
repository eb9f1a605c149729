// SPDX-License-Identifier: Apache-2.0
#include "body.h"
#include "unit.h"

static const char *const allowed[] = {"type", "data", "id", NULL};

static bool parse(const char *json, struct body *body, struct field_errors *errors)
{
    struct json_error error;
    *errors = (struct field_errors){.count = 0};
    CHECK_ROW(json_validate(span_of(json), &error), json); // its precondition
    return body_parse(span_of(json), allowed, body, errors);
}

TEST(members_are_the_bytes_that_were_sent)
{
    static const struct {
        const char *json, *data;
    } rows[] = {
        {"{\"data\":1}", "1"},
        {" {\t\"data\" :\n 1 \r} ", "1"},
        {"{\"data\":12345678901234567890123456789.5e-3}", "12345678901234567890123456789.5e-3"},
        {"{\"data\":\"}\"}", "\"}\""},
        {"{\"data\":\"\\\"\"}", "\"\\\"\""},
        {"{\"data\":\"\\\\\",\"id\":\"x\"}", "\"\\\\\""},
        {"{\"data\":{\"b\":[{},\"]\"],\"a\":{}} ,\"id\":\"x\"}", "{\"b\":[{},\"]\"],\"a\":{}}"},
        {"{\"data\":{ \"b\" : 1 }}", "{ \"b\" : 1 }"},
        {"{\"id\":\"x\",\"data\":[[],[[]]]}", "[[],[[]]]"},
        {"{\"data\":null}", "null"},
        {"{\"data\":true,\"type\":\"t\"}", "true"},
        {"{\"d\\u0061ta\":-0.0}", "-0.0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct body body;
        struct field_errors errors;
        CHECK_ROW(parse(rows[i].json, &body, &errors), rows[i].json);
        const struct span *data = body_find(&body, "data");
        CHECK_ROW(data && span_equals_text(*data, rows[i].data), rows[i].json);
    }
}

TEST(what_is_no_plain_object_is_refused)
{
    static const struct {
        const char *json, *field, *message;
    } rows[] = {
        {"[]", "", "the body must be a JSON object"},
        {"null", "", "the body must be a JSON object"},
        {"\"type\"", "", "the body must be a JSON object"},
        {"{\"typ\":1}", "typ", "unknown field"},
        {"{\"Type\":1}", "Type", "unknown field"},
        {"{\"\":1}", "", "unknown field"},
        {"{\"type\\u0000\":1}", "type", "unknown field"},
        {"{\"type\":1,\"type\":1}", "type", "given twice; give it once"},
        {"{\"type\":null,\"type\":1}", "type", "given twice; give it once"},
        {"{\"id\":1,\"\\u0069d\":1}", "id", "given twice; give it once"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct body body;
        struct field_errors errors;
        CHECK_ROW(!parse(rows[i].json, &body, &errors), rows[i].json);
        CHECK_INT(errors.count, 1);
        CHECK_STR(errors.items[0].field, rows[i].field);
        CHECK_STR(errors.items[0].message, rows[i].message);
    }
}

TEST(a_very_long_name_is_no_name)
{
    char json[BODY_NAME_SIZE * 2 + 8];
    struct body body;
    struct field_errors errors;
    snprintf(json, sizeof json, "{\"%0*d\":1}", BODY_NAME_SIZE * 2, 0);
    CHECK(!parse(json, &body, &errors));
    CHECK_STR(errors.items[0].message, "unknown field with a very long name");
}

TEST(many_unknown_members_are_a_bounded_list)
{
    struct text json;
    struct body body;
    struct field_errors errors;
    text_init(&json, 4096);
    for (int i = 0; i < 100; i++)
        text_append_format(&json, "%s\"x%d\":%d", i ? "," : "{", i, i);
    text_append_char(&json, '}');
    CHECK(!parse(text_string(&json), &body, &errors));
    CHECK_INT(errors.count, FIELD_ERRORS_MAX);
    text_fini(&json);
}

TEST(null_is_absent_but_for_data)
{
    struct body body;
    struct field_errors errors;
    CHECK(parse("{\"type\":null,\"id\":null,\"data\":null}", &body, &errors));
    CHECK(body_find(&body, "type") == NULL);
    CHECK(body_find(&body, "id") == NULL);
    CHECK(body_find(&body, "data") != NULL);
}

TEST(strings_are_decoded)
{
    static const struct {
        const char *raw;
        struct span text;
    } rows[] = {
        {"\"\"", {"", 0}},
        {"\"abc\"", {"abc", 3}},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}},
        {"\"\\u0041\\u00e9\\u20AC\"", {"A\xC3\xA9\xE2\x82\xAC", 6}},
        {"\"\\ud83d\\ude00!\"", {"\xF0\x9F\x98\x80!", 5}},
        {"\"\\uDBFF\\uDFFF\"", {"\xF4\x8F\xBF\xBF", 4}},
        {"\"a\\u0000b\"", {"a\0b", 3}},
        {"\"\xC3\xA9\"", {"\xC3\xA9", 2}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text out;
        text_init(&out, 64);
        CHECK_ROW(body_decode_string(span_of(rows[i].raw), &out), rows[i].raw);
        CHECK_ROW(span_equals(text_span(&out), rows[i].text), rows[i].raw);
        text_fini(&out);
    }
    static const char *const others[] = {"1", "null", "[]", "{}", "true"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct text out;
        text_init(&out, 64);
        CHECK_ROW(!body_decode_string(span_of(others[i]), &out), others[i]);
        text_fini(&out);
    }
}

TEST(a_string_member_is_text_of_bounded_size)
{
    static const struct {
        const char *json, *message; // NULL: good
    } rows[] = {
        {"{}", NULL},
        {"{\"id\":null}", NULL},
        {"{\"id\":\"12345678\"}", NULL},
        {"{\"id\":\"123456789\"}", "is too long"},
        {"{\"id\":7}", "must be a string"},
        {"{\"id\":[\"x\"]}", "must be a string"},
        {"{\"id\":\"a\\u0000\"}", "must not contain a NUL character"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct body body;
        struct field_errors errors;
        struct text out;
        text_init(&out, 8);
        CHECK_ROW(parse(rows[i].json, &body, &errors), rows[i].json);
        bool is_good = body_read_string(&body, "id", &out, &errors);
        CHECK_ROW(is_good == (rows[i].message == NULL), rows[i].json);
        CHECK_ROW((errors.count == 0) == is_good, rows[i].json);
        if (rows[i].message && errors.count > 0)
            CHECK_STR(errors.items[0].message, rows[i].message);
        text_fini(&out);
    }
}

UNIT_MAIN()
