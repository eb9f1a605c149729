// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "petrel/json.h"
#include "petrel/random.h"
#include "unit.h"

TEST(valid_texts)
{
    static const char *const cases[] = {
        "{}",
        "[]",
        " {\t}\r\n",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0e-0",
        "123456789012345678901234567890",
        "1.5E+300",
        "1e400",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABcd\"",
        "\"\\ud83d\\udE00\"",
        "\"\\udbff\\udfff\"",
        "\"\x7f\"",
        "\"\xf0\x9f\x98\x80 \xe2\x80\xa8\"",
        "[1,2,[3,{\"a\":[]}],\"x\"]",
        "{\"a\":1,\"a\":2,\"\":{}}",
        "{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }",
        "[[],[],{}]",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_error error = {0};
        CHECK_ROW(json_validate(span_of(cases[i]), &error), cases[i]);
        CHECK_ROW(error.message == NULL, cases[i]);
    }
}

struct invalid {
    const char *text;
    size_t offset;
};

static void check_invalid(const struct invalid *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct json_error error = {0};
        CHECK_ROW(!json_validate(span_of(cases[i].text), &error), cases[i].text);
        CHECK_ROW(error.offset == cases[i].offset, cases[i].text);
        CHECK_ROW(error.message && error.message[0], cases[i].text);
    }
}

TEST(invalid_values_and_where)
{
    static const struct invalid cases[] = {
        {"", 0},         {"  ", 2},        {"nul", 0}, {"nulll", 4}, {"True", 0}, {"NaN", 0},
        {"Infinity", 0}, {"-Infinity", 1}, {"-", 1},   {"+1", 0},    {"01", 1},   {"-01", 2},
        {"00", 1},       {"1.", 2},        {".5", 0},  {"1e", 2},    {"1e+", 3},  {"1.e5", 2},
        {"0x10", 1},     {"1_000", 1},     {"1 2", 2},
    };
    check_invalid(cases, sizeof cases / sizeof cases[0]);
}

TEST(invalid_arrays_and_objects_and_where)
{
    static const struct invalid cases[] = {
        {"{} {}", 3},
        {"{}x", 2},
        {"[", 1},
        {"[1", 2},
        {"[1,", 3},
        {"[1,]", 3},
        {"[,1]", 1},
        {"[1 2]", 3},
        {"[1}", 2},
        {"]", 0},
        {"{", 1},
        {"{\"a\"", 4},
        {"{\"a\":", 5},
        {"{\"a\":}", 5},
        {"{\"a\":1", 6},
        {"{\"a\":1,", 7},
        {"{\"a\":1,}", 7},
        {"{\"a\" 1}", 5},
        {"{\"a\":1 \"b\":2}", 7},
        {"{\"a\":1]", 6},
        {"{a:1}", 1},
        {"{'a':1}", 1},
        {"{1:1}", 1},
        {"{,}", 1},
        {"{\"a\"::1}", 5},
    };
    check_invalid(cases, sizeof cases / sizeof cases[0]);
}

TEST(invalid_strings_and_where)
{
    static const struct invalid cases[] = {
        {"'a'", 0},
        {"\"", 1},
        {"\"abc", 4},
        {"\"\\\"", 3},
        {"\"\\", 1},
        {"\"\\x\"", 1},
        {"\"\\'\"", 1},
        {"\"\\U0041\"", 1},
        {"\"\\u12\"", 1},
        {"\"\\u12G4\"", 1},
        {"\"\\u\"", 1},
        {"\"\\ud800\"", 1},
        {"\"\\ud800x\"", 1},
        {"\"\\ud800\\n\"", 1},
        {"\"\\ud800\\u0041\"", 1},
        {"\"\\ud800\\ud800\"", 1},
        {"\"\\udc00\"", 1},
        {"\"\\udc00\\ud800\"", 1},
        {"\"a\nb\"", 2},
        {"\"a\tb\"", 2},
        {"\"\x1f\"", 1},
        {"\"\xff\"", 1},
        {"\"ab\xc0\x80\"", 3},
        {"\"\xed\xa0\x80\"", 1},
        {"\"\xe2\x82", 1},
        {"\xef\xbb\xbf{}", 0}, // a byte order mark (RFC 8259 §8.1)
        {"\xc2\xa0{}", 0},
        {"\f{}", 0},
        {"\v1", 0},
        {"// c\n1", 0},
        {"/**/1", 0},
    };
    check_invalid(cases, sizeof cases / sizeof cases[0]);
}

TEST(invalid_with_nul_or_nothing)
{
    CHECK(!json_validate(SPAN("{}\0"), NULL));
    CHECK(!json_validate(SPAN("\"a\0b\""), NULL));
    CHECK(!json_validate((struct span){0}, NULL));
}

static bool is_valid_at_depth(int depth, char open, char close)
{
    struct text text;
    text_init(&text, 100000);
    for (int i = 0; i < depth; i++)
        text_append_string(&text, open == '{' ? "{\"a\":" : "[");
    text_append_char(&text, '1');
    for (int i = 0; i < depth; i++)
        text_append_char(&text, close);
    bool is_valid = json_validate(text_span(&text), NULL);
    text_fini(&text);
    return is_valid;
}

TEST(depth)
{
    CHECK(is_valid_at_depth(JSON_MAX_DEPTH, '[', ']'));
    CHECK(!is_valid_at_depth(JSON_MAX_DEPTH + 1, '[', ']'));
    CHECK(is_valid_at_depth(JSON_MAX_DEPTH, '{', '}'));
    CHECK(!is_valid_at_depth(JSON_MAX_DEPTH + 1, '{', '}'));
    CHECK(!is_valid_at_depth(15000, '{', '}'));
    // Depth is nesting, not how many there are.
    struct text text;
    text_init(&text, 100000);
    text_append_char(&text, '[');
    for (int i = 0; i < 1000; i++)
        text_append_string(&text, "[],");
    text_append_string(&text, "{}]");
    CHECK(json_validate(text_span(&text), NULL));
    text_fini(&text);
}

// Every proper prefix of a container is invalid, and is never read beyond its end (a sanitizer
// sees).
TEST(prefixes_are_invalid)
{
    static const char text[] =
        "{\"a\":[1.5e-3,true,null,\"\\u00e9\\ud83d\\ude00\xc3\xa9\"],\"b\":{\"c\":false}}";
    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        char *copy = malloc(size ? size : 1);
        memcpy(copy, text, size);
        struct json_error error;
        struct span prefix = {.data = copy, .size = size};
        struct span value;
        CHECK(!json_validate(prefix, &error));
        CHECK(error.offset <= size);
        json_find_member(prefix, "b", &value);
        free(copy);
    }
    CHECK(json_validate(span_of(text), NULL));
}

TEST(garbage_is_survived)
{
    static const char alphabet[] = "{}[]\",:\\u0d8e-+.1tfn \n\xc3\xa9\xff";
    uint64_t state = 20240601;
    for (int round = 0; round < 20000; round++) {
        size_t size = random_next(&state) % 24;
        char *text = malloc(size ? size : 1);
        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[random_next(&state) % (sizeof(alphabet) - 1)];
        struct span span = {.data = text, .size = size};
        struct json_error error = {0};
        struct span value;
        bool is_valid = json_validate(span, &error);
        CHECK(is_valid == (error.message == NULL));
        CHECK(error.offset <= size);
        if (json_find_member(span, "a", &value))
            CHECK(value.data >= text && value.data + value.size <= text + size);
        free(text);
    }
}

TEST(find_member)
{
    static const struct {
        const char *object, *name, *value; // NULL: no such member
    } cases[] = {
        {"{\"a\":1}", "a", "1"},
        {" {\n\"a\" : [1, 2] , \"b\":2}", "a", "[1, 2]"},
        {"{\"a\":1,\"b\": \"x\\\"}\" }", "b", "\"x\\\"}\""},
        {"{\"x\":{\"a\":1},\"a\":2}", "a", "2"},
        {"{\"x\":\"\\\"a\\\":1\",\"a\":2}", "a", "2"},
        {"{\"a\":1,\"a\":2}", "a", "1"},
        {"{\"\\u0061\":1}", "a", "1"},
        {"{\"caf\\u00e9\":1}", "caf\xc3\xa9", "1"},
        {"{\"\\ud83d\\ude00\":1}", "\xf0\x9f\x98\x80", "1"},
        {"{\"\\u20AC\":1}", "\xe2\x82\xac", "1"},
        {"{\"a\\/b\\n\":1}", "a/b\n", "1"},
        {"{\"\":1}", "", "1"},
        {"{\"a\\u0000b\":1}", "a", NULL},
        {"{\"ab\":1}", "a", NULL},
        {"{\"a\":1}", "ab", NULL},
        {"{\"A\":1}", "a", NULL},
        {"{}", "a", NULL},
        {"[\"a\",1]", "a", NULL},
        {"\"a\"", "a", NULL},
        {"{\"a\":12345678901234567890.0e10}", "a", "12345678901234567890.0e10"},
        {"{\"a\":null\t}", "a", "null"},
        {"", "a", NULL},
        {"{\"a\"", "a", NULL},
        {"{\"a\":", "a", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span value = {0};
        bool is_found = json_find_member(span_of(cases[i].object), cases[i].name, &value);
        CHECK_ROW(is_found == (cases[i].value != NULL), cases[i].object);
        if (is_found && cases[i].value)
            CHECK_ROW(span_equals_text(value, cases[i].value), cases[i].object);
    }
}

TEST(append_string)
{
    static const struct {
        struct span text;
        const char *json;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{NULL, 0}, "\"\""},
        {{"plain", 5}, "\"plain\""},
        {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\x7f\""},
        {{"\xc3\xa9\xf0\x9f\x98\x80", 6}, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {{"a\xff"
          "b",
          3},
         "\"a\xef\xbf\xbd"
         "b\""},
        {{"\xe2\x82", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"</script>", 9}, "\"</script>\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text out;
        text_init(&out, 1000);
        json_append_string(&out, cases[i].text);
        CHECK_STR(text_string(&out), cases[i].json);
        CHECK(json_validate(text_span(&out), NULL));
        text_fini(&out);
    }
}

// Whatever the bytes are, what is appended is one valid JSON string.
TEST(appended_garbage_is_valid)
{
    uint64_t state = 7;
    for (int round = 0; round < 2000; round++) {
        char bytes[40];
        struct text out;
        size_t size = random_next(&state) % sizeof(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)random_next(&state);
        text_init(&out, 1000);
        json_append_string(&out, (struct span){.data = bytes, .size = size});
        CHECK(json_validate(text_span(&out), NULL));
        text_fini(&out);
    }
}

UNIT_MAIN()
