internal import Glibc

/// Runs a profile's `credential_process` (AWS SDKs and Tools Reference Guide, "Process credential provider").
enum CredentialProcess {
  private static let outputBytesMax = 1 << 20

  /// Runs the command without a shell; gives its standard output. Its error output goes nowhere: it may hold secrets.
  static func run(_ command: String) throws(CredentialFailure) -> [UInt8] {
    let words = split(command)
    guard let program = words.first else { throw .broken("credential_process is empty") }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .broken("credential_process: no pipe") }
    defer { close(ends[0]) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)

    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child = pid_t()
    let code = posix_spawnp(&child, program, &actions, nil, &arguments, environ)
    close(ends[1])
    guard code == 0 else {
      throw .broken(
        "credential_process '\(program)' could not be started: \(String(cString: strerror(code)))")
    }
    let output = readAll(ends[0])
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      throw .broken("credential_process '\(program)' failed; run its command by hand to see why")
    }
    guard let output else { throw .broken("credential_process '\(program)' wrote more than 1 MiB") }
    return output
  }

  private static func readAll(_ descriptor: Int32) -> [UInt8]? {
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return output.count <= outputBytesMax ? output : nil }
      // Read on to the end, so that the child is not killed by a closed pipe, but keep no more than that.
      if output.count <= outputBytesMax { output += chunk[..<count] }
    }
  }

  /// Words as a shell would split them: white space separates, quotes and backslashes protect; nothing is expanded.
  static func split(_ command: String) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in command {
      if isEscaped {
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
      } else if let open = quote {
        if character == open { quote = nil } else { word = (word ?? "") + String(character) }
      } else if character == "'" || character == "\"" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if let word { words.append(word) }
    return words
  }
}
