#include "sys/harden.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void vc_harden_self(void)
{
    struct rlimit none = {0, 0};
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk, and no reason to die */
    (void)signal(SIGINT, SIG_IGN);  /* a Ctrl-C at the terminal is for the supervisor */
    (void)signal(SIGHUP, SIG_IGN);
}
