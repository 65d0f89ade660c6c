"""Writes csv_golden.jsonl: CSV texts and their records, according to Python's csv module.

usage: csv_golden.py            (beside this file; deterministic)

A line a document: {"text", "delimiter", "quote", "escape" (null: quotes are doubled), "rows"}. Half of the documents are
tables as csv.writer writes them, half are random runs of the bytes that matter. Left out is what Python's strict reader
refuses (text behind a closing quote, a quote that is not closed): the scanner marks such rows. Blank lines are no
records on either side, and a lone CR, which ends a record for Python, does not occur outside of quotes.
"""
import csv, io, json, os, random

SEED = 20261121


def read(text, delimiter, quote, escape):
    csv.field_size_limit(1 << 20)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, doublequote=escape is None,
        escapechar=escape, strict=True)
    return [row for row in reader if row]


def table(rng, delimiter, quote, escape):
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=delimiter, quotechar=quote, doublequote=escape is None, escapechar=escape,
        # Python's escape stands in unquoted fields, too; the scanner's belongs to quotes.
        quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]) if escape is None else csv.QUOTE_ALL,
        lineterminator=rng.choice(["\n", "\r\n"]))
    width = rng.randint(1, 6)
    pieces = ["a", "Z", "0", " ", delimiter, quote, "\n", "\r\n", "\u00e9", "\u6f22", "", "\t", "'"]
    for _ in range(rng.randint(0, 8)):
        writer.writerow(["".join(rng.choice(pieces) for _ in range(rng.choice([0, 1, 2, 5, 30]))) for _ in range(width)])
    text = out.getvalue()
    return text.rstrip("\r\n") if rng.random() < 0.3 else text


def noise(rng, delimiter, quote):
    alphabet = [delimiter, quote, quote, "\n", "a", "b", " "]
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60)))


def main():
    rng = random.Random(SEED)
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "csv_golden.jsonl"), "w", encoding="utf-8") as out:
        written = 0
        while written < 500:
            delimiter, quote = rng.choice([",", "|", "\t", ";"]), rng.choice(['"', '"', "'"])
            if written % 2 == 0:
                escape = "\\" if rng.random() < 0.2 else None
                text = table(rng, delimiter, quote, escape)
            else:
                escape = None
                text = noise(rng, delimiter, quote)
            try:
                rows = read(text, delimiter, quote, escape)
            except csv.Error:
                continue
            if not rows:
                continue
            line = {"text": text, "delimiter": delimiter, "quote": quote, "escape": escape, "rows": rows}
            out.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")
            written += 1


main()
