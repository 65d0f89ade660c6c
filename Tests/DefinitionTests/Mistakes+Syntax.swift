/// Mistakes of YAML itself, and its traps.
extension Mistake {
  static let syntax: [Mistake] = [
    Mistake(
      line: 5, #"\#tobjects: x"#,
      [
        "5:1: a tab stands here; YAML indents with spaces only; replace the tab by spaces"
      ]),
    Mistake(
      line: 5, "    objects: *.csv",
      [
        #"5:14: an unquoted '*' begins a YAML alias, and definitions have none; put the value in quotes: "*.csv""#
      ]),
    Mistake(
      line: 5, "    objects: @x",
      [
        #"5:14: a value cannot begin with '@' unless it is in quotes; put the value in quotes: "@x""#
      ]),
    Mistake(
      line: 6, "    format: {csv: {delimiter: |}}",
      [
        #"6:31: a value cannot begin with '|' unless it is in quotes; write "|"; for a delimiter write pipe"#
      ]),
    Mistake(
      line: 6, "    format: {csv: {delimiter: ,}}",
      [
        #"6:20: expected comma, tab, pipe, semicolon, space or one character, found nothing; a character that means something to YAML stands in quotes: ",""#
      ]),
    Mistake(
      line: 6, #"    format:\#n      csv:\#n        delimiter: |\#n        header: true"#,
      [
        #"8:20: expected comma, tab, pipe, semicolon, space or one character, found a block of text; an unquoted | or > begins a block of text in YAML; write pipe, or "|" in quotes"#
      ]),
    Mistake(
      line: 6, #"    format:\#n      csv:\#n        null_values: [#N/A, x]\#n        header: true"#,
      [
        ##"8:23: an unquoted '#' begins a comment, so the '[' is not closed; put the value in quotes: "#N/A""##
      ]),
    Mistake(
      line: 7, "    keep:latest",
      [
        "7:9: no space behind the ':'; write 'keep: latest'"
      ]),
    Mistake(
      line: 7, "    keep: latest: x",
      [
        #"7:17: a second ': ' in one value; put the value in quotes: "latest: x""#
      ]),
    Mistake(
      line: 7, "   keep: latest",
      [
        "7:4: this line's indentation fits no line above; indent it exactly as the other keys of the same mapping"
      ]),
    Mistake(
      line: 7, "     keep: latest",
      [
        "7:6: a key cannot stand here: this line goes on with the value of the line above; is this line indented too far, or is a ':' missing above?"
      ]),
    Mistake(
      line: 11, "      seen: {type: timestamp, format: %d/%m/%Y}",
      [
        #"11:39: a value cannot begin with '%' unless it is in quotes; put the value in quotes: "%d/%m/%Y""#
      ]),
    Mistake(
      line: 12, "      plan: {type: string, path: $.a.b}",
      [
        "12:34: '$.a.b' is not a path; leave out the '$.': paths begin at the document"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, path: a[b]}",
      [
        "12:35: expected ',' or '}', found '['; put values that hold any of [ ] { } , in quotes"
      ]),
    Mistake(
      line: 12, "      plan: {type: string, path: items[].x, reduce: first}",
      [
        "12:39: expected ',' or '}', found '['; put values that hold any of [ ] { } , in quotes"
      ]),
    Mistake(
      line: 13, "      price: {type: decimal(10,2)}",
      [
        #"13:21: YAML cut 'decimal(10,2)' at its comma; put the value in quotes: "decimal(10,2)""#
      ]),
    Mistake(
      line: 14, "      trial: &a bool",
      [
        "14:14: '&a' is a YAML anchor; definitions have none; put the value in quotes if it begins with &"
      ]),
    Mistake(
      line: 14, "      trial: *a",
      [
        "14:14: '*a' is a YAML alias; definitions have none; put the value in quotes if it begins with *, or write it out"
      ]),
    Mistake(
      line: 14, "      trial: !!bool true",
      [
        "14:14: '!!bool' is a YAML tag; definitions have none; put the value in quotes if it begins with !",
        "14:14: 'true' is not a type; expected string, int, double, bool, date, timestamp or decimal(p,s)",
      ]),
    Mistake(
      line: 14, "      <<: {a: b}",
      [
        "14:7: '<<' is a YAML merge key; definitions have none; write the keys out"
      ]),
    Mistake(
      line: 14, "      trial: 'bool",
      [
        "14:14: the quote that opens here is never closed"
      ]),
    Mistake(
      line: 14, #"      trial: "bool"#,
      [
        "14:14: the quote that opens here is never closed"
      ]),
    Mistake(
      line: 14, "      trial: 'it's'",
      [
        "14:18: text behind a closing quote; put the whole value in quotes; within single quotes write '' for '"
      ]),
    Mistake(
      line: 18, "    format: {csv: {header: false, names: [id, at, page, spent, days}}",
      [
        "18:68: expected ',' or ']', found '}'; put values that hold any of [ ] { } , in quotes"
      ]),
    Mistake(
      line: 29, "  visits: [page]",
      [
        "30:5: this line's indentation fits no line above; indent it exactly as the other keys of the same mapping"
      ]),
    Mistake(
      line: 30, "    v: count() where page = 'x: y'",
      [
        #"30:31: a second ': ' in one value; put the value in quotes: "count() where page = 'x: y'""#
      ]),
    Mistake(
      line: 33, "snapshot: {to: ${OUT}}",
      [
        #"33:16: an unquoted ${…} within { }; put the value in quotes: "${NAME}""#
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#n---\#ndataset: y"#,
      [
        "34:1: a second YAML document begins here; a file holds one definition; remove the '---' or move what follows into its own file"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x\#n"#,
      [
        "33:11: the '{' that opens here is never closed; expected '}' by line 35"
      ]),
    Mistake(
      line: 1, "{{ dataset }}: shop",
      [
        "1:1: a key must be plain text, here a list or mapping begins; put a value that begins with { or [ in quotes; ${NAME} needs them inside { }"
      ]),
    Mistake(
      line: 1, "[dataset]: shop",
      [
        "1:1: a key must be plain text, here a list or mapping begins; put a value that begins with { or [ in quotes; ${NAME} needs them inside { }"
      ]),
    Mistake(
      line: 3, "sources: []",
      [
        "4:3: this line's indentation fits no line above; indent it exactly as the other keys of the same mapping"
      ]),
    Mistake(
      line: 9, "    columns: [id, seen]",
      [
        "10:7: this line's indentation fits no line above; indent it exactly as the other keys of the same mapping"
      ]),
    Mistake(
      line: 12, #"      plan: {type: string, path: "a.\"b"}"#,
      [
        "12:37: the quote that opens here in the path is never closed"
      ]),
    Mistake(
      line: 24, "      page: {type: string, path: a.b}",
      [
        "24:34: 'path' leads into JSON documents, and this source is csv; write from: a.b"
      ]),
    Mistake(
      line: 27, "features: []",
      [
        "28:3: this line's indentation fits no line above; indent it exactly as the other keys of the same mapping"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where 'page = x",
      [
        "30:25: the quote that opens here is never closed"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#n? [a, b]\#n: c"#,
      [
        "34:3: a key must be plain text, here a list or mapping begins; put a value that begins with { or [ in quotes; ${NAME} needs them inside { }"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: "x\q"}"#,
      [
        "33:18: not an escape that YAML knows within double quotes; use single quotes, or double the backslash"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#n%YAML 1.1"#,
      [
        "35:1: the document has ended above this line, and more text follows; does a line begin with '%', '...' or too little indentation?"
      ]),
    Mistake(
      line: 33, "snapshot: - x",
      [
        "33:11: a list item '- ' cannot begin here; begin it on its own line, or put the value in quotes"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#n- a"#,
      [
        "34:1: this line's indentation fits no line above; indent it exactly as the other keys of the same mapping"
      ]),
    Mistake(
      line: 33, "snapshot: {to: x,, y}",
      [
        #"33:18: expected a value, found ','; put it in quotes if it is meant: ",""#
      ]),
    Mistake(
      line: 33, "just text",
      [
        "33:1: expected 'key: value', found no ':'"
      ]),
    Mistake(
      line: 33, "snapshot: |x",
      [
        #"33:11: an unquoted '|' begins a block of text in YAML; write "|" in quotes; for a delimiter write pipe"#
      ]),
    Mistake(
      line: 33, #"snapshot: "x" y"#,
      [
        #"33:15: text behind a closing quote; put the whole value in quotes; within double quotes write \" for ""#
      ]),
    Mistake(
      line: 33, #"snapshot: 'x\#ny: 'z'"#,
      [
        "33:11: the quote that opens here is closed only in line 34; is the closing quote missing?"
      ]),
  ]
}
