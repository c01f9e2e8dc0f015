"""Python distributions from hash-locked files: `@uv`, the installer, and `@pip`."""

load("//tools/bazel:host_python.bzl", "run_script")

def _uv_repository_impl(repository_ctx):
    run_script(repository_ctx, "install_uv.py", ["registry.py"], [
        "--lock=%s" % repository_ctx.path(repository_ctx.attr.lock),
        "--target=%s" % repository_ctx.path("site"),
    ])
    repository_ctx.file("BUILD.bazel", """\
filegroup(
    name = "uv",
    srcs = ["site/bin/uv"],
    visibility = ["//visibility:public"],
)
""", executable = False)

uv_repository = repository_rule(
    implementation = _uv_repository_impl,
    doc = "Installs uv from its own lock file with the host's pip.",
    attrs = {"lock": attr.label(mandatory = True, allow_single_file = True)},
)

def _pip_repository_impl(repository_ctx):
    platform = repository_ctx.os.environ.get("NS_PLATFORM") or "cpu"
    locks = repository_ctx.attr.locks
    if platform not in locks:
        fail("NS_PLATFORM=%s has no lock file, expected one of: %s." %
             (platform, ", ".join(sorted(locks))))
    uv = repository_ctx.path(Label("@uv//:BUILD.bazel")).dirname
    run_script(
        repository_ctx,
        "install_pip.py",
        ["registry.py"],
        [
            "--uv=%s/site/bin/uv" % uv,
            "--lock=%s" % repository_ctx.path(Label(locks[platform])),
            "--root=%s" % repository_ctx.path("."),
        ] + ["--sdist=" + name for name in repository_ctx.attr.sdists] + [
            "--provide=%s=%s" % (name, ",".join(stand_ins))
            for name, stand_ins in repository_ctx.attr.provided.items()
        ],
    )

pip_repository = repository_rule(
    implementation = _pip_repository_impl,
    doc = """Installs a lock file: `@pip//:NAME` is one distribution and what it requires.

    NS_PLATFORM says which of the lock files (`--config=gpu`, `--config=tpu`).
    """,
    attrs = {
        "locks": attr.string_dict(
            mandatory = True,
            doc = "The label of the lock file of each platform.",
        ),
        "provided": attr.string_list_dict(
            doc = "Names that other distributions require, each with those " +
                  "that stand in for it where a lock file has one of them.",
        ),
        "sdists": attr.string_list(
            doc = "Those that exist only as source: built with the locked setuptools.",
        ),
    },
    environ = ["NS_PLATFORM"],
)
