/// Unusual things that are right.
extension Mistake {
  static let none: [Mistake] = [
    Mistake(line: 5, "    objects: ${NOPE:-fine}", []),
    Mistake(line: 12, "      plan: {type: count}", []),
    Mistake(line: 13, "      price: decimal(10,2)", []),
    Mistake(line: 32, "split: {train: 80%, eval: 20%}", []),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nas_of: 2026-11-21\#nmax_rejects: 0.5%\#nmax_row: 2MiB\#nshards: 64"#, []
    ),
    Mistake(line: 28, "  people: plan", []),
    Mistake(line: 30, "    v: count(*) where page = 'a'", []),
    Mistake(line: 30, "    v: sum(spent) where page = 'a' over 1d default -1.5e3", []),
    Mistake(line: 30, "    v: count() # fine", []),
    Mistake(line: 32, "split: {train: 1}", []),
  ]
}
