import Console
import Definition
import Pipeline

extension Program {
  /// Reads a definition as a command needs it: whole and right, or a refusal that names all problems.
  func check(_ file: DefinitionFile) throws(Failure) -> DefinitionFile.Checked {
    switch file.check(environment: environment) {
    case .success(let checked): return checked
    case .failure(let found): throw refusal(of: file, found)
    }
  }

  /// What is right but looks like a mistake, on standard error.
  func show(warnings: [Problem], of file: DefinitionFile) {
    let report = ProblemReport(problems: [], warnings: warnings, text: file.text)
    errors.write(report.render(errors.style))
  }

  /// What a manifest records of the definition.
  func record(
    of definition: Definition, _ checked: DefinitionFile.Checked, _ file: DefinitionFile
  ) -> Manifest.DefinitionRecord {
    // A definition of absolute places only is the same wherever it lies, so its manifests name no directory; but the
    // embedded broker's file lies beside it, as a rule.
    let isRelative = definition.sources.contains { source in
      switch source.input {
      case .objects(let place): !PlaceText.isRemote(place) && !place.hasPrefix("/")
      case .records: definition.broker == nil
      }
    }
    return Manifest.DefinitionRecord(
      text: file.text, variables: checked.reading.variables,
      directory: isRelative ? Locations.absolute(file.directory) : "")
  }
}
