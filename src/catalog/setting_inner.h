/* What setting.c and setting_file.c share. */
#ifndef CATALOG_SETTING_INNER_H
#define CATALOG_SETTING_INNER_H

#include "catalog/setting.h"

/* Where a value was found. */
struct setting_source {
	char *value;        /* NULL: nowhere yet */
	char *variable;     /* or NULL */
	enum setting_origin origin;
};
void setting_source_release(struct setting_source *s);
/* "true", "No", "1": whether it is one of the words for that. */
bool setting_parse_bool(const char *text, bool *out);
/* What the environment or the file says. */
int setting_given(const struct setting *s, struct setting_source *out, struct error *e) MUST_USE;

#endif
