"""What of the host's environment reaches pip and uv."""

import pytest

from tools.bazel import registry


@pytest.mark.parametrize(
    'name',
    [
        'PIP_FIND_LINKS', 'PIP_EXTRA_INDEX_URL', 'PIP_CONSTRAINT', 'PIP_TARGET',
        'UV_FIND_LINKS', 'UV_CONSTRAINT', 'UV_CONFIG_FILE', 'PYTHONPATH',
        'PYTHONHOME',
    ],
)
def test_settings_of_the_host_are_left_out(name):
  assert name not in registry.environment({name: 'x'})


@pytest.mark.parametrize(
    'name',
    [
        'HTTPS_PROXY', 'no_proxy', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE',
        'PIP_CERT', 'PIP_PROXY', 'PIP_INDEX_URL', 'UV_DEFAULT_INDEX',
        'UV_CACHE_DIR', 'HOME', 'PATH',
    ],
)
def test_how_the_registry_is_reached_stays(name):
  assert registry.environment({name: 'x'})[name] == 'x'


def test_configuration_files_are_not_read():
  env = registry.environment({'PIP_CONFIG_FILE': 'x', 'UV_NO_CONFIG': ''})
  assert env['PIP_CONFIG_FILE'] == '/dev/null'
  assert env['UV_NO_CONFIG'] == '1'


def test_the_hosts_certificates_are_trusted_where_there_are_any(tmp_path):
  bundle = tmp_path / 'bundle.crt'
  env = registry.environment({}, certificates=str(bundle))
  assert 'SSL_CERT_FILE' not in env
  bundle.touch()
  env = registry.environment({}, certificates=str(bundle))
  assert env['SSL_CERT_FILE'] == env['PIP_CERT'] == str(bundle)
  env = registry.environment({'PIP_CERT': 'x'}, certificates=str(bundle))
  assert env['PIP_CERT'] == 'x'
