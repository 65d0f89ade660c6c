import Console
import Definition
import Pipeline

/// `tributary validate DEFINITION`
struct ValidateCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let file = try DefinitionFile(arguments.positionals[0])
    let isJSON = arguments.flag("json")
    switch file.check(environment: program.environment) {
    case .success(let checked): try accept(checked, file, isJSON)
    case .failure(let found): throw refuse(found, file, isJSON)
    }
  }

  private func accept(_ checked: DefinitionFile.Checked, _ file: DefinitionFile, _ isJSON: Bool)
    throws(Failure)
  {
    let reading = checked.reading
    let summary: DefinitionSummary
    do throws(PlanError) {
      summary = try DefinitionSummary(reading.definition, semanticHash: checked.semanticHash)
    } catch {
      throw Failure(.wrongUse, "\(file.name): \(error.message)")
    }
    if isJSON {
      program.write(summary.json(file: file.name, warnings: reading.warnings))
      return
    }
    let warnings = ProblemReport(problems: [], warnings: reading.warnings, text: file.text)
    program.errors.write(warnings.render(program.errors.style))
    program.output.write(
      summary.render(file: file.name, warnings: reading.warnings.count, program.output.style))
  }

  private func refuse(_ found: DefinitionProblems, _ file: DefinitionFile, _ isJSON: Bool) -> Failure {
    if isJSON {
      program.write(
        .object([
          ("valid", .bool(false)), ("file", .string(file.name)),
          ("problems", ProblemReport.json(found.problems)),
          ("warnings", ProblemReport.json(found.warnings)),
        ]))
      return Failure(.wrongUse, [])
    }
    return program.refusal(of: file, found)
  }
}

extension Program {
  /// Shows what is wrong with a definition; the failure that is left sums it up.
  func refusal(of file: DefinitionFile, _ found: DefinitionProblems) -> Failure {
    let report = ProblemReport(problems: found.problems, warnings: found.warnings, text: file.text)
    errors.write(report.render(errors.style))
    return Failure(.wrongUse, "\(file.name) has \(report.count)")
  }
}
