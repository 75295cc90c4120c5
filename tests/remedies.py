"""Every command that a message of the product names as the next step, and what is known of it: `docs/remedies.md`.

`messages` walks the source for commands in backticks, so that a new one without an entry in `TABLE` fails the suite, as does an
entry that nothing prints any more. `python -m tests.remedies` writes the page anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/remedies.md"

_TOOLS = "unlearn|git|dvc|mlflow|prefect|pip|chmod|openssl|python"
COMMAND = re.compile(rf"`((?:{_TOOLS}) [^`]+)`")
_ALONE = re.compile(r"(?:git|dvc|mlflow|prefect|pip) [a-z][a-z-]+(?: --?[a-z].*| reset)?")
"""A string that is a command and nothing else, which a message puts between its backticks."""


@dataclass(frozen=True)
class Ran:
    """A test brings about the state that prints it, runs it, and looks at what holds after."""

    state: str
    holds: str
    test: str
    """`FILE::NAME` below `tests`; the name of the command's verb stands in it."""


@dataclass(frozen=True)
class Installs:
    """It installs something, which needs a registry: a test compares what it names with what is missing, by the metadata."""

    state: str
    test: str


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


Case = Ran | Installs | Looks | NotRun | Named


@cache
def messages() -> dict[tuple[str, str], list[str]]:
    """(module, command without what follows its verb) → the commands as they are printed, `{}` for what is filled in."""
    found: dict[tuple[str, str], list[str]] = {}
    parsed = {file: ast.parse(file.read_text("utf-8")) for file in sorted((ROOT / "unlearning").rglob("*.py"))}
    constants = {name: text for tree in parsed.values() for name, text in _constants(tree).items()}
    for file, tree in parsed.items():
        module = file.relative_to(ROOT / "unlearning").as_posix()
        for text in _strings(tree, {**constants, **_constants(tree)}):
            for command in [text] if _ALONE.fullmatch(text) else COMMAND.findall(text):
                found.setdefault((module, verb(command)), []).append(command)
    return found


def _constants(tree: ast.Module) -> dict[str, str]:
    """The strings that a module names, as messages are put together of them."""
    return {
        node.targets[0].id: str(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant)
    }


def verb(command: str) -> str:
    """Tool and verb of a command."""
    return " ".join(command.replace("{}", " {}").split()[:2])


def _strings(node: ast.AST, constants: Mapping[str, str]) -> Iterator[str]:
    """Every string of a syntax tree as it may be printed, docstrings aside."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(map(partial(_part, constants), node.values))
    elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        for child in ast.iter_child_nodes(node):
            yield from _strings(child, constants)


def _part(constants: Mapping[str, str], part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    named = part.value if isinstance(part, ast.FormattedValue) else None
    return constants.get(named.id, "{}") if isinstance(named, ast.Name) else "{}"


_STAGED = "what is correct is the project's own to say; that an erasure goes on afterwards is tested with `unlearn erase`"
_STRAY = (
    "that an erasure goes on after a refusal or a kill is tested in erasure/test_adopted_only.py, without a search in between"
)
_NAMED = (
    "that a purge collects where the server's database is named is tested in stores/mlflow/test_garbage.py, without the command"
)
_T = "test_remedies.py::test_"
_SETUP = "remedied/test_setting_up.py::test_"
_LINEAGE = "remedied/test_training_and_lineage.py::test_"
_SEARCH = "remedied/test_searching_and_erasing.py::test_"
_MLFLOW = "remedied/test_mlflow.py::test_"
_HISTORY = "remedied/test_git_history.py::test_"
_PREFECT = "entrypoints/flows/test_remedies_with_prefect.py::test_"
_PACKAGES = "remedied/test_packages.py::test_"
_ADOPTED = "erasure/test_adopted_only.py::test_"
_OWN = "entrypoints/cli/test_own_repository.py::test_the_section_works_as_it_is_printed"

TABLE: Mapping[str, Mapping[str, Case]] = {
    "certificate/command.py": {
        "unlearn prove": Named("help: says who writes a proof"),
        "unlearn retire": Named("help: says who writes a record"),
    },
    "certificate/draw.py": {"unlearn replay": Looks("what was given to --draw is no draw; --dry-run only says what is drawn")},
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
    "certificate/retention.py": {
        "unlearn retire": Looks("a record is verified, which cannot say how old rows are"),
        "unlearn audit": Looks("a record is verified without the issuer's ledger"),
    },
    "domain/environ.py": {
        "unlearn deliver": Named("says what a variable is for"),
        "unlearn listen": Named("says what a variable is for"),
        "unlearn serve": Named("says what a variable is for"),
    },
    "project/access.py": {"unlearn token": Looks("a key is to be taken back that was never given")},
    "domain/traces.py": {
        "mlflow gc": Ran(
            "a tracking server marks as deleted and cannot collect",
            "nothing is left there",
            _MLFLOW + "what_a_server_only_marks_as_deleted_is_collected_by_whoever_has_its_database",
        ),
        "unlearn purge": Ran(
            "a sweep finds objects, checkpoints, runs or drafts of erased people in a place that can delete them",
            "they are gone, or the purge exits 1 and says which are there still",
            _T + "what_a_sweep_says_that_a_purge_deletes_is_deleted",
        ),
    },
    "entrypoints/cli/deploying.py": {
        "prefect server": NotRun(
            "no server is named", "the servers of all tests are started with it, by tests/servers.py and before a test begins"
        )
    },
    "entrypoints/cli/erasure.py": {
        "unlearn impact": Named("help of an option"),
        "unlearn erase": Ran(
            "an erasure was stopped with Ctrl-C", "the requests are carried out", _SEARCH + "a_stopped_erasure_goes_on"
        ),
    },
    "entrypoints/cli/lineage.py": {"unlearn lineage": Looks("no model is named and the project trains none")},
    "entrypoints/cli/project.py": {
        "unlearn deploy": Ran(
            "`unlearn init` found entry files of an earlier version",
            "the server has the flows of today",
            _PREFECT + "entrypoints_of_before_are_changed_and_deployed[unlearn deploy]",
        ),
        "prefect deploy": Ran(
            "`unlearn init` found entry files of an earlier version",
            "the server has the flows of today",
            _PREFECT + "entrypoints_of_before_are_changed_and_deployed[prefect deploy]",
        ),
        "unlearn init": Named("help of an option"),
    },
    "entrypoints/cli/requests.py": {
        "unlearn watch": Named("help of an option"),
        "unlearn told": Named("help of an option"),
    },
    "entrypoints/cli/serving.py": {
        "unlearn erase": Named("what runs elsewhere, or by itself"),
        "unlearn deploy": Named("what runs on a Prefect server"),
    },
    "entrypoints/cli/shared.py": {
        "unlearn request": Ran(
            "more arguments came than a command takes",
            "the person has a request",
            "entrypoints/cli/test_requests.py::test_who_came_back_is_let_in_or_requested_again_without_their_identifier",
        )
    },
    "entrypoints/console/looking.py": {
        "unlearn confirm": Ran(
            "a page shows an unverified request",
            "the person is left out, and the erasure can begin",
            "entrypoints/cli/test_true_dates.py::test_who_is_not_known_yet_waits_until_somebody_confirms",
        ),
        "unlearn approve": Ran(
            "a page shows a planned erasure that waits for approval",
            "the erasure goes on",
            "erasure/test_decisions.py::"
            "test_where_approval_is_asked_for_nothing_changes_before_it_and_the_certificate_names_who_gave_it",
        ),
        "unlearn erase": Ran(
            "a page shows a request that waits",
            "it ends with its certificate",
            "erasure/test_batches.py::test_an_erasure_ends_in_clean_data_a_promoted_version_and_a_certificate",
        ),
        "unlearn release": Ran(
            "a page shows a request on hold",
            "its erasure goes on",
            _SEARCH + "a_hold_is_released_where_a_search_or_an_erasure_stops_at_it",
        ),
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
    "entrypoints/demo/examples.py": {
        "pip install": Installs(
            "an example of the demo is made with a package that is not installed",
            _PACKAGES + "extras_have_what_an_example_of_the_demo_is_missing",
        )
    },
    "entrypoints/flows/events.py": {
        "unlearn erase": Ran(
            "no Prefect server takes the event of a new request",
            "the requests are carried out",
            _SEARCH + "requests_of_which_no_server_took_the_event_are_carried_out",
        ),
        "unlearn watch": Ran(
            "no Prefect server takes the event of a changed registry",
            "an alias that was moved back to the erased is moved on again",
            _SEARCH + "a_registry_of_whose_change_no_server_heard_is_looked_at",
        ),
    },
    "entrypoints/flows/runners.py": {
        "pip install": Installs(
            "the runner is dask or ray and it is not installed", _PACKAGES + "an_extra_has_the_driver_that_is_missing"
        )
    },
    "entrypoints/flows/retire.py": {
        "unlearn retire": NotRun("something was in the way after a plan was made", "the same command goes on there")
    },
    "entrypoints/flows/telling.py": {
        "prefect block": Looks("notify names a block that is not there"),
        "unlearn status": Looks("somebody is told of what came too late or of what stopped"),
    },
    "entrypoints/flows/train.py": {
        "unlearn train": Ran(
            "something was in the way after the data was loaded",
            "the version is registered",
            _LINEAGE + "a_training_that_stopped_goes_on",
        )
    },
    "entrypoints/mlflow_hooks/evaluator.py": {"unlearn judge": Named("says what trains shadow models")},
    "entrypoints/scaffold/found.py": {"unlearn init": Named("says what writes the rest, once recipes are there")},
    "entrypoints/scaffold/asking.py": {
        "unlearn init": Named("the same command again, once the lines of another model are written"),
        "dvc add": Ran(
            "`unlearn init` finds no table that DVC tracks",
            "the project is written for it",
            _SETUP + "a_table_that_init_is_to_find_is_tracked_first",
        ),
    },
    "entrypoints/scaffold/hook.py": {"unlearn init": Named("says who wrote the hook")},
    "entrypoints/scaffold/proposal.py": {
        "dvc add": Ran(
            "the table that `unlearn init` is told of is not tracked",
            "the project is written for it",
            _SETUP + "a_table_that_init_is_told_of_is_tracked_first",
        ),
        "unlearn init": Ran(
            "nothing says which column is the person's",
            "a project is written that trains nothing",
            _SETUP + "a_table_without_a_target_is_for_a_project_that_trains_nothing",
        ),
    },
    "entrypoints/scaffold/recipe_texts.py": {
        "unlearn init": Named("says who wrote the recipe"),
        "pip install": Installs(
            "a recipe may name other libraries of boosted trees",
            _PACKAGES + "an_extra_has_the_library_of_boosted_trees_that_is_missing",
        ),
    },
    "entrypoints/scaffold/scaffold.py": {
        "dvc repro": Ran("`unlearn init` has written a project", "a version is registered", _OWN),
        "git add": Ran("`unlearn init` has written a project", "the first version is committed", _OWN),
        "unlearn request": Ran("`unlearn init` has written a project", "there is a request", _OWN),
        "unlearn impact": Looks("`unlearn init` has written a project"),
        "unlearn erase": Ran("`unlearn init` has written a project", "the person is out of the tables", _OWN),
        "unlearn init": Ran(
            "a file of an earlier version, or one that somebody changed, was left as it is",
            "the project is written beside them",
            _SETUP + "tables_in_the_way_of_init_are_moved_and_it_runs_again",
        ),
        "unlearn follow": Ran(
            "a project that trains no model was written",
            "the registry is known",
            _SETUP + "a_project_that_trains_nothing_is_led_to_its_first_model",
        ),
        "unlearn adopt": Ran(
            "a project that trains no model was written",
            "its table is what is searched",
            _SETUP + "a_project_that_trains_nothing_is_led_to_its_first_model",
        ),
    },
    "erasure/answer_page.py": {
        "pip install": Installs(
            "an answer is wanted as PDF and the extra is not installed", _PACKAGES + "the_extra_pdf_has_what_prints_an_answer"
        )
    },
    "erasure/drawn_replay.py": {
        "unlearn replay": Looks("what was given to --draw is no draw; --dry-run only says what is drawn")
    },
    "erasure/audit.py": {
        "unlearn audit": Ran(
            "an audit finds that what commands ask is not what the ledger's events say",
            "it is, and commands answer again",
            "erasure/test_audit.py::test_a_changed_projection_is_named_by_unlearn_audit_and_commands_refuse_until_it_is_rebuilt",
        )
    },
    "erasure/countersign.py": {
        "openssl genpkey": Ran(
            "the key of a countersignature is not there", "it is", _SETUP + "whoever_countersigns_makes_a_key"
        ),
        "chmod 600": Ran(
            "the key of a countersignature is not there", "nobody else can read it", _SETUP + "whoever_countersigns_makes_a_key"
        ),
    },
    "erasure/plans.py": {"unlearn status": Looks("a plan is stale, or none has this digest")},
    "erasure/decisions.py": {
        "unlearn told": Ran(
            "a recipient acknowledges who was never told",
            "it can acknowledge",
            "erasure/test_recipients.py::test_of_an_erased_person_every_recipient_is_listed_until_it_was_told_and_acknowledged",
        ),
        "unlearn release": Ran(
            "a request is on hold",
            "its erasure goes on",
            _SEARCH + "a_hold_is_released_where_a_search_or_an_erasure_stops_at_it",
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
            _SEARCH + "a_hold_is_released_where_a_search_or_an_erasure_stops_at_it",
        ),
        "unlearn cancel": Ran(
            "somebody is to be readmitted while a request of theirs is open",
            "they can be readmitted",
            _SEARCH + "an_open_request_is_taken_back_before_the_person_is_let_in",
        ),
        "unlearn watch": Looks("somebody is to be readmitted who was never erased"),
        "dvc list": Looks("a hold is to keep a path that no revision tracks"),
    },
    "erasure/batches.py": {
        "unlearn confirm": Ran(
            "an unverified request is to be erased",
            "the person is left out, and the erasure can begin",
            "entrypoints/cli/test_true_dates.py::test_who_is_not_known_yet_waits_until_somebody_confirms",
        ),
    },
    "erasure/left.py": {
        "unlearn purge": Ran(
            "nobody knows the data of a version of an adopted model",
            "the renewed certificate lists it no more",
            _ADOPTED + "a_later_version_whose_data_nobody_knows_is_listed_as_left",
        ),
        "unlearn adopt": Ran(
            "people shaped a version that this project did not train",
            "the renewed certificate lists it no more",
            _ADOPTED + "a_later_version_whose_data_nobody_knows_is_listed_as_left",
        ),
        "unlearn follow": Ran(
            "nobody knows the data of a version of an adopted model",
            "the renewed certificate lists it no more",
            _ADOPTED + "a_later_version_whose_data_nobody_knows_is_listed_as_left",
        ),
    },
    "erasure/purge_again.py": {
        "unlearn erase": Ran(
            "a purge is asked for a request that is not erased yet",
            "the request is erased",
            _T + "what_a_sweep_says_about_somebody_who_was_not_erased_takes_them_out",
        ),
        "unlearn release": Ran(
            "a purge leaves alone whoever came back and is on hold",
            "they are erased again",
            _SEARCH + "whoever_came_back_and_is_on_hold_is_released_and_erased",
        ),
    },
    "erasure/kept.py": {
        "git cat-file": Named("says which command failed"),
        "git fsck": Looks("objects of Git cannot be read"),
    },
    "erasure/retire.py": {
        "unlearn release": Named("says what ends a hold, as `unlearn status` does"),
        "unlearn retire": NotRun("outdated rows came back, or a retirement stopped", "the same command goes on there"),
        "unlearn train": Looks("a version that learned from outdated rows serves"),
        "unlearn twins": Looks("an old revision of a table has none without outdated rows"),
    },
    "erasure/second_look.py": {
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
        "mlflow runs": Ran(
            "a version that was trained elsewhere came late",
            "the next round finds nothing, and the run is gone",
            _MLFLOW + "a_version_that_came_late_is_deleted_with_its_run",
        ),
        "mlflow gc": Ran(
            "a version that was trained elsewhere came late",
            "the next round finds nothing, and the run is gone",
            _MLFLOW + "a_version_that_came_late_is_deleted_with_its_run",
        ),
    },
    "learners/boosting/learner.py": {
        "unlearn train": Ran(
            "a checkpoint is damaged or of another recipe, and was deleted",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "learners/boosting/library.py": {
        "pip install": Installs(
            "the library that a recipe of boosted trees names is not installed",
            _PACKAGES + "an_extra_has_the_library_of_boosted_trees_that_is_missing",
        )
    },
    "learners/convex/learner.py": {
        "unlearn train": Ran(
            "a checkpoint is damaged, and was deleted",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "learners/requirements.py": {
        "pip install": Installs(
            "a library that a learner needs is not installed", _PACKAGES + "an_extra_has_what_a_learner_is_missing"
        )
    },
    "learners/sklearn/learner.py": {
        "unlearn train": Ran(
            "a checkpoint is damaged, and was deleted",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "learners/sklearn/storing.py": {
        "unlearn train": Ran(
            "a checkpoint is damaged, and was deleted",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "learners/statistics/state.py": {
        "unlearn train": Ran(
            "a checkpoint is damaged, and was deleted",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
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
    "lineage/follow.py": {
        "unlearn follow": Ran(
            "something was in the way while a round of following was written",
            "the round is whole",
            _LINEAGE + "a_round_of_following_that_stopped_goes_on",
        )
    },
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
    "lineage/provenance.py": {
        "unlearn lineage": Looks("the answer has gaps"),
        "unlearn train": Ran("a version has no lineage", "it has", _LINEAGE + "a_model_that_nobody_trained_is_trained"),
        "unlearn follow": Ran(
            "part of the history was never opened",
            "it is opened, and the answer is whole",
            "lineage/test_provenance.py::test_what_was_never_opened_is_said_to_who_asks_about_a_person",
        ),
        "unlearn adopt": Named("a page without a model says how one is taken under care"),
    },
    "lineage/run_trees.py": {
        "mlflow runs": Ran(
            "runs of others hold what these people shaped",
            "they are listed no more",
            _MLFLOW + "a_run_of_others_that_they_shaped_is_deleted",
        ),
        "mlflow gc": Ran(
            "runs of others hold what these people shaped",
            "they are listed no more",
            _MLFLOW + "a_run_of_others_that_they_shaped_is_deleted",
        ),
        "unlearn adopt": NotRun("runs of others hold what these people shaped", _STAGED),
        "unlearn erase": NotRun("a stage registered versions and the erasure was killed before it took them", _STRAY),
    },
    "lineage/sources.py": {
        "unlearn adopt": Ran(
            "a run names no data", "its gap is closed", _LINEAGE + "a_run_that_names_no_data_is_explained_by_adopting"
        ),
        "git fetch": Ran(
            "the clone is shallow", "older commits can be seen", _T + "a_shallow_clone_is_completed_by_what_is_said"
        ),
        "dvc repro": NotRun("a lock was not committed with the run", _STAGED),
    },
    "project/doctor.py": {
        "unlearn init": Ran(
            "people's data is open to `git add`", "it is ignored", _SETUP + "data_that_git_would_take_is_ignored_again"
        ),
        "git rm": Ran(
            "a table of people is in Git's index",
            "it is not, and the examination is clean",
            "project/test_doctor.py::test_a_table_of_people_in_the_index_is_named_refused_and_mended_by_what_is_said",
        ),
        "git filter-repo": Ran(
            "a table of people was committed",
            "no commit has it",
            _HISTORY + "a_table_that_was_committed_leaves_the_history_of_a_project",
        ),
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
            _SETUP + "a_project_that_trains_nothing_is_led_to_its_first_model",
        )
    },
    "project/plugins.py": {
        "pip install": Installs(
            "the package is not installed whole", _PACKAGES + "a_package_that_lost_its_entry_points_is_installed_over_itself"
        )
    },
    "project/preflight.py": {
        "pip install": Installs(
            "a target of events is set and the extra is not installed", _PACKAGES + "the_extra_openlineage_has_the_client"
        ),
        "dvc pull": Named("says what would bring the rows back"),
        "dvc update": Named("says what would bring the rows back"),
    },
    "project/recipes.py": {"python {}": Looks("a recipe fails on import")},
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
            _SEARCH + "whoever_came_back_is_let_in_or_asked_for_again[unlearn request]",
        ),
        "unlearn erase": Ran(
            "a load brought erased people back, who have a new request",
            "they are erased whole",
            "lineage/test_readmitted.py::test_old_things_stay_erased_new_ones_may_hold_them_and_a_new_request_works_whole",
        ),
        "unlearn readmit": Ran(
            "a load brings erased people back",
            "the load goes through",
            _SEARCH + "whoever_came_back_is_let_in_or_asked_for_again[unlearn readmit]",
        ),
        "unlearn watch": Looks("a load brings erased people back"),
    },
    "project/tables.py": {
        "unlearn cancel": Ran(
            "a request was made under another index key",
            "the new request finds the person",
            _LINEAGE + "a_request_under_another_key_is_taken_back_and_made_again",
        ),
        "unlearn follow": Ran(
            "the index was made under another key",
            "the index is of the present key",
            _LINEAGE + "the_lineage_is_made_anew_under_another_key",
        ),
    },
    "project/training/ensemble.py": {
        "unlearn train": Ran(
            "a checkpoint left the store",
            "it is there again, and the model answers",
            _T + "a_checkpoint_that_is_lost_or_damaged_is_made_again_by_training",
        )
    },
    "project/training/registration.py": {
        "unlearn train": Ran(
            "the alias points at a version that nobody trained here",
            "it points at a version with lineage",
            _LINEAGE + "an_alias_of_what_nobody_trained_here_is_moved_by_training",
        )
    },
    "project/workspace.py": {
        "unlearn adopt": Ran(
            "a command needs a model and the project trains none",
            "the adopted model is looked after",
            _SETUP + "a_project_that_trains_nothing_is_led_to_its_first_model",
        ),
        "unlearn erase": Ran(
            "a command needs a model and the project trains none",
            "the adopted model is looked after",
            "erasure/test_adopted_only.py::test_before_anything_is_adopted_erasing_says_to_adopt_first",
        ),
    },
    "stores/checkpoints.py": {
        "pip install": Installs(
            "the driver of a checkpoint store is missing",
            _PACKAGES + "the_driver_of_a_checkpoint_store_is_the_one_that_fsspec_asks_for",
        )
    },
    "stores/sealed.py": {
        "pip install": Installs(
            "the driver of a spool is missing",
            _PACKAGES + "the_driver_of_a_spool_is_the_one_that_fsspec_asks_for",
        )
    },
    "stores/dvc/clones.py": {"dvc pull": Named("says where a pull takes it from")},
    "stores/dvc/objects.py": {
        "dvc push": Ran(
            "a remote is not the one that was used before, or was never used",
            "it is searched",
            _SETUP + "a_remote_that_only_dvc_has_used_and_that_is_empty_takes_a_push",
        )
    },
    "stores/dvc/origins.py": {
        "dvc import": Named("says which command made an import"),
        "dvc import-db": Named("says which command made an import"),
        "dvc import-url": Named("says which command made an import"),
        "dvc update": Ran(
            "a table is an import", "the redacted content is here", _SETUP + "an_import_is_erased_at_its_source_and_taken_anew"
        ),
        "dvc add": Ran("a table is an import", "it is a table of this project", _SETUP + "an_import_is_owned_from_now_on"),
    },
    "stores/dvc/pins.py": {
        "git fetch": Ran(
            "a revision is not in a repository elsewhere", "it is there", _SETUP + "a_revision_that_came_later_is_fetched"
        ),
        "dvc list": Looks("a path is not tracked"),
        "dvc pull": Ran(
            "a file is tracked and missing here", "it is here", _T + "what_dvc_says_of_a_table_is_mended_by_what_is_said"
        ),
    },
    "stores/dvc/readiness.py": {
        "git rm": Ran(
            "Git tracks an output of DVC", "DVC records its versions", _SETUP + "what_git_tracks_of_dvc_s_is_taken_out"
        ),
        "unlearn init": Ran(
            "Git tracks an output of DVC", "Git takes it no more", _SETUP + "what_git_tracks_of_dvc_s_is_taken_out"
        ),
        "dvc remote": Ran("there is no default remote", "a push goes there", _SETUP + "a_project_without_a_remote_gets_one"),
    },
    "stores/dvc/remotes.py": {
        "pip install": Installs(
            "the driver of a remote is missing", _PACKAGES + "the_driver_of_a_remote_is_the_one_that_dvc_asks_for"
        ),
        "unlearn purge": Ran(
            "a remote could not be searched",
            "it is searched",
            _SEARCH + "a_remote_that_left_the_settings_is_added_again_and_searched",
        ),
        "dvc remote": Ran(
            "a remote that an output names is not configured",
            "it is searched",
            _SEARCH + "a_remote_that_an_output_names_is_configured",
        ),
    },
    "stores/dvc/repository.py": {
        "dvc status": Looks("DVC cannot read one of its files"),
        "git checkout": Ran(
            "DVC cannot read one of its files", "DVC reads it", _SETUP + "a_file_of_dvc_that_is_broken_is_restored"
        ),
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
        "git merge": Ran("a merge is under way", "commits can be made", _SETUP + "what_is_under_way_in_git_is_ended[merge]"),
        "git cherry-pick": Ran(
            "a cherry-pick is under way", "commits can be made", _SETUP + "what_is_under_way_in_git_is_ended[cherry-pick]"
        ),
        "git revert": Ran("a revert is under way", "commits can be made", _SETUP + "what_is_under_way_in_git_is_ended[revert]"),
        "git rebase": Ran("a rebase is under way", "commits can be made", _SETUP + "what_is_under_way_in_git_is_ended[rebase]"),
        "git bisect": Ran(
            "a bisection is under way", "commits can be made", _SETUP + "what_is_under_way_in_git_is_ended[bisect]"
        ),
        "git config": Ran("Git knows no author", "commits can be made", _SETUP + "git_is_told_who_commits"),
        "git status": Looks("files are unmerged"),
        "git switch": Ran("HEAD is detached", "commits are on the branch", _SETUP + "a_branch_is_gone_back_to"),
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
        "chmod 600": Ran("a key can be read by others", "it cannot", _SETUP + "a_key_that_others_can_read_is_made_private"),
        "unlearn init": Ran("a key file is missing", "it has keys", _SETUP + "a_project_that_never_had_keys_gets_them"),
    },
    "stores/mlflow/models.py": {
        "unlearn train": Ran(
            "no version is registered, or no alias set",
            "the alias points at a version",
            _LINEAGE + "an_alias_that_points_nowhere_is_set_by_training",
        ),
        "unlearn lineage": Looks("a version is not there"),
        "mlflow db": NotRun("the registry's database is of another MLflow", "no database that it refuses is at hand"),
    },
    "stores/sql/database.py": {
        "unlearn db": Ran(
            "a server's database is at the schema of an earlier package",
            "it is at this one's, and every command works",
            "entrypoints/cli/test_databases.py::test_an_upgrade_of_a_db_says_what_is_missing_before_it_does_it",
        ),
        "pip install": Installs(
            "a ledger is in PostgreSQL and its driver is missing", _PACKAGES + "an_extra_has_the_driver_that_is_missing"
        ),
    },
    "stores/sql/projection.py": {
        "unlearn audit": Ran(
            "the tables that commands ask do not follow from the ledger's events",
            "they do, and commands answer again",
            "erasure/test_audit.py::test_a_changed_projection_is_named_by_unlearn_audit_and_commands_refuse_until_it_is_rebuilt",
        ),
    },
    "stores/sql/lineage.py": {
        "unlearn train": Ran(
            "a data version is not in the lineage", "it is", _LINEAGE + "a_model_that_nobody_trained_is_trained"
        ),
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
        "unlearn sweep": Ran(
            "a file of the folder, which no tool keeps, names somebody",
            "it is listed by its path",
            "entrypoints/cli/test_traces.py::test_a_sweep_names_the_files_that_it_does_not_open_and_the_whole_sweep_opens_them",
        ),
        "dvc push": Named("says what brings erased objects back"),
        "prefect flow-run": Ran(
            "flows of others are on a shared server",
            "the server has them no more",
            _PREFECT + "runs_and_artifacts_of_other_flows_are_deleted_by_their_owners",
        ),
        "prefect artifact": Ran(
            "flows of others are on a shared server",
            "the server has them no more",
            _PREFECT + "runs_and_artifacts_of_other_flows_are_deleted_by_their_owners",
        ),
        "mlflow runs": Ran(
            "experiments of others are on a shared server",
            "the run is nowhere",
            _MLFLOW + "a_run_of_others_that_they_shaped_is_deleted",
        ),
        "mlflow gc": Ran(
            "experiments of others are on a shared server",
            "the run is nowhere",
            _MLFLOW + "a_run_of_others_that_they_shaped_is_deleted",
        ),
    },
    "traces/places/current_tables.py": {
        "dvc repro": Ran(
            "a tracked output that no erasure redacts holds the people",
            "it holds nobody, and DVC is up to date",
            _SEARCH + "an_output_that_no_erasure_redacts_is_made_again_or_committed[dvc repro]",
        ),
        "dvc commit": Ran(
            "a tracked output that no erasure redacts holds the people",
            "it holds nobody, and DVC is up to date",
            _SEARCH + "an_output_that_no_erasure_redacts_is_made_again_or_committed[dvc commit]",
        ),
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
        "git filter-repo": Ran(
            "what was committed holds the people",
            "no object of any commit holds them",
            _HISTORY + "a_table_is_taken_out_of_every_commit",
        ),
        "unlearn init": Ran(
            "what was committed holds the people",
            "Git takes it no more",
            _HISTORY + "a_table_that_was_committed_leaves_the_history_of_a_project",
        ),
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
            _SEARCH + "whoever_came_back_is_let_in_or_asked_for_again[unlearn readmit]",
        ),
        "unlearn follow": Ran(
            "a file of unknown form or column is there",
            "its column is known",
            "entrypoints/cli/test_lineage.py::test_whatever_cannot_be_read_is_a_gap_with_a_next_step_until_it_can",
        ),
    },
    "traces/places/mlflow_mentions.py": {
        "unlearn purge": NotRun("a tracking server keeps what its API cannot delete", _NAMED),
        "mlflow gc": Ran(
            "a tracking server keeps what its API cannot delete",
            "a search finds nothing",
            _MLFLOW + "what_was_logged_about_people_on_a_server_goes_with_its_deleted_run",
        ),
        "mlflow runs": Ran(
            "a tracking server keeps what its API cannot delete",
            "a search finds nothing",
            _MLFLOW + "what_was_logged_about_people_on_a_server_goes_with_its_deleted_run",
        ),
    },
    "traces/places/mlflow_versions.py": {
        "unlearn purge": NotRun("a tracking server marks as deleted and cannot collect", _NAMED),
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
        "dvc update": Ran(
            "a table is an import", "the redacted content is here", _SETUP + "an_import_is_erased_at_its_source_and_taken_anew"
        ),
        "dvc push": Ran(
            "what HEAD records is an older content",
            "a fresh clone gets the redacted one",
            _SEARCH + "what_head_records_is_committed_and_pushed",
        ),
        "unlearn purge": Ran(
            "what HEAD records is an older content",
            "a fresh clone gets the redacted one",
            _SEARCH + "what_head_records_is_committed_and_pushed",
        ),
        "dvc freeze": Ran(
            "what a stage reads holds the people",
            "no run of it brings them back",
            _SEARCH + "a_stage_that_reads_people_from_outside_is_frozen",
        ),
    },
    "traces/within_reach.py": {
        "unlearn release": Ran(
            "somebody is searched for who is on hold",
            "their erasure goes on",
            _SEARCH + "a_hold_is_released_where_a_search_or_an_erasure_stops_at_it",
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


def named_for(test: str) -> list[str]:
    """The commands that a test, by its node, is named for; a row may name one case of a parametrised test."""
    where = test.removeprefix("tests/")
    return sorted(
        {command for command, case in _rows() if isinstance(case, Ran) and case.test in (where, where.partition("[")[0])}
    )


def _rows() -> Iterator[tuple[str, Case]]:
    return ((command, case) for each in TABLE.values() for command, case in each.items())


def page() -> str:
    """`docs/remedies.md`."""
    cases = [case for each in TABLE.values() for case in each.values()]
    kinds = (Ran, Installs, Looks, NotRun, Named)
    ran, installs, looks, not_run, named = (sum(isinstance(case, kind) for case in cases) for kind in kinds)
    rows = [_row(module, command, case) for module, each in TABLE.items() for command, case in each.items()]
    return "\n".join(
        [
            "# Remedies",
            "",
            "Every command that a message names, where the message is made, and what is known of it. The page is checked",
            "against the source: a message that names a new command fails the tests until it has a row.",
            "`python -m tests.remedies` writes it.",
            "",
            f"{ran} are run by a test on the state that prints them, which fails if it does not run them; {installs} install a",
            "package, and a test compares what they name with what is missing, and installs nothing;",
            f"{looks} only show something; {not_run} are run by no test, for the reason that is given; {named} are named and",
            "not advised. That a command of ours exists, and takes the options that are said, is tested for all of them.",
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
        case Installs(state, test):
            told = (state, "what it names has what is missing", f"`{test.split('::')[1].removeprefix('test_')}`")
        case Looks(state):
            told = (state, "only shows", "")
        case NotRun(state, why):
            told = (state, f"not run: {why}", "")
        case Named(why):
            told = ("", f"no remedy: {why}", "")
    return f"| `{module}` | `{command}` | {' | '.join(told)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
