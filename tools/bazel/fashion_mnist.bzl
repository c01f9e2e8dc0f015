"""`@fashion_mnist`: the four IDX files of Fashion-MNIST, gzipped and checked.

In runfiles they lie in the folder `fashion_mnist`, for example
`train-images-idx3-ubyte.gz`. Where they come from is said in fashion_mnist.py.
"""

load("//tools/bazel:host_python.bzl", "run_script")

_BUILD = """\
filegroup(
    name = "fashion_mnist",
    srcs = glob(["*.gz"]),
    visibility = ["//visibility:public"],
)
"""

def _fashion_mnist_impl(repository_ctx):
    run_script(repository_ctx, "fashion_mnist.py", arguments = [
        "--folder=" + repository_ctx.os.environ.get("NS_FASHION_MNIST_DIR", ""),
        "--target=%s" % repository_ctx.path("."),
    ])
    repository_ctx.file("BUILD.bazel", _BUILD, executable = False)

fashion_mnist = repository_rule(
    implementation = _fashion_mnist_impl,
    doc = "The four IDX files of Fashion-MNIST.",
    environ = ["NS_FASHION_MNIST_DIR"],
)
