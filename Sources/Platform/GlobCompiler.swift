/// One instruction of a ``Glob``'s automaton (Thompson's construction).
enum GlobStep: Sendable {
  case scalar(UInt32)
  case anyButSlash
  case set([ClosedRange<UInt32>], negated: Bool)
  case split(Int, Int)
  case jump(Int)
  case accept

  /// Whether the step consumes `value`; `isHidden`: it is a leading dot that wildcards leave alone.
  func accepts(_ value: UInt32, isHidden: Bool) -> Bool {
    switch self {
    case .scalar(let wanted): value == wanted
    case .anyButSlash: value != UInt32(ascii: "/") && !isHidden
    case .set(let ranges, let negated):
      value != UInt32(ascii: "/") && !isHidden && ranges.contains { $0.contains(value) } != negated
    case .split, .jump, .accept: false
    }
  }
}

/// Turns a pattern's text into steps.
struct GlobCompiler {
  private(set) var literalPrefix = ""
  private let text: [UInt32]
  private var steps: [GlobStep] = []
  private var isLiteral = true
  /// For each `{` that is a group: where it closes.
  private var closings: [Int: Int] = [:]
  private var closers: Set<Int> = []

  private static let lengthMax = 4096
  private static let nestingMax = 64

  init(_ pattern: String) throws(GlobError) {
    text = pattern.unicodeScalars.map(\.value)
    guard text.count <= Self.lengthMax else {
      throw GlobError(description: "the pattern is longer than \(Self.lengthMax) characters")
    }
    findGroups()
  }

  mutating func compile() throws(GlobError) -> [GlobStep] {
    var index = 0
    try sequence(&index, nesting: 0, atStart: true)
    steps.append(.accept)
    return steps
  }

  /// Compiles up to the end, or inside a group to its next `,` or `}`.
  private mutating func sequence(_ index: inout Int, nesting: Int, atStart: Bool) throws(GlobError) {
    var atStart = atStart
    while index < text.count {
      let value = text[index]
      if nesting > 0, value == UInt32(ascii: ",") || closers.contains(index) { return }
      var next = index + 1
      switch value {
      case UInt32(ascii: "*"):
        let stars = index
        while next < text.count, text[next] == UInt32(ascii: "*") { next += 1 }
        isLiteral = false
        wildcard(count: next - stars, atStart: atStart, next: &next)
      case UInt32(ascii: "?"):
        isLiteral = false
        steps.append(.anyButSlash)
      case UInt32(ascii: "["):
        if let end = classEnd(index) {
          isLiteral = false
          steps.append(characterClass(index + 1, end))
          next = end + 1
        } else {
          literal(value)
        }
      case UInt32(ascii: "{"):
        if let end = closings[index] {
          isLiteral = false
          guard nesting < Self.nestingMax else {
            throw GlobError(description: "the pattern nests more than \(Self.nestingMax) groups")
          }
          try group(index + 1, nesting: nesting + 1, atStart: atStart)
          next = end + 1
        } else {
          literal(value)
        }
      case UInt32(ascii: "\\") where next < text.count:
        literal(text[next])
        next += 1
      default:
        literal(value)
      }
      atStart = text[next - 1] == UInt32(ascii: "/")
      index = next
    }
  }

  private mutating func literal(_ value: UInt32) {
    steps.append(.scalar(value))
    if isLiteral, let scalar = Unicode.Scalar(value) { literalPrefix.unicodeScalars.append(scalar) }
  }

  /// `*`, or `**` where it is a whole component.
  private mutating func wildcard(count: Int, atStart: Bool, next: inout Int) {
    let followedBySlash = next < text.count && text[next] == UInt32(ascii: "/")
    guard count == 2, atStart, followedBySlash || next == text.count else {
      anyRun()
      return
    }
    // Zero or more components, each of at least one character, each with its slash.
    let loop = steps.count
    steps.append(.split(loop + 1, 0))
    steps.append(.anyButSlash)
    anyRun()
    steps.append(.scalar(UInt32(ascii: "/")))
    steps.append(.jump(loop))
    steps[loop] = .split(loop + 1, steps.count)
    if followedBySlash {
      next += 1
    } else {
      steps.append(.anyButSlash)
      anyRun()
    }
  }

  private mutating func anyRun() {
    let loop = steps.count
    steps.append(.split(loop + 1, loop + 3))
    steps.append(.anyButSlash)
    steps.append(.jump(loop))
  }

  private mutating func group(_ start: Int, nesting: Int, atStart: Bool) throws(GlobError) {
    var index = start
    var exits: [Int] = []
    while true {
      let split = steps.count
      steps.append(.accept)
      try sequence(&index, nesting: nesting, atStart: atStart)
      // findGroups saw the closing brace, so the sequence stopped at it or at a comma.
      let isLast = index >= text.count || closers.contains(index)
      if isLast {
        steps[split] = .jump(split + 1)
        break
      }
      exits.append(steps.count)
      steps.append(.accept)
      steps[split] = .split(split + 1, steps.count)
      index += 1
    }
    for exit in exits { steps[exit] = .jump(steps.count) }
  }

  /// The index of the `]` that closes the class at `open`; a `]` right behind the opening belongs to the set.
  private func classEnd(_ open: Int) -> Int? {
    var index = open + 1
    if index < text.count, text[index] == UInt32(ascii: "!") || text[index] == UInt32(ascii: "^") {
      index += 1
    }
    if index < text.count, text[index] == UInt32(ascii: "]") { index += 1 }
    while index < text.count {
      if text[index] == UInt32(ascii: "]") { return index }
      index += 1
    }
    return nil
  }

  private func characterClass(_ start: Int, _ end: Int) -> GlobStep {
    var index = start
    var ranges: [ClosedRange<UInt32>] = []
    let negated = text[index] == UInt32(ascii: "!") || text[index] == UInt32(ascii: "^")
    if negated { index += 1 }
    while index < end {
      let low = text[index]
      if index + 2 < end, text[index + 1] == UInt32(ascii: "-") {
        let high = text[index + 2]
        // A range that runs backwards holds nothing.
        if low <= high { ranges.append(low...high) }
        index += 3
      } else {
        ranges.append(low...low)
        index += 1
      }
    }
    return .set(ranges, negated: negated)
  }

  /// Pairs the braces that have a comma of their own; all others are text.
  private mutating func findGroups() {
    var open: [(index: Int, hasComma: Bool)] = []
    var index = 0
    while index < text.count {
      switch text[index] {
      case UInt32(ascii: "\\"): index += 1
      case UInt32(ascii: "["): if let end = classEnd(index) { index = end }
      case UInt32(ascii: "{"): open.append((index, false))
      case UInt32(ascii: ","): if !open.isEmpty { open[open.count - 1].hasComma = true }
      case UInt32(ascii: "}"):
        if let group = open.popLast(), group.hasComma {
          closings[group.index] = index
          closers.insert(index)
        }
      default: break
      }
      index += 1
    }
  }
}
