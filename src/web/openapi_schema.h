/* Schemas of values as JSON Schema has them: what openapi.c's document is made of. */
#ifndef WEB_OPENAPI_SCHEMA_H
#define WEB_OPENAPI_SCHEMA_H

#include "web/openapi.h"

/* Members of the schema of one value; `type` as an openapi_member's, without marks. */
void openapi_schema_type(struct json_out *w, const char *type, bool null);
/* "enum": of "a|b|c"; with `null` null, too. */
void openapi_schema_choices(struct json_out *w, const char *choices, bool null);
/* The schema of an object, and that of an answer, a route's `answer`: "Backup", "Backup[]". */
void openapi_schema_of_object(struct json_out *w, const struct openapi_schema *s);
void openapi_schema_of_answer(struct json_out *w, const char *answer);

#endif
