"""Tags: given and taken by the person, proposed for files that are like tagged ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from core.errors import UserError
from core.files.folders import absolute
from core.index.like_files import PLACES, Near, places_of, proposals
from core.messages import Hit, Report, TagsRequest
from core.store.identity import FileIdentity, Identities
from core.store.tags import TagTable, tag_name

if TYPE_CHECKING:
    from app.service import Service
    from app.session import Session

MOST_FILES = 5000  # tagged at once, when a folder is named
NEIGHBOURS = 20
DEADLINE_S = 2.0  # for the neighbours of one passage


class Tags:
    """The tags of a service. Thread-safe."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.table = TagTable(service.history.own)

    def follow(self) -> None:
        """Let the tags stay on files that were moved or read anew."""
        if self.table.names():
            self.table.follow(self._identities())

    def carry_out(self, message: TagsRequest) -> dict[str, object]:
        """Do what a request asks for; the tags afterwards. Raises UserError."""
        self.follow()
        changed = 0
        if message.action in ("add", "refuse"):
            name = tag_name(message.name)
            change = self.table.add if message.action == "add" else self.table.refuse
            for file in self._files(message.paths):
                change(name, file)
                changed += 1
        elif message.action == "remove":
            changed = self._remove(tag_name(message.name), message.paths)
        body: dict[str, object] = {"changed": changed}
        if message.action == "of":
            body["of"] = [name for names in self.table.of(message.paths).values() for name in names]
        return {
            **body,
            "tags": [self._tag(name, count) for name, count in self.table.names().items()],
        }

    def _tag(self, name: str, count: int) -> dict[str, object]:
        return {"name": name, "files": count, "paths": self.table.paths(name)}

    def _remove(self, name: str, paths: Sequence[str]) -> int:
        if name not in self.table.names():
            raise UserError(f"There is no tag {name}.", "See them with `satchel tag list`.")
        count = self.table.remove(name, [absolute(path) for path in paths] if paths else None)
        if paths and not count:
            raise UserError(
                f"None of these files is tagged {name}.", f"See `satchel tag list {name}`."
            )
        return count

    def _files(self, paths: Sequence[str]) -> list[FileIdentity]:
        """The known files at some paths, or below them. Raises UserError."""
        identities, found = self._identities(), []
        for path in map(absolute, paths):
            files = self._service.catalogue().files.below(path)
            if not files:
                what = "not in a watched folder" if os.path.lexists(path) else "not there"
                raise UserError(f"{path} is {what}.", f"See: satchel folders check {path}")
            found += [file for n in files if (file := identities.numbered(n)) is not None]
        if len(found) > MOST_FILES:
            raise UserError(
                f"These are {len(found)} files.", f"Tag at most {MOST_FILES} at a time."
            )
        if not found:
            raise UserError("No file was named.", "Give the paths of files to tag.")
        return found

    def _identities(self) -> Identities:
        return Identities(self._service.catalogue())

    # --- in searches --------------------------------------------------------------------

    def paths(self, name: str) -> frozenset[str]:
        """The files that have a tag. Raises UserError when none has."""
        self.follow()
        wanted = tag_name(name)
        found = frozenset(self.table.paths(wanted))
        if not found:
            known = ", ".join(self.table.names()) or "none"
            raise UserError(
                f"No file is tagged {wanted} (tags: {known}).",
                "Give it with `satchel tag add NAME PATH`.",
            )
        return found

    def on(self, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """The hits with the tags of their files."""
        tags = self.table.of(hit.path for hit in hits)
        return tuple(
            msgspec.structs.replace(hit, tags=tags[hit.path]) if hit.path in tags else hit
            for hit in hits
        )

    # --- proposals ----------------------------------------------------------------------

    def suggest(self, session: Session, message: TagsRequest) -> None:
        """Files that are like those with a tag, best first. For the `search` thread."""
        service = self._service
        service.governor.check_memory()
        name = tag_name(message.name)
        tagged = self.paths(name)
        view, catalogue = service.engine.view, service.catalogue()
        searcher = service.engine.searcher(service.query_readers, catalogue)
        limit = int(service.settings.number("search.max_recomputes"))
        documents = [catalogue.document_at(path) for path in sorted(tagged)]
        chunks = [view.chunks_of(one).tolist() for one in documents if one is not None]
        near: list[Near] = []
        for sample, position in enumerate(places_of(chunks, PLACES)):
            if session.is_cancelled(message.id):
                break
            results = searcher.related(position, NEIGHBOURS, limit, DEADLINE_S)
            near += [
                Near(sample, hit.path, cosine)
                for hit, cosine in zip(results.hits, results.cosines, strict=True)
                if cosine is not None
            ]
        without = tagged | frozenset(self.table.paths(name, given=False))
        found = proposals(near, without)
        session.reply(
            Report(message.id, {"tag": name, "proposals": [msgspec.to_builtins(p) for p in found]})
        )
