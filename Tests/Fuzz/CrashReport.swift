import Glibc

/// Says which case was at hand when the process crashes or hangs, and saves its input.
///
/// The handler runs after a crash, in whatever state that left: it uses system calls and memory that was set aside
/// before, nothing else. One thread runs cases, hence `nonisolated(unsafe)`.
enum CrashReport {
  private static let file = "tributary-fuzz-failure"
  private static let capacity = 8 << 20
  nonisolated(unsafe) private static let input = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
  nonisolated(unsafe) private static var inputCount = 0
  nonisolated(unsafe) private static let label = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
  nonisolated(unsafe) private static let path = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
  /// Seconds that one case may take.
  private static let secondsMax: UInt32 = 60

  static func install() {
    strcpy(path, file)
    label[0] = 0
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in CrashReport.report(number) }
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
      sigaction(number, &action, nil)
    }
  }

  static func begin(_ fuzzCase: FuzzCase) {
    var text = fuzzCase.again
    text.withUTF8 { utf8 in
      let count = min(utf8.count, 500)
      for i in 0..<count { label[i] = CChar(bitPattern: utf8[i]) }
      label[count] = 0
    }
    inputCount = 0
    alarm(secondsMax)
  }

  static func give(_ bytes: [UInt8]) {
    inputCount = min(bytes.count, capacity)
    bytes.withUnsafeBytes { input.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(input), byteCount: inputCount) }
  }

  static func save(_ fuzzCase: FuzzCase) -> String {
    let name = "\(file)-\(fuzzCase.target)-\(fuzzCase.seed)-\(fuzzCase.number)"
    if let out = fopen(name, "wb") {
      fwrite(fuzzCase.input, 1, fuzzCase.input.count, out)
      fclose(out)
    }
    return name
  }

  private static func report(_ number: Int32) {
    say(number == SIGALRM ? "\nHANGS " : "\nCRASHED ")
    write(1, label, strlen(label))
    let out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    if out >= 0 {
      write(out, input, inputCount)
      close(out)
    }
    say("\n  the input is in tributary-fuzz-failure\n")
    raise(number)
  }

  private static func say(_ text: StaticString) { write(1, text.utf8Start, text.utf8CodeUnitCount) }
}
