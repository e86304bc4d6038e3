/* Names of configured sources and repositories, understood wherever a URL or a place may stand. A word with a slash or a colon is never a name; a
 * name wins over a file of that name in the current folder, which is then written ./name. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "catalog/place.h"
#include "catalog/source.h"
#include "cli/opt.h"
#include "engine/url.h"

/* The catalog of this machine; NULL when there is none, or it cannot be read, which is told once. For the one thread of the commands. */
struct catalog *names_catalog(void);
/* An error when it is there and cannot be read: what it holds is then not known, rather than nothing. */
int names_readable(struct error *e) MUST_USE;
/* The same, made when there is none; an error when it cannot be. */
int names_need_catalog(struct catalog **out, struct error *e) MUST_USE;
void names_close(void);

/* What stands for a source or target: a configured name (*s, which may be NULL, is its record then, and u->name its name), else as source_url_parse() says. */
int names_source(const char *text, bool may_be_new, struct source_url *u, struct source_record *s, struct error *e) MUST_USE;
/* Whether it is a configured source's name; *s is its record then. */
bool names_is_source(const char *text, struct source_record *s);
/* In the arguments ("latest:shop") and --source of a command about backups: what is shown of the source's URL, which its backups have, in the place of
 * its name, or of a URL with its password. The repository of such a source is used (names_place()). */
int names_in_words(struct parsed *p, struct error *e) MUST_USE;

/* The configured name of the source that is shown so, else what is shown: also where less is shown of a source than it is (a command's arguments). Heap. */
char *names_of(const char *shown);
/* Its URL as configured; NULL: it is not. Heap. */
char *names_url(const char *shown);

/* The repository that sources use (their names were met); "" or NULL changes nothing. Two that differ: the first. */
void names_use_repository(const char *name);
/* The configured repository to take: by the name `option` (of --repo), or that of the sources, or the default one when `usual`. False: none. */
bool names_place(const char *option, bool usual, struct place_record *out, const char **why);

#endif
