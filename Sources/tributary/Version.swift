/// Tributary's version (semver.org), as `--version` says it and manifests record it.
let programVersion = "0.1.0"
