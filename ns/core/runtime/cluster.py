"""TF_CONFIG: which hosts there are, and which of them this one is.

The environment variable is JSON, as `tf.distribute` documents it:

  {"cluster": {"worker": ["host0:2222", "host1:2222"]},
   "task": {"type": "worker", "index": 0}}

A cluster may have one `chief` besides: the first host then, before the workers.
"""

import dataclasses
import json
import os

from ns.core import errors

VARIABLE = 'TF_CONFIG'
_JOBS = 'chief', 'worker'
_EXAMPLE = ('{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": '
            '{"type": "worker", "index": 0}}')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
  """The hosts of a run.

  Attributes:
    addresses: `host:port` of each, the chief's first.
    worker: the place of this one among them.
  """
  addresses: tuple[str, ...]
  worker: int

  @classmethod
  def from_environment(cls) -> 'Cluster':
    """As `TF_CONFIG` says.

    Raises:
      RunError: it is missing, or not as it should be.
    """
    text = os.environ.get(VARIABLE, '')
    if not text:
      raise errors.RunError(
          f'`runtime.MultiWorker` is bound, but `{VARIABLE}` is not in the '
          'environment, which tells each host of the others; set it to '
          f'`{_EXAMPLE}` with the index of each, or bind '
          '`runtime.OneDevice()`.')
    try:
      content = json.loads(text)
    except ValueError as error:
      raise _wrong(f'JSON such as `{_EXAMPLE}`', text) from error
    cluster = _part(content, 'cluster')
    jobs = sorted(set(cluster) - set(_JOBS))
    if jobs:
      raise _wrong('a cluster of `worker`, and of at most one `chief`',
                   f'{jobs[0]}')
    addresses = [_addresses(cluster, job) for job in _JOBS]
    if len(addresses[0]) > 1 or not sum(addresses, ()):
      raise _wrong('a cluster with a `worker`, and of at most one `chief`',
                   json.dumps(cluster))
    twice = [a for a in sum(addresses, ()) if sum(addresses, ()).count(a) > 1]
    if twice:
      raise _wrong('distinct addresses', f'{twice[0]} twice')
    task = _part(content, 'task')
    job, index = task.get('type'), task.get('index')
    if isinstance(index, str) and index.isdecimal():
      index = int(index)  # Some launchers write it so.
    known = cluster.get(job, ()) if isinstance(job, str) else ()
    if type(index) is not int or not 0 <= index < len(known):
      raise _wrong('a task that is one of its cluster', json.dumps(task))
    first = len(addresses[0]) if job == 'worker' else 0
    return cls(addresses=sum(addresses, ()), worker=first + index)


def _part(content, name: str) -> dict:
  part = content.get(name) if isinstance(content, dict) else None
  if not isinstance(part, dict):
    raise _wrong(f'an object with `{name}` such as `{_EXAMPLE}`',
                 json.dumps(content))
  return part


def _addresses(cluster: dict, job: str) -> tuple[str, ...]:
  found = cluster.get(job, [])
  for address in found if isinstance(found, list) else [None]:
    host, _, port = str(address).rpartition(':')
    if not isinstance(address, str) or not host or not port.isdecimal():
      raise _wrong(f'a list of `host:port` as `{job}`', json.dumps(found))
  return tuple(found)


def _wrong(expected: str, came: str) -> errors.RunError:
  return errors.RunError(
      f'`{VARIABLE}` of the environment should be {expected}, but is {came}.')
