#include "cli/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (64U << 20)
#define ANSWER_S 20

static const char *const places[] = {"/run/varco/default/control.sock", "/run/occtl.socket"};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

static int try_connect(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = ANSWER_S};
    size_t len = strlen(path);
    if (len >= sizeof(to.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(to.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    int e = errno;
    (void)close(fd);
    errno = e;
    return -1;
}

int vc_cli_connect(const char *path, char why[VC_CLI_WHY])
{
    int refused = 0;
    for (size_t i = 0; !path && i < N_PLACES; i++) {
        int fd = try_connect(places[i]);
        if (fd >= 0)
            return fd;
        if (errno != ENOENT && refused == 0) { /* it is there, and says no: that is the one to tell of */
            refused = errno;
            (void)snprintf(why, VC_CLI_WHY, "%s: %s", places[i], strerror(refused));
        }
    }
    if (path) {
        int fd = try_connect(path);
        if (fd >= 0)
            return fd;
        (void)snprintf(why, VC_CLI_WHY, "%.200s: %s%s", path, strerror(errno),
                       errno == ENOENT || errno == ECONNREFUSED
                           ? " (the gateway does not run, or has another control socket)"
                       : errno == EACCES ? " (only root, and who started the gateway, may)"
                                         : "");
    } else if (refused == 0) {
        (void)snprintf(why, VC_CLI_WHY, "no gateway runs: neither %s nor %s is there (-s names another socket)",
                       places[0], places[1]);
    }
    return -1;
}

int vc_cli_send(int fd, const char *command, const char *argument, bool as_json, char why[VC_CLI_WHY])
{
    json_t *request = json_pack("{s:s, s:s*, s:b}", "command", command, "argument", argument, "json", as_json);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    int r = -1;
    json_decref(request);
    if (!text) {
        (void)snprintf(why, VC_CLI_WHY, "the command is not valid UTF-8");
        return -1;
    }
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the NUL */
    size_t done = 0;
    while (done < len + 1) {
        ssize_t n = send(fd, text + done, len + 1 - done, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done == len + 1)
        r = 0;
    else
        (void)snprintf(why, VC_CLI_WHY, "the gateway closed the connection");
    free(text);
    return r;
}

json_t *vc_cli_answer(int fd, char why[VC_CLI_WHY])
{
    const struct timeval patience = {.tv_sec = ANSWER_S};
    char *text = NULL;
    size_t len = 0, cap = 0;
    ssize_t n;
    json_t *doc = NULL;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    for (;;) {
        if (len == cap) {
            cap = cap ? cap * 2 : 16384;
            char *bigger = cap <= ANSWER_MAX ? realloc(text, cap) : NULL;
            if (!bigger) {
                (void)snprintf(why, VC_CLI_WHY, "the answer is too large");
                free(text);
                return NULL;
            }
            text = bigger;
        }
        n = recv(fd, text + len, cap - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (n < 0)
        (void)snprintf(why, VC_CLI_WHY, "no answer from the gateway: %s", strerror(errno));
    else if (len == 0)
        (void)snprintf(why, VC_CLI_WHY,
                       "the gateway closed the connection: only root, and who started it, may use the socket");
    else if (!(doc = json_loadb(text, len, 0, NULL)))
        (void)snprintf(why, VC_CLI_WHY, "the answer is malformed: is it a gateway of another version?");
    free(text);
    return doc;
}
