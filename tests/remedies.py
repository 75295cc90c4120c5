"""Every command that a message of the product names as the next step, and what is known of it: `docs/remedies.md`.

`messages` walks the source for commands in backticks, so that a new one without an entry in `TABLE` fails the suite, as does an
entry that nothing prints any more. `python -m tests.remedies` writes the page anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/remedies.md"

_COMMAND = re.compile(r"`((?:unlearn|git|dvc|mlflow|prefect|pip) [^`]+)`")


@dataclass(frozen=True)
class Ran:
    """A test brings about the state that prints it, runs it, and looks at what holds after."""

    state: str
    holds: str
    test: str
    """`FILE::NAME` below `tests`; the name of the command's verb stands in it."""


@dataclass(frozen=True)
class Looks:
    """It only shows something: nothing holds after it that did not hold before."""

    state: str


@dataclass(frozen=True)
class NotRun:
    """No test runs it."""

    state: str
    why: str


@dataclass(frozen=True)
class Named:
    """The message names the command, and does not tell anybody to run it."""

    why: str


Case = Ran | Looks | NotRun | Named


def messages() -> dict[tuple[str, str], list[str]]:
    """(module, command without what follows its verb) → the commands as they are printed, `{}` for what is filled in."""
    found: dict[tuple[str, str], list[str]] = {}
    for file in sorted((ROOT / "unlearning").rglob("*.py")):
        module = file.relative_to(ROOT / "unlearning").as_posix()
        for text in _strings(ast.parse(file.read_text("utf-8"))):
            for command in _COMMAND.findall(text):
                found.setdefault((module, verb(command)), []).append(command)
    return found


def verb(command: str) -> str:
    """Tool and verb of a command."""
    return " ".join(command.replace("{}", " {}").split()[:2])


def _strings(node: ast.AST, *, documented: bool = True) -> Iterator[str]:
    """Every string of a syntax tree as it may be printed, docstrings aside."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif not (documented and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        for child in ast.iter_child_nodes(node):
            yield from _strings(child)


_ADMIN = "it is run on another machine, by whoever administers it"
_REGISTRY = "it installs a package, which needs a registry"
_FILTER = "git-filter-repo is no dependency of this package; the paths and objects that it is given are tested"
_STAGED = "what is correct is the project's own to say; that an erasure goes on afterwards is tested with `unlearn erase`"
_OPEN = "nobody has written its test yet"
_KILLED = "that killed erasures go on is tested by the kills in faults/test_killed.py, and not after Ctrl-C"
_T = "test_remedies.py::test_"
_OWN = "entrypoints/cli/test_own_repository.py::test_the_section_works_as_it_is_printed"

TABLE: Mapping[str, Mapping[str, Case]] = {
    "certificate/command.py": {"unlearn prove": Named("help: says who writes a proof")},
    "certificate/verification.py": {
        "unlearn sweep": Looks("what a certificate cannot prove by itself"),
        "unlearn audit": Looks("what a certificate cannot prove by itself"),
    },
    "checks/exactness.py": {
        "unlearn erase": Ran(
            "a certificate says that nothing was replayed",
            "the next certificate says that what was replayed is the same bytes",
            "erasure/test_batches.py::test_an_erasure_ends_in_clean_data_a_promoted_version_and_a_certificate",
        )
    },
    "domain/environ.py": {"unlearn listen": Named("says what a variable is for")},
    "domain/traces.py": {
        "unlearn purge": Ran(
            "a sweep finds objects, checkpoints, runs or drafts of erased people in a place that can delete them",
            "they are gone, or the purge exits 1 and says which are there still",
            _T + "what_a_sweep_says_that_a_purge_deletes_is_deleted",
        )
    },
    "entrypoints/cli/deploying.py": {"prefect server": NotRun("no server is named", "a server is not started by this package")},
    "entrypoints/cli/erasure.py": {
        "unlearn impact": Named("help of an option"),
        "unlearn erase": NotRun("an erasure was stopped with Ctrl-C", _KILLED),
    },
    "entrypoints/cli/lineage.py": {"unlearn lineage": Looks("no model is named and the project trains none")},
    "entrypoints/cli/project.py": {
        "unlearn deploy": NotRun("`unlearn init` found entry files of an earlier version", _OPEN),
        "prefect deploy": NotRun("`unlearn init` found entry files of an earlier version", _OPEN),
        "unlearn init": Named("help of an option"),
    },
    "entrypoints/cli/requests.py": {"unlearn watch": Named("help of an option")},
    "entrypoints/cli/shared.py": {
        "unlearn request": Ran(
            "more arguments came than a command takes",
            "the person has a request",
            "entrypoints/cli/test_requests.py::test_who_came_back_is_let_in_or_requested_again_without_their_identifier",
        )
    },
    "entrypoints/cli/traces.py": {
        "dvc repro": Ran(
            "a stage of an old revision made something of erased people, or an output of it is nowhere",
            "the stage has made it again, without them",
            "traces/test_twins.py::test_dvc_repro_at_a_twin_makes_again_what_stages_made_of_the_erased",
        )
    },
    "entrypoints/flows/erase.py": {
        "unlearn erase": Ran(
            "something was in the way after the tables were rewritten, a Git hook for example",
            "the erasure has ended",
            "entrypoints/cli/test_refusals.py::test_a_hook_that_refuses_the_commit_stops_the_erasure_with_exit_code_1_and_the_way_on",
        )
    },
    "entrypoints/flows/events.py": {
        "unlearn erase": NotRun("no Prefect server takes the event of a new request", _OPEN),
        "unlearn watch": NotRun("no Prefect server takes the event of a changed registry", _OPEN),
    },
    "entrypoints/flows/runners.py": {"pip install": NotRun("the runner is dask and it is not installed", _REGISTRY)},
    "entrypoints/flows/train.py": {"unlearn train": NotRun("something was in the way after the data was loaded", _OPEN)},
    "entrypoints/scaffold/asking.py": {"dvc add": NotRun("`unlearn init` finds no table that DVC tracks", _OPEN)},
    "entrypoints/scaffold/hook.py": {"unlearn init": Named("says who wrote the hook")},
    "entrypoints/scaffold/proposal.py": {
        "dvc add": NotRun("the table that `unlearn init` is told of is not tracked", _OPEN),
        "unlearn init": NotRun("nothing says which column is the person's", _OPEN),
    },
    "entrypoints/scaffold/scaffold.py": {
        "dvc repro": Ran("`unlearn init` has written a project", "a version is registered", _OWN),
        "git add": Ran("`unlearn init` has written a project", "the first version is committed", _OWN),
        "unlearn request": Ran("`unlearn init` has written a project", "there is a request", _OWN),
        "unlearn impact": Looks("`unlearn init` has written a project"),
        "unlearn erase": Ran("`unlearn init` has written a project", "the person is out of the tables", _OWN),
        "unlearn init": NotRun("a file of an earlier version, or one that somebody changed, was left as it is", _OPEN),
        "unlearn follow": NotRun("a project that trains no model was written", _OPEN),
        "unlearn adopt": NotRun("a project that trains no model was written", _OPEN),
    },
    "erasure/audit.py": {"unlearn audit": Looks("what was given is no head of a ledger")},
    "erasure/decisions.py": {
        "unlearn release": Ran(
            "a request is on hold",
            "it is not, and its erasure goes on",
            "erasure/test_decisions.py::test_an_erasure_with_a_hold_serves_a_clean_model_and_deletes_nothing_until_the_release",
        ),
        "unlearn status": Looks("a request is not what was expected"),
        "unlearn impact": Looks("a planned erasure waits for approval"),
        "unlearn approve": Ran(
            "a planned erasure waits for approval",
            "the erasure goes on",
            "erasure/test_decisions.py::"
            "test_where_approval_is_asked_for_nothing_changes_before_it_and_the_certificate_names_who_gave_it",
        ),
        "unlearn erase": Ran(
            "an erasure stopped before its purge for a hold that was released",
            "it ends with its certificate",
            "erasure/test_decisions.py::test_an_erasure_with_a_hold_serves_a_clean_model_and_deletes_nothing_until_the_release",
        ),
        "unlearn cancel": Ran(
            "somebody is to be readmitted while a request of theirs is open",
            "they can be readmitted",
            "erasure/test_decisions.py::test_nobody_is_let_in_while_a_request_of_theirs_is_open",
        ),
        "unlearn watch": Looks("somebody is to be readmitted who was never erased"),
        "dvc list": Looks("a hold is to keep a path that no revision tracks"),
    },
    "erasure/left.py": {
        "unlearn adopt": Ran(
            "people shaped a version that this project did not train",
            "the next erasure makes it again",
            "lineage/test_adoption.py::test_an_erasure_carries_adopted_models_from_the_request_to_the_certificate",
        ),
        "unlearn follow": NotRun("nobody knows the data of a version of an adopted model", _OPEN),
        "unlearn erase": NotRun("nobody knows the data of a version of an adopted model", _OPEN),
    },
    "erasure/purge_again.py": {
        "unlearn erase": Ran(
            "a purge is asked for a request that is not erased yet",
            "the request is erased",
            _T + "what_a_sweep_says_about_somebody_who_was_not_erased_takes_them_out",
        ),
        "unlearn release": NotRun("a purge leaves alone whoever came back and is on hold", _OPEN),
    },
    "erasure/second_look.py": {
        "git cat-file": Named("says which command failed"),
        "git fsck": Looks("objects of Git cannot be read"),
        "unlearn purge": NotRun("the second look found or could not read what the search did not name", _STAGED),
    },
    "erasure/steps/adopted.py": {
        "unlearn erase": Ran(
            "an adopted model could not be made again",
            "once its stage is corrected the erasure ends",
            "erasure/test_adopted_only.py::test_a_refused_candidate_leaves_alias_and_versions_and_a_later_run_succeeds",
        )
    },
    "erasure/steps/validate.py": {
        "unlearn status": Looks("no method passed the checks"),
        "unlearn erase": Ran(
            "no method passed the checks",
            "the erasure ends once one does",
            "erasure/test_batches.py::test_when_no_method_passes_the_requests_stay_open_until_one_does",
        ),
    },
    "erasure/watch.py": {
        "unlearn erase": Ran(
            "a hold expired, a deadline passed, or erased people are in a table and have a new request",
            "the request is erased",
            "lineage/test_readmitted.py::test_old_things_stay_erased_new_ones_may_hold_them_and_a_new_request_works_whole",
        ),
        "unlearn readmit": Ran(
            "erased people are in a table and nobody has decided about them",
            "the next round finds nothing",
            "erasure/test_watch.py::test_whoever_came_back_is_named_for_people_to_decide_and_nothing_is_requested",
        ),
        "unlearn request": Ran(
            "erased people are in a table and nobody has decided about them",
            "each has a new request, once",
            "erasure/test_watch.py::test_whoever_came_back_is_named_for_people_to_decide_and_nothing_is_requested",
        ),
        "mlflow runs": NotRun("a version that was trained elsewhere came late", _ADMIN),
        "mlflow gc": NotRun("a version that was trained elsewhere came late", _ADMIN),
    },
    "learners/torch/learner.py": {
        "unlearn train": Ran(
            "a checkpoint is of another recipe, and was deleted",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "learners/torch/state.py": {
        "unlearn train": Ran(
            "a checkpoint is damaged, and was deleted",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "lineage/adoption.py": {
        "unlearn erase": Named("says what looks after versions that were trained here"),
        "unlearn train": NotRun("a version cannot be made again by its stage", "writing a recipe is the project's own to do"),
        "dvc add": Ran(
            "a table is not tracked by DVC",
            "it is",
            _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said",
        ),
    },
    "lineage/follow.py": {"unlearn follow": NotRun("something was in the way while a round of following was written", _OPEN)},
    "lineage/gaps.py": {
        "git fetch": Ran(
            "the clone is shallow", "older commits can be seen", _T + "a_shallow_clone_is_completed_by_what_is_said"
        ),
        "unlearn follow": Ran(
            "no person column of a table is known",
            "its gap is closed",
            "entrypoints/cli/test_lineage.py::test_whatever_cannot_be_read_is_a_gap_with_a_next_step_until_it_can",
        ),
    },
    "lineage/openlineage.py": {"pip install": NotRun("a target of events is set and the extra is not installed", _REGISTRY)},
    "lineage/provenance.py": {
        "unlearn lineage": Looks("the answer has gaps"),
        "unlearn train": NotRun("a version has no lineage", _OPEN),
        "unlearn follow": Ran(
            "part of the history was never opened",
            "it is opened, and the answer is whole",
            "lineage/test_provenance.py::test_what_was_never_opened_is_said_to_who_asks_about_a_person",
        ),
        "unlearn adopt": Named("a page without a model says how one is taken under care"),
    },
    "lineage/run_trees.py": {
        "mlflow gc": NotRun("runs of others hold what these people shaped", _ADMIN),
        "unlearn adopt": NotRun("runs of others hold what these people shaped", _STAGED),
        "unlearn erase": NotRun("a stage registered versions and the erasure was killed before it took them", _OPEN),
    },
    "lineage/sources.py": {
        "unlearn adopt": NotRun("a run names no data", _OPEN),
        "git fetch": Ran(
            "the clone is shallow", "older commits can be seen", _T + "a_shallow_clone_is_completed_by_what_is_said"
        ),
        "dvc repro": NotRun("a lock was not committed with the run", _STAGED),
    },
    "project/doctor.py": {
        "unlearn init": NotRun("people's data is open to `git add`", _OPEN),
        "git rm": Ran(
            "a table of people is in Git's index",
            "it is not, and the examination is clean",
            "project/test_doctor.py::test_a_table_of_people_in_the_index_is_named_refused_and_mended_by_what_is_said",
        ),
        "git filter-repo": NotRun("a table of people was committed", _FILTER),
    },
    "project/guards.py": {
        "unlearn train": Ran(
            "the checkpoints are lost",
            "they are there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "project/holdings.py": {
        "unlearn adopt": Ran(
            "no column is known that names people",
            "the table of the adopted model is searched",
            "project/test_holdings.py::test_what_is_adopted_counts_from_the_next_reading_on",
        )
    },
    "project/plugins.py": {"pip install": NotRun("the package is not installed whole", _REGISTRY)},
    "project/preflight.py": {
        "dvc pull": Named("says what would bring the rows back"),
        "dvc update": Named("says what would bring the rows back"),
    },
    "project/requests.py": {"unlearn status": Looks("a request is not in the ledger")},
    "project/settings.py": {
        "unlearn init": Ran(
            "the folder has no settings",
            "they are there, and are read",
            _T + "an_empty_folder_becomes_a_project_by_what_is_said",
        ),
        "unlearn prepare": Named("says what a setting needs"),
    },
    "project/suppression.py": {
        "unlearn request": Ran(
            "a load brings erased people back",
            "each has a new request, once",
            "erasure/test_watch.py::test_whoever_came_back_is_named_for_people_to_decide_and_nothing_is_requested",
        ),
        "unlearn erase": Ran(
            "a load brought erased people back, who have a new request",
            "they are erased whole",
            "lineage/test_readmitted.py::test_old_things_stay_erased_new_ones_may_hold_them_and_a_new_request_works_whole",
        ),
        "unlearn readmit": Ran(
            "a load brings erased people back",
            "the load goes through",
            "erasure/test_decisions.py::test_who_was_erased_is_let_in_again_once_with_a_reason_that_names_nobody",
        ),
        "unlearn watch": Looks("a load brings erased people back"),
    },
    "project/tables.py": {
        "unlearn cancel": NotRun("a request was made under another index key", _OPEN),
        "unlearn follow": NotRun("the index was made under another key", _OPEN),
    },
    "project/training/ensemble.py": {
        "unlearn train": Ran(
            "a checkpoint left the store",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "project/training/registration.py": {
        "unlearn train": NotRun("the alias points at a version that nobody trained here", _OPEN)
    },
    "project/workspace.py": {
        "unlearn adopt": Ran(
            "a command needs a model and the project trains none",
            "the adopted model is looked after",
            "erasure/test_adopted_only.py::test_before_anything_is_adopted_erasing_says_to_adopt_first",
        ),
        "unlearn erase": Ran(
            "a command needs a model and the project trains none",
            "the adopted model is looked after",
            "erasure/test_adopted_only.py::test_before_anything_is_adopted_erasing_says_to_adopt_first",
        ),
    },
    "stores/checkpoints.py": {"pip install": NotRun("the driver of a checkpoint store is missing", _REGISTRY)},
    "stores/dvc/clones.py": {"dvc pull": Named("says where a pull takes it from")},
    "stores/dvc/objects.py": {"dvc push": NotRun("a remote is not the one that was used before, or was never used", _OPEN)},
    "stores/dvc/origins.py": {
        "dvc update": NotRun("a table is an import", "the source is another repository, whose owner erases there first"),
        "dvc add": NotRun("a table is an import", "the source is another repository, whose owner erases there first"),
    },
    "stores/dvc/pins.py": {
        "git fetch": NotRun("a revision is not in a repository elsewhere", _OPEN),
        "dvc list": Looks("a path is not tracked"),
        "dvc pull": Ran(
            "a file is tracked and missing here", "it is here", _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said"
        ),
    },
    "stores/dvc/readiness.py": {
        "git rm": NotRun("Git tracks an output of DVC", _OPEN),
        "unlearn init": NotRun("Git tracks an output of DVC", _OPEN),
        "dvc remote": NotRun("there is no default remote", _OPEN),
    },
    "stores/dvc/remotes.py": {
        "pip install": NotRun("the driver of a remote is missing", _REGISTRY),
        "unlearn purge": NotRun("a remote could not be searched", _STAGED),
        "dvc remote": NotRun("a remote that an output names is not configured", _STAGED),
    },
    "stores/dvc/repository.py": {
        "dvc status": Looks("DVC cannot read one of its files"),
        "git checkout": NotRun("DVC cannot read one of its files", _OPEN),
        "dvc list": Looks("a path is not tracked at a revision"),
        "dvc add": Ran("a table is not tracked by DVC", "it is", _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said"),
        "dvc init": Ran(
            "the folder is in no DVC repository", "it is in one", _T + "an_empty_folder_becomes_a_project_by_what_is_said"
        ),
        "dvc remote": Ran(
            "there is no default remote to push to",
            "a push goes there",
            _T + "a_stage_or_a_remote_that_dvc_lacks_is_there_by_what_is_said",
        ),
        "dvc commit": Ran(
            "a table differs from what DVC recorded",
            "it is recorded as it is",
            _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said",
        ),
        "dvc checkout": Ran(
            "a table differs from what DVC recorded",
            "it is as it was recorded",
            _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said",
        ),
        "dvc repro": Ran(
            "the output of a stage was never recorded",
            "it is",
            _T + "a_stage_or_a_remote_that_dvc_lacks_is_there_by_what_is_said",
        ),
        "dvc pull": Ran(
            "a table's object is not in the cache", "it is", _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said"
        ),
    },
    "stores/dvc/stages.py": {
        "dvc repro": NotRun("a stage of the project fails", _STAGED),
        "unlearn erase": Ran(
            "a stage of the project failed, and was corrected",
            "the erasure ends",
            "erasure/test_adopted_only.py::test_a_refused_candidate_leaves_alias_and_versions_and_a_later_run_succeeds",
        ),
    },
    "stores/dvc/twin_map.py": {
        "dvc push": Ran(
            "an object is in no cache and no remote here, and was never an erased one",
            "it is in the remote again, and can be fetched",
            _T + "an_object_that_is_only_elsewhere_comes_back_by_what_is_said",
        ),
        "unlearn checkout": Ran(
            "an object is nowhere because it was erased",
            "its revision is there without the people",
            _T + "nobody_is_told_to_push_an_object_that_was_erased",
        ),
        "git checkout": Ran(
            "the map of twins was changed", "it is read", _T + "a_changed_map_of_twins_is_restored_by_what_is_said"
        ),
    },
    "stores/foreign_code.py": {"unlearn purge": Named("says when the file of words is emptied")},
    "stores/git/command.py": {"git {}": Named("says which command failed")},
    "stores/git/readiness.py": {
        "git config": NotRun("Git knows no author", _OPEN),
        "git status": Looks("files are unmerged"),
        "git switch": NotRun("HEAD is detached", _OPEN),
    },
    "stores/git/repository.py": {
        "git init": Ran(
            "the folder is in no Git repository", "it is in one", _T + "an_empty_folder_becomes_a_project_by_what_is_said"
        )
    },
    "stores/git/search.py": {
        "git cat-file": Named("says which command failed"),
        "git fsck": Looks("objects of Git cannot be read"),
    },
    "stores/keys.py": {
        "unlearn init": NotRun("a key file is missing", "a key that was used before is restored, not made anew")
    },
    "stores/mlflow/models.py": {
        "unlearn train": NotRun("no version is registered, or no alias set", _OPEN),
        "unlearn lineage": Looks("a version is not there"),
        "mlflow db": NotRun("the registry's database is of another MLflow", "no older database is at hand"),
    },
    "stores/sql/database.py": {"pip install": NotRun("a ledger is in PostgreSQL and its driver is missing", _REGISTRY)},
    "stores/sql/lineage.py": {
        "unlearn train": NotRun("a data version is not in the lineage", _OPEN),
        "unlearn lineage": Looks("a model version is not in the lineage"),
    },
    "stores/tables/redaction.py": {
        "dvc pull": Ran("a table is not there", "it is", _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said")
    },
    "stores/tables/tables.py": {
        "dvc pull": Ran("a table is not there", "it is", _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said")
    },
    "traces/deletion.py": {
        "unlearn purge": Ran(
            "a purge left what it was to delete, because something stood in its way",
            "once that is gone, it deletes it and exits 0",
            _T + "what_a_purge_cannot_delete_is_said_and_goes_once_it_can",
        )
    },
    "traces/old_revisions.py": {"git log": Looks("a revision is no DVC project yet")},
    "traces/out_of_reach.py": {
        "dvc push": Named("says what brings erased objects back"),
        "prefect flow-run": NotRun("flows of others are on a shared server", _ADMIN),
        "prefect artifact": NotRun("flows of others are on a shared server", _ADMIN),
        "mlflow runs": NotRun("experiments of others are on a shared server", _ADMIN),
        "mlflow gc": NotRun("experiments of others are on a shared server", _ADMIN),
    },
    "traces/places/current_tables.py": {
        "dvc repro": NotRun("a tracked output that no erasure redacts holds the people", _OPEN),
        "dvc commit": NotRun("a tracked output that no erasure redacts holds the people", _STAGED),
    },
    "traces/places/dvc_objects.py": {
        "unlearn purge": Ran(
            "stages made something of the people's data that nobody can read",
            "it is gone",
            "traces/test_what_nobody_reads.py::test_declared_files_and_what_a_stage_makes_again_leave_nothing_open",
        ),
        "dvc repro": Ran(
            "stages made something of the people's data that was deleted",
            "it is made again without them",
            "traces/test_twins.py::test_dvc_repro_at_a_twin_makes_again_what_stages_made_of_the_erased",
        ),
        "unlearn release": Ran(
            "a hold keeps people in a data set",
            "a purge deletes them",
            "erasure/test_decisions.py::test_what_a_hold_keeps_stays_through_sweep_purge_and_watch_and_goes_after_the_release",
        ),
    },
    "traces/places/git_history.py": {
        "git filter-repo": NotRun("what was committed holds the people", _FILTER),
        "unlearn init": NotRun("what was committed holds the people", "it follows git-filter-repo, see there"),
        "git fsck": Looks("the repository is damaged"),
    },
    "traces/places/listing.py": {
        "unlearn request": Ran(
            "erased people are in a declared table",
            "each has a new request, once",
            "erasure/test_watch.py::test_whoever_came_back_is_named_for_people_to_decide_and_nothing_is_requested",
        ),
        "unlearn erase": Ran(
            "erased people are in a declared table and have a new request",
            "they are erased whole",
            "lineage/test_readmitted.py::test_old_things_stay_erased_new_ones_may_hold_them_and_a_new_request_works_whole",
        ),
        "unlearn readmit": Ran(
            "erased people are in a declared table",
            "the table is no finding any more",
            "lineage/test_readmitted.py::test_old_things_stay_erased_new_ones_may_hold_them_and_a_new_request_works_whole",
        ),
        "unlearn follow": Ran(
            "a file of unknown form or column is there",
            "its column is known",
            "entrypoints/cli/test_lineage.py::test_whatever_cannot_be_read_is_a_gap_with_a_next_step_until_it_can",
        ),
    },
    "traces/places/mlflow_mentions.py": {
        "unlearn purge": NotRun("a tracking server keeps what its API cannot delete", _ADMIN),
        "mlflow gc": NotRun("a tracking server keeps what its API cannot delete", _ADMIN),
        "mlflow runs": NotRun("a tracking server keeps what its API cannot delete", _ADMIN),
    },
    "traces/places/mlflow_versions.py": {
        "unlearn purge": NotRun("a tracking server marks as deleted and cannot collect", _ADMIN),
    },
    "traces/places/prefect_server.py": {
        command: Ran(
            "rows of a server of the user's name somebody who was erased",
            "what was deleted names nobody",
            "traces/places/test_prefect_server.py::"
            "test_flow_run_artifact_deployment_automation_and_variable_are_gone_after_their_delete",
        )
        for command in (
            *("prefect flow-run", "prefect artifact", "prefect deployment"),
            *("prefect automation", "prefect variable"),
        )
    },
    "traces/places/remotes.py": {
        "dvc pull": Named("says what a place is"),
        "dvc update": NotRun("a table is an import", "the source is another repository, whose owner erases there first"),
        "dvc push": Ran(
            "what HEAD records is an older content",
            "a fresh clone gets the redacted one",
            "traces/places/test_remotes.py::test_a_redaction_that_is_committed_and_pushed_is_what_a_clone_gets",
        ),
        "unlearn purge": NotRun("what HEAD records is an older content", _OPEN),
        "dvc freeze": NotRun("what a stage reads holds the people", _STAGED),
    },
    "traces/within_reach.py": {
        "unlearn release": Ran(
            "somebody is searched for who is on hold",
            "their erasure goes on",
            "erasure/test_decisions.py::test_an_erasure_with_a_hold_serves_a_clean_model_and_deletes_nothing_until_the_release",
        ),
        "unlearn request": Ran(
            "somebody is searched for whom nobody asked to erase",
            "they have a request",
            _T + "what_a_sweep_says_about_somebody_who_was_not_erased_takes_them_out",
        ),
        "unlearn erase": Ran(
            "somebody is searched for whose erasure has not ended",
            "a search finds nothing of them",
            _T + "what_a_sweep_says_about_somebody_who_was_not_erased_takes_them_out",
        ),
    },
}


def page() -> str:
    """`docs/remedies.md`."""
    cases = [case for each in TABLE.values() for case in each.values()]
    ran, looks, not_run, named = (sum(isinstance(case, kind) for case in cases) for kind in (Ran, Looks, NotRun, Named))
    rows = [_row(module, command, case) for module, each in TABLE.items() for command, case in each.items()]
    return "\n".join(
        [
            "# Remedies",
            "",
            "Every command that a message names, where the message is made, and what is known of it. The page is checked",
            "against the source: a message that names a new command fails the tests until it has a row.",
            "`python -m tests.remedies` writes it.",
            "",
            f"{ran} are run by a test on the state that prints them; {looks} only show something; {not_run} are run by no",
            f"test, for the reason that is given; {named} are named and not advised. That a command of ours exists, and takes",
            "the options that are said, is tested for all of them.",
            "",
            "| message of | command | state that prints it | after it, or why no test runs it | run by |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(module: str, command: str, case: Case) -> str:
    match case:
        case Ran(state, holds, test):
            told = (state, holds, f"`{test.split('::')[1].removeprefix('test_')}`")
        case Looks(state):
            told = (state, "only shows", "")
        case NotRun(state, why):
            told = (state, f"not run: {why}", "")
        case Named(why):
            told = ("", f"no remedy: {why}", "")
    return f"| `{module}` | `{command}` | {' | '.join(told)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
