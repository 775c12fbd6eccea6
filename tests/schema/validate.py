"""Validates JSON against a schema: `validate.py SCHEMA FILE` reads an object from each line of FILE.

Prints each line's first error, up to ten of them, and fails if there is any; else prints how many lines it read.
"""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
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
