"""`unlearn verify` against the attack corpus, in this process and as the auditor's one file in a bare environment."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import unicodedata
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from tests.certificate.attacks import SOUND, Attack, attacks, lay_out
from tests.certificate.examples import keys
from unlearning.certificate import command
from unlearning.certificate.envelope import public_key_id
from unlearning.entrypoints.cli import main as unlearn

ROOT = Path(__file__).parents[2]
CORPUS = attacks()


class Said(NamedTuple):
    code: int
    out: str
    err: str


def ask(words: list[str]) -> Said:
    """What the verifier answers; a wrong option ends in SystemExit."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = command.main(words)
    return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("attacks")
    lay_out(made)
    return made


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, Said]:
    """What is said of every attack."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, attack in enumerate(CORPUS):
            Path(f"{number}.json").write_bytes(attack.content)
            found[attack.name] = ask(words_of(number, attack))
    return found


def words_of(number: int, attack: Attack) -> list[str]:
    return [f"{number}.json", *attack.options]


def test_the_corpus_holds_hundreds_and_most_are_refused() -> None:
    assert len(CORPUS) > 500
    assert sum(attack.code > 0 for attack in CORPUS) > 450


def test_every_attack_gets_the_answer_that_it_must(answers: dict[str, Said]) -> None:
    wrong = [
        f"{attack.name}: expected {attack.verdict or 'refused'!r}, {attack.code}; got {said}"[:400]
        for attack in CORPUS
        if (said := answers[attack.name]) and not _as_expected(attack, said)
    ]
    assert not wrong, "\n".join(wrong)


def _as_expected(attack: Attack, said: Said) -> bool:
    if attack.verdict:
        return said.code == attack.code and said.out.startswith(f"{attack.verdict}: ") and not said.err
    return said.code == attack.code and not said.out and said.err.startswith("unlearning-verify: ")


def test_nothing_that_a_file_says_acts_on_a_terminal_or_fakes_a_line(answers: dict[str, Said]) -> None:
    for name, said in answers.items():
        text = said.out + said.err
        assert not {unicodedata.category(one) for one in text if one != "\n"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}, name
        lines = text.splitlines()
        assert max(map(len, lines)) <= 500, name
        assert [line for line in lines[1:] if not line.startswith("  ")] == [], name
        assert "Traceback" not in text, name


def test_a_signer_is_named_only_for_a_signature_that_a_given_key_verified(answers: dict[str, Said]) -> None:
    for attack in CORPUS:
        said = answers[attack.name].out
        given = {public_key_id(keys(number).public) for number in (1, 2) if f"{number}.pub" in attack.options}
        signers = {line.split()[2] for line in said.splitlines() if line.startswith("  signed by ")}
        assert signers <= given, attack.name
        if attack.verdict == "verified":
            assert signers == given, attack.name
        if attack.verdict == "invalid" and len(given) == 1:
            assert not signers, attack.name


def test_a_made_up_countersignature_is_printed_as_a_claim(answers: dict[str, Said]) -> None:
    claims = [said.out for name, said in answers.items() if name.endswith("a made-up countersignature")]
    assert len(claims) == 10
    assert all("  claims to be signed by " in out and "(not checked)" in out for out in claims)


def test_unlearn_verify_gives_the_same_answers(folder: Path, answers: dict[str, Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for number, attack in list(enumerate(CORPUS))[::7]:
        done = CliRunner().invoke(unlearn, ["verify", *words_of(number, attack)])
        said = answers[attack.name]
        ours = said.err.replace("unlearning-verify: ", "unlearn: ", 1)
        assert (done.exit_code, done.stdout, done.stderr) == (said.code, said.out, ours), attack.name


def test_as_json_the_answer_is_one_ascii_document(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    sound = ask(["sound.json", "--key", "1.pub", "--json"])
    assert (sound.code, json.loads(sound.out)["verdict"]) == (0, "verified")
    assert sound.out.isascii()
    refused = ask(["1.pub", "--key", "1.pub", "--json"])
    assert json.loads(refused.out)["error"] == "VerificationFailed"


def test_without_a_key_what_the_certificate_says_is_a_claim(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    alone, pinned = ask(["sound.json"]).out, ask(["sound.json", "--key", "1.pub"]).out
    assert "  claim      issuer Example Hospital" in alone
    assert "  stated " not in alone
    assert "  stated     issuer Example Hospital" in pinned
    assert "  claim " not in pinned


def test_a_file_without_an_end_is_not_read_to_it(folder: Path) -> None:
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("this system has no endless file")
    said = ask([str(endless)])
    assert said.code == 1
    assert "larger than" in said.err


# --- the one file for an auditor --------------------------------------------------------------------------------------

DRIVER = """
import contextlib, importlib.util, io, json, sys
sys.path.insert(0, sys.argv[1])
from unlearning.certificate import command
said = []
for words in json.load(open("cases")):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = command.main(words)
    said.append([code, out.getvalue(), err.getvalue()])
loaded = {name.split(".")[0] for name in sys.modules}
known = [name for name in ("mlflow", "torch", "click", "numpy", "jinja2", "jsonschema") if importlib.util.find_spec(name)]
json.dump({"said": said, "loaded": sorted(loaded), "known": known, "from": command.__file__}, sys.stdout)
"""


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make verifier` builds."""
    built = tmp_path_factory.mktemp("dist") / "unlearning-verify.pyz"
    subprocess.run(["make", "verifier", f"VERIFIER={built}", f"PYTHON={sys.executable}"], cwd=ROOT, check=True, timeout=300)
    return built


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has `cryptography`, with what that needs, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True, timeout=120)
    [site] = (folder / "venv").glob("lib/python*/site-packages")
    for name in ("cryptography", "cffi", "_cffi_backend"):
        found = find_spec(name)
        assert found is not None
        assert found.origin is not None
        source = Path(found.origin).parent if found.submodule_search_locations else Path(found.origin)
        (site / source.name).symlink_to(source)
    return folder / "venv/bin/python"


def test_the_auditors_file_gives_every_answer_in_a_bare_environment(
    folder: Path, answers: dict[str, Said], verifier: Path, bare: Path
) -> None:
    (folder / "cases").write_text(json.dumps([words_of(number, attack) for number, attack in enumerate(CORPUS)]))
    run = [bare, "-I", "-c", DRIVER, verifier]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=200, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["known"] == []
    assert str(verifier) in found["from"]
    assert not {"mlflow", "torch", "click", "numpy", "jinja2"} & set(found["loaded"])
    assert [Said(*said) for said in found["said"]] == [answers[attack.name] for attack in CORPUS]


def test_the_auditors_file_runs_by_itself_and_answers_the_shell(folder: Path, verifier: Path, bare: Path) -> None:
    for words, code, says in (
        (["sound.json", "--key", "1.pub"], 0, "verified: "),
        (["sound.json", "--key", "2.pub"], 1, "invalid: "),
        (["sound.json", "--key", "nowhere.pub"], 2, "name an existing file"),
        (["--help"], 0, "membership proof"),
    ):
        done = subprocess.run(
            [bare, "-I", verifier, *words], cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )
        assert (done.returncode, says in done.stdout + done.stderr) == (code, True), done


def test_without_cryptography_the_auditors_file_says_what_it_needs(folder: Path, verifier: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=120)
    run = [tmp_path / "venv/bin/python", "-I", verifier, folder / "sound.json"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "needs the Python package cryptography" in done.stderr


def test_the_sound_certificate_of_the_corpus_is_sound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert Path("sound.json").read_bytes() == SOUND
    assert ask(["sound.json", "--key", "1.pub"]).out.startswith("verified: ")
