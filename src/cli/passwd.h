#ifndef VC_CLI_PASSWD_H
#define VC_CLI_PASSWD_H

/** "varcoctl passwd [-c FILE] [-g GROUP[,GROUP]] [-d] [-l] [-u] USER": ocpasswd's options, file and exit codes, with
 *  yescrypt hashes. @argv[0] is the name under which it was called; the rest its own arguments.
 *  Returns the exit code: 0; or 1 with the cause and what to do about it on stderr. */
int vc_cli_passwd(int argc, char **argv);

#endif
