"""Python rules of this workspace: Bazel's own, with what every target here shares."""

_ENV = {
    # The folder of the script stays out of sys.path: imports go by the workspace.
    "PYTHONSAFEPATH": "1",
    # TensorFlow's warnings and errors, without its information.
    "TF_CPP_MIN_LOG_LEVEL": "2",
}

_TEST_ENV = dict(
    _ENV,
    PYTHONHASHSEED = "0",
    # With libtpu and no TPU an import of TensorFlow asks the network for minutes.
    TPU_SKIP_MDS_QUERY = "1",
)

def ns_py_library(name, **kwargs):
    """A py_library for Python 3."""
    native.py_library(name = name, srcs_version = "PY3", **kwargs)

def ns_py_binary(name, env = {}, **kwargs):
    """A py_binary with the environment of this workspace.

    Args:
      name: the name of the target; its main is NAME.py unless `main` says.
      env: more environment variables.
      **kwargs: as of py_binary.
    """
    native.py_binary(
        name = name,
        env = dict(_ENV, **env),
        python_version = "PY3",
        srcs_version = "PY3",
        **kwargs
    )

def ns_py_test_main(name, env = {}, size = "small", **kwargs):
    """A test that is a program of its own, without pytest.

    Args:
      name: the name of the target.
      env: more environment variables.
      size: as of py_test; `small` for less than a minute.
      **kwargs: as of py_test.
    """
    native.py_test(
        name = name,
        size = size,
        env = dict(_TEST_ENV, **env),
        python_version = "PY3",
        srcs_version = "PY3",
        **kwargs
    )

def ns_py_test(
        name,
        srcs,
        args = [],
        deps = [],
        env = {},
        long_form = False,
        tags = [],
        **kwargs):
    """A test of pytest functions; fails when there is none in its files.

    `--test_filter=NAME`, `shard_count` and the XML report work. pytest need not
    be among the deps.

    Args:
      name: the name of the target.
      srcs: the test files.
      args: more arguments for pytest.
      deps: what the test files import, pytest left out.
      env: more environment variables.
      long_form: whether there is also NAME_long, which `//...` leaves out: the
        same test with all cases (//tests/support:long_form).
      tags: as of py_test.
      **kwargs: as of ns_py_test_main.
    """
    shared = dict(
        kwargs,
        srcs = srcs + ["//tools/bazel:pytest_main.py"],
        args = ["$(rootpath %s)" % src for src in srcs] + args,
        main = "//tools/bazel:pytest_main.py",
        deps = deps + ["//tools/bazel:pytest_main"],
    )
    ns_py_test_main(name = name, env = env, tags = tags, **shared)
    if long_form:
        ns_py_test_main(
            name = name + "_long",
            env = dict(env, NS_LONG_TESTS = "1"),
            tags = tags + ["manual"],
            **dict(shared, size = "enormous")
        )
