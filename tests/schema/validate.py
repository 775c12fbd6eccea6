"""Validates JSON against a schema: `validate.py SCHEMA FILE` reads an object from each line of FILE.

Prints each line's first error, up to ten of them, and fails if there is any; else prints how many lines it read.
"""

import json
import pathlib
import re
import sys

import jsonschema


def bundle(path):
    """The schema with those beside it whose definitions it names, within `$defs`: each release of jsonschema finds files otherwise."""
    parts, waiting = {}, [path.name]
    while waiting:
        name = waiting.pop()
        if name in parts:
            continue
        text = (path.parent / name).read_text(encoding="utf-8")
        waiting += re.findall(r'"\$ref": "([^"#]+)#', text)
        own = "" if name == path.name else f"/$defs/{name}"
        text = text.replace('"$ref": "#', f'"$ref": "#{own}')
        text = re.sub(r'"\$ref": "([^"#]+)#', r'"$ref": "#/$defs/\1', text)
        parts[name] = json.loads(text)
    schema = parts.pop(path.name)
    schema.setdefault("$defs", {}).update(parts)
    return schema


schema = bundle(pathlib.Path(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
read = wrong = 0
with open(sys.argv[2], encoding="utf-8") as lines:
    for line in lines:
        read += 1
        error = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(line)))
        if error is not None:
            wrong += 1
            if wrong <= 10:
                print(f"line {read}: {error.json_path}: {error.message[:300]}\n  {line[:600]}", file=sys.stderr)
if wrong:
    sys.exit(f"{wrong} of {read} lines are not what the schema says")
print(read)
