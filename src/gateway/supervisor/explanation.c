#include "gateway/supervisor/explanation.h"

#include "gateway/supervisor/files.h"
#include "policy/migration.h"
#include "sys/file.h"

#include <stdlib.h>
#include <unistd.h>

#define CONFIG_MAX (1U << 20)
#define PRINTED_MAX (4U << 20)

static void print_notes(const struct vc_conf_notes *notes, const char *path, FILE *to)
{
    for (size_t i = 0; i < notes->n; i++)
        (void)fprintf(to, "# %s:%u: %s: %s: %s\n", path, notes->at[i].line, notes->at[i].key,
                      vc_conf_note_kind_name(notes->at[i].kind), notes->at[i].words);
}

/** 1: there is a file, and *over lies over *below; 0: there is none. */
static int read_over(struct vc_conf *over, const struct vc_conf *below, const struct vc_conf *part, enum vc_files_of of,
                     const char *name, FILE *to, struct vc_fail *fail)
{
    char path[PATH_MAX];
    struct vc_conf_notes notes = {0};
    uint8_t *bytes = NULL;
    size_t len;
    int fd = vc_files_open(part, of, vc_str_of(name), path, fail);
    if (fd < 0)
        return fail->cause == VC_CAUSE_NONE ? 0 : -1;
    int r = vc_file_read_fd(fd, VC_CONF_FILE_MAX, &bytes, &len, fail);
    if (r == 0)
        r = vc_conf_overlay(over, below, path, bytes, len, &notes, fail);
    print_notes(&notes, path, to);
    vc_conf_notes_deinit(&notes);
    free(bytes);
    (void)close(fd);
    return r == 0 ? 1 : -1;
}

static int print_conf(const struct vc_conf *conf, FILE *to, struct vc_fail *fail)
{
    char *text = malloc(PRINTED_MAX);
    struct vc_writer w = vc_writer_to(text, text ? PRINTED_MAX : 0);
    if (!text)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "the explanation");
    vc_conf_print(conf, true, &w);
    (void)fwrite(text, 1, vc_written(&w), to);
    bool whole = !w.bad && fflush(to) == 0;
    free(text);
    return whole ? 0 : vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "the explanation could not be written whole");
}

int vc_explanation_print(const struct vc_explanation *x, const struct vc_conf *conf, FILE *to, struct vc_fail *fail)
{
    const char *const names[] = {[VC_FILES_GROUP] = x->group, [VC_FILES_USER] = x->user};
    const struct vc_conf *part = vc_conf_of_host(conf, vc_str_of(x->vhost)), *top = part;
    struct vc_conf over[2] = {{0}, {0}};
    int r = 0;
    if (x->vhost[0] != 0 && part == conf)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "there is no [vhost:%s]", x->vhost);
    for (int of = VC_FILES_GROUP; r >= 0 && of <= VC_FILES_USER; of++) {
        r = read_over(&over[of], top, part, (enum vc_files_of)of, names[of], to, fail);
        if (r > 0)
            top = &over[of];
    }
    if (r >= 0)
        r = print_conf(top, to, fail);
    vc_conf_deinit(&over[VC_FILES_USER]);
    vc_conf_deinit(&over[VC_FILES_GROUP]);
    return r < 0 ? -1 : 0;
}

int vc_explanation_migrate(const char *file, FILE *to, struct vc_fail *fail)
{
    struct vc_conf conf = {0};
    struct vc_conf_notes notes = {0};
    uint8_t *bytes = NULL;
    size_t len;
    char *text = malloc(PRINTED_MAX);
    struct vc_writer w = vc_writer_to(text, text ? PRINTED_MAX : 0);
    if (!text || vc_file_read(file, CONFIG_MAX, VC_CAUSE_CONFIG, &bytes, &len, fail) != 0) {
        free(text);
        return text ? -1 : vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "the report");
    }
    int r = vc_conf_read(&conf, file, bytes, len, &notes, fail);
    size_t n = vc_migration_print(r == 0 ? &conf : NULL, file, &notes, &w);
    (void)fwrite(text, 1, vc_written(&w), to);
    (void)fprintf(to, "%s: %zu differences%s\n", file, n, r == 0 ? "; varcod would start with it" : "");
    vc_conf_deinit(&conf);
    vc_conf_notes_deinit(&notes);
    free(bytes);
    free(text);
    if (r == 0 && (w.bad || fflush(to) != 0))
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "the report could not be written whole");
    return r;
}
