/// A compiled file-name pattern over `/`-separated paths or keys.
///
/// | pattern | matches |
/// |---|---|
/// | `*` | any run of characters but `/`, also none |
/// | `?` | one character but `/` |
/// | `[a-z_]`, `[!a]`, `[^a]` | one character of (not of) the set, never `/` |
/// | `**` as a whole component | any number of components, also none |
/// | `{a,b}` | either, may be nested |
/// | `\x` | x itself |
///
/// An unclosed `[` or `{`, and `{}` without a comma, stand for themselves. A character is a Unicode scalar. The pattern is
/// run as an automaton whose states are all followed at once: time is at most pattern length × text length, whatever
/// the pattern (backtracking matchers need exponential time for `*a*a*a*b`).
public struct Glob: Sendable {
  /// The text that every match begins with.
  public let literalPrefix: String
  /// Whether the pattern holds a `/`.
  public let hasSlash: Bool

  let program: [GlobStep]
  let wildcardsMatchHidden: Bool

  /// Compiles a pattern of at most 4,096 characters.
  ///
  /// With `wildcardsMatchHidden` false, a `.` at the start of a component is matched by a literal `.` only, as a shell
  /// does with file names.
  public init(_ pattern: String, wildcardsMatchHidden: Bool = true) throws(GlobError) {
    var compiler = try GlobCompiler(pattern)
    self.program = try compiler.compile()
    self.literalPrefix = compiler.literalPrefix
    self.hasSlash = pattern.utf8.contains(UInt8(ascii: "/"))
    self.wildcardsMatchHidden = wildcardsMatchHidden
  }

  /// Whether the whole of `path` matches.
  public func matches(_ path: String) -> Bool { isMatch(advance(start, over: path)) }

  /// As ``matches(_:)``, but a pattern without `/` is compared with the name behind the key's last `/`, as people expect of
  /// `include: "*.csv"`.
  public func matches(key: String) -> Bool {
    if hasSlash { return matches(key) }
    guard let slash = key.utf8.lastIndex(of: UInt8(ascii: "/")) else { return matches(key) }
    return matches(String(key[key.utf8.index(after: slash)...]))
  }

  /// Whether `text` holds a character that means something in a pattern.
  public static func hasWildcards(_ text: String) -> Bool {
    text.utf8.contains { byte in
      byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "[")
        || byte == UInt8(ascii: "{")
    }
  }

  /// Where the automaton stands after some text, so that a walk over directories extends a match name by name.
  public struct Position: Sendable {
    var states: [Int]
    var atComponentStart: Bool
    /// No continuation can match.
    public var isDead: Bool { states.isEmpty }
  }

  public var start: Position {
    var set = StateSet(size: program.count)
    follow(0, into: &set)
    return Position(states: set.members, atComponentStart: true)
  }

  public func advance(_ position: Position, over text: String) -> Position {
    var current = StateSet(size: program.count)
    var next = current
    current.members = position.states
    var atStart = position.atComponentStart
    for scalar in text.unicodeScalars {
      next.removeAll()
      let value = scalar.value
      let isHidden = !wildcardsMatchHidden && atStart && value == UInt32(ascii: ".")
      for state in current.members where program[state].accepts(value, isHidden: isHidden) {
        follow(state + 1, into: &next)
      }
      swap(&current, &next)
      atStart = value == UInt32(ascii: "/")
      if current.members.isEmpty { break }
    }
    return Position(states: current.members, atComponentStart: atStart)
  }

  public func isMatch(_ position: Position) -> Bool {
    position.states.contains { state in
      if case .accept = program[state] { true } else { false }
    }
  }

  /// Adds a state and all that it leads to without consuming a character.
  private func follow(_ state: Int, into set: inout StateSet) {
    var pending = [state]
    while let state = pending.popLast() {
      guard set.mark(state) else { continue }
      switch program[state] {
      case .jump(let target): pending.append(target)
      case .split(let first, let second):
        pending.append(second)
        pending.append(first)
      default: set.members.append(state)
      }
    }
  }

  private struct StateSet {
    var members: [Int] = []
    private var marks: [UInt64]
    private var generation: UInt64 = 1

    init(size: Int) { marks = [UInt64](repeating: 0, count: size) }

    mutating func mark(_ state: Int) -> Bool {
      if marks[state] == generation { return false }
      marks[state] = generation
      return true
    }

    mutating func removeAll() {
      members.removeAll(keepingCapacity: true)
      generation += 1
    }
  }
}

/// A pattern that is too large to compile.
public struct GlobError: Error, Sendable, CustomStringConvertible {
  public var description: String
}

extension UInt32 {
  init(ascii scalar: Unicode.Scalar) { self = scalar.value }
}
