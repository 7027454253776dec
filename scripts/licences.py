#!/usr/bin/env python3
"""Checks that every dependency in Cargo.lock may be used under a licence of the allow-list.

    scripts/licences.py          from anywhere; prints the offenders, exit 1 if there are any

An SPDX expression is satisfied where OR has one allowed side and AND has both; `/` is the old way to write OR.
A dependency without a `license` field is an offender: it is read by a person, who adds it to `READ_BY_HAND`.
"""

import json
import os
import re
import subprocess
import sys

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
}

# name -> licence, for a dependency that only carries a licence file.
READ_BY_HAND = {}


def tokens(expression):
    """Splits an SPDX expression into identifiers, operators and parentheses."""
    return re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))


def allowed(expression):
    """Is the expression satisfied by the allow-list? A malformed one is not."""
    rest = tokens(expression)

    def either():
        value = both()
        while rest and rest[0] == "OR":
            rest.pop(0)
            value = both() or value
        return value

    def both():
        value = one()
        while rest and rest[0] == "AND":
            rest.pop(0)
            value = one() and value
        return value

    def one():
        if not rest:
            return False
        word = rest.pop(0)
        if word == "(":
            value = either()
            return bool(rest) and rest.pop(0) == ")" and value
        if len(rest) >= 2 and rest[0] == "WITH":
            word = f"{word} WITH {rest[1]}"
            del rest[:2]
        return word in ALLOWED

    value = either()
    return value and not rest


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit("cargo metadata failed")
    packages = json.loads(done.stdout)["packages"]
    offenders = []
    for package in packages:
        licence = package["license"] or READ_BY_HAND.get(package["name"])
        if licence is None:
            offenders.append((package, f"no licence named, file {package['license_file']}"))
        elif not allowed(licence):
            offenders.append((package, licence))
    for package, why in offenders:
        print(f"{package['name']} {package['version']}: {why}")
    print(f"{len(packages)} packages, {len(offenders)} with a licence that is not allowed")
    return 1 if offenders else 0


if __name__ == "__main__":
    sys.exit(main())
