"""The turns a script may give the world: small, named, to be put together.

Times are seconds. `at(HOUR, network_lost(10 * MINUTE))` reads as it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wa_supervisor.lifecycle import Phase, facts
from wa_supervisor.lifecycle.facts import Fact

from .client import SIGABRT
from .engine import Event, Planned, Simulation
from .format_time import span
from .server import ACCEPTED, Answer
from .world import World

Script = tuple[Planned, ...]


def at(time: float, *events: Event) -> Script:
    """Let these happen at this time."""
    return tuple(Planned(time, event) for event in events)


def every(seconds: float, until: float, *events: Event, first: float = 0.0) -> Script:
    """Let these happen again and again, from `first` on, before `until`."""
    times: list[float] = []
    time = first or seconds
    while time < until:
        times.append(time)
        time += seconds
    return together(at(time, *events) for time in times)


def together(scripts: Iterable[Script]) -> Script:
    """One script of several."""
    return tuple(planned for script in scripts for planned in script)


# -- WhatsApp


def quiet(sentence: str) -> Event:
    """Nothing at all, worth a sentence."""
    return Event(sentence, lambda _: None)


def server(answer: Answer) -> Event:
    """Let WhatsApp give this answer to every login from now on."""
    return _set(f"WhatsApp {answer.sentence}, from now on", "server", value=answer)


def server_well() -> Event:
    """Let WhatsApp accept logins again."""
    return _set("WhatsApp accepts logins again", "server", value=ACCEPTED)


def server_next(answer: Answer) -> Event:
    """Let WhatsApp give this answer to the next login only."""
    return _world(f"WhatsApp {answer.sentence}, once", lambda w: w.next_answers.append(answer))


def server_drops() -> Event:
    """Let WhatsApp close the connection, once."""
    return _world("WhatsApp closes the connection", World.drop)


def server_drops_each(after: float | None) -> Event:
    """Let WhatsApp close each connection after this time; None: no longer."""
    if after is None:
        return _set("connections hold again", "drops_after", value=None)

    def act(world: World) -> None:
        world.drops_after = after
        world.drop()

    return _world(f"WhatsApp closes each connection after {span(after)}", act)


def unlinked() -> Event:
    """Let the person unlink the device on the phone."""
    return _world("the device is unlinked on the phone", World.unlink)


def rival(returns: float | None) -> Event:
    """Let another program connect with the same keys, and come back so long after each loss."""

    def act(world: World) -> None:
        world.rival_returns = returns
        world.rival_connects()

    again = "" if returns is None else f" and comes back {span(returns)} after each loss"
    return _world(f"another program connects with the same keys{again}", act)


def rival_stops() -> Event:
    """Let the other program stay away from now on."""
    return _set("the other program stops", "rival_returns", value=None)


# -- the network


def network_lost(lasts: float, *, silently: bool = False) -> Event:
    """Let the network be away for so long, refusing everything or swallowing it silently."""

    def act(simulation: Simulation) -> None:
        simulation.world.lose_network(silently=silently)
        back = Event("the network is back", lambda s: s.world.regain_network())
        simulation.queue.after(lasts, lambda: simulation.let(back))

    how = "swallows everything" if silently else "is gone"
    return Event(f"the network {how} for {span(lasts)}", act)


def network_gone() -> Event:
    """Let the network be away until further notice."""
    return _world("there is no network", lambda w: w.lose_network(silently=False))


# -- the process and the disk


def child_dies(signal: int = SIGABRT) -> Event:
    """Let the session process die."""

    def act(simulation: Simulation) -> None:
        if simulation.world.client is not None:
            simulation.world.client.exit(None, signal, "killed by the simulation")

    return Event(f"the session process dies of signal {signal}", act, _there_is_a_client)


def aborts_at_dial(*, on: bool) -> Event:
    """Let the session process abort whenever it dials, or no longer."""
    return _set(
        f"the client {'panics at each dial' if on else 'is mended'}", "aborts_at_dial", value=on
    )


def zombie() -> Event:
    """Let the socket stay open with nothing coming through, and whatsmeow hang as well."""

    def act(simulation: Simulation) -> None:
        if simulation.world.client is not None:
            simulation.world.client.go_deaf(hangs=True)

    return Event(
        "the connection is open but dead, and whatsmeow does not notice", act, _there_is_a_client
    )


def unkillable() -> Event:
    """Let the session process survive even SIGKILL."""
    return _set("the session process can no longer be killed", "unkillable", value=True)


def killable() -> Event:
    """Let the session process be killed again."""
    return _world("the session process can be killed again", World.make_killable)


def disk_full(*, on: bool) -> Event:
    """Let the disk be full, or no longer."""
    return _set("the disk is full" if on else "the disk has room again", "disk_full", value=on)


def supervisor_restarts(down: float = 2.0) -> Event:
    """Kill the supervisor; something starts it again after so long."""

    def act(simulation: Simulation) -> None:
        simulation.kill_supervisor()
        simulation.note("(no supervisor)")
        simulation.queue.after(down, simulation.start_supervisor)

    return Event(f"the supervisor is killed, and started again {span(down)} later", act)


# -- people


def person_leaves() -> Event:
    """Let nobody look at the codes from now on."""
    return _set("nobody is there to scan", "person", value=False)


def person_comes() -> Event:
    """Let somebody with the phone be there."""
    return _world("somebody with the phone is there", World.person_comes)


def phone_may_link(*, on: bool) -> Event:
    """Let the phone accept new devices, or say "can't link new devices now"."""
    how = "links devices again" if on else "cannot link new devices now"
    return _set(f"the phone {how}", "may_link", value=on)


def operator(fact: Fact) -> Event:
    """Let the operator press a button: Stop, Resume, Restart or Relink."""
    return Event(f"the operator says: {fact.name}", lambda s: s.tell(fact))


def operator_looks() -> Event:
    """Let the operator have a look, and resume a session that gave up."""
    return Event(
        "the operator has a look, and resumes",
        lambda simulation: simulation.tell(facts.Resume()),
        lambda simulation: simulation.phase is Phase.GAVE_UP,
    )


def _there_is_a_client(simulation: Simulation) -> bool:
    return simulation.world.client is not None


def _world(sentence: str, act: Callable[[World], None]) -> Event:
    return Event(sentence, lambda simulation: act(simulation.world))


def _set(sentence: str, name: str, *, value: object) -> Event:
    return _world(sentence, lambda world: setattr(world, name, value))
