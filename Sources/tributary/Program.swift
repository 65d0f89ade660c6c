import Console
import Glibc

/// The command line: what is asked for, done, and how it ended.
struct Program {
  let environment: [String: String]
  let output: TextOutput
  let errors: TextOutput

  init() {
    environment = Machine.environment()
    output = TextOutput(STDOUT_FILENO, environment: environment)
    errors = TextOutput(STDERR_FILENO, environment: environment)
  }

  /// Gives the exit code. `arguments` without the program's name.
  func run(_ arguments: [String]) -> Int32 {
    let code = perform(arguments)
    guard output.failure == 0 else {
      let reason = String(cString: strerror(output.failure))
      report(["cannot write to standard output: \(reason)"])
      return code == 0 ? Failure.Code.failed.rawValue : code
    }
    return code
  }

  private func perform(_ arguments: [String]) -> Int32 {
    let request: Request
    do throws(UsageError) {
      request = try ArgumentParser(Commands.all).parse(arguments)
    } catch {
      report([error.text])
      errors.write(error.seeAlso + "\n")
      return Failure.Code.wrongUse.rawValue
    }
    switch request {
    case .help(let command):
      output.write(command.map(Help.command) ?? Help.program(Commands.all))
      return 0
    case .nothing:
      errors.write(Help.program(Commands.all))
      return Failure.Code.wrongUse.rawValue
    case .version:
      output.write("tributary \(programVersion)\n")
      return 0
    case .run(let parsed):
      do throws(Failure) {
        try command(parsed)
        return 0
      } catch {
        report(error.problems)
        if parsed.flag("json"), !output.hasText {
          write(
            .object([
              ("error", .string(error.problems.joined(separator: "\n"))),
              ("exit_code", .int(Int64(error.code))),
            ]))
        }
        return error.code
      }
    }
  }

  private func command(_ arguments: ParsedArguments) throws(Failure) {
    switch arguments.command {
    case Commands.batch.name: try BatchCommand(program: self, arguments: arguments).run()
    case Commands.validate.name: try ValidateCommand(program: self, arguments: arguments).run()
    case Commands.inspect.name: try InspectCommand(program: self, arguments: arguments).run()
    case Commands.rebuild.name: try RebuildCommand(program: self, arguments: arguments).run()
    case Commands.run.name: try RunCommand(program: self, arguments: arguments).run()
    case Commands.status.name: try StatusCommand(program: self, arguments: arguments).run()
    case Commands.snapshot.name: try SnapshotCommand(program: self, arguments: arguments).run()
    case Commands.backfill.name: try BackfillCommand(program: self, arguments: arguments).run()
    case Commands.lost.name: try LostCommand(program: self, arguments: arguments).run()
    case Commands.gc.name: try CollectCommand(program: self, arguments: arguments).run()
    case Commands.deadLetters.name: try DeadLettersCommand(program: self, arguments: arguments).run()
    case Commands.send.name: try SendCommand(program: self, arguments: arguments).run()
    case Commands.topics.name: try TopicsCommand(program: self, arguments: arguments).run()
    case Commands.diff.name: try DiffCommand(program: self, arguments: arguments).run()
    default: preconditionFailure("the command '\(arguments.command)' has a syntax but no code")
    }
  }

  /// Where temporary files go.
  var temporaryDirectory: String {
    let named = environment["TMPDIR"] ?? ""
    return named.isEmpty ? "/tmp" : named
  }

  /// Problems on standard error.
  func report(_ problems: [String]) {
    let mark = errors.style.paint("error:", .red)
    for problem in problems { errors.write("tributary: \(mark) \(DisplayText.printableLines(problem))\n") }
  }

  func warn(_ text: String) {
    errors.write(
      "tributary: \(errors.style.paint("warning:", .yellow)) \(DisplayText.printableLines(text))\n")
  }

  /// A result for machines on standard output.
  func write(_ json: JSONValue) { output.write(json.text + "\n") }
}
