// swift-tools-version: 6.1
import PackageDescription

// The module graph is the architecture: inner targets know nothing of outer ones, only edge
// targets import a C library, and nothing but the executable puts concrete parts together.

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func library(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
  name: "tributary",
  products: [.executable(name: "tributary", targets: ["tributary"])],
  targets: [
    // C libraries, all from Debian packages.
    library("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
    library("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    library("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
    library("CISAL", pkgConfig: "libisal", apt: "libisal-dev"),
    library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
    library("CSnappy", pkgConfig: "snappy", apt: "libsnappy-dev"),

    // Vector instructions and C++ that Swift cannot call.
    .target(name: "CScan", cSettings: [.unsafeFlags(["-O2"])]),
    .target(
      name: "CSimdJSON",
      cxxSettings: [.unsafeFlags(["-O2", "-std=c++17"])],
      linkerSettings: [.linkedLibrary("simdjson"), .linkedLibrary("stdc++")]),

    // The functional core.
    module("Columns", []),
    module("Definition", ["Columns", "CYAML"]),
    module("Pipeline", ["Columns", "Definition"]),

    // The edge.
    module("Platform", []),
    module("Formats", ["Columns", "Definition", "CScan", "CSimdJSON", "CISAL", "CZstd", "CSnappy"]),
    module("LocalStore", ["Platform", "CCrypto"]),
    module("S3", ["Platform", "CCurl", "CCrypto"]),
    module("Worker", ["Columns", "Definition", "Pipeline", "Platform", "Formats"]),
    .executableTarget(
      name: "tributary",
      dependencies: [
        "Columns", "Definition", "Pipeline", "Platform", "Formats", "LocalStore", "S3", "Worker",
      ],
      swiftSettings: strict),

    tests("ColumnsTests", ["Columns"]),
    tests("DefinitionTests", ["Definition", "Columns"]),
    tests("PipelineTests", ["Pipeline", "Definition", "Columns"]),
    tests("FormatsTests", ["Formats", "Pipeline", "Definition", "Columns"]),
    tests("StoreTests", ["LocalStore", "S3", "Platform"]),
    tests("WorkerTests", ["Worker", "Pipeline", "Definition", "Platform", "LocalStore"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
