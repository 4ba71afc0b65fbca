"""Compare every #include "millrace/<module>/…" with the direct dependencies that the module declares.

CMake stops an upward DEPS at configure time, but headers live under one include root, so nothing would stop a source
from including what its module never declared. Module table: the millrace_module(...) calls themselves.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CALL = re.compile(r"millrace_module\(\s*(\w+)\s+LAYER\s+(\d+)([^)]*)\)", re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s+"(millrace/[^"]+)"', re.M)


def modules():
    found = {}
    for listing in sorted((ROOT / "millrace").rglob("CMakeLists.txt")):
        for name, layer, rest in CALL.findall(listing.read_text()):
            words = rest.split()
            deps, collecting = [], False
            for word in words:
                if word == "DEPS":
                    collecting = True
                elif word == "LIBRARIES":
                    collecting = False
                elif collecting:
                    deps.append(word)
            found[name] = (listing.parent, int(layer), deps)
    return found


def owner(path, table):
    """The module whose folder holds `path` most closely."""
    best = None
    for name, (folder, _, _) in table.items():
        if folder in path.parents and (best is None or len(str(folder)) > len(str(table[best][0]))):
            best = name
    return best


def main():
    table = modules()
    problems = []
    for source in sorted((ROOT / "millrace").rglob("*")):
        if source.suffix not in {".h", ".cc"}:
            continue
        module = owner(source, table)
        if module is None:
            problems.append(f"{source.relative_to(ROOT)}: belongs to no module")
            continue
        in_tests = "tests" in source.relative_to(table[module][0]).parts
        for included in INCLUDE.findall(source.read_text()):
            target = ROOT / included
            if not target.exists():
                problems.append(f"{source.relative_to(ROOT)}: includes {included}, which does not exist")
                continue
            other = owner(target, table)
            if other == module:
                continue
            if target.name.endswith("_internal.h"):
                problems.append(f"{source.relative_to(ROOT)}: includes {included}, internal to {other}")
            elif other not in table[module][2] and not in_tests:
                problems.append(f"{source.relative_to(ROOT)}: includes {included}, but {module} does not depend on {other}")
            elif in_tests and table[other][1] > table[module][1]:
                problems.append(f"{source.relative_to(ROOT)}: includes {included} of a higher layer")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
