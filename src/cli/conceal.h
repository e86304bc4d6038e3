/* Passwords on our own command line. */
#ifndef CLI_CONCEAL_H
#define CLI_CONCEAL_H

/* A copy of the arguments to work with; in the originals, which every user of the machine can read in /proc, the passwords of
 * URLs ("postgresql://shop:secret@db/shop", "...?password=secret", "postgresql:host=db password=secret") are overwritten, and so
 * is all behind the host of web addresses that the command "notice" is given. The copy lives as long as the program. */
char **conceal_arguments(int argc, char **argv);

#endif
