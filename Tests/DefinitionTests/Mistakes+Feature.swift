/// Mistakes in features and their expressions.
extension Mistake {
  static let feature: [Mistake] = [
    Mistake(
      line: 28, "  people: [plann]",
      [
        "28:12: source 'people' has no column 'plann'; did you mean 'plan'?"
      ]),
    Mistake(
      line: 28, "  people: [id, plan, bought]",
      [
        "28:12: feature 'id' has the name of the key, which every snapshot holds; leave it out",
        "28:22: feature 'bought' has the name of the label; leave it out: a label must not be a feature too",
      ]),
    Mistake(
      line: 28, "  people: {x: bought, y: plan default 'none', z: price default 0.5, w: price default 0.555}",
      [
        "28:86: the feature is a decimal(10,2): 0.555 has more than the 2 digits behind the point of decimal(10,2)"
      ]),
    Mistake(
      line: 28, "  poeple: [plan]",
      [
        "28:3: features of an unknown source 'poeple'; did you mean 'people'?"
      ]),
    Mistake(
      line: 28, "  people: {p: count()}",
      [
        "28:15: source 'people' keeps one row a key, so 'count' has nothing to aggregate; name a column, or give the source keep: events"
      ]),
    Mistake(
      line: 30, "    v: page",
      [
        "30:8: source 'visits' keeps every row, so a feature of it is an aggregate; found 'page'; write last(page), max(page) or another aggregate, or give the source keep: latest"
      ]),
    Mistake(
      line: 30, "    v: summ(spent)",
      [
        "30:8: unknown aggregate 'summ'; did you mean 'sum'?"
      ]),
    Mistake(
      line: 30, "    v: sum(spnet)",
      [
        "30:12: source 'visits' has no column 'spnet'; did you mean 'spent'?"
      ]),
    Mistake(
      line: 30, "    v: sum(page)",
      [
        "30:8: sum does not fit 'page', which is a string; it takes int, double, decimal or bool"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where page = home",
      [
        "30:32: expected a constant behind '=', found 'home'; a text stands in single quotes; two columns cannot be compared"
      ]),
    Mistake(
      line: 30, #"    v: sum(spent) where page = "home""#,
      [
        "30:32: expected a constant behind '=', found 'home'; a text stands in single quotes: 'home'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where page = #home",
      [
        "30:31: expected a constant behind '=', found its end; '#home' was read as a comment; put the whole value in quotes if it belongs to it"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where page = 5 and days = '5' or at > 2026-01-01",
      [
        "30:57: a date without quotes; write it as '2026-11-21'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where at > '2026-13-01'",
      [
        "30:30: 'at' is a timestamp: '2026-13-01' is not a time of ISO 8601; write it as 2026-11-21 or 2026-11-21T03:00:00Z"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where (page = 'x'",
      [
        "30:36: expected ')' to close the condition, found its end"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) over 30",
      [
        "30:26: expected a duration such as 30s, 5m, 1d12h, found '30' without a unit; units are w d h m s ms; write whole numbers"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) over 30x",
      [
        "30:26: 'x' is not a unit of time; units are w d h m s ms; write whole numbers"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) over -3d",
      [
        "30:24: expected a duration behind 'over', found '-'; for example over 30d"
      ]),
    Mistake(
      line: 30, "    v: sum(spent)/count()",
      [
        "30:18: a feature cannot calculate: expected where, over, default or the end, found '/'; take the parts as features of their own; a name with other signs than letters, digits and _ stands in double quotes"
      ]),
    Mistake(
      line: 30, "    v: sum(spent * 2)",
      [
        "30:18: aggregates take one column as it is; expected ')', found '*'; a name with other signs than letters, digits and _ stands in double quotes"
      ]),
    Mistake(
      line: 30, "    v: sum(sum(spent))",
      [
        "30:12: aggregates take a column, not another function"
      ]),
    Mistake(
      line: 30, "    v: sum()",
      [
        "30:8: sum() needs a column; write sum(COLUMN); only count() counts rows"
      ]),
    Mistake(
      line: 30, "    v: avg(spent)",
      [
        "30:8: unknown aggregate 'avg'; did you mean 'mean'?"
      ]),
    Mistake(
      line: 30, "    v: count() and page = 'x'",
      [
        "30:16: expected where, over, default or the end, found 'and'; conditions begin with 'where'"
      ]),
    Mistake(
      line: 30, "    v: count() wher page = 'x'",
      [
        "30:16: expected where, over, default or the end, found 'wher'; did you mean 'where'?"
      ]),
    Mistake(
      line: 30, "    v: count() where page = null",
      [
        "30:29: null is not a constant; a condition says 'is null' or 'is not null'; a feature without default is null already"
      ]),
    Mistake(
      line: 30, "    v: count() where page like 'x%'",
      [
        "30:27: 'like' is not supported; compare with = or in (…)"
      ]),
    Mistake(
      line: 30, "    v: count() where days in (1, 2",
      [
        "30:35: expected ')' to close 'in (…)', found its end"
      ]),
    Mistake(
      line: 30, "    v: count() where page == 'x'",
      [
        "30:27: '==' is not a comparison; write = or !="
      ]),
    Mistake(
      line: 30, "    v: count() where spent",
      [
        "30:22: 'spent' is a double, not a condition; compare it: spent = …"
      ]),
    Mistake(
      line: 30, #"    v: "count() where page = 'it''s' and dys = 1""#,
      [
        "30:42: source 'visits' has no column 'dys'; did you mean 'days'?"
      ]),
    Mistake(
      line: 30, "    v: 'count() where page = ''x'' and dys = 1'",
      [
        "30:40: source 'visits' has no column 'dys'; did you mean 'days'?"
      ]),
    Mistake(
      line: 30, #"    v: >\#n      count() where\#n      page = 'x' and\#n      dys = 1"#,
      [
        "33:7: source 'visits' has no column 'dys'; did you mean 'days'?"
      ]),
    Mistake(
      line: 30, "    v: {count(): x}",
      [
        "30:8: expected a column or an aggregate such as sum(x), found a mapping"
      ]),
    Mistake(
      line: 30, "    plan: count()",
      [
        "30:5: a second feature 'plan' (the first in line 28); give one of them another name: {NAME: COLUMN}"
      ]),
    Mistake(
      line: 30, "    bought: count()",
      [
        "30:5: feature 'bought' has the name of the label; give it another name: {NAME: COLUMN}"
      ]),
    Mistake(
      line: 30, "    id: count()",
      [
        "30:5: feature 'id' has the name of the key, which every snapshot holds; leave it out"
      ]),
    Mistake(
      line: 27, #"features:\#n  nobody: {a: b}"#,
      [
        "28:3: features of an unknown source 'nobody'; sources: people, visits"
      ]),
    Mistake(
      line: 28, "  people: {x: }",
      [
        "28:12: expected a column or an aggregate such as sum(x), found nothing"
      ]),
    Mistake(
      line: 28, "  people: {x: sum(plan), y: plan where plan = 'x', z: plan over 3d}",
      [
        "28:15: source 'people' keeps one row a key, so 'sum' has nothing to aggregate; name a column, or give the source keep: events",
        "28:34: 'where' belongs to an aggregate; source 'people' keeps one row a key",
        "28:60: 'over' belongs to an aggregate; source 'people' keeps one row a key",
      ]),
    Mistake(
      line: 28, "  people: {x: noplan}",
      [
        "28:15: source 'people' has no column 'noplan'; did you mean 'plan'?"
      ]),
    Mistake(
      line: 28, "  people: [sum(plan)]",
      [
        "28:12: a list takes columns as they are, found 'sum(plan)'; write a mapping to name an expression: {NAME: sum(plan)}"
      ]),
    Mistake(
      line: 29, #"  visits: [last(page)]\#n  visits2:"#,
      [
        "29:12: source 'visits' keeps every row, so its features need names and aggregates; write features: {visits: {NAME: last(page)}}",
        "30:3: features of an unknown source 'visits2'; did you mean 'visits'?",
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where page in ()",
      [
        "30:34: expected a constant of 'in (…)', found ')'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where page in ('a' 'b')",
      [
        "30:38: expected ')' to close 'in (…)', found the text 'b'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where page is nul",
      [
        "30:33: expected 'null' behind 'is', found 'nul'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where page not like 'a'",
      [
        "30:34: expected 'in' or 'between' behind 'not', found 'like'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where days between 1 or 2",
      [
        "30:40: expected 'and' of 'between … and …', found 'or'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where 5 = 5",
      [
        "30:29: expected a column, found '5'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where days = 1.5",
      [
        "30:32: 'days' is an int: '1.5' is not an int"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where days = true",
      [
        "30:32: 'days' is an int, and true is not; write a number"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where spent = 1e999",
      [
        "30:33: 'spent' is a double: '1e999' is not a double"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where and",
      [
        #"30:25: expected a column of the condition, found the word 'and'; a column of this name stands in double quotes: "and""#
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where ! days",
      [
        "30:25: expected a column of the condition, found '!'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent, days)",
      [
        "30:17: aggregates take one column"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) default 'x'",
      [
        "30:27: the feature is a double, and 'x' is not; write a number"
      ]),
    Mistake(
      line: 30, "    v: max(page) default 0",
      [
        "30:26: the feature is a string, and 0 is not; write a text in single quotes: '0'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) where days = 1 where days = 2",
      [
        "30:34: a second 'where'; join conditions with and, or"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) over 1d over 2d",
      [
        "30:27: a second 'over'"
      ]),
    Mistake(
      line: 30, #"    v: "sum(spent) over 1h1d""#,
      [
        "30:28: expected units from long to short, each once, found '1h1d'; for example 1d12h"
      ]),
    Mistake(
      line: 30, "    v: sum(where)",
      [
        #"30:12: expected a column, found the word 'where'; a column of this name stands in double quotes: "where""#
      ]),
    Mistake(
      line: 30, "    v: ('x')",
      [
        "30:8: expected a column or an aggregate such as sum(x), found '('"
      ]),
    Mistake(
      line: 30, "    v: sum(*)",
      [
        "30:8: only count takes '*'"
      ]),
    Mistake(
      line: 30, "    v: sum(spent) over 99999999999999w",
      [
        "30:24: the duration '99999999999999w' is too long"
      ]),
  ]
}
