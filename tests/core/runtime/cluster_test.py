"""TF_CONFIG."""

import json

import pytest

from ns.core import errors
from ns.core import runtime
from ns.core.runtime import cluster

TWO = {'worker': ['a:1', 'b:2']}
EXAMPLE = ('{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": '
           '{"type": "worker", "index": 0}}')


def config(hosts=None, job='worker', index=0):
  return json.dumps({'cluster': TWO if hosts is None else hosts,
                     'task': {'type': job, 'index': index}})


@pytest.mark.parametrize('text, addresses, worker', [
    (config(), ('a:1', 'b:2'), 0),
    (config(index=1), ('a:1', 'b:2'), 1),
    (config(index='1'), ('a:1', 'b:2'), 1),
    (config({'worker': ['[::1]:7']}), ('[::1]:7',), 0),
    (config({'chief': ['c:3'], **TWO}, 'chief'), ('c:3', 'a:1', 'b:2'), 0),
    (config({'chief': ['c:3'], **TWO}, index=1), ('c:3', 'a:1', 'b:2'), 2)])
def test_what_it_says(monkeypatch, text, addresses, worker):
  monkeypatch.setenv('TF_CONFIG', text)
  assert cluster.Cluster.from_environment() == cluster.Cluster(
      addresses=addresses, worker=worker)


def test_it_is_missing(monkeypatch):
  monkeypatch.delenv('TF_CONFIG', raising=False)
  with pytest.raises(errors.RunError) as caught:
    cluster.Cluster.from_environment()
  assert str(caught.value) == (
      '`runtime.MultiWorker` is bound, but `TF_CONFIG` is not in the '
      'environment, which tells each host of the others; set it to '
      f'`{EXAMPLE}` with the index of each, or bind `runtime.OneDevice()`.')


@pytest.mark.parametrize('text, expected, came', [
    ('{', f'JSON such as `{EXAMPLE}`', '{'),
    ('[1]', f'an object with `cluster` such as `{EXAMPLE}`', '[1]'),
    ('{"cluster": {"worker": ["a:1"]}}',
     f'an object with `task` such as `{EXAMPLE}`',
     '{"cluster": {"worker": ["a:1"]}}'),
    (config({'ps': ['a:1'], **TWO}),
     'a cluster of `worker`, and of at most one `chief`', 'ps'),
    (config({}), 'a cluster with a `worker`, and of at most one `chief`', '{}'),
    (config({'chief': ['a:1', 'b:1']}),
     'a cluster with a `worker`, and of at most one `chief`',
     '{"chief": ["a:1", "b:1"]}'),
    (config({'worker': ['a']}), 'a list of `host:port` as `worker`', '["a"]'),
    (config({'worker': 'a:1'}), 'a list of `host:port` as `worker`', '"a:1"'),
    (config({'worker': [7]}), 'a list of `host:port` as `worker`', '[7]'),
    (config({'worker': ['a:1', 'a:1']}), 'distinct addresses', 'a:1 twice'),
    (config(index=2), 'a task that is one of its cluster',
     '{"type": "worker", "index": 2}'),
    (config(index=True), 'a task that is one of its cluster',
     '{"type": "worker", "index": true}'),
    (config(job='chief'), 'a task that is one of its cluster',
     '{"type": "chief", "index": 0}')])
def test_it_is_wrong(monkeypatch, text, expected, came):
  monkeypatch.setenv('TF_CONFIG', text)
  with pytest.raises(errors.RunError) as caught:
    cluster.Cluster.from_environment()
  assert str(caught.value) == (
      f'`TF_CONFIG` of the environment should be {expected}, but is {came}.')


def test_a_runtime_of_that_cluster(monkeypatch):
  monkeypatch.setenv('TF_CONFIG', config(index=1))
  hosts = runtime.MultiWorker(devices=4)
  assert (hosts.workers, hosts.worker, hosts.is_chief, hosts.replicas) == (
      2, 1, False, 8)
  assert hosts.memory_bytes() == runtime.gpu_bytes() and not hosts.on_host
  cpus = runtime.MultiWorker(device='cpu')
  assert cpus.memory_bytes() == runtime.host_bytes() and cpus.on_host
  monkeypatch.setenv('TF_CONFIG', config())
  assert cpus.is_chief


def test_a_processor_is_one_device():
  with pytest.raises(ValueError) as caught:
    runtime.MultiWorker(devices=2, device='cpu')
  assert str(caught.value) == (
      "`MultiWorker.devices` should be 1 where `MultiWorker.device` is 'cpu', "
      'but is 2; start more programs on the host.')


def test_fewer_devices_than_bound(monkeypatch):
  monkeypatch.setenv('TF_CONFIG', config(index=1))
  with pytest.raises(errors.RunError) as caught:
    runtime.MultiWorker(devices=3).start()
  assert str(caught.value) == (
      '`MultiWorker.devices` is 3, but TensorFlow finds 0 GPU on worker 1; bind '
      "as many as each host has, or `MultiWorker.device = 'cpu'`.")
