"""How the next token is picked: llama.cpp's chain of samplers."""

from __future__ import annotations

from typing import Any

from core.errors import UserError
from core.llm.library import lib


class NativeSampler:
    """A chain that picks tokens: a penalty on repeats, then the best or a seeded draw.

    With a grammar only what it allows is picked, and nothing is penalized.
    """

    def __init__(
        self,
        n_vocab: int,
        *,
        temperature: float,
        repeat_penalty: float,
        last_n: int,
        seed: int,
        grammar: tuple[Any, str] | None = None,
    ) -> None:
        """`grammar` is a vocabulary's address and a grammar. Raises UserError when llama.cpp does
        not understand it.
        """
        rules = None
        if grammar is not None:
            rules = lib.llama_sampler_init_grammar(grammar[0], grammar[1].encode(), b"root")
            if not rules:
                raise UserError(
                    "llama.cpp does not understand the grammar of this request.", "Update Satchel."
                )
        self.handle: int | None = lib.llama_sampler_chain_init(
            lib.llama_sampler_chain_default_params()
        )
        parts = [
            rules
            if rules is not None
            else lib.llama_sampler_init_penalties(n_vocab, last_n, repeat_penalty, 0.0, 0.0)
        ]
        if temperature <= 0:
            parts.append(lib.llama_sampler_init_greedy())
        else:
            parts += [
                lib.llama_sampler_init_top_k(40),
                lib.llama_sampler_init_temp(temperature),
                lib.llama_sampler_init_dist(seed),
            ]
        for part in parts:
            lib.llama_sampler_chain_add(self.handle, part)

    def close(self) -> None:
        if self.handle:
            lib.llama_sampler_free(self.handle)
        self.handle = None
