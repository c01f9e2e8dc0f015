"""`@host_compiler`: whether C++ can be compiled on this machine.

Nothing here needs C++; with it some things are faster. So the rules of cc.bzl
ask here, and make nothing where there is no compiler. The compiler itself is
found by Bazel, the same: CC, else gcc on PATH.
"""

_PROGRAM = """\
#include <vector>
int main() { return static_cast<int>(std::vector<int>().size()); }
"""

_SANITIZERS = [
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
]

_BUILD = """\
# Asked for again by: ./bazelw sync --configure
exports_files(["compiler.bzl"])
"""

def _compiles(repository_ctx, compiler, flags):
    result = repository_ctx.execute([
        compiler,
        "-std=c++17",
        "-x",
        "c++",
        "probe.cc",
        "-o",
        "probe",
        "-lstdc++",
    ] + flags)
    return result.return_code == 0

def _host_compiler_impl(repository_ctx):
    name = repository_ctx.os.environ.get("CC") or "gcc"
    compiler = name if "/" in name else repository_ctx.which(name)
    repository_ctx.file("probe.cc", _PROGRAM, executable = False)
    has_compiler = bool(compiler) and _compiles(repository_ctx, compiler, [])
    has_sanitizers = has_compiler and _compiles(repository_ctx, compiler, _SANITIZERS)
    if not has_compiler:
        # buildifier: disable=print
        print(("%s does not compile C++17 here, so the native kernels are left " +
               "out and TensorFlow does their work, more slowly; to have them, " +
               "install a compiler (on Debian: apt-get install g++), then run " +
               "./bazelw sync --configure.") % name)
    repository_ctx.file("compiler.bzl", """\
HAS_COMPILER = {has_compiler}
HAS_SANITIZERS = {has_sanitizers}
SANITIZERS = {sanitizers}
""".format(
        has_compiler = has_compiler,
        has_sanitizers = has_sanitizers,
        sanitizers = _SANITIZERS,
    ), executable = False)
    repository_ctx.file("BUILD.bazel", _BUILD, executable = False)

host_compiler = repository_rule(
    implementation = _host_compiler_impl,
    configure = True,
    doc = "Tries the host's C++ compiler (CC, else gcc), and its sanitizers.",
    environ = ["CC"],
    local = True,
)
