"""How faithful the fast form of an embedding model is: to its original, and alone to batched."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.index.embedder import (
    MAX_TOKENS,
    REFERENCE,
    Description,
    Embedder,
    Fidelity,
    Form,
)

Floats = NDArray[np.float32]

LEAST_MEAN_COSINE = 0.995
LEAST_COSINE = 0.99
LEAST_BATCH_COSINE = 0.9995

CHECK_TEXTS = (
    "The boiler was serviced in March and its warranty ends next year.",
    "What is the capital of France?",
    "invoice",
    "def area(radius: float) -> float:\n    return 3.14159 * radius ** 2",
    "Mitochondria are organelles that turn nutrients into energy the cell can use. They keep a "
    "small genome of their own, inherited from the mother in most animals.",
    "Bring two eggs, flour, a pinch of salt and cold butter. Rub the butter into the flour, add "
    "the eggs, rest the dough for an hour, and bake it until the edges are brown.",
    "The tenant shall give notice in writing at least three months before the end of the term. "
    "Failing that, the contract is extended by one year under the same conditions.",
    "Der Zug nach Hamburg fährt um 8:14 Uhr von Gleis 7.",
    "1999, 2004, 2011: 17 %, 23 %, 41 %",
    "In 1687 Newton showed that one law explains both the fall of an apple and the orbit of the "
    "moon, and that the tides follow from it as well. " * 6,
    "Minutes of the meeting: the roof repair is postponed, the gardener is paid monthly, and the "
    "key to the cellar hangs behind the door of the second kitchen. " * 12,
    "!?",
)
# For models of many languages, besides.
MORE_TEXTS = (
    "Ключ от сарая лежит под третьим цветочным горшком.",
    "منوی رستوران هر دوشنبه عوض می‌شود.",
    "بستاني الجيران يقلّم الأشجار في الخريف.",
    "गाँव का डाकघर सुबह नौ बजे खुलता है।",
    "町の図書館は午前九時に開き、午後七時に閉まります。",
    "屋顶漏水，房东答应下周派人来修。",
    "할머니는 장독대 옆에 열쇠를 두셨다.",
    "ห้องสมุดเปิดเวลาเก้าโมงเช้าและปิดเวลาหนึ่งทุ่ม",
    "Ο κηπουρός ποτίζει τις λεμονιές κάθε Τρίτη.",
    "Hóa đơn tiền điện phải trả trước ngày mười lăm. " * 14,
)


def measure(fast: Embedder, texts: Sequence[str], reference: Floats) -> Fidelity:
    """Cosines of the fast form with reference embeddings (n, d), and of each text with itself."""
    alone = np.concatenate([fast.embed([text]) for text in texts])
    batched = fast.embed(texts)
    agreement = (batched * reference).sum(axis=1)
    return Fidelity(
        mean_cosine=float(agreement.mean()),
        least_cosine=float(agreement.min()),
        least_batch_cosine=float((alone * batched).sum(axis=1).min()),
    )


def is_enough(fidelity: Fidelity) -> bool:
    """Whether a form may be kept."""
    return (
        fidelity.mean_cosine >= LEAST_MEAN_COSINE
        and fidelity.least_cosine >= LEAST_COSINE
        and fidelity.least_batch_cosine >= LEAST_BATCH_COSINE
    )


def describe(
    folder: Path,
    name: str,
    licence: str,
    form: Form,
    texts: Sequence[str],
    reference: Floats,
    chunk_tokens: int = MAX_TOKENS,
) -> Description:
    """What the model in `folder` is and how faithful; keeps the reference beside it.

    The fingerprint covers all that shapes an embedding.
    """
    np.savez_compressed(folder / REFERENCE, embeddings=reference, texts=np.array(texts))
    digest = hashlib.sha256()
    files = [form.model, form.tokenizer]
    weights = Path(form.model).with_suffix(".bin").name
    if form.model.endswith(".xml"):
        files.append(weights)
    for part in files:
        digest.update((folder / part).read_bytes())
    if form.query_prefix or form.passage_prefix:
        digest.update(f"{form.query_prefix}\0{form.passage_prefix}".encode())
    return Description(
        name=name,
        dimensions=int(reference.shape[1]),
        max_tokens=MAX_TOKENS,
        licence=licence,
        fingerprint=digest.hexdigest()[:16],
        fidelity=measure(Embedder(folder, 2, form), texts, reference),
        chunk_tokens=chunk_tokens,
        form=form,
    )


def in_words(fidelity: Fidelity) -> str:
    """The three figures for a log."""
    return (
        f"cosine with the original: mean {fidelity.mean_cosine:.4f}, least "
        f"{fidelity.least_cosine:.4f}; alone against batched: {fidelity.least_batch_cosine:.5f}"
    )
