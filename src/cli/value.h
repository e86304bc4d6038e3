/* Values of tables, for people and as JSON. */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "base/json.h"
#include "engine/rows.h"

/* NULL, 42, 0.5, text as it is, x'0A0B...' (300 bytes). Appends. */
void value_text(const struct value *v, struct buf *out);
/* null, number, string; {"base64": ...} for a blob and for text that is not UTF-8. */
void value_json(const struct value *v, struct json_out *w);

#endif
