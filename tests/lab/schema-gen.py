#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes schema-table.h: what the parameter lists of four versions of Proxmox VE say about the calls
that the lab answers. usage: schema-gen.py API-DATA SOURCE-DIR >schema-table.h"""
import glob
import json
import re
import sys

VERSIONS = ["6.4-15", "7.4-16", "8.4.5", "9.2.3"]
ALL = (1 << len(VERSIONS)) - 1
FORMATS = ("dns-name", "pve-vmid", "mac-addr")  # those that schema.c checks
LETTERS = {"string": "s", "integer": "i", "boolean": "b", "number": "n", "array": "a"}
CONFIG = ["POST /nodes/{node}/qemu", "PUT /nodes/{node}/qemu/{vmid}/config",
          "POST /nodes/{node}/qemu/{vmid}/config"]


def routes(folder):
    """The tables struct lab_route of the lab's sources, with their macros for paths."""
    found = set()
    for name in glob.glob(folder + "/*.c"):
        text = open(name).read()
        macros = dict(re.findall(r'#define (\w+)\s+"([^"]*)"', text))
        for method, path in re.findall(
                r'\{"(GET|POST|PUT|DELETE)",\s*((?:(?:\w+|"[^"]*")\s*)+),\s*\w+,', text):
            parts = re.findall(r'"[^"]*"|\w+', path)
            found.add(method + " " + "".join(p.strip('"') if p[0] == '"' else macros[p] for p in parts))
    return sorted(found)


class Table:
    def __init__(self):
        self.groups = {}  # words -> name, of property strings

    def merge(self, lists, optional):
        """lists: {name: definition} of each version, None where there is none. Words with masks."""
        masks = {}
        for bit, params in enumerate(lists):
            for name, p in (params or {}).items():
                masks.setdefault(name, {}).setdefault(json.dumps(p, sort_keys=True), 0)
                masks[name][json.dumps(p, sort_keys=True)] |= 1 << bit
        words = {}
        for name in sorted(masks):
            props = [None] * len(VERSIONS)
            for text, mask in masks[name].items():
                for bit in range(len(VERSIONS)):
                    if mask >> bit & 1:
                        props[bit] = json.loads(text)
            inner = self.props([p.get("format") if p and isinstance(p.get("format"), dict) else None
                                for p in props])
            for bit, p in enumerate(props):
                if p is not None:
                    word = self.define(p, inner, optional)
                    words.setdefault((name, word), 0)
                    words[(name, word)] |= 1 << bit
        present = sum(1 << bit for bit, params in enumerate(lists) if params is not None)
        out = []
        for (name, (head, tail)), mask in words.items():
            out.append("%s:%s%s%s" % (name, head, "" if mask & present == present else "@%x" % mask, tail))
        return out

    def props(self, formats):
        if not any(f is not None for f in formats):
            return None
        words = tuple(self.merge(formats, False))
        return self.groups.setdefault(words, "p%d" % (len(self.groups) + 1))

    def define(self, p, inner, optional):
        if not p:
            return "-", ""
        head = LETTERS[p.get("type", "string")] + ("?" if optional and p.get("optional") else "")
        tail = ""
        for key, sign in (("minimum", ">"), ("maximum", "<"), ("maxLength", "#")):
            if isinstance(p.get(key), (int, float)):
                tail += "%s%g" % (sign, p[key]) if p[key] < 1e5 else "%s%d" % (sign, p[key])
        if isinstance(p.get("format"), dict):
            tail += "{" + inner + "}"
        elif p.get("format") in FORMATS:
            tail += "/" + p["format"]
        if "enum" in p:
            tail += "=" + "|".join(p["enum"])
        elif "pattern" in p and not re.search(r"[\[ ]", p["pattern"]):
            tail += "~" + p["pattern"]
        if re.search(r"[ \n]", tail):
            sys.exit("cannot write: " + tail)
        return head, tail


def literal(words):
    lines, line = [], ""
    for word in words:
        word = word.replace("\\", "\\\\").replace('"', '\\"')
        if line and len(line) + len(word) > 88:
            lines.append(line)
            line = ""
        line += word + " "
    lines.append(line.rstrip())
    return "\n".join('     "%s"' % text for text in lines)


def main():
    data, folder = sys.argv[1:]
    lists = [json.load(open("%s/pve-%s.json" % (data, v)))["methods"] for v in VERSIONS]
    table, rows = Table(), []
    for route in routes(folder):
        of = [m[route]["params"] if route in m else None for m in lists]
        mask = sum(1 << i for i, p in enumerate(of) if p is not None)
        if mask:
            rows.append([route, mask, table.merge(of, True)])
    config = [set(words) for route, _, words in rows if route in CONFIG]
    common = set.intersection(*config) if len(config) == len(CONFIG) else set()
    for row in rows:
        if row[0] in CONFIG:
            row[2] = ["+config"] + [w for w in row[2] if w not in common]
    if common:
        rows.insert(0, ["config", ALL, sorted(common)])
    for words, name in table.groups.items():
        rows.append([name, ALL, list(words)])
    print("""/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Made by schema-gen.py from the parameter lists of Proxmox VE %s; not to
 * be edited. Parameters of the calls the lab answers, NAME:TYPE each: s text, i integer, n number,
 * b boolean, a list, - an alias; ? may be left out; @MASK in which versions (bit 0 is the oldest;
 * without: wherever the call is); >least <most #longest /format {property string}, =one|of or
 * ~pattern; +NAME the parameters of that row. */
#ifndef VF_LAB_SCHEMA_TABLE_H
#define VF_LAB_SCHEMA_TABLE_H

/* clang-format off */
static const struct {
    const char *route; /* "METHOD /path", or what {NAME} and +NAME refer to */
    unsigned mask;     /* versions that have it */
    const char *params;
} lab_schema_table[] = {""" % ", ".join(VERSIONS))
    for name, mask, words in rows:
        print('    {"%s", %#x,\n%s},' % (name, mask, literal(words)))
    print("};\n/* clang-format on */\n\n#endif")


main()
