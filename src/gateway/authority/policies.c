/* What holds for one user: the file of the group and that of the user over the configuration. The supervisor opens
 * them, we read them; who logs in or connects waits meanwhile. */
#include "gateway/authority/authority.h"

#include "crypto/wipe.h"
#include "sys/file.h"

#include <stdlib.h>
#include <unistd.h>

static void release(struct vc_waiting *w)
{
    while (w->n_files > 0)
        vc_conf_deinit(&w->files[--w->n_files]);
    if (w->block)
        vc_wipe(w->block, w->block_len);
    free(w->block);
    free(w);
}

static const struct vc_conf *top(const struct vc_authority *a, const struct vc_waiting *w)
{
    return w->n_files > 0 ? &w->files[w->n_files - 1] : &a->conf;
}

/** Keeps what a message points to, beyond the next one. */
static int keep_message(struct vc_waiting *w)
{
    struct vc_msg *m = &w->connect;
    struct vc_bytes *const bytes[] = {&m->CONNECT.token, &m->CONNECT.request};
    struct vc_str *const texts[] = {&m->CONNECT.suite, &m->CONNECT.agent};
    if (w->kind != VC_WAITS_FOR_TUNNEL)
        return 0;
    for (int i = 0; i < 2; i++)
        w->block_len += bytes[i]->len + texts[i]->len;
    uint8_t *at = w->block = malloc(w->block_len + 1);
    if (!at)
        return -1;
    for (int i = 0; i < 2; i++) {
        if (bytes[i]->len)
            memcpy(at, bytes[i]->at, bytes[i]->len);
        bytes[i]->at = at;
        at += bytes[i]->len;
        if (texts[i]->len)
            memcpy(at, texts[i]->at, texts[i]->len);
        texts[i]->at = (const char *)at;
        at += texts[i]->len;
    }
    return 0;
}

void vc_policies_ask(struct vc_authority *a, const struct vc_waiting *who, const char *group, const char *user)
{
    struct vc_waiting *w = NULL;
    struct vc_fail fail = {0};
    if (!a->conf.config_per_group && !a->conf.config_per_user) {
        who->done(a, who, &a->conf, &fail);
        return;
    }
    if (a->waiting.n < VC_WAITING_MAX)
        w = malloc(sizeof(*w));
    if (!w) {
        vc_fail_set(&fail, VC_CAUSE_NO_MEMORY, 0, "%zu wait for their settings", a->waiting.n);
        who->done(a, who, &a->conf, &fail);
        return;
    }
    *w = *who;
    w->query = ++a->last_query;
    if (keep_message(w) != 0 || vc_map_put(&a->waiting, &w->query, w) != 0) {
        release(w);
        vc_fail_set(&fail, VC_CAUSE_NO_MEMORY, 0, "%s", "who waits for settings");
        who->done(a, who, &a->conf, &fail);
        return;
    }
    const struct vc_msg m = {.type = VC_IPC_FILES,
                             .FILES = {.query = w->query, .group = vc_str_of(group), .user = vc_str_of(user)}};
    (void)vc_port_send(&a->child.supervisor, &m, -1); /* without the supervisor we end */
}

static void tell_notes(struct vc_authority *a, const struct vc_waiting *w, const char *path,
                       const struct vc_conf_notes *notes)
{
    for (size_t i = 0; i < notes->n && w->kind == VC_WAITS_FOR_SESSION; i++) { /* once, not at each reconnect */
        struct vc_event e = vc_conf_note_event(&notes->at[i], path);
        vc_authority_emit(a, &e);
    }
}

static void read_file(struct vc_authority *a, struct vc_waiting *w, const char *path, int fd)
{
    struct vc_conf_notes notes = {0};
    uint8_t *bytes = NULL;
    size_t len;
    if (w->n_files >= VC_WAITING_FILES) {
        vc_fail_set(&w->fail, VC_CAUSE_USER_FILE, 0, "%s: more files than there can be", path);
        return;
    }
    if (vc_file_read_fd(fd, VC_CONF_FILE_MAX, &bytes, &len, &w->fail) != 0) {
        w->fail.cause = VC_CAUSE_USER_FILE;
        return;
    }
    if (vc_conf_overlay(&w->files[w->n_files], top(a, w), path, bytes, len, &notes, &w->fail) == 0)
        w->n_files++;
    else
        w->fail.cause = VC_CAUSE_USER_FILE;
    tell_notes(a, w, path, &notes);
    vc_conf_notes_deinit(&notes);
    free(bytes);
}

void vc_policies_file(struct vc_authority *a, const struct vc_msg *m, int fd)
{
    struct vc_waiting *w = vc_map_get(&a->waiting, &m->FILE.query);
    char path[4097];
    if (w && w->fail.cause == VC_CAUSE_NONE && vc_str_copy(m->FILE.path, path, sizeof(path)))
        read_file(a, w, path, fd);
    (void)close(fd);
}

void vc_policies_end(struct vc_authority *a, const struct vc_msg *m)
{
    struct vc_waiting *w = vc_map_remove(&a->waiting, &m->FILES_END.query);
    if (!w)
        return; /* nobody waits any more */
    if (w->fail.cause == VC_CAUSE_NONE && m->FILES_END.cause != VC_CAUSE_NONE) {
        char detail[161];
        (void)vc_str_copy(m->FILES_END.detail, detail, sizeof(detail));
        vc_fail_set(&w->fail, VC_CAUSE_USER_FILE, (int)m->FILES_END.sys_errno, "%s", detail);
    }
    w->done(a, w, top(a, w), &w->fail);
    release(w);
}

bool vc_policies_waits(const struct vc_authority *a, uint16_t portal, uint64_t conn)
{
    const struct vc_waiting *w;
    for (size_t at = 0; (w = vc_map_next(&a->waiting, &at));) {
        if (w->portal == portal && w->conn == conn)
            return true;
    }
    return false;
}

void vc_policies_cancel(struct vc_authority *a, uint16_t portal, uint64_t conn)
{
    struct vc_waiting *w;
    for (size_t at = 0; (w = vc_map_next(&a->waiting, &at));) {
        if (w->portal != portal || (conn != 0 && w->conn != conn))
            continue;
        (void)vc_map_remove(&a->waiting, &w->query);
        release(w);
        at = 0; /* removing moves others */
    }
}
