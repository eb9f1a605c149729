// SPDX-License-Identifier: Apache-2.0
#include "listen.h"

#include "unit.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define SENT_MS INT64_C(1614265330000)

static struct listen_request signed_request(void)
{
    return (struct listen_request){
        .method = SPAN("POST"),
        .target = SPAN("/hooks"),
        .content_type = SPAN("application/json"),
        .headers = {.id = SPAN("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                    .timestamp = SPAN("1614265330"),
                    .signature = SPAN(SIGNATURE)},
        .attempt = SPAN("1"),
        .body = SPAN("{\"test\": 2432232314}"),
        .received_wall_ms = SENT_MS,
    };
}

static struct listen_request request_with(const char *id, struct span body)
{
    return (struct listen_request){
        .headers = {.id = span_of(id)}, .body = body, .received_wall_ms = INT64_C(1769860800500)};
}

static struct listen create(const char *secret)
{
    struct listen listen;
    char error[INPUT_ERROR_SIZE];
    listen_init(&listen);
    listen.verifier.tolerance_s = SIGNATURE_TOLERANCE_S;
    CHECK(!secret || verifier_add(&listen.verifier, span_of(secret), error));
    return listen;
}

static uint32_t answer_to(struct listen *listen, const char *id)
{
    struct listen_request request = request_with(id, SPAN("{}"));
    struct listen_delivery delivery;
    listen_receive(listen, &request, &delivery);
    return delivery.status;
}

TEST(a_signed_request_is_verified_and_gets_200)
{
    struct listen listen = create(SECRET);
    struct listen_request request = signed_request();
    struct listen_delivery delivery;
    listen_receive(&listen, &request, &delivery);
    CHECK_INT(delivery.verdict, LISTEN_VERIFIED);
    CHECK_INT(delivery.status, 200);
    CHECK_INT(delivery.seen, 1);
    CHECK_INT(delivery.sent_s_ago, 0);
    CHECK_INT(delivery.event_age_ms, -1); // the body has no timestamp
    CHECK_INT(listen.counts.verified, 1);
    listen_fini(&listen);
}

TEST(a_forged_one_gets_401_and_a_reason)
{
    struct listen listen = create(SECRET);
    struct listen_request request = signed_request();
    struct listen_delivery delivery;
    request.body = SPAN("{\"test\": 2432232315}");
    listen_receive(&listen, &request, &delivery);
    CHECK_INT(delivery.verdict, LISTEN_REFUSED);
    CHECK_INT(delivery.status, 401);
    CHECK(delivery.why[0] != '\0');
    CHECK_INT(listen.counts.refused, 1);
    CHECK_INT(listen.counts.failed, 1);
    listen_fini(&listen);
}

TEST(without_a_secret_nothing_is_verified)
{
    struct listen listen = create(NULL);
    struct listen_request request = signed_request();
    struct listen_delivery delivery;
    listen_receive(&listen, &request, &delivery);
    CHECK_INT(delivery.verdict, LISTEN_UNVERIFIED);
    CHECK_INT(delivery.status, 200);
    CHECK_INT(listen.counts.unverified, 1);
    listen_fini(&listen);
}

TEST(the_first_ones_of_each_id_fail)
{
    struct listen listen = create(NULL);
    listen.faults.fail_first = 2;
    CHECK_INT(answer_to(&listen, "msg_a"), 500);
    CHECK_INT(answer_to(&listen, "msg_b"), 500);
    CHECK_INT(answer_to(&listen, "msg_a"), 500);
    CHECK_INT(answer_to(&listen, "msg_a"), 200);
    CHECK_INT(answer_to(&listen, "msg_b"), 500);
    CHECK_INT(answer_to(&listen, "msg_b"), 200);
    CHECK_INT(listen.counts.ids, 2);
    CHECK_INT(listen.counts.repeats, 4);
    CHECK_INT(listen.counts.failed, 4);
    listen_fini(&listen);
}

TEST(faults_choose_the_answer)
{
    struct listen listen = create(NULL);
    listen.faults.status = 503;
    CHECK_INT(answer_to(&listen, "msg_a"), 503);
    listen.faults.drops = true;
    CHECK_INT(answer_to(&listen, "msg_a"), 0);
    CHECK_INT(listen.counts.dropped, 1);
    CHECK_INT(listen.counts.failed, 1);
    listen_fini(&listen);
}

TEST(type_and_age_come_from_the_body)
{
    struct listen listen = create(NULL);
    struct listen_request request = request_with(
        "msg_a",
        SPAN("{\"type\":\"invoice.paid\",\"timestamp\":\"2026-01-31T12:00:00.000Z\",\"data\":1}"));
    struct listen_delivery delivery;
    request.headers.timestamp = SPAN("1769860795");
    listen_receive(&listen, &request, &delivery);
    CHECK_STR(delivery.type, "invoice.paid");
    CHECK_INT(delivery.event_age_ms, 500);
    CHECK_INT(delivery.sent_s_ago, 5);
    request.body = SPAN("{\"type\":7,\"timestamp\":\"soon\"");
    request.headers.timestamp = SPAN("-1");
    listen_receive(&listen, &request, &delivery);
    CHECK_STR(delivery.type, "");
    CHECK_INT(delivery.event_age_ms, -1);
    CHECK_INT(delivery.sent_s_ago, -1);
    listen_fini(&listen);
}

TEST(ids_are_forgotten_the_oldest_first)
{
    struct listen listen = create(NULL);
    char id[32];
    for (int i = 0; i <= LISTEN_MAX_IDS; i++) {
        snprintf(id, sizeof id, "msg_%d", i);
        answer_to(&listen, id);
    }
    struct listen_delivery delivery;
    struct listen_request oldest = request_with("msg_0", SPAN("{}"));
    struct listen_request newest = request_with(id, SPAN("{}"));
    listen_receive(&listen, &oldest, &delivery);
    CHECK_INT(delivery.seen, 1);
    listen_receive(&listen, &newest, &delivery);
    CHECK_INT(delivery.seen, 2);
    listen_fini(&listen);
}

TEST(the_json_line_is_whole)
{
    struct listen listen = create(SECRET);
    struct listen_request request = signed_request();
    struct listen_delivery delivery;
    struct text out;
    text_init(&out, 100000);
    listen_receive(&listen, &request, &delivery);
    listen_format_json(&request, &delivery, &out);
    CHECK_STR(
        text_string(&out),
        "{\"received_at\":\"2021-02-25T15:02:10.000Z\",\"verified\":true,\"why\":\"\","
        "\"id\":\"msg_p5jXN8AQM9LWM0D4loKWxJek\",\"type\":\"\",\"attempt\":1,\"seen\":1,\"status\":200,"
        "\"sent_s_ago\":0,\"event_age_ms\":null,\"method\":\"POST\",\"target\":\"/hooks\","
        "\"content_type\":\"application/json\",\"body\":\"{\\\"test\\\": 2432232314}\"}\n");
    text_fini(&out);
    listen_fini(&listen);
}

TEST(the_line_for_people_is_harmless)
{
    struct listen listen = create(NULL);
    struct listen_request request = request_with("msg_\x1b]0;x\a", SPAN("a\nb"));
    struct listen_delivery delivery;
    struct text out;
    text_init(&out, 100000);
    listen_receive(&listen, &request, &delivery);
    listen_format_text(&request, &delivery, &out);
    CHECK_STR(text_string(&out),
              "12:00:00.500Z  unverified  -  msg_\\x1b]0;x\\x07  attempt -  answered 200\n"
              "    a\\x0ab\n");
    text_clear(&out);
    listen_format_counts(&listen.counts, &out);
    CHECK_STR(text_string(&out),
              "1 request: 0 verified, 1 unverified (no secret given); 1 webhook-id, 0 repeats\n");
    text_fini(&out);
    listen_fini(&listen);
}

UNIT_MAIN()
