"""As much of JSON Schema (2020-12) as the API's document uses: holds a value against a schema and says what does not fit, and where."""
import re

TYPES = {
    "object": lambda v: isinstance(v, dict), "array": lambda v: isinstance(v, list), "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool), "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool), "null": lambda v: v is None,
}
KNOWN = {"$ref", "type", "enum", "anyOf", "format", "properties", "required", "additionalProperties", "items", "minimum", "maximum", "maxLength",
         "description", "contentMediaType"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def resolve(document, schema):
    while "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def problems(document, schema, value, where="$"):
    """Sentences about what does not fit; none when all does."""
    unknown = set(schema) - KNOWN
    assert not unknown, f"the schema at {where} uses {unknown}, which this reader does not know"
    schema = resolve(document, schema)
    if "anyOf" in schema:
        tried = [problems(document, s, value, where) for s in schema["anyOf"]]
        return [] if any(not t for t in tried) else min(tried, key=len)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(TYPES[t](value) for t in types):
        return [f"{where} is {value!r}, not {' or '.join(types)}"]
    return [*scalar_problems(schema, value, where), *object_problems(document, schema, value, where), *array_problems(document, schema, value, where)]


def scalar_problems(schema, value, where):
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, none of {schema['enum']}"
    if schema.get("format") == "date-time" and value is not None and not TIME.fullmatch(value):
        yield f"{where} is {value!r}, no time"
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{where} is {value}, out of bounds"


def object_problems(document, schema, value, where):
    if not isinstance(value, dict):
        return
    members = schema.get("properties", {})
    yield from (f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value)
    for name, inner in value.items():
        if name in members:
            yield from problems(document, members[name], inner, f"{where}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{where}.{name} is not in the schema"


def array_problems(document, schema, value, where):
    if isinstance(value, list) and "items" in schema:
        for i, inner in enumerate(value):
            yield from problems(document, schema["items"], inner, f"{where}[{i}]")
