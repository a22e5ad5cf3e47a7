"""``/v1/rollouts``."""

import falcon

from vethagent import model
from vethagent.controller.api.body import parse_query
from vethagent.controller.api.partial import partial
from vethagent.controller.api.resource import HyperLink, answer, answer_page, checked_id, rpc_context
from vethagent.controller.fleet import rollouts, showing
from vethagent.controller.fleet.requests import RolloutQuery, UndoQuery
from vethagent.controller.requests import NoQuery


class RolloutList(model.Model):
    """One page of roll-outs; ``links`` has rel "next" if there are more."""

    rollouts: list[partial(showing.Rollout)]  # type: ignore[valid-type]
    links: list[HyperLink]


class RolloutHistory(model.Model):
    """What happened to one roll-out, the oldest first."""

    history: tuple[showing.RolloutChange, ...]


class Rollouts:
    """All roll-outs."""

    def __init__(self, operations: rollouts.Rollouts) -> None:
        self._rollouts = operations

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List."""
        query = parse_query(RolloutQuery, request)
        answer_page(request, response, self._rollouts.list(query), name="rollouts", query=query)


class Rollout:
    """One roll-out."""

    def __init__(self, operations: rollouts.Rollouts) -> None:
        self._rollouts = operations

    def on_get(self, request: falcon.Request, response: falcon.Response, rollout_id: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        answer(response, self._rollouts.show(_checked(rollout_id)))


class History:
    """What happened to one roll-out."""

    def __init__(self, operations: rollouts.Rollouts) -> None:
        self._rollouts = operations

    def on_get(self, request: falcon.Request, response: falcon.Response, rollout_id: str) -> None:
        """List."""
        parse_query(NoQuery, request)
        answer(response, RolloutHistory(history=tuple(self._rollouts.history(_checked(rollout_id)))))


class Pause:
    """Begin no more batches."""

    def __init__(self, operations: rollouts.Rollouts) -> None:
        self._rollouts = operations

    def on_post(self, request: falcon.Request, response: falcon.Response, rollout_id: str) -> None:
        """Do it."""
        parse_query(NoQuery, request)
        answer(response, self._rollouts.pause(rpc_context(request), _checked(rollout_id)))


class Resume:
    """Go on."""

    def __init__(self, operations: rollouts.Rollouts) -> None:
        self._rollouts = operations

    def on_post(self, request: falcon.Request, response: falcon.Response, rollout_id: str) -> None:
        """Do it."""
        parse_query(NoQuery, request)
        answer(response, self._rollouts.resume(rpc_context(request), _checked(rollout_id)))


class Undo:
    """Go back to an earlier revision."""

    def __init__(self, operations: rollouts.Rollouts) -> None:
        self._rollouts = operations

    def on_post(self, request: falcon.Request, response: falcon.Response, rollout_id: str) -> None:
        """Do it, and answer the roll-out that does."""
        query = parse_query(UndoQuery, request)
        begun = self._rollouts.undo(rpc_context(request), _checked(rollout_id), query.revision)
        response.location = f"{request.prefix}/v1/rollouts/{begun.id}"
        answer(response, begun, status=201)


def _checked(rollout_id: str) -> str:
    return checked_id("roll-out", rollout_id)
