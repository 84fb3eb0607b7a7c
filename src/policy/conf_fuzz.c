#include "policy/conf.h"
#include "policy/conf_reader.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static char *print(const struct vc_conf *conf, bool lines, size_t size)
{
    size_t cap = 64 * size + 65536; /* a short line may bring a long one, and an origin */
    char *out = malloc(cap);
    MUST(out);
    struct vc_writer w = vc_writer_to(out, cap);
    vc_conf_print(conf, lines, &w);
    MUST(vc_put_end_text(&w));
    return out;
}

static bool lines_fit(const char *text)
{
    struct vc_str rest = vc_str_of(text);
    while (rest.len > 0) {
        if (vc_str_cut(rest, '\n', &rest).len > VC_CONF_LINE_MAX)
            return false;
    }
    return true;
}

/* The same bytes as a file of a user, over what they are as a configuration: nothing below changes. */
static void lay_over(const struct vc_conf *base, const uint8_t *data, size_t size)
{
    struct vc_conf top, again;
    struct vc_fail fail = {0}, fail_again = {0};
    char *before = print(base, true, size), *after;
    int got = vc_conf_overlay(&top, base, "user", data, size, NULL, &fail);
    MUST(vc_conf_overlay(&again, base, "user", data, size, NULL, &fail_again) == got);
    if (got == 0) {
        char *text_a = print(&top, true, 2 * size), *text_b = print(&again, true, 2 * size);
        MUST(strcmp(text_a, text_b) == 0);
        MUST(top.tcp_port == base->tcp_port && top.passwd_file == base->passwd_file && top.n_vhosts == 0);
        free(text_a);
        free(text_b);
    } else {
        MUST(fail.cause == VC_CAUSE_CONFIG && strcmp(fail.detail, fail_again.detail) == 0 && !top.blocks);
    }
    vc_conf_deinit(&top);
    vc_conf_deinit(&again);
    after = print(base, true, size);
    MUST(strcmp(before, after) == 0);
    free(before);
    free(after);
}

/* The same bytes give the same model, notes and failure; what a model prints reads back as the same model. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_conf a, b;
    struct vc_conf_notes notes_a = {0}, notes_b = {0};
    struct vc_fail fail_a = {0}, fail_b = {0};
    int got = vc_conf_read(&a, "fuzz", data, size, &notes_a, &fail_a);
    MUST(vc_conf_read(&b, "fuzz", data, size, &notes_b, &fail_b) == got);
    MUST(notes_a.n == notes_b.n && notes_a.left_off == notes_b.left_off);
    MUST(notes_a.n == 0 || memcmp(notes_a.at, notes_b.at, notes_a.n * sizeof(notes_a.at[0])) == 0);
    for (size_t i = 0; i < notes_a.n; i++) {
        MUST(vc_str_utf8(vc_str_of(notes_a.at[i].words)) && vc_str_utf8(vc_str_of(notes_a.at[i].key)));
        struct vc_event e = vc_conf_note_event(&notes_a.at[i], "fuzz");
        MUST(e.id == VC_EVENT_CONFIG_KEY);
    }
    if (got != 0) {
        MUST(fail_a.cause == VC_CAUSE_CONFIG && strcmp(fail_a.detail, fail_b.detail) == 0);
        MUST(!a.blocks && !b.blocks);
    } else {
        char *text_a = print(&a, true, size), *text_b = print(&b, true, size);
        MUST(strcmp(text_a, text_b) == 0);
        free(text_a);
        text_a = print(&a, false, size);
        vc_conf_deinit(&b);
        if (lines_fit(text_a)) {
            MUST(vc_conf_read(&b, "again", text_a, strlen(text_a), NULL, &fail_b) == 0);
            free(text_b);
            text_b = print(&b, false, size);
            MUST(strcmp(text_a, text_b) == 0);
        }
        free(text_a);
        free(text_b);
        for (size_t i = 0; i < a.n_vhosts; i++)
            MUST(vc_conf_of_host(&a, vc_str_of(a.vhosts[i].name)) == a.vhosts[i].conf);
        lay_over(&a, data, size);
    }
    vc_conf_deinit(&a);
    vc_conf_deinit(&b);
    vc_conf_notes_deinit(&notes_a);
    vc_conf_notes_deinit(&notes_b);
    return 0;
}
