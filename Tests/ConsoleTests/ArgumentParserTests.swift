import Definition
import Testing

@testable import Console

@Suite struct ArgumentParserTests {
  private func parse(_ line: String...) throws -> ParsedArguments {
    guard case .run(let parsed) = try ArgumentParser(Commands.all).parse(line) else {
      throw UsageError("not a run")
    }
    return parsed
  }

  private func error(_ line: [String]) -> UsageError? {
    do throws(UsageError) {
      _ = try ArgumentParser(Commands.all).parse(line)
      return nil
    } catch {
      return error
    }
  }

  @Test func allForms() throws {
    let parsed = try parse(
      "batch", "--shards", "8", "a.yaml", "--threads=2", "--as-of=2026-11-21T03:00:00+01:00", "--id",
      "night-1", "--to",
      "s3://b/x=y", "--max-rejects", "0.5%", "--json")
    #expect(parsed.command == "batch")
    #expect(parsed.positionals == ["a.yaml"])
    #expect(parsed.count("shards") == 8)
    #expect(parsed.count("threads") == 2)
    #expect(parsed.time("as-of").map(InstantText.format) == "2026-11-21T02:00:00Z")
    #expect(parsed.text("id") == "night-1")
    #expect(parsed.text("to") == "s3://b/x=y")
    #expect(parsed.rejects("max-rejects") == .share(0.005))
    #expect(parsed.flag("json"))
    #expect(!parsed.flag("quiet"))
    #expect(parsed.count("nonsense") == nil)
  }

  @Test func anEqualsSignBelongsToTheValue() throws {
    #expect(try parse("batch", "x", "--to=a=b").text("to") == "a=b")
  }

  @Test func theLastOfARepeatedOptionCounts() throws {
    #expect(try parse("batch", "x", "--shards", "3", "--shards=5").count("shards") == 5)
  }

  @Test func whatFollowsTwoDashesIsPositional() throws {
    #expect(try parse("validate", "--json", "--", "--odd.yaml").positionals == ["--odd.yaml"])
    #expect(try parse("validate", "-").positionals == ["-"])
    #expect(try parse("validate", "--", "--help").positionals == ["--help"])
  }

  @Test func durations() throws {
    #expect(try parse("gc", "x").duration("grace") == nil)
    for (text, seconds) in [("0", 0), ("0s", 0), ("90m", 5400), ("1d12h", 129_600)] as [(String, Int64)] {
      #expect(try parse("gc", "x", "--grace", text).duration("grace") == seconds * 1_000_000)
    }
    for bad in ["1", "-1h", "1 hour", "h", "00", "99999999999d"] {
      #expect(error(["gc", "x", "--grace=\(bad)"])?.message.contains("is not a duration") == true, "\(bad)")
    }
  }

  @Test func rowsOrAPercentage() throws {
    #expect(try parse("batch", "x", "--max-rejects", "100").rejects("max-rejects") == .rows(100))
    #expect(try parse("batch", "x", "--max-rejects=0%").rejects("max-rejects") == .share(0))
    for bad in ["-1", "101%", "1e3%", "%", "many", "1.5", "+3", "nan%", "0x10", ""] {
      #expect(
        error(["batch", "x", "--max-rejects=\(bad)"])?.message.contains("--max-rejects") == true, "\(bad)")
    }
  }

  @Test func numbersHaveBounds() {
    for bad in ["0", "4097", "-3", "99999999999999999999", "3.0", " 3", "+3", "", "٣"] {
      #expect(error(["batch", "x", "--shards=\(bad)"]) != nil, "\(bad)")
    }
  }

  @Test func anIdIsPartOfAPath() throws {
    for good in ["a", "2026-11-21T03:00:00Z", "v1.2_x+3"] {
      #expect(try parse("batch", "x", "--id", good).text("id") == good)
    }
    for bad in ["", ".", "..", "a/b", "-a", "_a", "a b", "a\nb", "ü", String(repeating: "x", count: 129)] {
      #expect(error(["batch", "x", "--id=\(bad)"]) != nil, "\(bad)")
    }
  }

  @Test func mistakesNameTheNearest() {
    #expect(error(["bath"])?.text == "unknown command 'bath'; did you mean 'batch'?")
    #expect(
      error(["batch", "--shard", "3"])?.text == "batch: unknown option '--shard'; did you mean '--shards'?")
    #expect(
      error(["batch"])?.text == "batch: DEFINITION is missing; usage: tributary batch DEFINITION [options]")
    #expect(error(["batch", "a", "b"])?.message == "'b' is one argument too many")
    #expect(error(["batch", "a", "--to"])?.text == "batch: --to needs a value; write --to PLACE")
    #expect(error(["batch", "a", "--to", "--json"])?.message == "--to needs a value")
    #expect(error(["batch", "a", "--json=yes"])?.message == "--json takes no value")
    #expect(error(["batch", ""])?.message == "DEFINITION is empty")
    #expect(error(["--nonsense"]) != nil)
    #expect(error(["help", "bath"]) != nil)
  }

  /// Nothing unbuilt is advertised: each of these is unknown, and the help names none.
  @Test(arguments: [
    "discover", "explain", "lookup",
  ])
  func commandsOfLaterIssues(name: String) {
    #expect(error([name, "x"])?.message == "unknown command '\(name)'")
    #expect(!Help.program(Commands.all).contains("\n  \(name) "))
  }

  @Test func furtherPositionals() throws {
    func positionals(_ line: String...) throws -> [String]? {
      guard case .run(let parsed) = try ArgumentParser(Commands.all).parse(line) else { return nil }
      return parsed.positionals
    }
    #expect(try positionals("lost", "a.yaml") == ["a.yaml"])
    #expect(try positionals("lost", "a.yaml", "s3://b/k", "--json", "t[0]") == ["a.yaml", "s3://b/k", "t[0]"])
    #expect(error(["lost"])?.message == "DEFINITION is missing")
    #expect(error(["lost", "a.yaml", ""])?.message == "INPUT is empty")
    #expect(Help.usage(Commands.lost) == "tributary lost DEFINITION [INPUT…] [options]")
  }

  @Test func helpAtBothLevels() throws {
    func help(_ line: String...) throws -> String? {
      guard case .help(let command) = try ArgumentParser(Commands.all).parse(line) else { return nil }
      return command.map(Help.command) ?? Help.program(Commands.all)
    }
    for command in Commands.all {
      #expect(try help("--help")?.contains(command.name) == true)
      let text = try #require(try help(command.name, "--nonsense", "-h"))
      #expect(try text == help("help", command.name))
      #expect(text.contains("usage: tributary \(command.name) \(command.positionals.joined(separator: " "))"))
      for option in command.options { #expect(text.contains("--\(option.name)")) }
      let longest = text.split(separator: "\n").map(\.count).max() ?? 0
      #expect(longest <= 104, "\(command.name) --help has a line of \(longest) characters")
    }
    guard case .nothing = try ArgumentParser(Commands.all).parse([]) else {
      Issue.record("a bare 'tributary' is no run")
      return
    }
  }

  /// What help shows as an example is understood.
  @Test func examplesAreRight() throws {
    for command in Commands.all {
      let words = command.example.command.split(separator: " ").map(String.init)
      #expect(words.first == "tributary")
      guard case .run(let parsed) = try ArgumentParser(Commands.all).parse(Array(words.dropFirst())) else {
        Issue.record("\(command.example.command) is no run")
        continue
      }
      #expect(parsed.command == command.name)
    }
  }
}
