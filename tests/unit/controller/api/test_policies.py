"""The files of rules change while the API runs."""

import contextlib
import os
import pathlib
import resource
import tempfile
from collections.abc import Callable, Iterator

import pytest
from oslo_config import cfg
from oslo_context.context import RequestContext
from oslo_policy import opts

from vethagent.controller.api import policies

RULE = "vethagent:get_agents"
NOBODY, EVERYBODY = f'"{RULE}": "!"\n', f'"{RULE}": "@"\n'
READER = RequestContext(user_id="carol", roles=["reader"], system_scope="all")  # whom the default lets in


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "policy.yaml"


def following(path: pathlib.Path) -> Callable[[], bool]:
    """Return what tells whether the rules of ``path`` let a reader in."""
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[str(path.parent)])
    opts.set_defaults(conf, str(path))
    conf.set_override("policy_dirs", [str(path.with_name("policy.d"))], "oslo_policy")
    rules = policies.Rules(conf)
    return lambda: rules.now().authorize(RULE, {}, READER)


def test_options_of_oslo_policy_need_not_be_known_before() -> None:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    assert policies.Rules(conf).now().authorize(RULE, {}, READER)


def mistake(path: pathlib.Path) -> None:
    path.write_text(EVERYBODY + "a: [")


def nonsense(path: pathlib.Path) -> None:
    path.write_text(f'{EVERYBODY}"vethagent:get_access": "rule:nowhere"\n')


def nested(path: pathlib.Path) -> None:
    path.write_text(f"a: {'[' * 3000}{']' * 3000}")


def no_number(path: pathlib.Path) -> None:
    path.write_text(f'"{RULE}": !!int ""')


def nobody_told_of(path: pathlib.Path) -> None:
    path.write_text(f'"{RULE}": "role:reader or :x"\n')


def folder(path: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [pathlib.Path.unlink, mistake, nonsense, nested, no_number, nobody_told_of, folder])
def test_what_is_no_file_of_rules_any_more_opens_nothing(
    path: pathlib.Path, caplog: pytest.LogCaptureFixture, harm: Callable[[pathlib.Path], None]
) -> None:
    path.write_text(NOBODY)
    is_let_in = following(path)
    harm(path)
    assert not is_let_in()
    assert not is_let_in()
    [said] = [record.getMessage() for record in caplog.records if record.name == policies.__name__]
    assert said.endswith("the rules that were read before it stay in force")
    if path.is_dir():
        path.rmdir()
    path.write_text(EVERYBODY)
    assert is_let_in()


@pytest.mark.parametrize(
    "check", [":x", "1+:x", "role:admin or %(a)s:b", "not 'a:b", "user_id:%(x", "role:100%", "user_id.name:carol"]
)
def test_a_check_that_nobody_would_get_past(path: pathlib.Path, check: str) -> None:
    path.write_text(f'"{RULE}": "{check}"\n')
    with pytest.raises(policies.PolicyFileError, match=f"the rule '{RULE}' cannot be understood: "):
        following(path)


@pytest.mark.parametrize("check", ["https://127.0.0.1:1/", "rule:reader", "user_id:%(user_id)s", "token.roles.name:x"])
def test_a_check_of_what_may_be_there_later(path: pathlib.Path, check: str) -> None:
    path.write_text(f'"{RULE}": "{check}"\n')
    following(path)


@contextlib.contextmanager
def no_descriptor() -> Iterator[None]:
    """Let this process open nothing more."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open(os.devnull) as lowest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno(), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextlib.contextmanager
def no_root() -> Iterator[None]:
    """Have no more rights than anybody, who may read what its mode says."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_that_cannot_be_read_for_a_while(path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text(NOBODY)
    is_let_in = following(path)
    path.write_text(EVERYBODY + "\n")
    with no_descriptor():
        assert not is_let_in()
        assert not is_let_in()
        with pytest.raises(policies.PolicyFileError):
            following(path)
    assert is_let_in()
    [said] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "Too many open files" in said


def test_a_further_file_that_cannot_be_read_is_not_as_good_as_empty(path: pathlib.Path) -> None:
    path.write_text(EVERYBODY)
    more = path.with_name("policy.d")
    more.mkdir()
    (more / "more.yaml").symlink_to("nowhere")
    with pytest.raises(policies.PolicyFileError, match="No such file"):
        following(path)


def test_a_file_is_read_when_it_may_be(caplog: pytest.LogCaptureFixture) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = pathlib.Path(folder, "policy.yaml")
        path.write_text(NOBODY)
        is_let_in = following(path)
        path.write_text(EVERYBODY + "\n")
        path.chmod(0)
        with no_root():
            assert not is_let_in()
            assert not is_let_in()
            with pytest.raises(policies.PolicyFileError, match="Permission denied"):
                following(path)
        path.chmod(0o644)
        with no_root():
            assert is_let_in()
    [said] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "Permission denied" in said


def test_an_older_file_is_put_back(path: pathlib.Path) -> None:
    earlier = path.with_name("earlier.yaml")
    earlier.write_text(NOBODY)
    path.write_text(EVERYBODY)
    is_let_in = following(path)
    assert is_let_in()
    earlier.rename(path)
    assert not is_let_in()


def test_files_that_come_later(path: pathlib.Path) -> None:
    is_let_in = following(path)
    assert is_let_in()
    path.write_text(NOBODY)
    assert not is_let_in()
    more = path.with_name("policy.d")
    more.mkdir()
    (more / "more.yaml").write_text(EVERYBODY)
    assert is_let_in()
