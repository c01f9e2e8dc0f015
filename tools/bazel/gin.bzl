"""gin files as targets: `gin_library` for what is included, `ns_run` for a whole run.

A target carries the gin files, those they include and the code they configure,
so a run or a team's own package names it by label and gets all it needs. Files
include one another by their path from the root of the workspace
(`include 'gin/noise/light.gin'`).

Each package with gin files gets one test, `lint`, of all of them, made with its
first target, and its files can be named from anywhere. The test asks for a target of the name of each file: gin_library and
ns_run make one where their own name is another, and Bazel says "no such target"
for a file that no rule carries.
"""

load("//tools/bazel:python.bzl", "ns_py_binary", "ns_py_library", "ns_py_test_main")

_SUFFIX = ".gin"

def _stem(file):
    return file[:-len(_SUFFIX)]

def _is_local(file):
    return file.endswith(_SUFFIX) and ":" not in file and not file.startswith("//")

def _package():
    """What each package with gin files has once: their test, and their visibility."""
    if native.existing_rule("lint"):
        return
    files = native.glob(["*" + _SUFFIX])
    if not files:
        return
    native.exports_files(files, visibility = ["//visibility:public"])
    ns_py_test_main(
        name = "lint",
        srcs = ["//tools:lint_gin.py"],
        args = ["$(rootpath %s)" % file for file in files],
        data = files,
        main = "//tools:lint_gin.py",
        tags = ["gin_lint"],
        deps = ["//tools:lint_gin_lib"] + [":" + _stem(file) for file in files],
    )

def gin_library(
        name,
        srcs = None,
        deps = [],
        components = [],
        data = [],
        visibility = ["//visibility:public"],
        **kwargs):
    """gin files, what they include and what they configure.

    Args:
      name: the name of the target, best that of its file.
      srcs: the gin files; NAME.gin where it is left out.
      deps: the gin_library targets of the files that these include.
      components: the ns_py_library targets that these import.
      data: files that what is configured reads.
      visibility: everyone, unless given.
      **kwargs: as of py_library.
    """
    srcs = [name + _SUFFIX] if srcs == None else srcs
    ns_py_library(
        name = name,
        data = srcs + data,
        visibility = visibility,
        deps = deps + components,
        **kwargs
    )
    for file in srcs:
        if _is_local(file) and _stem(file) != name:
            native.alias(
                name = _stem(file),
                actual = ":" + name,
                visibility = visibility,
            )
    _package()

def ns_run(
        name,
        gin_files = None,
        deps = [],
        components = [],
        data = [],
        visibility = ["//visibility:public"],
        **kwargs):
    """A run: `bazel run LABEL -- --work_dir=… --gin.student1/noise.Cutout.size=7`.

    It carries what its gin files need, no more: `//ns:main` carries everything.

    Args:
      name: the name of the run, best that of its file.
      gin_files: the gin files given to the binary, in this order; NAME.gin
        where it is left out.
      deps: the gin_library targets of the files that these include.
      components: the ns_py_library targets that these import.
      data: files that what is configured reads.
      visibility: everyone, unless given.
      **kwargs: as of py_binary.
    """
    gin_files = [name + _SUFFIX] if gin_files == None else gin_files
    ns_py_binary(
        name = name,
        srcs = ["//ns:main.py"],
        args = ["--gin_file=$(rootpath %s)" % file for file in gin_files],
        data = gin_files + data,
        main = "//ns:main.py",
        visibility = visibility,
        deps = ["//ns:main_lib"] + deps + components,
        **kwargs
    )
    for file in gin_files:
        stem = _stem(file)
        if _is_local(file) and stem != name and not native.existing_rule(stem):
            gin_library(
                name = stem,
                components = components,
                data = data,
                visibility = visibility,
                deps = deps,
            )
    _package()
