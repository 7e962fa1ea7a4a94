"""Webhooks, and the calls of them that nobody has answered yet."""

from __future__ import annotations

from syncnb.service.store.counters import Counters
from syncnb.service.store.records import Topic, WebhookCall
from syncnb.service.store.statements import Row

WEBHOOK_CALLS: Topic = ("webhook-calls",)


class Webhooks(Counters):
    """The tables ``webhooks`` and ``webhook_calls``."""

    def webhooks(self, org: str, object_type: str) -> list[str]:
        """The URLs that are called when an object of a type has arrived."""
        rows = self._rows(
            "SELECT url FROM webhooks WHERE org = :org AND object_type = :object_type ORDER BY url",
            {"org": org, "object_type": object_type},
        )
        return [row[0] for row in rows]

    def add_webhook(self, org: str, object_type: str, url: str) -> None:
        """Call a URL from now on; the same one twice counts once."""
        self._change(
            "INSERT INTO webhooks (org, object_type, url) VALUES (:org, :object_type, :url) "
            "ON CONFLICT (org, object_type, url) DO NOTHING",
            {"org": org, "object_type": object_type, "url": url},
        )

    def remove_webhook(self, org: str, object_type: str, url: str) -> None:
        """Call a URL no more; upper and lower case are the same here."""
        for known in self.webhooks(org, object_type):
            if known.lower() == url.lower():
                self._change(
                    "DELETE FROM webhooks "
                    "WHERE org = :org AND object_type = :object_type AND url = :url",
                    {"org": org, "object_type": object_type, "url": known},
                )

    def queue_webhook_call(self, receiver: str, url: str, body: str) -> None:
        """Call a URL with a body as soon as that is possible.

        Parameters
        ----------
        receiver : str
            Who answers it; calls of different receivers do not wait for each other.
        """
        call_id = self.next_number("webhook call")
        values = {"call_id": call_id, "receiver": receiver, "url": url, "body": body}
        self._put("webhook_calls", ("call_id",), {**values, "tries": 0, "due_at": 0.0})
        self.topics.add(WEBHOOK_CALLS)

    def webhook_receivers(self, now: float) -> list[str]:
        """Those for whom a call is due."""
        rows = self._rows(
            "SELECT DISTINCT receiver FROM webhook_calls WHERE due_at <= :now", {"now": now}
        )
        return [row[0] for row in rows]

    def next_webhook_call(self) -> float | None:
        """When the first call is due, in seconds since the epoch; None if there is none."""
        row = self._row("SELECT min(due_at) FROM webhook_calls", {})
        return None if row is None or row[0] is None else float(row[0])

    def claim_webhook_calls(
        self, receiver: str, now: float, until: float, most: int
    ) -> list[WebhookCall]:
        """At most so many due calls of a receiver, the oldest first.

        They are the caller's alone until `until`; then they are due again, should it have died.
        """
        rows = self._rows(
            "SELECT call_id, url, body, tries FROM webhook_calls "
            "WHERE receiver = :receiver AND due_at <= :now ORDER BY due_at, call_id LIMIT :most",
            {"receiver": receiver, "now": now, "most": most},
        )
        calls = [_call(row) for row in rows]
        for call in calls:
            self.postpone_webhook_call(call.call_id, call.tries, until)
        return calls

    def postpone_webhook_call(self, call_id: int, tries: int, due_at: float) -> None:
        """Try a call again later."""
        self._change(
            "UPDATE webhook_calls SET tries = :tries, due_at = :due_at WHERE call_id = :call_id",
            {"call_id": call_id, "tries": tries, "due_at": due_at},
        )

    def remove_webhook_call(self, call_id: int) -> None:
        """A call was answered, or is given up."""
        self._change("DELETE FROM webhook_calls WHERE call_id = :call_id", {"call_id": call_id})


def _call(row: Row) -> WebhookCall:
    return WebhookCall(int(row[0]), row[1], row[2], int(row[3]))
