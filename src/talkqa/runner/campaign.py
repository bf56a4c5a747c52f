"""Campaigns: the correct engine simulated many times, in weather drawn from the seed, with switches flipped.

Used by `talkqa faults --seeds`. No check may fail, be late or break; whatever stays undecided says why.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from talkqa.config.weather import KINDS
from talkqa.model.result import UNPROVEN, CheckFinished
from talkqa.model.settings import Weather
from talkqa.model.world import World
from talkqa.runner.experiment import WRONG, Experiment, Findings, Laboratory
from talkqa.runner.shrinking import shrink
from talkqa.runner.worlds import read_schemas
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.registry import known_quirks

WORST = Weather(api_delay_s=5.0, refused=0.06, failed=0.04, lost=0.03, skew_s=10.0, engine_delay_s=12.0, reordered=True)
"""The worst that is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """One switch of an emulated system in the position in which it does not stand by default."""

    world: str
    quirk: tuple[str, bool] | None = None
    licence: str | None = None

    def on(self, experiment: Experiment) -> Experiment:
        """The experiment with the switch flipped."""
        return replace(
            experiment,
            quirks=(self.quirk,) if self.quirk else (),
            licences_off=(self.licence,) if self.licence else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accusation:
    """What a simulation of the correct engine must not say."""

    experiment: Experiment
    result: CheckFinished


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a campaign came to."""

    simulations: int
    counts: Counter[tuple[str, str]]
    """Outcome and reason code to how many checks."""
    accusations: tuple[Accusation, ...]
    """Failed, late and broken checks, and those that are unproven without a reason."""
    left: tuple[tuple[Experiment, tuple[str, ...]], ...]
    """Simulations that could not remove all that they made, with the records they left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """A wrong result with nothing left beside it that it does not need."""

    experiment: Experiment
    result: CheckFinished
    findings: Findings


def draw_weather(seed: int) -> Weather:
    """The weather of a seed: every second kind of it goes on, up to `WORST`."""
    drawn = {
        kind: draws.fraction(seed, kind, "how much") * getattr(WORST, kind)
        for kind in KINDS
        if draws.fraction(seed, kind, "whether") < 0.5
    }
    drawn = {kind: round(value, 3) for kind, value in drawn.items()}
    return Weather(**{**drawn, "reordered": "reordered" in drawn})


def list_flips(laboratory: Laboratory) -> tuple[Flip, ...]:
    """Every quirk and licence of the systems of each world, by world and name."""
    found = []
    for world in laboratory.worlds.values():
        for system, schema in read_schemas(world, laboratory.settings, laboratory.root).items():
            quirks = known_quirks(schema.dialect)
            stand = laboratory.settings.sandbox.quirks
            for name in sorted(quirks):
                key = f"{system}.{name}"
                found.append(Flip(world=world.slug, quirk=(key, not stand.get(key, quirks[name].default))))
            found += [Flip(world=world.slug, licence=f"{system}.{name}") for name in sorted(schema.licences)]
    return tuple(found)


def plan_campaign(
    worlds: Sequence[World], *, count: int, first_seed: int, weather: Weather | None, flips: Sequence[Flip] = ()
) -> tuple[Experiment, ...]:
    """That many simulations, dealt over worlds or, where there are any, over flips.

    Args:
        worlds: One simulation each in turn.
        count: How many.
        first_seed: Each simulation has the next seed.
        weather: Of all of them; None for one drawn from each seed.
        flips: What is flipped.
    """
    planned = []
    for number in range(count):
        seed = first_seed + number
        sky = draw_weather(seed) if weather is None else weather
        if flips:
            flip = flips[number % len(flips)]
            planned.append(flip.on(Experiment(world=flip.world, seed=seed, weather=sky)))
        elif worlds:
            planned.append(Experiment(world=worlds[number % len(worlds)].slug, seed=seed, weather=sky))
    return tuple(planned)


def run_campaign(
    laboratory: Laboratory,
    experiments: Sequence[Experiment],
    *,
    jobs: int = 1,
    on_done: Callable[[], object] = lambda: None,
    on_wrong: Callable[[Experiment, Sequence[CheckFinished]], object] = lambda _experiment, _results: None,
) -> Tally:
    """Simulate, and count.

    Args:
        laboratory: Performs the simulations.
        experiments: What is simulated.
        jobs: How many processes share the work.
        on_done: Called after each simulation.
        on_wrong: Told of each simulation that says what it must not, as soon as it is over, and what it says.
    """
    counts: Counter[tuple[str, str]] = Counter()
    accusations: list[Accusation] = []
    left: list[tuple[Experiment, tuple[str, ...]]] = []
    found = laboratory.perform_each(experiments, jobs=jobs)
    for experiment, findings in zip(experiments, found, strict=True):
        counts.update((str(one.outcome), one.reason) for one in findings.results.values())
        wrong = unacceptable(findings)
        if wrong:
            on_wrong(experiment, wrong)
        accusations += [Accusation(experiment=experiment, result=one) for one in wrong]
        if findings.left:
            left.append((experiment, findings.left))
        on_done()
    return Tally(simulations=len(experiments), counts=counts, accusations=tuple(accusations), left=tuple(left))


def unacceptable(findings: Findings) -> tuple[CheckFinished, ...]:
    """The results that no simulation of a correct engine may have, by check id."""
    return tuple(
        one
        for _, one in sorted(findings.results.items())
        if one.outcome in WRONG or (one.outcome in UNPROVEN and not one.reason)
    )


def shrink_experiment(
    laboratory: Laboratory, experiment: Experiment, wrong: CheckFinished, on_done: Callable[[], object] = lambda: None
) -> Shrunk:
    """The fewest checks, then the fewest kinds of weather, with which a check still ends as it did.

    Args:
        laboratory: Performs the smaller experiments.
        experiment: In which it ended so.
        wrong: How it ended: outcome and reason are what must stay.
        on_done: Called after each simulation.
    """

    def remains(smaller: Experiment) -> bool:
        on_done()
        told = laboratory.perform(smaller).results.get(wrong.check)
        return told is not None and (told.outcome, told.reason) == (wrong.outcome, wrong.reason)

    others = tuple(check for check in laboratory.checks_of(experiment) if check != wrong.check)
    kept = shrink(others, lambda some: remains(replace(experiment, checks=tuple(sorted((*some, wrong.check))))))
    experiment = replace(experiment, checks=tuple(sorted((*kept, wrong.check))))
    going_on = tuple(kind for kind in KINDS if getattr(experiment.weather, kind))
    needed = shrink(going_on, lambda some: remains(replace(experiment, weather=_only(experiment.weather, some))))
    experiment = replace(experiment, weather=_only(experiment.weather, needed))
    findings = laboratory.perform(experiment)
    return Shrunk(experiment=experiment, result=findings.results[wrong.check], findings=findings)


def _only(weather: Weather, kinds: Sequence[str]) -> Weather:
    """The weather without what is not named."""
    return Weather(**{kind: getattr(weather, kind) for kind in kinds}, engine_only=weather.engine_only)
