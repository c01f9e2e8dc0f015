"""The interpreter of every Python target: an empty environment of the host's CPython 3.11.

Empty, so that a package installed on the host can never be imported by
mistake; the packages come from `@pip`.
"""

_PROBE = """
import os
import sys
if sys.version_info[:2] != (3, 11) or sys.implementation.name != "cpython":
    sys.exit(1)
print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
"""

_INTERPRETER = "venv/bin/python3"

# Far more than a cold install takes on a slow line; the default is ten minutes.
_TIMEOUT_SECONDS = 3600

_BUILD = """\
load("@bazel_tools//tools/python:toolchain.bzl", "py_runtime_pair")

package(default_visibility = ["//visibility:public"])

py_runtime(
    name = "runtime",
    interpreter_path = "{interpreter}",
    python_version = "PY3",
    # Bazel's own is `/usr/bin/env python`, which a fresh Debian does not have.
    stub_shebang = "#!{host}",
)

py_runtime_pair(
    name = "runtime_pair",
    py3_runtime = ":runtime",
)

toolchain(
    name = "toolchain",
    toolchain = ":runtime_pair",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
"""

def _probe(repository_ctx, candidate):
    """The real path of a CPython 3.11, or None: a name may be a shim that only prints an error."""
    result = repository_ctx.execute([candidate, "-I", "-S", "-c", _PROBE])
    return result.stdout.strip() if result.return_code == 0 else None

def _find(repository_ctx):
    chosen = repository_ctx.os.environ.get("NS_PYTHON")
    if chosen:
        path = repository_ctx.which(chosen) if "/" not in chosen else chosen
        host = _probe(repository_ctx, path) if path else None
        if not host:
            fail(("NS_PYTHON=%s is not a CPython 3.11 that runs: point it at " +
                  "one, or unset it.") % chosen)
        return host
    candidates = [
        repository_ctx.which("python3.11"),
        "/usr/bin/python3.11",
        repository_ctx.which("python3"),
        repository_ctx.which("python"),
    ]
    for candidate in candidates:
        host = _probe(repository_ctx, candidate) if candidate else None
        if host:
            return host
    fail("there is no CPython 3.11 on PATH or at /usr/bin/python3.11: install " +
         "it (on Debian 12: apt-get install python3.11 python3.11-venv), or " +
         "set NS_PYTHON to one.")

def _host_python_impl(repository_ctx):
    host = _find(repository_ctx)
    result = repository_ctx.execute(
        [host, "-I", "-m", "venv", "--without-pip", "--symlinks", "venv"],
    )
    if result.return_code:
        fail("%s could not make an empty virtual environment:\n%s%s" %
             (host, result.stdout, result.stderr))
    repository_ctx.file("BUILD.bazel", _BUILD.format(
        host = host,
        interpreter = repository_ctx.path(_INTERPRETER),
    ), executable = False)

host_python = repository_rule(
    implementation = _host_python_impl,
    doc = "Finds CPython 3.11 (NS_PYTHON, else PATH) and wraps it as a toolchain.",
    environ = ["NS_PYTHON"],
)

def run_script(repository_ctx, script, modules = [], arguments = []):
    """Runs a Python script of tools/bazel from another repository rule.

    Its output is shown; where it exits with a sentence, so does the rule.

    Args:
      repository_ctx: of the rule.
      script: the name of the file.
      modules: the names of the files that it imports, so that a change counts.
      arguments: strings.
    """
    paths = [
        repository_ctx.path(Label("//tools/bazel:" + name))
        for name in [script] + modules
    ]
    host_python = repository_ctx.path(Label("@host_python//:BUILD.bazel")).dirname
    result = repository_ctx.execute(
        # -E -s -B: no PYTHON variables, no user's packages, no __pycache__ here.
        ["%s/%s" % (host_python, _INTERPRETER), "-E", "-s", "-B", paths[0]] +
        arguments,
        quiet = False,
        timeout = _TIMEOUT_SECONDS,
    )
    if result.return_code:
        fail("@%s: %s" % (
            repository_ctx.name,
            result.stderr.strip().split("\n")[-1],
        ))
