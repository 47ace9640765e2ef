"""Tool files for tests: a made-up tool with every kind of evidence; no test leans on a real product."""

ACME = """\
id: acme
name: Acme Code
vendor: acme-inc
category: cli
aliases: [acme-cli]

evidence:
  npm: ["@acme/code", "@acme/code-{linux,darwin}-x64"]
  pypi: [acme-code]
  carrier: ["@acme/sdk-linux-x64"]
  vscode-extension: [acme.code]
  jetbrains-plugin: [com.acme.code]
  brew: [acme-code]
  snap: [acme-code]
  flatpak: [com.acme.Code]
  deb: [acme]
  rpm: [acme]
  path:
    - ~/.local/share/acme/versions/{version}
    - /usr/share/acme/acme
  bundle: [com.acme.desktop]
  electron: [acme-desktop]
  content: [ACME_CODE_FIRST_MARK, ACME_CODE_SECOND_MARK]
  signer: [ACMETEAM01]
  executable: [acme, ac]
  title: [Acme At Work]

versions:
  - {before: "acme-user-agent/"}

sources: {npm: test, pypi: test, carrier: test, vscode-extension: test, jetbrains-plugin: test, brew: test,
  snap: test, flatpak: test, deb: test, rpm: test, path: test, bundle: test, electron: test, content: test,
  signer: test, executable: test, title: test, versions: test}

examples:
  - {is: certain, npm: "@acme/code"}

not:
  - {npm: acme}
"""

OTHER = """\
id: other
name: Other
vendor: other-inc
category: editor
stop: deny-new
evidence:
  npm: [other-tool]
  content: [OTHER_TOOL_FIRST_MARK, OTHER_TOOL_SECOND_MARK]
sources: {npm: test, content: test}
examples:
  - {is: certain, npm: other-tool}
not: []
"""

BOTH = {"acme.yaml": ACME, "other.yaml": OTHER}
