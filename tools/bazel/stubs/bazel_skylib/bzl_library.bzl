"""The one rule of bazel_skylib that Bazel's own BUILD files load."""

def bzl_library(name, srcs = [], deps = [], **kwargs):
    native.filegroup(name = name, srcs = srcs + deps, **kwargs)
