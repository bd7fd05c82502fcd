"""Validates CycloneDX files with the tools of the OWASP project itself: the strict JSON schema, and package URLs."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    bom = json.loads(text)
    error = JsonStrictValidator(SchemaVersion.from_version(bom["specVersion"])).validate_str(text)
    if error is not None:
        sys.exit(f"{path}: {error}")
    refs = [bom["metadata"]["component"]["bom-ref"]] + [part["bom-ref"] for part in bom["components"]]
    if len(set(refs)) != len(refs):
        sys.exit(f"{path}: a reference twice")
    graph = {entry["ref"]: entry["dependsOn"] for entry in bom["dependencies"]}
    if set(graph) != set(refs) or not {ref for refs in graph.values() for ref in refs} <= set(refs):
        sys.exit(f"{path}: the dependency graph is not that of the components")
    reached, open_ = set(), refs[:1]
    while open_:
        ref = open_.pop()
        if ref not in reached:
            reached.add(ref)
            open_.extend(graph[ref])
    if reached != set(refs):
        sys.exit(f"{path}: nothing leads to {sorted(set(refs) - reached)}")
    for part in bom["components"]:
        purl = PackageURL.from_string(part["purl"])
        if (purl.name, purl.version) != (part["name"], part["version"]):
            sys.exit(f"{path}: {part['purl']} is not {part['name']} {part['version']}")
        if purl.type == "cargo" and not part.get("hashes"):
            sys.exit(f"{path}: {part['name']} has no checksum")
    print(f"{len(refs)} components")
