"""Writes json_golden.jsonl and json_golden.expected: what the JSON scanner must find, according to Python's json.

usage: json_golden.py            (beside this file; deterministic)

The first file holds JSON lines: random nested documents, and such documents with random damage. The second holds a
line a record (blank lines are none), of tab-separated cells:
  #fault                         the record is at fault (and nothing else stands here)
  !N                             the first column of wrong shape that rejects the row, or - for none
  then a cell a column of COLUMNS:
  N                              null
  T<hex> Q<hex>                  the field's bytes; Q: it was a string
  L<cell>,<cell>,…               a list
  C<n>                           a count
Only the standard library is used; values' extents are found by json's own decoder.
"""
import json, os, random
from json.decoder import JSONDecoder, scanstring

SEED = 20261121

# path, kind, takes containers, null on a wrong shape. The Swift test has the same list.
COLUMNS = [
    ("a", "value", True, False),
    ("a.b", "value", False, True),
    ("a.b.c", "value", False, True),
    ("items", "count", True, True),
    ("items[].x", "value", False, True),
    ("items[].x[].b", "value", True, True),
    ("items[1].x", "value", True, True),
    ("items[]", "value", True, True),
    ("items[1]", "value", True, True),
    ("long_member_name_1", "value", True, False),
    ("long_member_name_2_with_the_same_ends", "value", True, False),
    ("long_member_name_3_with_the_same_ends", "value", False, True),
    ("é\"k\n", "value", True, False),
    ("", "value", False, False),
    ("a.x", "value", False, False),
    ("items[].a.b", "value", False, True),
    ("b", "value", False, True),
    ("b[0][0]", "value", True, True),
    ("b[][]", "value", True, True),
]

WHITE = " \t\n\r"


class Bad(Exception):
    pass


def constant(text):
    raise Bad("#invalidJSON")


DECODER = JSONDecoder(parse_float=str, parse_int=str, parse_constant=constant, strict=True)


def skip(text, at):
    while at < len(text) and text[at] in WHITE:
        at += 1
    return at


def members(text, at):
    """The members of the object at `at`: (name, from, to); the document is known to be valid."""
    at = skip(text, at + 1)
    while text[at] != "}":
        name, at = scanstring(text, at + 1, True)
        at = skip(text, skip(text, at) + 1)
        _, end = DECODER.raw_decode(text, at)
        yield name, at, end
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)


def elements(text, at):
    at = skip(text, at + 1)
    while text[at] != "]":
        _, end = DECODER.raw_decode(text, at)
        yield at, end
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)


def steps(path):
    out = []
    for part in path.split("."):
        name, *brackets = part.split("[")
        out.append(name)
        out += [None if b == "]" else int(b[:-1]) for b in brackets]
    return out


class WrongShape(Exception):
    pass


def leaf(text, at, end, takes_containers):
    if text[at] == '"':
        return "Q" + scanstring(text, at + 1, True)[0].encode().hex()
    if text[at] in "{[" and not takes_containers:
        raise WrongShape
    return "T" + text[at:end].encode().hex()


def find(text, at, end, path, kind, takes_containers):
    """A cell, or a Python list of cells, or None: null or absent."""
    if text.startswith("null", at):
        return None
    if not path:
        if kind == "count":
            if text[at] != "[":
                raise WrongShape
            return "C%d" % sum(1 for _ in elements(text, at))
        return leaf(text, at, end, takes_containers)
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if text[at] != "{":
            raise WrongShape
        found = None
        for name, start, stop in members(text, at):
            if name == step:
                found = (start, stop)
        return None if found is None else find(text, *found, rest, kind, takes_containers)
    if text[at] != "[":
        raise WrongShape
    if step is None:
        cells = []
        for start, stop in elements(text, at):
            cell = find(text, start, stop, rest, kind, takes_containers)
            if isinstance(cell, list):
                cells += cell
            elif None in rest:
                pass  # an inner array that is absent adds nothing
            else:
                cells.append(cell)
        return cells
    for index, (start, stop) in enumerate(elements(text, at)):
        if index == step:
            return find(text, start, stop, rest, kind, takes_containers)
    return None


def show(cell):
    if cell is None:
        return "N"
    if isinstance(cell, list):
        return "L" + ",".join("N" if c is None else c for c in cell)
    return cell


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, Pairs):
        for k, v in value.pairs:
            yield k
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)


class Pairs:
    def __init__(self, pairs):
        self.pairs = pairs


def expected(line):
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return "#invalidUTF8"
    try:
        value = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=constant, object_pairs_hook=Pairs)
        for string in strings(value):
            string.encode()  # half a surrogate pair has no UTF-8 form
    except (ValueError, Bad):
        return "#invalidJSON"
    if not isinstance(value, Pairs):
        return "#notAnObject"
    at = skip(text, 0)
    _, end = DECODER.raw_decode(text, at)
    cells, wrong = [], "-"
    for number, (path, kind, takes_containers, nulls) in enumerate(COLUMNS):
        try:
            cells.append(show(find(text, at, end, steps(path), kind, takes_containers)))
        except WrongShape:
            cells.append("N")
            if not nulls and wrong == "-":
                wrong = str(number)
    return "\t".join(["!" + wrong] + cells)


NAMES = ["a", "b", "c", "x", "items", "", "é\"k\n", "long_member_name_1", "long_member_name_2",
         "long_member_name_2_with_the_same_ends", "long_member_name_3_with_the_same_ends", "z", "note", "aa"]
NUMBERS = ["0", "-0", "1", "-17", "12345678901234567890123", "3.14", "0.10", "-2.50e10", "1E-7", "6e+23",
           "1e400", "0.000000000000000000000000000001", "-0.0E0", "99999999.99"]


class Writer:
    def __init__(self, rng):
        self.rng = rng
        self.spaced = False

    def white(self):
        return self.rng.choice(["", "", " ", "\t", "\r", "  "]) if self.spaced else ""

    def string(self, text):
        rng, out = self.rng, []
        escapes = rng.random() < 0.3
        for c in text:
            short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
            if c in short and rng.random() < 0.8:
                out.append(short[c])
            elif c in '"\\' or c < " " or (escapes and rng.random() < 0.5):
                units = c.encode("utf-16-be").hex()
                units = units.upper() if rng.random() < 0.5 else units
                out += ["\\u" + units[i:i + 4] for i in range(0, len(units), 4)]
            elif c == "/" and rng.random() < 0.5:
                out.append("\\/")
            else:
                out.append(c)
        return '"' + "".join(out) + '"'

    def text(self):
        rng = self.rng
        return "".join(rng.choice("abc /\"\\\n\t{}[]:,é€😀\x7f\x00\x1f0\u2028") for _ in range(rng.randrange(12)))

    def value(self, depth):
        rng, kind = self.rng, self.rng.random()
        if depth > 0 and kind < 0.35:
            return self.object(depth - 1)
        if depth > 0 and kind < 0.6:
            inner = (self.white() + "," + self.white()).join(
                self.value(depth - 1) for _ in range(rng.choice([0, 1, 2, 2, 3])))
            return "[" + self.white() + inner + self.white() + "]"
        if kind < 0.75:
            return self.string(self.text())
        if kind < 0.9:
            return rng.choice(NUMBERS)
        return rng.choice(["true", "false", "null"])

    def items(self, depth):
        rng = self.rng
        body = [self.object(depth - 1) if rng.random() < 0.8 else self.value(1) for _ in range(rng.randrange(4))]
        return "[" + ",".join(body) + "]"

    def object(self, depth):
        rng, out = self.rng, []
        for _ in range(rng.choice([0, 1, 2, 3, 4])):
            name = rng.choice(rng.choice(["abcx", NAMES]))
            value = self.items(depth) if name == "items" and depth > 0 and rng.random() < 0.8 else self.value(depth)
            out.append(self.string(name) + self.white() + ":" + self.white() + value)
        return "{" + self.white() + (self.white() + "," + self.white()).join(out) + self.white() + "}"

    def document(self):
        rng = self.rng
        self.spaced = rng.random() < 0.3
        parts = []
        for _ in range(rng.choice([0, 1, 2, 3, 4, 5])):
            name = rng.choice(["a", "a", "b", "items", "items"] + NAMES)
            likely = rng.random() < 0.7
            value = (self.items(3) if name == "items" and likely
                     else self.object(2) if name == "a" and likely
                     else self.value(3))
            parts.append(self.string(name) + self.white() + ":" + self.white() + value)
        return self.white() + "{" + ",".join(parts) + "}" + self.white()


def damage(rng, line):
    line = bytearray(line)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(line)) if line else 0
        what = rng.random()
        byte = rng.choice(b'{}[]",:\\0123456789.eE+-tfnu \t\r\x00\x01\x0c\x1a\x7f\x80\xc3\xe2\xed\xf0\xff/a')
        if what < 0.35 and line:
            line[at] = byte
        elif what < 0.6:
            line.insert(at, byte)
        elif what < 0.85 and line:
            del line[at]
        elif what < 0.95:
            del line[at:]
        else:
            line[at:at] = line[at:at + rng.randrange(8)]
    return bytes(line)


def main():
    rng = random.Random(SEED)
    writer = Writer(rng)
    lines = []
    for _ in range(600):
        lines.append(writer.document().encode())
    for _ in range(800):
        lines.append(damage(rng, writer.document().encode()))
    rng.shuffle(lines)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "json_golden.jsonl"), "wb") as records, \
            open(os.path.join(here, "json_golden.expected"), "w") as cells:
        for line in lines:
            assert b"\n" not in line
            records.write(line + rng.choice([b"\n", b"\n", b"\r\n"]))
            if line.strip(b" \t\r"):
                cells.write(expected(line) + "\n")
            if rng.random() < 0.05:
                records.write(rng.choice([b"\n", b"  \n", b"\r\n", b"\t\n"]))


main()
