"""The fault matrix: each fault of the reference engine, and which checks of its flow told it from the correct engine.

Used by `talkqa faults` and by tests. The generated checklist alone decides; nothing looks into the engine.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from talkqa.checklist.identity import parse_id
from talkqa.model.flow import Flow
from talkqa.model.result import BROKEN, CheckFinished, Outcome
from talkqa.runner.experiment import Experiment, Findings, Laboratory
from talkqa.runner.worlds import read_schemas
from talkqa.sandbox.faults import Fault, SeenAs, list_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One fault in the world of its flow."""

    fault: Fault
    world: str
    """Slug."""
    documents: tuple[str, ...]
    """Paths as read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A trial's end: what told the fault from the correct engine."""

    trial: Trial
    killers: tuple[CheckFinished, ...]
    """Checks that noticed, sorted by id; empty for a survivor."""
    declared: tuple[CheckFinished, ...]
    """Those that the fault declares beforehand."""
    named: bool
    """Whether one of these names the sentence that is broken; of a policy, which no document states, that it is one."""
    seen: str
    """What the declared checks told; for survivors."""
    unclean: tuple[str, ...]
    """Checks that accuse the correct engine in the same weather: they count for nothing."""

    @property
    def killed(self) -> bool:
        """Whether any check noticed."""
        return bool(self.killers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which checks look at a fault."""

    whole: bool = False
    """Whether all checks of the world are performed, and not those of the fault's flow alone."""
    checks: tuple[str, ...] | None = None
    """The only ones; None for all of these."""


def list_trials(laboratory: Laboratory) -> tuple[Trial, ...]:
    """Every fault of the catalogue over the flows that the laboratory's worlds test, sorted by id."""
    settings = laboratory.settings
    trials = [
        Trial(fault=fault, world=world.slug, documents=tuple(document.path for document in world.documents))
        for world in laboratory.worlds.values()
        for fault in list_faults(
            world.confined().running,  # what else runs between the two decides what a fault can show
            read_schemas(world, settings, laboratory.root),
            settings.conditions,
            settings.connections,
        )
        if fault.flow_id in {flow.id for flow in world.flows}
    ]
    return tuple(sorted(trials, key=lambda trial: trial.fault.id))


def choose(
    trials: Sequence[Trial],
    *,
    kinds: Collection[str] = (),
    flows: Collection[str] = (),
    faults: Collection[str] = (),
) -> tuple[Trial, ...]:
    """The trials that fit all that is given; what is empty restricts nothing."""
    return tuple(
        trial
        for trial in trials
        if (not kinds or trial.fault.kind in kinds)
        and (not flows or trial.fault.flow_id in flows)
        and (not faults or trial.fault.id in faults)
    )


def sample(trials: Sequence[Trial], size: int) -> tuple[Trial, ...]:
    """So many trials, the same for the same catalogue: one of each kind at least, then one more of each in turn.

    Documented flows go first: what is undocumented can be known in part only.
    """
    by_kind: dict[str, list[Trial]] = {}
    for trial in trials:
        by_kind.setdefault(trial.fault.kind, []).append(trial)
    for members in by_kind.values():
        members.sort(key=lambda trial: (not trial.fault.documented, _lot(trial.fault.id)))
    taken: list[Trial] = []
    deepest = max(map(len, by_kind.values()), default=0)
    for depth in range(deepest):
        layer = [members[depth] for _, members in sorted(by_kind.items()) if depth < len(members)]
        if depth and len(taken) + len(layer) > size:
            layer = sorted(layer, key=lambda trial: _lot(trial.fault.id))[: max(size - len(taken), 0)]
        taken += layer
    return tuple(sorted(taken, key=lambda trial: trial.fault.id))


def try_faults(
    laboratory: Laboratory,
    trials: Sequence[Trial],
    scope: Scope,
    *,
    seed: int,
    jobs: int = 1,
    on_done: Callable[[], object] = lambda: None,
) -> tuple[Verdict, ...]:
    """Run every fault, and the correct engine in the same weather, and compare.

    Of a fault the declared checks are performed first; where they notice nothing, all of the scope.

    Args:
        laboratory: Of the worlds.
        trials: Which faults.
        scope: Which checks.
        seed: Of all runs.
        jobs: Processes.
        on_done: Called after each simulation; there are `count_simulations` of them at least.
    """
    whole = [experiment_of(trial, scope, seed=seed) for trial in trials]
    direct = [_narrowed(laboratory, trial, experiment) for trial, experiment in zip(trials, whole, strict=True)]
    correct = list(dict.fromkeys(map(_correct, whole)))
    found = laboratory.perform_all([*correct, *direct], jobs=jobs, on_done=on_done)
    baselines = dict(zip(correct, found, strict=False))

    def verdict(at: int, findings: Findings) -> Verdict:
        flow = laboratory.flow(trials[at].world, trials[at].fault.flow_id)
        return judge(trials[at], flow, baselines[_correct(whole[at])], findings)

    verdicts = {at: verdict(at, findings) for at, findings in enumerate(found[len(correct) :])}
    unseen = [at for at, first in verdicts.items() if not first.declared and direct[at] != whole[at]]
    looked = laboratory.perform_all([whole[at] for at in unseen], jobs=jobs, on_done=on_done)
    verdicts |= {at: verdict(at, findings) for at, findings in zip(unseen, looked, strict=True)}
    return tuple(verdicts[at] for at in range(len(trials)))


def _narrowed(laboratory: Laboratory, trial: Trial, experiment: Experiment) -> Experiment:
    """The same with the declared checks alone, as far as the flow has them."""
    performed = [(parse_id(check), check) for check in laboratory.checks_of(experiment)]
    fault = trial.fault
    declared = [check for one, check in performed if one.flow_id == fault.flow_id and one.name in fault.checks]
    return replace(experiment, checks=tuple(declared)) if declared else experiment


def count_simulations(trials: Sequence[Trial], scope: Scope) -> int:
    """How many simulations the matrix takes at least, those of the correct engine included."""
    faulty = [experiment_of(trial, scope, seed=0) for trial in trials]
    return len(faulty) + len(set(map(_correct, faulty)))


def experiment_of(trial: Trial, scope: Scope, *, seed: int) -> Experiment:
    """The simulation that shows a fault."""
    fault = trial.fault
    return Experiment(
        world=trial.world,
        seed=seed,
        weather=fault.weather,
        faults=(fault.id,),
        flow_id=None if scope.whole else fault.flow_id,
        checks=scope.checks,
    )


def judge(trial: Trial, flow: Flow, correct: Findings, faulty: Findings) -> Verdict:
    """What told a fault from the correct engine."""
    fault = trial.fault
    unclean = frozenset(check for check, one in correct.results.items() if one.outcome in BROKEN)
    killers = tuple(
        one
        for check, one in sorted(faulty.results.items())
        if check not in unclean and _notices(fault, correct.results[check], one)
    )
    declared = tuple(one for one in killers if one.name in fault.checks)
    texts = {rule.text for rule in flow.rules_of(fault.sentence)} if fault.sentence is not None else set()
    return Verdict(
        trial=trial,
        killers=killers,
        declared=declared,
        named=bool(declared) and (fault.sentence is None or any(one.sentence in texts for one in declared)),
        seen=_tell(fault, faulty),
        unclean=tuple(sorted(unclean)),
    )


def _notices(fault: Fault, before: CheckFinished, after: CheckFinished) -> bool:
    if after.outcome in BROKEN:
        return True
    if fault.seen_as is not SeenAs.OBSERVED or after.outcome is not Outcome.OBSERVED or after.name not in fault.checks:
        return False
    told = {after.observed, after.reason} - {before.observed, before.reason}
    return not told.isdisjoint(fault.tells)


def _tell(fault: Fault, faulty: Findings) -> str:
    told = [one for one in faulty.results.values() if one.name in fault.checks]
    counted = Counter(" ".join(filter(None, (one.name, one.outcome, one.reason, _word(one)))) for one in told)
    words = [text if count == 1 else f"{text} ({count} times)" for text, count in sorted(counted.items())]
    return "; ".join(words) or "the flow has none of the declared checks"


def _word(result: CheckFinished) -> str:
    """The word for what was observed."""
    return result.observed if result.outcome is Outcome.OBSERVED else ""


def _correct(experiment: Experiment) -> Experiment:
    """The same without the fault."""
    return replace(experiment, faults=())


def _lot(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()
