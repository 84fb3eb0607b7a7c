#include "cli/ask.h"

#include "base/str.h"
#include "crypto/wipe.h"

#include <crypt.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum line { LINE, LINE_ENDED, LINE_UNREADABLE, LINE_CANCELLED, LINE_NUL, LINE_LONG };

/* One line of standard input without its end, byte by byte, so that what follows is left for another reader. ENDED:
 * there was none. */
static enum line line_read(char *to, size_t cap, char cancel)
{
    enum line r = LINE;
    size_t n = 0;
    bool some = false;
    for (;;) {
        char c;
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return LINE_UNREADABLE;
        if (cancel && got > 0 && c == cancel)
            return LINE_CANCELLED;
        some = some || got > 0;
        if (got == 0 || c == '\n')
            break;
        if (c == 0 && r == LINE)
            r = LINE_NUL;
        else if (n + 1 >= cap && r == LINE)
            r = LINE_LONG;
        if (r == LINE)
            to[n++] = c;
    }
    to[n] = 0;
    return some ? r : LINE_ENDED;
}

static enum vc_cli_asked judge(enum line r, const char *too_long, const char **why)
{
    switch (r) {
    case LINE:
        return VC_CLI_ANSWERED;
    case LINE_ENDED:
        *why = "standard input ended: nothing was changed";
        return VC_CLI_OVER;
    case LINE_UNREADABLE:
        *why = "standard input cannot be read";
        return VC_CLI_OVER;
    case LINE_CANCELLED:
        *why = "cancelled: nothing was changed";
        return VC_CLI_OVER;
    case LINE_NUL:
        *why = "the answer cannot hold a NUL: choose another";
        return VC_CLI_REFUSED;
    case LINE_LONG:
        *why = too_long;
        return VC_CLI_REFUSED;
    }
    return VC_CLI_OVER;
}

enum vc_cli_asked vc_cli_ask_line(const char *prompt, char *to, size_t cap, const char **why)
{
    (void)fputs(prompt, stderr);
    return judge(line_read(to, cap, 0), "the answer is too long: type a shorter one", why);
}

/* On a terminal, without echo. Signals from the keyboard are off meanwhile, so that none leaves it mute: the interrupt
 * character ends the line and cancels. */
static enum line mute_read(const char *prompt, char *to, size_t cap)
{
    struct termios before, mute;
    sigset_t block, old;
    enum line r = LINE_UNREADABLE;

    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return LINE_UNREADABLE;
    mute = before;
    mute.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    mute.c_lflag |= ICANON;
    mute.c_cc[VEOL] = before.c_cc[VINTR];
    (void)sigemptyset(&block);
    (void)sigaddset(&block, SIGTERM);
    (void)sigaddset(&block, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &block, &old);
    (void)fputs(prompt, stderr);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &mute) == 0) {
        r = line_read(to, cap, (char)before.c_cc[VINTR]);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    }
    (void)fputc('\n', stderr);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return r;
}

static enum vc_cli_asked password_read(char *to, size_t cap, const char **why)
{
    static const char too_long[] = "the password is longer than crypt(3) takes (511 bytes): choose a shorter one";
    char again[CRYPT_MAX_PASSPHRASE_SIZE];
    bool terminal = isatty(STDIN_FILENO);
    enum vc_cli_asked r =
        judge(terminal ? mute_read("Enter password: ", to, cap) : line_read(to, cap, 0), too_long, why);
    if (r == VC_CLI_ANSWERED && to[0] == 0) {
        *why = "the password is empty: type one, or send it as one line of standard input";
        r = VC_CLI_REFUSED;
    }
    if (r == VC_CLI_ANSWERED && terminal) {
        r = judge(mute_read("Re-enter password: ", again, sizeof(again)), too_long, why);
        if (r == VC_CLI_ANSWERED && strcmp(to, again) != 0) {
            *why = "the passwords do not match: type them again";
            r = VC_CLI_REFUSED;
        }
        vc_wipe(again, sizeof(again));
    }
    return r;
}

enum vc_cli_asked vc_cli_ask_hash(char *hash, size_t cap, const char **why)
{
    char password[CRYPT_MAX_PASSPHRASE_SIZE], salt[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *work = calloc(1, sizeof(*work)); /* 32 KiB */
    enum vc_cli_asked r = VC_CLI_OVER;

    *why = "no memory left";
    if (!work)
        return VC_CLI_OVER;
    r = password_read(password, sizeof(password), why);
    /* no count and no bytes: the library's default cost, a salt from the kernel */
    if (r == VC_CLI_ANSWERED &&
        (!crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt)) || !crypt_r(password, salt, work) ||
         work->output[0] == '*' || !vc_str_copy(vc_str_of(work->output), hash, cap))) {
        *why = "crypt(3) made no yescrypt hash: is libxcrypt 4.4 or newer installed?";
        r = VC_CLI_OVER;
    }
    vc_wipe(password, sizeof(password));
    vc_wipe(work, sizeof(*work));
    free(work);
    return r;
}
