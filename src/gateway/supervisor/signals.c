#include "gateway/supervisor/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

static const int ours[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM};

static sigset_t set_of_ours(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        (void)sigaddset(&set, ours[i]);
    return set;
}

void vc_signals_hold(void)
{
    sigset_t set = set_of_ours();
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        (void)signal(ours[i], SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
}

void vc_signals_release(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int vc_signals_open(void)
{
    sigset_t set = set_of_ours();
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}
