"""The environment in which pip and uv run: the host's without its settings.

A lock file says everything about what is installed, so settings of the host
(pip.conf, uv.toml, PIP_FIND_LINKS, UV_CONSTRAINT, ...) are left out: they could
only make one machine differ from the next. What says how the registry is
reached stays: proxies, certificates, an index given in the environment.
"""

import os
from collections.abc import Mapping

_KEPT = frozenset({
    'PIP_CERT',
    'PIP_CLIENT_CERT',
    'PIP_DEFAULT_TIMEOUT',
    'PIP_INDEX_URL',
    'PIP_PROXY',
    'PIP_TRUSTED_HOST',
    'UV_CACHE_DIR',
    'UV_DEFAULT_INDEX',
    'UV_HTTP_TIMEOUT',
    'UV_INDEX_URL',
    'UV_INSECURE_HOST',
    'UV_SYSTEM_CERTS',
})
_DEBIAN_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'


def environment(
    host: Mapping[str, str], *, certificates: str = _DEBIAN_CERTIFICATES
) -> dict[str, str]:
  """Returns `host` without the settings of pip, uv and Python.

  Args:
    host: the environment variables of the caller.
    certificates: the host's bundle of certificate authorities. Where this file
      exists pip and uv trust it, unless `host` says otherwise, rather than the
      bundle that each carries: a company's proxy is known to the host only.

  Returns:
    A new environment.
  """
  env = {
      name: value
      for name, value in host.items()
      if name in _KEPT or not name.startswith(('PIP_', 'PYTHON', 'UV_'))
  }
  env['PIP_CONFIG_FILE'] = os.devnull
  env['PIP_DISABLE_PIP_VERSION_CHECK'] = '1'
  env['PIP_NO_INPUT'] = '1'
  env['PIP_ROOT_USER_ACTION'] = 'ignore'
  env['UV_NO_CONFIG'] = '1'
  env['UV_PYTHON_DOWNLOADS'] = 'never'
  env['UV_NO_PROGRESS'] = '1'
  if os.path.exists(certificates):
    env.setdefault('PIP_CERT', certificates)
    env.setdefault('SSL_CERT_FILE', certificates)
  return env
