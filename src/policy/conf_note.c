#include "policy/conf_note.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    enum vc_cause cause;
} kinds[VC_N_CONF_NOTE_KINDS] = {
    [VC_CONF_NOTE_NOT_SERVED] = {"not served yet", VC_CAUSE_CONFIG_NOT_SERVED},
    [VC_CONF_NOTE_UNKNOWN] = {"unknown", VC_CAUSE_CONFIG_UNKNOWN},
    [VC_CONF_NOTE_NO_EFFECT] = {"no effect", VC_CAUSE_CONFIG_NO_EFFECT},
    [VC_CONF_NOTE_BOOLEAN] = {"bad boolean", VC_CAUSE_CONFIG_BOOLEAN},
    [VC_CONF_NOTE_IGNORED] = {"ignored", VC_CAUSE_CONFIG_IGNORED},
    [VC_CONF_NOTE_NO_DTLS] = {"no DTLS", VC_CAUSE_NO_DTLS},
};

const char *vc_conf_note_kind_name(enum vc_conf_note_kind kind)
{
    return kinds[kind].name;
}

struct vc_event vc_conf_note_event(const struct vc_conf_note *note, const char *file)
{
    struct vc_event e = vc_event_of(VC_EVENT_CONFIG_KEY, VC_OUTCOME_INFO, 0, 0);
    (void)vc_fail_set(&e.fail, kinds[note->kind].cause, 0, "%s", note->words);
    vc_event_text(&e, VC_FIELD_FILE, vc_str_of(file));
    if (note->line > 0)
        vc_event_number(&e, VC_FIELD_LINE, note->line);
    vc_event_text(&e, VC_FIELD_KEY, vc_str_of(note->key));
    return e;
}

static void clean(char *s)
{
    bool utf8 = vc_str_utf8(vc_str_of(s)); /* a cut may fall into a character, too */
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f || (!utf8 && (*s & 0x80) != 0))
            *s = '?';
    }
}

void vc_conf_notes_add(struct vc_conf_notes *notes, enum vc_conf_note_kind kind, unsigned line, struct vc_str key,
                       const char *fmt, ...)
{
    if (!notes)
        return;
    if (notes->n == notes->cap) {
        size_t cap = notes->cap ? 2 * notes->cap : 32;
        void *p = cap <= VC_CONF_NOTES_MAX ? reallocarray(notes->at, cap, sizeof(*notes->at)) : NULL;
        if (!p) {
            notes->left_off++;
            return;
        }
        notes->at = p;
        notes->cap = cap;
    }
    struct vc_conf_note *note = &notes->at[notes->n++];
    *note = (struct vc_conf_note){.kind = kind, .line = line};
    size_t len = key.len < sizeof(note->key) ? key.len : sizeof(note->key) - 1;
    if (len > 0)
        memcpy(note->key, key.at, len);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(note->words, sizeof(note->words), fmt, ap);
    va_end(ap);
    clean(note->key);
    clean(note->words);
}

void vc_conf_notes_deinit(struct vc_conf_notes *notes)
{
    free(notes->at);
    *notes = (struct vc_conf_notes){0};
}
