"""Which experts a layer has chosen, read while llama.cpp computes.

llama.cpp asks its eval callback of each node of the graph whether it wants to see it, and shows
those that it wants once they are computed.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.llm.experts.foresight import Floats, router_name

# Where the fields of a ggml_tensor are in this build; a `survey` shows when they are not.
_TYPE, _NE, _NB1, _SOURCES, _DATA, _NAME = 0, 16, 56, 152, 248, 256
_F32 = 0
_NAME_BYTES = 64
_SOURCES_READ = 3
_STEPS_BACK = 8  # from a choice to the product that it was made from
_MOST_TOKENS = 1 << 16
_END = (1 << 47) - 1  # of what a process can address
_WEIGHT = re.compile(rb"blk\.(\d+)\..*")
_PLAIN = re.compile(rb"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a computation: its name, and name and address of what it reads of weights."""

    name: bytes
    weights: tuple[tuple[bytes, int], ...]


Serve = Callable[[int, Sequence[int], Floats | None], bool]
Known = Literal["wanted", "late", "nothing"]


@dataclass(frozen=True, slots=True)
class Late:
    """The nodes before which the rest of a layer's weights has to be there.

    They are wanted only while `is_behind`; `settle` has the rest come and says whether to go on.
    """

    nodes: Collection[bytes]
    is_behind: Callable[[], bool]
    settle: Callable[[], bool]


class Routing:
    """The callback. Give `address` of `__call__` to llama.cpp; nothing raised in it gets out."""

    def __init__(self) -> None:
        self._bytes = (ctypes.c_char * _END).from_address(0)
        self._ints = (ctypes.c_int32 * (_END // 4)).from_address(0)
        self._longs = (ctypes.c_int64 * (_END // 8)).from_address(0)
        self._wanted: dict[bytes, int] = {}
        self._known: dict[int, Known] = {}
        self._survey: list[Node] | None = None
        self._serve: Serve = _go_on
        self._late = _NONE_LATE
        self._active = 0
        self._width = 0
        self._given: dict[int, int] = {}  # a choice -> what its router was given
        self._tokens = 0
        self.served = 0  # layers in this computation
        self.fault = ""

    def survey(self, compute: Callable[[], None]) -> list[Node]:
        """The nodes of a computation, which is given up when all have been seen."""
        self._survey = []
        try:
            compute()
            return self._survey
        finally:
            self._survey = None
            self._forget()

    def watch(
        self, wanted: dict[bytes, int], active: int, width: int, serve: Serve, late: Late
    ) -> None:
        """From now on `serve` is told the layer of each wanted node, once that is computed, the
        experts that all tokens have chosen, `active` a token (none: 0), and what the router was
        given, [tokens, width], where it is found; it is gone when `serve` returns. It says
        whether to go on.
        """
        self._wanted, self._active, self._width, self._serve = wanted, active, width, serve
        self._late = late
        self._forget()

    def ignore(self) -> None:
        """Watch nothing."""
        self._wanted, self._late = {}, _NONE_LATE
        self._forget()

    def _forget(self) -> None:
        self._known.clear()
        self._given.clear()

    def begin(self, tokens: int) -> None:
        """A computation of so many tokens begins."""
        if tokens != self._tokens or self.served != len(self._wanted):
            # Another graph: other nodes may have the addresses of those that were known.
            self._forget()
        self._tokens, self.served = tokens, 0

    def __call__(self, tensor: int, ask: bool, _data: int | None) -> bool:
        try:
            if ask:
                known = self._known.get(tensor) or self._look_at(tensor)
                return known == "wanted" or (known == "late" and self._late.is_behind())
            return self._computed(tensor)
        except Exception as error:  # it would end the computation without a word
            self.fault = f"reading the routing failed ({type(error).__name__})"
            self.ignore()
            return not ask

    def _name(self, tensor: int) -> bytes:
        raw: bytes = self._bytes[tensor + _NAME : tensor + _NAME + _NAME_BYTES]  # type: ignore[assignment]
        return raw.split(b"\0", 1)[0]

    def _look_at(self, tensor: int) -> Known:
        if self._survey is not None:
            # Names lie behind all other fields, so where they are sound those are too.
            sound = is_sound(self._survey) or not self._survey
            self._survey.append(self._node(tensor) if sound else Node(b"", ()))
            return "nothing"
        name = self._name(tensor)
        known: Known = "late" if name in self._late.nodes else "nothing"
        self._known[tensor] = known = "wanted" if name in self._wanted else known
        return known

    def _node(self, tensor: int) -> Node:
        name = self._name(tensor)
        if not (name and _PLAIN.fullmatch(name)):
            return Node(name, ())
        at = (tensor + _SOURCES) // 8
        weights = []
        for source in self._longs[at : at + _SOURCES_READ]:
            if not source:
                break
            read = self._name(source)
            if _WEIGHT.fullmatch(read):
                weights.append((read, self._longs[(source + _DATA) // 8]))
        return Node(name, tuple(weights))

    def _computed(self, tensor: int) -> bool:
        name = self._name(tensor)
        layer = self._wanted.get(name)
        if layer is None:
            if name in self._late.nodes:
                return self._late.settle()
            self._known[tensor] = "nothing"
            return True
        self.served += 1
        if not self._active:
            return self._serve(layer, (), None)
        chosen = self._chosen(tensor)
        return self._serve(layer, chosen, self._router_input(tensor, layer))

    def _chosen(self, tensor: int) -> Sequence[int]:
        ne = (tensor + _NE) // 8
        active, tokens = self._longs[ne : ne + 2]
        if not 0 < active <= self._active or not 0 < tokens <= _MOST_TOKENS:
            raise ValueError("not a table of choices")
        start = self._longs[(tensor + _DATA) // 8] // 4
        if tokens == 1:
            return self._ints[start : start + active]
        step = self._longs[(tensor + _NB1) // 8] // 4
        chosen: list[int] = []
        for row in range(start, start + tokens * step, step):
            chosen += self._ints[row : row + active]
        return chosen

    def _router_input(self, tensor: int, layer: int) -> Floats | None:
        given = self._given.get(tensor)
        if given is None:
            given = self._given[tensor] = self._find_input(tensor, layer)
        if not given:
            return None
        width, tokens = self._longs[(given + _NE) // 8 : (given + _NE) // 8 + 2]
        address = self._longs[(given + _DATA) // 8]
        if width != self._width or not 0 < tokens <= _MOST_TOKENS or not address:
            return None
        numbers = (ctypes.c_float * (width * tokens)).from_address(address)
        return np.frombuffer(memoryview(numbers), np.float32).reshape(tokens, width)

    def _find_input(self, tensor: int, layer: int) -> int:
        """What was multiplied with the router's weights on the way to a choice; 0 for unknown."""
        router = router_name(layer).encode()
        for _ in range(_STEPS_BACK if self._width else 0):
            at = (tensor + _SOURCES) // 8
            first, second = self._longs[at : at + 2]
            if not first:
                break
            if second and self._name(first) == router:
                rows = self._longs[(second + _NE) // 8 + 2 : (second + _NE) // 8 + 4]
                step = self._longs[(second + _NB1) // 8]
                plain = self._ints[(second + _TYPE) // 4] == _F32 and rows == [1, 1]
                return second if plain and step == 4 * self._width else 0
            tensor = first
        return 0


_NONE_LATE = Late((), lambda: False, lambda: True)


def _go_on(_layer: int, _experts: Sequence[int], _given: Floats | None) -> bool:
    return True


def is_sound(nodes: Sequence[Node]) -> bool:
    """Whether what was read of nodes are names: else the fields are elsewhere in this build."""
    return bool(nodes and nodes[0].name and _PLAIN.fullmatch(nodes[-1].name))
