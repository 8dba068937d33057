"""How the next token is picked: llama.cpp's chain of samplers."""

from __future__ import annotations

from core.llm.library import lib


class NativeSampler:
    """A chain that picks tokens: a penalty on repeats, then the best or a seeded draw."""

    def __init__(
        self, n_vocab: int, *, temperature: float, repeat_penalty: float, last_n: int, seed: int
    ) -> None:
        self.handle: int | None = lib.llama_sampler_chain_init(
            lib.llama_sampler_chain_default_params()
        )
        parts = [lib.llama_sampler_init_penalties(n_vocab, last_n, repeat_penalty, 0.0, 0.0)]
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
