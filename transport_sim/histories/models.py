"""From the operations of one key to a problem for the search, model by model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

from .operation import ADD, APPEND, CAS, DELETE, GET, PUT, Operation
from .problem import Problem
from .prospects import CounterProspects, GrowingProspects, Prospects, RegisterProspects, WordProspects
from .steps import ABSENT, EXTEND, KEEP, SET, UNSEEN, State, Step
from .validation import COUNTER, KV, LIST, REGISTER, in_order
from .values import frozen
from .words import Words

NOWHERE: frozenset[State] = frozenset()  # where to find what can never be found
_NEVER_APPENDED = 0  # the letter of all values that are in a list without having been appended


def problem_of(operations: Iterable[Operation], model: str, allowance_s: float = 0.0) -> Problem:
    """Return the problem whose solutions are the orders in which the operations can have taken effect.

    A stale read asks nobody: it tells what the key was at some moment that is at most its age before it began (but for
    the allowance), or at any earlier moment when its age is not known. So it is a read that may have taken effect from
    then on. It must fit into the one order of writes that all other operations see too.

    Args:
        operations: valid operations of one key.
        model: one of `MODELS`.
        allowance_s: how much older than its age a stale read may be, in seconds: how long a heartbeat travels.
    """
    telling = [each for each in operations if each.end is not None or each.op != GET]  # an unknown get tells nothing
    problem = _MODELS[model](telling)
    for step in problem.known:
        operation = step.operation
        if operation.is_stale:
            step.call = -math.inf if operation.age is None else operation.start - operation.age - allowance_s
    _tie(problem.known)
    return problem


def _tie(known: Sequence[Step]) -> None:
    """Keep the order of what one process did at one instant, where the times alone do not.

    Steps of different processes that touch are concurrent: a clock that ticks too seldom must not look like a bug.
    """
    steps = {id(step.operation): step for step in known}
    latest: dict[int, Step] = {}
    for operation in in_order(step.operation for step in known):
        step = steps[id(operation)]
        before = latest.get(operation.process)
        if before is not None and before.end == operation.start and not operation.is_stale:
            step.follows = before
        latest[operation.process] = step


def _split(
    steps: Sequence[Step], shows: Callable[[State], bool] = lambda argument: True
) -> tuple[list[Step], list[Step]]:
    """Return the known and the unknown steps that matter.

    Unknown steps that leave `UNSEEN`, as `shows` tells of those that extend, can be left out of every solution: no read
    finds what they leave, so what follows can only be blind, or extend it further, as well without them. It is another
    matter when some step asks for any state but one that may come about.
    """
    known = [step for step in steps if step.operation.end is not None]
    unknown = [step for step in steps if step.operation.end is None]
    if all(step.effect != EXTEND for step in steps):
        left = {step.argument for step in steps if step.effect == SET} | {ABSENT}
        known = [
            Step(step.operation, None, KEEP)
            if step.excluded and step.effect == KEEP and left.isdisjoint(step.finds or ())
            else step
            for step in known
        ]
    if not any(step.excluded for step in known):
        unknown = [
            step for step in unknown if (shows(step.argument) if step.effect == EXTEND else step.argument != UNSEEN)
        ]
    return known, unknown


def _is(state: State) -> frozenset[State]:
    return frozenset((state,))


def _step(operation: Operation, state: Callable[[Any], State]) -> Step:
    """Return the step of an operation that is no append and no add; `state` turns values into states."""
    op, result = operation.op, operation.result
    if op == GET:
        return Step(operation, _is(state(result)), KEEP)
    if op == PUT:
        return Step(operation, None, SET, state(operation.value))
    if op == DELETE and result is None:
        return Step(operation, None, SET, ABSENT)
    if op == DELETE and result:
        return Step(operation, _is(ABSENT), SET, ABSENT, excluded=True)
    if op == DELETE:
        return Step(operation, _is(ABSENT), KEEP)
    assert op == CAS
    if result is False:
        return Step(operation, _is(state(operation.expected)), KEEP, excluded=True)
    return Step(operation, _is(state(operation.expected)), SET, state(operation.value))


def _told(operations: Iterable[Operation]) -> list[Any]:
    """Return the values that some operation tells from all others."""
    values = [each.expected if each.op == CAS else each.result for each in operations if each.op in (GET, CAS)]
    return [value for value in values if value is not None]


def _register(operations: Sequence[Operation]) -> Problem:
    told = {frozen(value) for value in _told(operations)}

    def state(value: Any) -> State:
        whole = frozen(value)
        return whole if whole is ABSENT or whole in told else UNSEEN

    steps = [_step(each, state) for each in operations]
    known, unknown = _split(steps)
    return Problem(
        known, unknown, extended=lambda found, argument: found, prospects=RegisterProspects, within=_by_cas(unknown)
    )


def _by_cas(unknown: Sequence[Step]) -> Callable[[State, frozenset[State]], bool]:
    """Return whether unknown cas steps lead from a state to one of some others, however often each is taken."""
    leading_to: dict[State, set[State]] = {}
    for step in unknown:
        leading_to.setdefault(step.argument, set()).update(step.finds or ())

    @cache
    def sources(goal: State) -> frozenset[State]:
        found, fresh = {goal}, [goal]
        while fresh:
            more = leading_to.get(fresh.pop(), set()) - found
            found |= more
            fresh += more
        return frozenset(found)

    return lambda state, goals: any(state in sources(goal) for goal in goals)


def _kv(operations: Sequence[Operation]) -> Problem:
    if all(each.op in (GET, APPEND) for each in operations):
        return _growing(operations, lambda value: value, lambda value: value)
    words = Words(_told(operations))

    def state(value: Any) -> State:
        return ABSENT if value is None else words.state(value)

    steps = [Step(each, None, EXTEND, each.value) if each.op == APPEND else _step(each, state) for each in operations]
    known, unknown = _split(steps, words.hold)
    by_cas = _by_cas([step for step in unknown if step.effect == SET])
    extends = any(step.effect == EXTEND for step in unknown)
    sets = any(step.finds is not None for step in unknown)

    def within(state: State, goals: frozenset[State]) -> bool:
        if extends and (sets or state is ABSENT):
            return True
        if not extends:
            return by_cas(state, goals)
        return leads(state, goals)

    def leads(state: State, goals: frozenset[State]) -> bool:
        return state in goals or any(goal is not ABSENT and words.begins(goal, state) for goal in goals)

    prospects = partial(WordProspects, words=words)
    return Problem(known, unknown, words.extended, prospects, within=within, leads=leads)


def _list(operations: Sequence[Operation]) -> Problem:
    """A list is a word whose letters are the values that were appended."""
    letters: dict[State, str] = {}
    for each in operations:
        if each.op == APPEND:
            letters.setdefault(frozen(each.value), chr(_NEVER_APPENDED + 1 + len(letters)))

    def word(values: Any) -> str | None:
        return "".join(letters.get(frozen(value), chr(_NEVER_APPENDED)) for value in values) if values else None

    return _growing(operations, word, lambda value: letters[frozen(value)])


def _growing(operations: Sequence[Operation], read: Callable[[Any], str | None], part: Callable[[Any], str]) -> Problem:
    """Return the problem of a value that only grows: everybody sees a prefix of the longest that anybody saw."""
    reads = {id(each): read(each.result) for each in operations if each.op == GET}
    longest = max((word for word in reads.values() if word is not None), key=lambda word: (len(word), word), default="")
    words = Words([longest])

    def step(each: Operation) -> Step:
        if each.op == APPEND:
            return Step(each, None, EXTEND, part(each.value))
        word = reads[id(each)]
        if word is None:
            return Step(each, _is(ABSENT), KEEP)
        state = words.state(word)
        return Step(each, NOWHERE if state == UNSEEN else _is(state), KEEP)

    steps = [step(each) for each in operations]
    return Problem(*_split(steps, words.hold), words.extended, GrowingProspects)


def _counter(operations: Sequence[Operation]) -> Problem:
    def step(each: Operation) -> Step:
        if each.op == ADD and each.result is None:
            return Step(each, None, EXTEND, int(each.value))
        if each.op == ADD:
            total = int(each.result)
            return Step(each, _counted(total - int(each.value)), SET, total)
        return Step(each, _is(ABSENT) if each.result is None else _counted(int(each.result)), KEEP)

    def extended(found: State, argument: State) -> State:
        assert isinstance(argument, int)
        return argument + (found if isinstance(found, int) else 0)

    added = [int(each.value) for each in operations if each.op == ADD]
    in_doubt = [int(each.value) for each in operations if each.op == ADD and each.end is None]
    only_up, only_down = min(in_doubt, default=0) >= 0, max(in_doubt, default=0) <= 0

    def within(state: State, goals: frozenset[State]) -> bool:
        assert isinstance(state, int)
        totals = [goal for goal in goals if isinstance(goal, int)]
        return bool(totals) and (not only_up or state <= max(totals)) and (not only_down or state >= min(totals))

    prospects = CounterProspects if min(added, default=0) >= 0 else Prospects
    known, unknown = _split([step(each) for each in operations])
    return Problem(known, unknown, extended, prospects, commutes=True, within=within)


def _counted(total: int) -> frozenset[State]:
    """Return the states in which a counter is told to have come to a total: at first it has come to 0."""
    return frozenset((ABSENT, 0)) if total == 0 else _is(total)


_MODELS = {REGISTER: _register, KV: _kv, LIST: _list, COUNTER: _counter}
