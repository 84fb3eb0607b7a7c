#ifndef VC_CLI_INIT_H
#define VC_CLI_INIT_H

/** "varcoctl init [--host HOST] [--pool NETWORK] [--user NAME] [--dir FOLDER]": writes a first configuration, with its
 *  password file and a self-signed certificate, and prints the certificate's pin. What no option says is asked on the
 *  terminal. @argv[0] is the name under which it was called; the rest its own arguments.
 *  Returns the exit code: 0; or 1 with the cause and what to do about it on stderr, and nothing written. */
int vc_cli_init(int argc, char **argv);

#endif
