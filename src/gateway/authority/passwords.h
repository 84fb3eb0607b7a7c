#ifndef VC_GATEWAY_AUTHORITY_PASSWORDS_H
#define VC_GATEWAY_AUTHORITY_PASSWORDS_H

#include "gateway/authority/hash_form.h"
#include "proto/login_gateway.h"
#include "wire/ocpasswd.h"

#include <time.h>

/** The password file as it is now. Its bytes come through an fd of the supervisor's, who passes another one when the
 * file was replaced; a file that was written in place is noticed here. */
struct vc_passwords {
    int fd; /* -1: none yet */
    uint8_t *bytes;
    size_t len;
    struct timespec changed;
    struct vc_hash_kinds kinds;
};

#define VC_PASSWORDS_NONE                                                                                              \
    {                                                                                                                  \
        .fd = -1                                                                                                       \
    }
#define VC_PASSWORDS_MAX (16U << 20)
#define VC_PASSWORDS_GROUPS_MAX 192

/** One user, as vc_login_user wants it. The views live until the file is read again. */
struct vc_passwords_user {
    struct vc_login_user user;
    struct vc_str groups[VC_PASSWORDS_GROUPS_MAX];
    struct vc_str hash; /* the user's own; empty: there is none that a password could have, or that is worth the work */
};

/** Takes over @fd and reads the file. On failure (-1 with *fail) what was read before stays in force. */
int vc_passwords_take(struct vc_passwords *p, int fd, struct vc_fail *fail);
/** Reads the file again if it changed: 1; 0: it did not. On failure as above. */
int vc_passwords_refresh(struct vc_passwords *p, struct vc_fail *fail);
void vc_passwords_deinit(struct vc_passwords *p);

/** Takes the next line with a costly hash off *rest (which begins as the whole file, with *line 0): its number, counted
 * from 1, and its user. False at the end. */
bool vc_passwords_costly_next(struct vc_str *rest, unsigned *line, struct vc_str *user);

/** Looks at every line, whoever is asked for: the time says nothing. */
void vc_passwords_find(const struct vc_passwords *p, struct vc_str name, struct vc_passwords_user *out);

#endif
