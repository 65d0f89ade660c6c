/// Things that are allowed but look like mistakes.
extension Mistake {
  static let warning: [Mistake] = [
    Mistake(
      line: 22, "      id: int",
      [
        "22:11: key 'id' is an int in source 'visits' and a string in 'people'; keys compare as text: 7 and 007 differ as strings and are one int"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where page = 'a' #home",
      [
        "30:8: '#home' was read as a comment behind 'sum(spent) where page = 'a''; put the whole value in quotes if it belongs to it; a space behind the # silences this"
      ]),
    Mistake(
      line: 30, "    v: count() default 0",
      [
        "30:8: count is never null, so its default has no effect"
      ]),
    Mistake(
      line: 30, #"    VISITS: count()\#n    visits: count()"#,
      [
        "31:5: feature 'visits' differs from 'VISITS' only in case; Athena and Hive take them for one"
      ]),
  ]
}
