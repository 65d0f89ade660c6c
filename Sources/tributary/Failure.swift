/// Why a command ends without success.
struct Failure: Error {
  /// ARCHITECTURE.md §8.
  enum Code: Int32 {
    case failed = 1
    case wrongUse = 2
    case tooManyRejects = 3
  }

  var code: Int32
  /// One problem each: what, where, what next. Without the program's name; empty if all has been said.
  var problems: [String]

  init(_ code: Code, _ problems: [String]) {
    self.code = code.rawValue
    self.problems = problems
  }

  init(_ code: Code, _ problem: String) { self.init(code, [problem]) }

  /// A signal ended the run: 128 + its number, as shells count.
  init(signal: Int32, _ problem: String) {
    code = 128 + signal
    problems = [problem]
  }
}
