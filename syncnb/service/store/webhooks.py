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

    def queue_webhook_call(self, url: str, body: str, due_at: float) -> None:
        """Call a URL with a body as soon as that is possible."""
        call_id = self.next_number("webhook call")
        self._put(
            "webhook_calls",
            ("call_id",),
            {"call_id": call_id, "url": url, "body": body, "tries": 0, "due_at": due_at},
        )
        self.topics.add(WEBHOOK_CALLS)

    def webhook_calls(self, most: int) -> list[WebhookCall]:
        """At most so many calls that are still to be made, those that are due first."""
        rows = self._rows(
            "SELECT call_id, url, body, tries, due_at FROM webhook_calls "
            "ORDER BY due_at, call_id LIMIT :most",
            {"most": most},
        )
        return [_call(row) for row in rows]

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
    return WebhookCall(int(row[0]), row[1], row[2], int(row[3]), float(row[4]))
