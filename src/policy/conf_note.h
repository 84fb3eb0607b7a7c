#ifndef VC_POLICY_CONF_NOTE_H
#define VC_POLICY_CONF_NOTE_H

#include "event/event.h"

enum vc_conf_note_kind {
    VC_CONF_NOTE_NOT_SERVED, /* a key, a value or a section that is not served yet */
    VC_CONF_NOTE_UNKNOWN,    /* no such key or section: ignored */
    VC_CONF_NOTE_NO_EFFECT,  /* accepted, means nothing here */
    VC_CONF_NOTE_BOOLEAN,    /* taken as false */
    VC_CONF_NOTE_IGNORED,    /* a line that adds nothing */
    VC_CONF_NOTE_NO_DTLS,    /* the gateway offers none */
    VC_N_CONF_NOTE_KINDS,
};

/** Something that an administrator should know, and that does not stop the start. */
struct vc_conf_note {
    enum vc_conf_note_kind kind;
    unsigned line;   /* 0: about the file as a whole */
    char key[64];    /* as written, cut; or "[section]" */
    char words[144]; /* one sentence without a full stop */
};

/** As they come: by line, then what concerns the whole. Bounded: what does not fit is counted. */
#define VC_CONF_NOTES_MAX 512
struct vc_conf_notes {
    struct vc_conf_note *at; /* own */
    size_t n, cap;
    size_t left_off;
};

const char *vc_conf_note_kind_name(enum vc_conf_note_kind kind);
/** As an event `process.config-key` with file, line, key and the words. */
struct vc_event vc_conf_note_event(const struct vc_conf_note *note, const char *file);
/** Adds one; the words may be cut. @notes may be NULL. Control characters in them and in @key become '?'. */
__attribute__((format(printf, 5, 6))) void vc_conf_notes_add(struct vc_conf_notes *notes, enum vc_conf_note_kind kind,
                                                             unsigned line, struct vc_str key, const char *fmt, ...);
/** Harmless on an empty one and twice. */
void vc_conf_notes_deinit(struct vc_conf_notes *notes);

#endif
