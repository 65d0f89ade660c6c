/// Mistakes in sources and columns.
extension Mistake {
  static let source: [Mistake] = [
    Mistake(
      line: 5, "    objects: s3:///x",
      [
        "5:14: 's3:///x' names no bucket; write s3://bucket/prefix"
      ]),
    Mistake(
      line: 5, "    objects: gs://x/y",
      [
        "5:14: 'gs://' is not supported; expected a path or s3://bucket/prefix"
      ]),
    Mistake(
      line: 5, "    objects: ${NOPE}",
      [
        "5:14: the environment variable NOPE is not set; set it, or give a default: ${NOPE:-…}"
      ]),
    Mistake(
      line: 5, "    objects: ${OUT",
      [
        "5:14: '${' is never closed; write ${NAME}, or $${ for the text '${'"
      ]),
    Mistake(
      line: 5, "    objects: ${a b}",
      [
        "5:14: '${a b}' is not a variable; write ${NAME} or ${NAME:-default}, or $${ for the text '${'"
      ]),
    Mistake(
      line: 6, "    format: {csv: {delimiter: pip}}",
      [
        "6:31: delimiter: expected comma, tab, pipe, semicolon, space or one character, found 'pip'; did you mean 'pipe'?"
      ]),
    Mistake(
      line: 6, #"    format: {csv: {delimiter: "||"}}"#,
      [
        "6:31: delimiter: expected comma, tab, pipe, semicolon, space or one character, found '||'"
      ]),
    Mistake(
      line: 6, "    format: {csv: {names: [id]}}",
      [
        "6:14: csv has no 'header'; with names, say header: false (the first line is data) or header: true (it is replaced)",
        "11:7: the csv's 'names' have no column 'seen'; add it to names, or say from: which it is",
        "12:7: the csv's 'names' have no column 'plan'; add it to names, or say from: which it is",
        "13:7: the csv's 'names' have no column 'price'; add it to names, or say from: which it is",
        "14:7: the csv's 'names' have no column 'trial'; add it to names, or say from: which it is",
        "15:7: the csv's 'names' have no column 'bought'; add it to names, or say from: which it is",
      ]),
    Mistake(
      line: 6, "    format: parquet",
      [
        "6:13: 'parquet' is not a format of sources; expected csv or json"
      ]),
    Mistake(
      line: 6, "    format: jsonl",
      [
        "6:13: 'jsonl' is not a format of sources; expected csv or json; write json"
      ]),
    Mistake(
      line: 6, "    format: {delimiter: pipe}",
      [
        "6:14: 'delimiter' is not a format of sources; expected csv or json"
      ]),
    Mistake(
      line: 6, #"    format:\#n      csv:\#n        delimiter: #\#n        header: true"#,
      [
        "8:9: expected comma, tab, pipe, semicolon, space or one character, found nothing; '#' was read as a comment; put the whole value in quotes if it belongs to it"
      ]),
    Mistake(
      line: 7, "    keep: lastest",
      [
        "7:11: expected latest or events, found 'lastest'; did you mean 'latest'?"
      ]),
    Mistake(
      line: 8, "    time: see",
      [
        "8:11: time: source 'people' has no column 'see'; did you mean 'seen'?"
      ]),
    Mistake(
      line: 8, "    time: plan",
      [
        "8:11: time: column 'plan' is a string; expected a timestamp or date; write plan: timestamp in columns"
      ]),
    Mistake(
      line: 8, "    tiem: seen",
      [
        "8:5: unknown key 'tiem' in source 'people'; did you mean 'time'?"
      ]),
    Mistake(
      line: 10, "      id: double",
      [
        "10:11: key 'id' is a double in source 'people'; keys are string, int, bool or date; keys compare as text, and 1, 1.0 and 1e0 would have to be one key; take it as a string"
      ]),
    Mistake(
      line: 10, "      idd: string",
      [
        "4:3: source 'people' has no column 'id', which is the key; did you mean 'idd'?"
      ]),
    Mistake(
      line: 11, #"      seen: {type: timestamp, format: "%d/%m/%Q"}"#,
      [
        "11:40: %Q in the time format '%d/%m/%Q' is not known; known are %Y %y %m %d %e %H %I %p %M %S %f %j %b %B %a %A %z %Z %s %T %R %D %F %%"
      ]),
    Mistake(
      line: 11, #"      seen: {type: timestamp, format: "%d/%M/%Y"}"#,
      [
        "11:40: the time format '%d/%M/%Y' does not give a whole date: it needs a year (%Y or %y) and either a month and a day (%m or %b, and %d) or the day of the year (%j); %m is the month, %M the minute"
      ]),
    Mistake(
      line: 11, "      seen: {type: timestamp, zone: Europe/Pariss}",
      [
        "11:37: 'Europe/Pariss' is not a time zone; did you mean 'Europe/Paris'?"
      ]),
    Mistake(
      line: 11, "      seen: {type: timestamp, unit: sec}",
      [
        "11:37: expected s, ms, us or ns, found 'sec'"
      ]),
    Mistake(
      line: 11, "      seen: {type: date, unit: s}",
      [
        "11:32: 'unit' does not fit type date; it belongs to timestamps"
      ]),
    Mistake(
      line: 12, "      plan: varchar(10)",
      [
        "12:13: 'varchar(10)' is not a type; expected string, int, double, bool, date, timestamp or decimal(p,s); did you mean 'string'?"
      ]),
    Mistake(
      line: 12, "      plan: strnig",
      [
        "12:13: 'strnig' is not a type; expected string, int, double, bool, date, timestamp or decimal(p,s); did you mean 'string'?"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, path: a..b}",
      [
        #"12:36: expected a member's name in the path; a name with . [ ] in it is written in double quotes: "a.b".c"#
      ]),
    Mistake(
      line: 12, #"      plan: {type: string, path: "a[].b"}"#,
      [
        "12:34: a path with [] gives many values, and nothing says how they become one; add reduce: sum, min, max, mean, count, first or last"
      ]),
    Mistake(
      line: 12, #"      plan: {type: string, path: "a[].b", reduce: sum}"#,
      [
        "12:51: sum needs numbers, and 'plan' is a string"
      ]),
    Mistake(
      line: 12, "      plan: {path: x}",
      [
        "12:7: column 'plan' has no 'type'; add type: string, int, double, bool, date, timestamp or decimal(p,s)"
      ]),
    Mistake(
      line: 12, "      plan: {type: int, default: abc}",
      [
        "12:34: the default of an int: 'abc' is not an int"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, form: x}",
      [
        "12:28: unknown key 'form' in column 'plan'; did you mean 'from'?"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, path: $key}",
      [
        "12:34: $key is there only in a source of records"
      ]),
    Mistake(
      line: 13, #"      price: "decimal(39,2)""#,
      [
        "13:23: 'decimal(39,2)': the precision is 1 to 38 digits, the scale 0 to the precision"
      ]),
    Mistake(
      line: 13, "      price: decimal",
      [
        #"13:14: a decimal needs its digits; write "decimal(10,2)" in quotes: 10 digits, 2 behind the point"#
      ]),
    Mistake(
      line: 14, "      plan: string",
      [
        "14:7: key 'plan' stands here a second time (first in line 12); remove one of the two"
      ]),
    Mistake(
      line: 18, "    format: {csv: {header: false, names: [id, at, page, spent, day]}}",
      [
        "26:7: the csv's 'names' have no column 'days'; did you mean 'day'?"
      ]),
    Mistake(
      line: 18, "    format: {csv: {header: false}}",
      [
        "18:14: csv has no 'names'; without a header the columns need names: names: [a, b, c]"
      ]),
    Mistake(
      line: 18, "    format: {csv: {header: no, names: [id, at, page, spent, days]}}",
      [
        "18:28: expected true or false, found 'no'"
      ]),
    Mistake(
      line: 23, "      at: int",
      [
        "20:11: time: column 'at' is an int; expected a timestamp or date; write at: timestamp in columns"
      ]),
    Mistake(
      line: 4, "  pe ople:",
      [
        "4:3: the source's name 'pe ople' holds ' '; it is part of topic and path names; use letters a-z A-Z, digits, - _ .",
        "28:3: features of an unknown source 'people'; did you mean 'pe ople'?",
        "31:14: rows from an unknown source 'people'; did you mean 'pe ople'?",
      ]),
    Mistake(
      line: 5, #"    objects: """#,
      [
        "5:14: expected a path, a glob or s3://bucket/prefix, found ''"
      ]),
    Mistake(
      line: 5, "    objects: ~/data",
      [
        #"5:14: '~' is not expanded outside a shell; write "${HOME}/…""#
      ]),
    Mistake(
      line: 5, #"    objects: data/\#n    records: topic"#,
      [
        "6:5: source 'people' has both 'objects' and 'records'; make two sources of it"
      ]),
    Mistake(
      line: 5, "    records: my topic",
      [
        "5:14: 'my topic' cannot be a topic's name; at most 249 letters a-z A-Z, digits, - _ ."
      ]),
    Mistake(
      line: 5, #"    records: topic\#n    settle: 3s"#,
      [
        "6:5: 'settle' is for sources of objects, and source 'people' reads records"
      ]),
    Mistake(
      line: 5, "    objects: [a, b]",
      [
        "5:14: expected a path, a glob or s3://bucket/prefix, found a list"
      ]),
    Mistake(
      line: 5, #"    objects: data/\#n    on_gap: skip"#,
      [
        "6:5: 'on_gap' is for sources of records, and source 'people' reads objects"
      ]),
    Mistake(
      line: 5, #"    objects: data/\#n    settle: 3 s"#,
      [
        "6:14: ' s' is not a unit of time; units are w d h m s ms; write whole numbers"
      ]),
    Mistake(
      line: 5, #"    objects: data/\#n    on_remove: delete"#,
      [
        "6:16: expected remove or keep, found 'delete'"
      ]),
    Mistake(
      line: 5, #"    objects: data/\#n    include: []\#n    exclude: [a, {b: c}]"#,
      [
        #"7:18: expected a glob such as "*.tmp", found a mapping"#
      ]),
    Mistake(
      line: 6, #"    format: {csv: {delimiter: tab, quote: "\t"}}"#,
      [
        "6:43: quote and delimiter are the same character"
      ]),
    Mistake(
      line: 6, "    format: {csv: {delimiter: é}}",
      [
        "6:31: delimiter: expected comma, tab, pipe, semicolon, space or one character, found 'é'"
      ]),
    Mistake(
      line: 6, #"    format: {csv: {header: true, skip_lines: -1, quote: none, escape: "ab"}}"#,
      [
        "6:46: expected a number of lines, found '-1'",
        "6:71: escape: expected comma, tab, pipe, semicolon, space or one character, found 'ab'; did you mean 'tab'?",
      ]),
    Mistake(
      line: 6, #"    format: {csv: {sep: ","}}"#,
      [
        "6:20: unknown key 'sep' in csv; known here: header, names, delimiter, quote, escape, null_values, skip_lines"
      ]),
    Mistake(
      line: 6, "    format: {json: {lines: true}}",
      [
        "6:21: unknown key 'lines' in json; json takes no options"
      ]),
    Mistake(
      line: 6, "    format: {csv: , json: }",
      [
        "6:13: expected one format, found 2 keys; write format: json, format: csv or format: {csv: {delimiter: pipe, header: true}}"
      ]),
    Mistake(
      line: 9, #"    columns: {}\#n    colums:"#,
      [
        "9:5: columns: a source needs at least its key's columns",
        "10:5: unknown key 'colums' in source 'people'; did you mean 'columns'?",
      ]),
    Mistake(
      line: 12, "      plan: {type: string, from: a, path: b}",
      [
        "12:43: column 'plan' has both 'from' and 'path'; keep one of them"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, default: }",
      [
        "12:28: expected a string, found nothing"
      ]),
    Mistake(
      line: 12, "      plan: {type: bool, default: yes}",
      [
        "12:35: the default of a bool: 'yes' is not a bool; write true or false"
      ]),
    Mistake(
      line: 12, "      plan: {type: date, default: 2023-02-29}",
      [
        "12:35: the default of a date: '2023-02-29' is not a date; write it as 2026-11-21"
      ]),
    Mistake(
      line: 12, #"      plan: {type: "decimal(4,2)", default: 123.45}"#,
      [
        "12:45: the default of a decimal(4,2): 123.45 does not fit a decimal(4,2)"
      ]),
    Mistake(
      line: 12, "      plan: {type: int, default: 99999999999999999999}",
      [
        "12:34: the default of an int: 99999999999999999999 does not fit an int (64 bits)"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, on_error: null}",
      [
        "12:38: expected reject or set_null, found 'null'"
      ]),
    Mistake(
      line: 12, #"      plan: {type: int, path: "$row", reduce: sum}"#,
      [
        "12:47: 'reduce' needs a path with [], which gives many values; as in path: items[].amount"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, path: $row}",
      [
        "12:20: $row is an int, not a string"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, path: $modified}",
      [
        "12:20: $modified is a timestamp, not a string"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, path: $obj}",
      [
        "12:34: '$obj' is not a path; known here: $object, $row, $modified of an object; $key, $timestamp, $headers.NAME of a record; put a member's name that begins with $ in double quotes"
      ]),
    Mistake(
      line: 12, "      plan: {type: date, zone: UTC}",
      [
        "12:32: 'zone' does not fit type date; it belongs to timestamps"
      ]),
    Mistake(
      line: 12, "      plan: {type: timestamp, unit: ms, zone: UTC}",
      [
        "12:47: a number since 1970 ('unit') has neither format nor zone; keep one of them"
      ]),
    Mistake(
      line: 12, #"      plan: {type: string, path: "a[99999999999]"}"#,
      [
        "12:37: the element's number is too large"
      ]),
    Mistake(
      line: 12, "      plan: [string]",
      [
        "12:13: column 'plan': expected a mapping, found a list; write a type such as int, or {path: a.b, type: int}"
      ]),
    Mistake(
      line: 12, "      plan:",
      [
        "12:7: expected a type, found nothing"
      ]),
    Mistake(
      line: 13, #"      " price": int"#,
      [
        "13:7: the name ' price' begins or ends with a space"
      ]),
    Mistake(
      line: 18, "    format: {csv: {header: true, names: [id, id, page]}}",
      [
        "18:46: the name 'id' stands here a second time",
        "23:7: the csv's 'names' have no column 'at'; add it to names, or say from: which it is",
        "25:7: the csv's 'names' have no column 'spent'; add it to names, or say from: which it is",
        "26:7: the csv's 'names' have no column 'days'; add it to names, or say from: which it is",
      ]),
    Mistake(
      line: 24, "      page: {type: count, path: $row}",
      [
        "24:20: type count counts the elements of a JSON array; this is no path into JSON"
      ]),
  ]
}
