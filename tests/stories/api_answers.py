"""Holds answers of the bot against its document: api_answers.py DOCUMENT ANSWERS.

ANSWERS has one JSON object a line: operation, status, kind, headers and body. Says what differs, and which
operations never answered well.
"""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker

FORMATS = FormatChecker()


def header(document, named):
    return document["components"]["headers"][named["$ref"].rsplit("/", 1)[1]]


def faults(document, operation, answer):
    """Everything in which an answer differs from its description."""
    described = operation["responses"].get(str(answer["status"]))
    if described is None:
        return [f"the status {answer['status']} is not described"]
    found = []
    for name, named in described.get("headers", {}).items():
        value = answer["headers"].get(name.lower())
        shape = header(document, named)["schema"]
        if value is not None and not Draft202012Validator(shape).is_valid(value):
            found.append(f"{name}: {value}")
    content = described.get("content", {})
    if answer["kind"] is None:
        return found + ["an answer without a body is not described"] * bool(content)
    if answer["kind"] not in content:
        return found + [f"the kind {answer['kind']} is not described"]
    schema = content[answer["kind"]].get("schema")
    if schema is not None:
        whole = {"components": document["components"], "allOf": [schema]}
        reader = Draft202012Validator(whole, format_checker=FORMATS)
        for error in reader.iter_errors(answer["body"]):
            found.append(f"{error.json_path}: {error.message[:2000]}")
    return found


def main():
    with open(sys.argv[1]) as file:
        document = json.load(file)
    operations = {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for operation in item.values()
    }
    seen, bad = set(), 0
    with open(sys.argv[2]) as file:
        for line in file:
            answer = json.loads(line)
            for fault in faults(document, operations[answer["operation"]], answer):
                bad += 1
                print(f"{answer['operation']} {answer['status']}: {fault}")
            if answer["status"] < 400:
                seen.add(answer["operation"])
    for operation in sorted(set(operations) - seen):
        bad += 1
        print(f"{operation}: no good answer was seen")
    print(f"{len(seen)} of {len(operations)} operations answered well")
    return 1 if bad else 0


sys.exit(main())
