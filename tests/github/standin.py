"""A GitHub of issues, comments, labels, pull requests and artifacts, on loopback, with pages of two entries."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, unquote
from zipfile import ZipFile

BOT = "github-actions[bot]"
PAGE = 2


class GitHub:
    """Issues, comments (also those of pull requests) and the calls that changed them."""

    def __init__(self) -> None:
        self.port = 0
        self.issues: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.viewer = BOT  # whom the token belongs to
        self.labels: list[str] | None = None  # which the token may only use, not make; None: it may make any
        self.artifacts: list[dict[str, Any]] = []
        self.writes: list[str] = []

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, str]) -> Any:
        if path == "graphql":
            if not self.viewer:
                raise PermissionError("Resource not accessible by integration")
            return {"data": {"viewer": {"login": self.viewer}}}
        route = path.removeprefix("repos/acme/estate/").split("/")
        if method == "GET":
            return self.read(route, query)
        self.writes.append(f"{method} {path}")
        return self.write(method, route, body)

    def read(self, route: list[str], query: dict[str, list[str]]) -> Any:
        match route:
            case ["issues"]:
                return [i for i in self.issues if i["user"]["login"] == query["creator"][0]]
            case ["issues", number, "comments"]:
                return [c for c in self.comments if c["issue"] == int(number)]
            case ["pulls", number]:
                return next(p for p in self.pulls if p["number"] == int(number))
            case ["pulls"]:
                return [p for p in self.pulls if p["state"] == query["state"][0]][:PAGE]
            case ["actions", "artifacts"]:
                if not self.viewer:
                    raise PermissionError("Resource not accessible by integration")
                named = [one for one in self.artifacts if one["name"] == query["name"][0]]
                return {"artifacts": [{k: v for k, v in one.items() if k != "zip"} for one in named]}
            case ["actions", "artifacts", number, "zip"]:
                return {"binary": self.artifacts[int(number) - 1]["zip"]}
            case ["commits", _, "pulls"]:
                return self.pulls
            case _:
                raise LookupError(route)

    def write(self, method: str, route: list[str], body: dict[str, str]) -> dict[str, Any]:
        match method, route:
            case "POST", ["issues"]:
                return self.issue(body)
            case "POST", ["issues", number, "comments"]:
                return self.comment(int(number), self.viewer, body["body"])
            case "POST", ["issues", number, "labels"]:
                if self.labels is not None and body["labels[]"] not in self.labels:
                    raise PermissionError("You do not have permission to create labels on this repository.")
                self.labelled(int(number)).append({"name": body["labels[]"]})
                return {}
            case "DELETE", ["issues", number, "labels", label]:
                self.labelled(int(number)).remove({"name": unquote(label)})
                return {}
            case "PATCH", ["issues", "comments", comment]:
                return self._change(self.comments, "id", comment, body)
            case "PATCH", ["issues", number]:
                return self._change(self.issues, "number", number, body)
            case _:
                raise LookupError(route)

    def pull(self, number: int, head: str, merged: str | None = None) -> None:
        """Opens a pull request, or moves its head, or merges it."""
        labels = [label["name"] for p in self.pulls if p["number"] == number for label in p["labels"]]
        self.pulls = [p for p in self.pulls if p["number"] != number]
        state: dict[str, Any] = (
            {"state": "closed", "merged_at": "2026-05-04"} if merged else {"state": "open", "merged_at": None}
        )
        state["labels"] = [{"name": name} for name in labels]
        self.pulls.append({"number": number, "head": {"sha": head}, "merge_commit_sha": merged or "7" * 40, **state})

    def labelled(self, number: int) -> list[dict[str, str]]:
        """The labels of a pull request."""
        found: list[dict[str, str]] = next(p["labels"] for p in self.pulls if p["number"] == number)
        return found

    def issue(self, body: dict[str, str]) -> dict[str, Any]:
        number = len(self.issues) + 1
        self.issues.append({"number": number, "state": "open", "user": {"login": self.viewer}, **body})
        return self.issues[-1]

    def comment(self, issue: int, login: str, body: str) -> dict[str, Any]:
        self.comments.append({"id": 100 + len(self.comments), "issue": issue, "user": {"login": login}, "body": body})
        return self.comments[-1]

    def artifact(self, name: str, report: dict[str, Any], **fields: Any) -> None:
        """One that an apply on main left; the fields are those that are otherwise."""
        packed = BytesIO()
        with ZipFile(packed, "w") as archive:
            archive.writestr("report.json", json.dumps(report))
        number = len(self.artifacts) + 1
        run = {"head_branch": "main", "repository_id": 1, "head_repository_id": 1}
        run |= {key: fields.pop(key) for key in tuple(fields) if key in run}
        made = {"id": number, "name": name, "created_at": f"2026-05-{number:02}T00:00:00Z", "expired": False}
        self.artifacts.append({**made, "workflow_run": run, "zip": b64encode(packed.getvalue()).decode(), **fields})

    def bodies(self, issue: int) -> list[str]:
        return [c["body"] for c in self.comments if c["issue"] == issue]

    @staticmethod
    def _change(entries: list[dict[str, Any]], key: str, wanted: str, body: dict[str, str]) -> dict[str, Any]:
        entry = next(e for e in entries if str(e[key]) == wanted)
        entry.update(body)
        return entry


@contextmanager
def serving() -> Iterator[GitHub]:
    github = GitHub()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            method, url, body, page = json.loads(self.rfile.readline())
            path, _, query = url.partition("?")
            try:
                result, more = github.answer(method, path, parse_qs(query), body), False
            except PermissionError as error:
                result, more = {"refused": str(error)}, False
            if isinstance(result, list):
                end = (page + 1) * PAGE
                result, more = result[end - PAGE : end], end < len(result)
            self.wfile.write(json.dumps([result, more]).encode() + b"\n")

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        github.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield github
        finally:
            server.shutdown()
            thread.join()
