"""C++ rules of this workspace, which make nothing where there is no compiler.

    ns_cc_library(name = "distort", srcs = ["distort.cc"], hdrs = ["distort.h"])
    ns_tensorflow_ops(name = "kernel", srcs = ["kernel.cc"], deps = [":distort"])

gives kernel.so, and the target `kernel_data` with kernel.so or, without a
compiler, with nothing: `data` of the Python library that loads it.
"""

load("@host_compiler//:compiler.bzl", "HAS_COMPILER", "HAS_SANITIZERS", "SANITIZERS")

COPTS = [
    "-std=c++17",
    "-O3",
    # Results equal TensorFlow's bit for bit: a product and a sum round twice.
    "-ffp-contract=off",
    # No value depends on it; with it loops with comparisons become vectors.
    "-fno-trapping-math",
]

def ns_cc_library(name, copts = [], **kwargs):
    """A cc_library in C++17, fast and with TensorFlow's arithmetic."""
    if HAS_COMPILER:
        native.cc_library(name = name, copts = COPTS + copts, linkstatic = True, **kwargs)

def ns_tensorflow_ops(name, srcs, deps = [], visibility = None):
    """TensorFlow operations as a shared library, for `tf.load_op_library`.

    Args:
      name: NAME.so is the library, NAME_data a filegroup with it.
      srcs: what registers the operations.
      deps: ns_cc_library targets.
      visibility: of NAME_data.
    """
    if HAS_COMPILER:
        native.cc_binary(
            name = name + ".so",
            # The library is in the process before this one is loaded.
            srcs = srcs + ["@pip//:tensorflow_framework"],
            copts = COPTS,
            linkshared = True,
            deps = deps + ["@pip//:tensorflow_headers"],
        )
    native.filegroup(
        name = name + "_data",
        srcs = [name + ".so"] if HAS_COMPILER else [],
        visibility = visibility,
    )

def ns_cc_binary(name, sanitized = False, copts = [], **kwargs):
    """A program.

    Args:
      name: the name of the target; NAME_data is a filegroup with it, or with
        nothing where it cannot be made.
      sanitized: whether errors of memory and undefined behaviour end it. Give
        it all sources as `srcs`: it shares no object with other targets.
      copts: more options.
      **kwargs: as of cc_binary.
    """
    made = HAS_SANITIZERS if sanitized else HAS_COMPILER
    if made:
        native.cc_binary(
            name = name,
            copts = COPTS + copts + (SANITIZERS if sanitized else []),
            linkopts = SANITIZERS if sanitized else [],
            **kwargs
        )
    native.filegroup(
        name = name + "_data",
        srcs = [name] if made else [],
        testonly = kwargs.get("testonly", False),
    )
