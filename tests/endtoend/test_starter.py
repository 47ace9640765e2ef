"""Given the repository that `policy init` writes, the commands of its CI do what they say on a real server.

The steps are taken from the CI files themselves and run by bash in a real git repository; what is the build
server's own (checkout, caches, installing us, the comment on GitHub) is not.
"""

import http.server
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aipolicy.core.policy import parse
from aipolicy.tools import load
from endtoend.lab import Lab, run
from endtoend.python_for_all import python_for

OURS = Path(sys.executable).parent
MISTAKE = ("  - tool: claude-code\n", "  - tool: claud-code\n")


class Repository:
    """IT's repository, with a clone's view of `origin/main`."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        self.folder = folder
        self.lab = lab

    def do(self, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """As a build server does: bash, stopping at the first command that fails."""
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={
                **self.lab.environ,
                "PATH": f"{OURS}:{os.environ['PATH']}",
                "AIPOLICY_SERVER": self.lab.server.url,
                "GIT_CONFIG_GLOBAL": "/dev/null",
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def done(self, script: str, **environ: str) -> str:
        ran = self.do(script, **environ)
        assert ran.returncode == 0, f"{script}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def change(self, old: str, new: str) -> None:
        file = self.folder / "policy.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def commit(self, message: str) -> None:
        self.done(
            f"git add -A && git -c user.name=Ada -c user.email=ada@example.com commit -q -m '{message}'"
        )

    def ban_cursor(self) -> None:
        self.change("  - tool: claude-code\n", "  - cursor\n  - tool: claude-code\n")
        self.change("mode: report", "mode: warn")
        self.change("tool: claude-code, expect: report", "tool: claude-code, expect: warn")
        self.commit("Ban cursor")

    def simulate(self, devices: int) -> None:
        """A fleet for the plan."""
        words = ["--data", str(self.lab.server.data), "--devices", str(devices)]
        simulated = run(python_for(None), ["server", "simulate", *words], self.lab.environ)
        assert simulated.returncode == 0, simulated.stderr

    def merged(self) -> None:
        """As after a merge: what is here is what everybody has."""
        self.done("git update-ref refs/remotes/origin/main HEAD")

    @property
    def token(self) -> str:
        return (self.lab.server.data / "admin-token").read_text().strip()

    def published(self) -> list[dict[str, Any]]:
        said = json.loads(self.done("aipolicy policy history --format json", AIPOLICY_TOKEN=self.token))
        rows: list[dict[str, Any]] = said["rows"]
        return rows


@pytest.fixture
def repository(lab: Lab, tmp_path: Path) -> Repository:
    lab.server.start()
    folder = tmp_path / "policy"
    made = run(
        python_for(None),
        ["policy", "init", str(folder), "--server", lab.server.url, "--contact", 'it "desk": 17'],
        lab.environ,
    )
    assert made.returncode == 0, made.stderr
    repository = Repository(folder, lab)
    repository.commit("The starter")
    repository.merged()
    return repository


# --- the CI files -------------------------------------------------------------------------------------------


class GitHub:
    """Runs the steps of .github/workflows/policy.yml that are commands."""

    not_here = ("install", "comment")

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        text = (repository.folder / ".github/workflows/policy.yml").read_text()
        file = yaml.safe_load(text)
        self.jobs: dict[str, Any] = file["jobs"]
        self.limit = {"AIPOLICY_LIMIT": file["env"]["AIPOLICY_LIMIT"]}

    def run(self, job: str, token: str = "") -> subprocess.CompletedProcess[str]:
        """The first step that failed, else the last one."""
        ran = subprocess.CompletedProcess[str]([], 0, "", "")
        for step in self.jobs[job]["steps"]:
            if "run" in step and step["name"] not in self.not_here:
                ran = self.repository.do(step["run"], **self.limit, **self._environ(step, token))
                if ran.returncode:
                    return ran
        return ran

    def review(self) -> subprocess.CompletedProcess[str]:
        return self.run("review")

    def publish(self) -> subprocess.CompletedProcess[str]:
        return self.run("publish", self.repository.token)

    def inventory(self) -> subprocess.CompletedProcess[str]:
        return self.run("inventory", self.repository.token)

    @staticmethod
    def _environ(step: dict[str, Any], token: str) -> dict[str, str]:
        known = {"${{ github.base_ref }}": "main", "${{ secrets.AIPOLICY_TOKEN }}": token}
        environ: dict[str, str] = step.get("env", {})
        for word, value in known.items():
            environ = {name: text.replace(word, value) for name, text in environ.items()}
        return environ


class Registry(http.server.BaseHTTPRequestHandler):
    """GitLab's generic package registry, as far as the two jobs use it."""

    kept: dict[str, bytes] = {}  # noqa: RUF012  one a test run

    def do_PUT(self) -> None:
        assert self.headers["JOB-TOKEN"] == "job"
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()

    def do_GET(self) -> None:
        found = self.kept.get(self.path)
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, format: str, *args: object) -> None:
        pass


class GitLab:
    """Runs the scripts of .gitlab-ci.yml."""

    def __init__(self, repository: Repository, registry: str) -> None:
        self.repository = repository
        file = yaml.safe_load((repository.folder / ".gitlab-ci.yml").read_text())
        self.jobs: dict[str, Any] = file
        self.environ = {
            "CI_API_V4_URL": registry,
            "CI_PROJECT_ID": "7",
            "CI_JOB_TOKEN": "job",
            "AIPOLICY_LIMIT": file["variables"]["AIPOLICY_LIMIT"],
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "INVENTORY": f"{registry}{file['variables']['INVENTORY'].partition('URL')[2]}".replace(
                "$CI_PROJECT_ID", "7"
            ),
        }

    def run(self, job: str, **environ: str) -> subprocess.CompletedProcess[str]:
        lines = [line for line in self.jobs[job]["script"] if not line.startswith("apt-get")]
        return self.repository.do("\n".join(lines), **self.environ, **environ)

    def review(self) -> subprocess.CompletedProcess[str]:
        return self.run("review")

    def publish(self) -> subprocess.CompletedProcess[str]:
        head = self.repository.done("git rev-parse HEAD").strip()
        return self.run(
            "publish",
            AIPOLICY_TOKEN=self.repository.token,
            CI_COMMIT_SHA=head,
            CI_COMMIT_AUTHOR="Ada <ada@example.com>",
        )

    def inventory(self) -> subprocess.CompletedProcess[str]:
        return self.run("inventory", AIPOLICY_TOKEN=self.repository.token)


@pytest.fixture
def registry() -> Iterator[str]:
    Registry.kept.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["github", "gitlab"])
def ci(request: pytest.FixtureRequest, repository: Repository, registry: str) -> GitHub | GitLab:
    return GitHub(repository) if request.param == "github" else GitLab(repository, registry)


def review_of(repository: Repository) -> str:
    return (repository.folder / "review.md").read_text()


def test_a_change_is_reviewed_with_its_plan_and_published_once_it_is_merged(
    repository: Repository, ci: GitHub | GitLab
) -> None:
    repository.simulate(20)
    repository.done(
        'aipolicy policy publish --commit "$(git rev-parse HEAD)"', AIPOLICY_TOKEN=repository.token
    )
    nightly = ci.inventory()
    assert nightly.returncode == 0, nightly.stderr
    repository.ban_cursor()
    reviewed = ci.review()
    assert reviewed.returncode == 0, reviewed.stdout + reviewed.stderr
    assert "cursor" in review_of(repository)
    assert "20 devices" in review_of(repository)
    repository.done(
        "git -c user.name=Ada -c user.email=ada@example.com commit -q --allow-empty -m 'Merge' "
        "-m 'Approved-by: Grace Hopper'"
    )
    repository.merged()
    published = ci.publish()
    assert published.returncode == 0, published.stderr
    newest, before, *_ = repository.published()
    assert newest["commit"] == repository.done("git rev-parse HEAD").strip()
    assert newest["author"] == "Ada <ada@example.com>"
    assert newest["approver"] == "Grace Hopper"
    assert before["number"] < newest["number"]


def test_a_change_that_would_block_too_much_fails_its_review_and_says_whom(
    repository: Repository, ci: GitHub | GitLab
) -> None:
    repository.simulate(20)
    assert ci.inventory().returncode == 0
    repository.change("  - tool: claude-code\n", '  - "*"\n  - tool: claude-code\n')
    repository.change("mode: report", "mode: block")
    repository.change("tool: claude-code, expect: report", "tool: claude-code, expect: block")
    repository.commit("Ban all")
    reviewed = ci.review()
    assert reviewed.returncode == 4, reviewed.stdout + reviewed.stderr
    assert "over the limit" in review_of(repository)


def test_ci_undoes_nothing_that_was_published_or_rolled_back_beside_it(
    repository: Repository, ci: GitHub | GitLab
) -> None:
    assert ci.publish().returncode == 0
    by_hand = "mode: report\nbanned: [goose]\n"
    (repository.folder / ".git/by-hand.yaml").write_text(by_hand)
    repository.done("aipolicy policy publish .git/by-hand.yaml", AIPOLICY_TOKEN=repository.token)
    repository.ban_cursor()
    refused = ci.publish()
    assert refused.returncode == 2
    assert "number 2 in force came from no commit" in refused.stderr
    repository.done("aipolicy policy rollback 1", AIPOLICY_TOKEN=repository.token)
    refused = ci.publish()
    assert refused.returncode == 2
    assert "is a rollback to 1" in refused.stderr
    repository.done(
        'aipolicy policy publish --expect 3 --commit "$(git rev-parse HEAD)"', AIPOLICY_TOKEN=repository.token
    )
    repository.done("git checkout -q HEAD~1")
    late = ci.publish()
    assert late.returncode == 2, "a late job of an older commit"
    assert "does not build" in late.stderr


def test_a_mistake_fails_the_review_with_its_line(repository: Repository, ci: GitHub | GitLab) -> None:
    repository.change(*MISTAKE)
    repository.commit("A mistake")
    reviewed = ci.review()
    assert reviewed.returncode != 0
    line = 1 + (repository.folder / "policy.yaml").read_text().splitlines().index(MISTAKE[1].rstrip())
    said = reviewed.stdout + reviewed.stderr
    assert "did you mean 'claude-code'" in said
    assert f"line={line}" in said or f"policy.yaml:{line}:" in said


def test_a_policy_that_no_longer_says_what_it_is_meant_to_say_is_not_published(
    repository: Repository, ci: GitHub | GitLab
) -> None:
    repository.change("approved:\n  - qoder\n", "approved: []\n")
    repository.commit("Qoder is gone")
    assert ci.review().returncode != 0
    published = ci.publish()
    assert published.returncode != 0
    assert "qoder" in published.stderr
    assert repository.published() == []


def test_no_job_that_runs_a_pull_requests_files_has_the_token(repository: Repository) -> None:
    job = GitHub(repository).jobs["review"]
    assert "secrets" not in json.dumps(job)
    assert "environment" not in job


# --- what it writes -----------------------------------------------------------------------------------------


def test_what_it_writes_is_right_formatted_and_holds_what_it_was_told(repository: Repository) -> None:
    text = (repository.folder / "policy.yaml").read_text()
    policy = parse(text, "policy.yaml", load().known)
    assert policy.contact == 'it "desk": 17'
    repository.done("aipolicy policy check && aipolicy policy fmt --check && aipolicy policy test")
    assert repository.lab.server.url in (repository.folder / ".gitlab-ci.yml").read_text()
    schema = json.loads((repository.folder / "policy.schema.json").read_text())
    assert schema == json.loads(repository.done("aipolicy policy schema"))
    for file in repository.folder.rglob("*.y*ml"):
        yaml.safe_load(file.read_text())
    assert "HERE" not in "".join(file.read_text() for file in repository.folder.rglob("*.yml"))


def test_the_hooks_are_commands_that_pass(repository: Repository) -> None:
    hooks = yaml.safe_load((repository.folder / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for hook in hooks:
        repository.done(f"{hook['entry']} policy.yaml")


def test_it_overwrites_nothing_and_then_writes_nothing(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "CODEOWNERS").write_text("mine")
    made = run(python_for(None), ["policy", "init", str(tmp_path)], lab.environ)
    assert made.returncode == 2
    assert "CODEOWNERS" in made.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["CODEOWNERS"]


def test_a_full_disk_leaves_nothing_in_the_way_of_the_next_try(tmp_path: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    command = [sys.executable, "-m", "aipolicy", "policy", "init", str(tmp_path / "deep" / "there")]
    said = subprocess.run(command, preexec_fn=small, capture_output=True, text=True, check=False)
    assert (said.returncode, "cannot be written: File too large" in said.stderr) == (2, True)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("ci", "there", "missing"), [("github", ".github", ".gitlab"), ("gitlab", ".gitlab", ".github")]
)
def test_only_the_ci_that_is_asked_for(lab: Lab, tmp_path: Path, ci: str, there: str, missing: str) -> None:
    made = run(python_for(None), ["policy", "init", str(tmp_path / "new"), "--ci", ci], lab.environ)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "new" / there).is_dir()
    assert not list((tmp_path / "new").glob(f"{missing}*"))


def test_a_wrong_address_is_refused_before_anything_is_written(lab: Lab, tmp_path: Path) -> None:
    made = run(python_for(None), ["policy", "init", str(tmp_path), "--server", "ftp://x"], lab.environ)
    assert made.returncode == 2
    assert list(tmp_path.iterdir()) == []
