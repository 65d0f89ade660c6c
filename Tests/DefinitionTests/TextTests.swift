import Columns
import Testing

@testable import Definition

/// The small texts within a definition: durations, sizes, names, paths, cron, patterns.
@Suite struct TextTests {
  private func fails<Value>(_ parse: () throws(TextFault) -> Value) -> Bool {
    do {
      _ = try parse()
      return false
    } catch { return true }
  }

  @Test func durations() throws {
    let good: [(String, Int64)] = [
      ("0s", 0), ("1ms", 1000), ("30s", 30_000_000), ("5m", 300_000_000), ("90m", 5_400_000_000),
      ("1d12h", 129_600_000_000), ("2w", 1_209_600_000_000), ("1w1d1h1m1s1ms", 694_861_001_000),
    ]
    for (text, microseconds) in good { #expect(try DurationText.parse(text) == microseconds, "\(text)") }
    for text in [
      "", "s", "1", "1.5h", "1h1h", "1h1d", "-1h", "1 h", "1H", "1h ", "1y", "9223372036854775808s",
      "99999999999w", "1d-1h", "١h",
    ] {
      #expect(fails { () throws(TextFault) in try DurationText.parse(text) }, "\(text)")
    }
    #expect(fails { () throws(TextFault) in try DurationText.parsePositive("0s") })
  }

  /// Any number of milliseconds, written in units, is read as itself.
  @Test func durationsAreReadBack() throws {
    var dice = Dice(seed: 7)
    for _ in 0..<2000 {
      let value = Int64.random(in: 0...(1 << Int64.random(in: 1...40, using: &dice)), using: &dice) * 1000
      var left = value
      var text = ""
      for unit in DurationText.units where left >= unit.microseconds && dice.below(4) > 0 || unit.name == "ms" {
        text += "\(left / unit.microseconds)\(unit.name)"
        left %= unit.microseconds
      }
      #expect(try DurationText.parse(text) == value, "\(text)")
    }
  }

  @Test func sizes() throws {
    let all = 0...Int.max
    let good = [
      ("0", 0), ("4096", 4096), ("12B", 12), ("1KB", 1000), ("900KiB", 921_600), ("128MiB", 134_217_728),
      ("3GB", 3_000_000_000), ("1 TiB", 1 << 40),
    ]
    for (text, bytes) in good { #expect(try SizeText.parse(text, in: all) == bytes, "\(text)") }
    for text in ["", "MiB", "1.5MiB", "1mib", "1K", "-1", "9999999999999TiB", "99999999999999999999"] {
      #expect(fails { () throws(TextFault) in try SizeText.parse(text, in: all) }, "\(text)")
    }
    #expect(fails { () throws(TextFault) in try SizeText.parse("11", in: 0...10) })
    #expect(
      [0, 1, 1024, 1536, 1 << 20, 921_600].map(SizeText.describe) == [
        "0B", "1B", "1KiB", "1536B", "1MiB", "900KiB",
      ])
  }

  @Test func types() throws {
    #expect(try TypeText.parse("decimal(38, 0)") == .type(.decimal(precision: 38, scale: 0)))
    #expect(try TypeText.parse("decimal(5,5)") == .type(.decimal(precision: 5, scale: 5)))
    #expect(try TypeText.parse("count") == .count)
    for text in [
      "decimal(0,0)", "decimal(5,6)", "decimal(5)", "decimal(,)", "decimal(5,-1)", "decimal(5,2", "Int", "",
    ] {
      #expect(fails { () throws(TextFault) in try TypeText.parse(text) }, "\(text)")
    }
  }

  @Test func jsonPaths() throws {
    let good: [(String, [JSONPath.Step])] = [
      ("a", [.member("a")]), ("a.b.c", [.member("a"), .member("b"), .member("c")]),
      ("items[].amount", [.member("items"), .elements, .member("amount")]),
      ("a[0][3].b", [.member("a"), .index(0), .index(3), .member("b")]),
      ("\"a.b\".c", [.member("a.b"), .member("c")]), ("\"$x\"", [.member("$x")]),
      ("\"q\\\"\\\\\"[]", [.member("q\"\\"), .elements]), ("é ß.x-y", [.member("é ß"), .member("x-y")]),
    ]
    for (text, steps) in good { #expect(try JSONPathText.parse(text).steps == steps, "\(text)") }
    for text in [
      "", ".", "a.", ".a", "a..b", "[0]", "a[", "a]", "a[-1]", "a[x]", "a[0]b", "a[0", "\"a", "\"a\"b", "$.a",
      "a[*]",
    ] {
      #expect(fails { () throws(TextFault) in try JSONPathText.parse(text) }, "\(text)")
    }
    let long = Array(repeating: "a", count: 65).joined(separator: ".")
    #expect(fails { () throws(TextFault) in try JSONPathText.parse(long) })
  }

  @Test func cron() throws {
    #expect(try CronText.parse(" 0  3 * * * ") == "0 3 * * *")
    for text in ["*/15 * * * *", "0 0 1,15 * *", "5-10/2 0-23 1 jan-mar MON,7", "0 0 * * 0-6"] {
      #expect(!fails { () throws(TextFault) in try CronText.parse(text) }, "\(text)")
    }
    for text in [
      "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
      "*/0 * * * *",
      "5/2 * * * *", "9-5 * * * *", "1-2-3 * * * *", ",1 * * * *", "x * * * *", "mon * * * *", "* * * foo *",
      "*/ * * * *",
    ] {
      #expect(fails { () throws(TextFault) in try CronText.parse(text) }, "\(text)")
    }
  }

  @Test func timePatterns() {
    for text in [
      "%Y-%m-%d", "%d/%m/%y %H:%M:%S.%f%z", "%s", "%F %T", "%j %Y", "%d %B %Y, %I:%M %p", "100%% %D",
    ] {
      #expect(!fails { () throws(TextFault) in try TimePatternText.parse(text) }, "\(text)")
    }
    for text in ["", "YYYY-MM-DD", "%H:%M", "%Y-%M-%d", "%Y %d", "%F %I:%M", "%Y-%m-%d %", "%Y-%m-%d %Q"] {
      #expect(fails { () throws(TextFault) in try TimePatternText.parse(text) }, "\(text)")
    }
  }

  @Test func zones() throws {
    let zones = ZoneNames(["UTC", "Europe/Paris"])
    #expect(try zones.parse("Europe/Paris") == "Europe/Paris")
    #expect(throws: TextFault("'Europe/Pari' is not a time zone", hint: "did you mean 'Europe/Paris'?")) {
      try zones.parse("Europe/Pari")
    }
    for text in [
      "../../etc/passwd", "right/UTC", "/usr/share/zoneinfo/UTC", "Europe", "tzdata.zi", "", ".", "UTC\0",
    ] {
      #expect(fails { () throws(TextFault) in try ZoneNames.system.parse(text) }, "\(text)")
    }
  }

  @Test func names() {
    for text in ["a", "A-1_b.c", "7"] {
      #expect(!fails { () throws(TextFault) in try NameText.dataset(text) }, "\(text)")
    }
    for text in ["", ".", "..", "-a", "a/b", "a b", "é", String(repeating: "a", count: 201)] {
      #expect(fails { () throws(TextFault) in try NameText.dataset(text) }, "\(text)")
    }
  }
}
