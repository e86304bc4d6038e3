/* Texts with places to fill in: "{{title}}" stands for the value of that name, white space within the braces aside. */
#ifndef BASE_TEMPLATE_H
#define BASE_TEMPLATE_H

#include "base/buf.h"

#define TEMPLATE_MAX ((size_t)64 << 10)      /* of the template; each value may come at most TEMPLATE_PLACES times */
#define TEMPLATE_PLACES 200

struct template_value { const char *name, *text; };

/* Whether it is to become JSON: it begins with "{" or "[", and not with "{{". */
bool template_is_json(const char *text);
/* Values as they are, or in JSON as what stands between the quotes of a string. `values` ends with a zeroed one; a NULL text is
 * empty. -ERR_USAGE names what is wrong with the template: "{{ttile}} is not known; there are {{title}}, {{text}}"; -ERR_LIMIT. */
int template_fill(const char *text, const struct template_value *values, struct buf *out, struct error *e) MUST_USE;

#endif
