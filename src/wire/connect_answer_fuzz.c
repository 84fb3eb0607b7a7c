/* Property: what was read is printed, what was printed is read again and printed the same; lists keep their limits;
 * texts lie inside the head or the store. */
#include "wire/connect_answer.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct vc_connect_store store1, store2;
static struct vc_connect_answer a1, a2;
static uint8_t print1[8 << 20], print2[8 << 20];

static void inside(struct vc_str text, const uint8_t *head, size_t used)
{
    must(text.len == 0 || (text.at >= (const char *)head && text.at + text.len <= (const char *)head + used));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_fail fail = {0};
    size_t used;
    int got = vc_connect_answer_read(data, size, &store1, &a1, &used, &fail);
    must(used <= size);
    if (got == -1)
        must(fail.cause == VC_CAUSE_CONNECT_ANSWER);
    if (got != 0)
        return 0;
    must(a1.n_dns <= VC_CONNECT_DNS_MAX && a1.n_nbns <= VC_CONNECT_DNS_MAX && a1.n_split_dns <= VC_CONNECT_NAMES_MAX);
    must(a1.n_includes <= VC_CONNECT_ROUTES_MAX && a1.n_excludes <= VC_CONNECT_ROUTES_MAX);
    must(a1.status >= 100 && a1.status <= 599 && a1.dtls.id_len <= 32);
    inside(a1.phrase, data, used);
    inside(a1.reason, data, used);
    inside(a1.hostname, data, used);
    inside(a1.post_auth_xml, data, used);
    inside(a1.dtls.suite, data, used);
    inside(a1.banner, (uint8_t *)store1.banner, sizeof(store1.banner));
    for (size_t i = 0; i < a1.n_split_dns; i++)
        inside(a1.split_dns[i], data, used);

    struct vc_writer w1 = vc_writer_to(print1, sizeof(print1)), w2 = vc_writer_to(print2, sizeof(print2));
    vc_connect_answer_print(&a1, &w1);
    must(!w1.bad);
    if (vc_written(&w1) > VC_CONNECT_LINE_MAX)
        return 0; /* escapes may have made a line too long to be read */
    must(vc_connect_answer_read(print1, vc_written(&w1), &store2, &a2, &used, &fail) == 0);
    must(used == vc_written(&w1) && a2.n_bad == 0 && a2.n_unknown == 0);
    vc_connect_answer_print(&a2, &w2);
    must(!w2.bad && vc_written(&w2) == vc_written(&w1) && memcmp(print1, print2, used) == 0);
    return 0;
}
