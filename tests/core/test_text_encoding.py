"""Text in whatever encoding."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.text.encoding import clean, decode, looks_binary

GERMAN = "Schöne Grüße aus Überlingen, das Frühstück war üppig und die Möwe heißt Käthe. "
RUSSIAN = "Здравствуйте! Предлагаем вам ознакомиться со списком компаний и писем. "
JAPANESE = "これは日本語の文章です。明日は晴れるでしょう。京都へ行きたいと思います。"
POLISH = "Zażółć gęślą jaźń, a potem wróć do domu, żeby zjeść świeżą śliwkę i źdźbło. "

# A few sentences of each, and what people wrote them in before Unicode.
LANGUAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "German": (GERMAN + "Für die Äpfel zahlt man „nur“ 3 € – größtenteils.", ("cp1252",)),
    "French": (
        "L’été dernier, la chaudière était tombée en panne : « Où est passé le garçon ? », a "
        "demandé la mère. Après la forêt, le château apparaît, très haut, près de l’église.",
        ("cp1252", "mac_roman"),
    ),
    "Spanish": (
        "¿Dónde está la niña? Mañana iré al pueblo con mi tío José, que vive en el número diez. "
        "El año pasado llovió más que nunca, según él.",
        ("cp1252", "cp850"),
    ),
    "Portuguese": (
        "A reunião não será amanhã: a direcção decidiu que é melhor à tarde, às três. O avô está "
        "na estação e traz as maçãs e o pão; são dele também as informações.",
        ("cp1252",),
    ),
    "Italian": ("Perché la città è così bella? Più tardi andrò là, sarà già lunedì.", ("cp1252",)),
    "Swedish": ("På våren är ån full av små båtar och färjor, många från öarna.", ("cp1252",)),
    "Danish": ("Børnene på øen får både æbler og pærer, når høsten er forbi.", ("cp1252",)),
    "Finnish": ("Tänään sää on hyvä, ja äiti lähtee töihin pyörällä.", ("cp1252",)),
    "Icelandic": (
        "Það er gott veður á Íslandi í dag, sagði hún við bróður sinn og þau fóru út.",
        ("cp1252",),
    ),
    "Polish": (POLISH + "Proszę przynieść klucz i książkę.", ("cp1250", "iso8859_2")),
    "Czech": (
        "Příští týden přijede můj bratr z Brna, který říká, že žádné jiné město není tak krásné. "
        "Včera večer jsme šli pěšky přes řeku.",
        ("cp1250", "iso8859_2"),
    ),
    "Hungarian": (
        "Az őszi esők után a fűtő végre megjavította a kazánt, és örült a nő, mert már nagyon "
        "hűvös volt a szobákban.",
        ("cp1250", "iso8859_2"),
    ),
    "Turkish": (
        "Güneşli bir gündü; çocuklar bahçede oynuyor, İstanbul’daki dayıları ise ağır ağır "
        "yürüyordu. Işıklar söndü, yağmur başladı.",
        ("cp1254",),
    ),
    "Latvian": (
        "Rītdien mēs brauksim uz jūru, jo laiks būs ļoti jauks. Māsa ņems līdzi šķīvjus un "
        "ēdienu, bet brālis – ģitāru.",
        ("cp1257",),
    ),
    "Lithuanian": (
        "Šiandien gražus oras, todėl vaikai žaidžia lauke. Močiutė kepa obuolių pyragą ir laukia "
        "svečių iš Kėdainių.",
        ("cp1257",),
    ),
    "Russian": (
        RUSSIAN + "Котёл сломался в пятницу.",
        ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic"),
    ),
    "Ukrainian": (
        "Їжак і ведмідь жили в лісі біля річки. Щодня вони пили чай із варенням і розмовляли "
        "про погоду.",
        ("cp1251", "koi8_u"),
    ),
    "Greek": (
        "Ο λέβητας χάλασε την Παρασκευή και ο τεχνικός ήρθε τη Δευτέρα το πρωί.",
        ("cp1253", "iso8859_7"),
    ),
    "Hebrew": ("הדוד התקלקל ביום שישי, והטכנאי בא רק ביום ראשון בבוקר.", ("cp1255", "iso8859_8")),
    "Arabic": ("تعطلت الغلاية يوم الجمعة، وجاء الفني صباح يوم الأحد ومعه قطعة جديدة.", ("cp1256",)),
    "Thai": ("หม้อต้มน้ำเสียเมื่อวันศุกร์ และช่างมาซ่อมในเช้าวันจันทร์", ("cp874",)),
    "Japanese": (JAPANESE, ("shift_jis", "euc_jp", "iso2022_jp")),
    "Chinese": (
        "锅炉在星期五坏了，修理工星期一早上才来。他说：“这个零件是新的，不要担心。”",
        ("gb18030", "gbk"),
    ),
    "Traditional Chinese": (
        "鍋爐在星期五壞了，修理工星期一早上才來。他說：「這個零件是新的，不要擔心。」",
        ("big5",),
    ),
    "Korean": (
        "보일러가 금요일에 고장 났고 수리 기사는 월요일 아침에야 왔습니다.",
        ("euc_kr", "cp949"),
    ),
}
UNICODE = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be",
)  # fmt: skip
LEGACY = [(name, code) for name, (_, codes) in LANGUAGES.items() for code in codes]


@pytest.mark.parametrize(("language", "encoding"), LEGACY)
def test_a_few_sentences_are_enough(language: str, encoding: str) -> None:
    text = LANGUAGES[language][0]
    data = text.encode(encoding)
    assert not looks_binary(data[:4_096])
    assert decode(data) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_beginning_in_english_hides_nothing(language: str) -> None:
    text = "Only English to begin with, as in many files. " * 1_500 + LANGUAGES[language][0]
    assert decode(text.encode(LANGUAGES[language][1][0])) == text


@pytest.mark.parametrize("encoding", UNICODE)
@pytest.mark.parametrize("language", LANGUAGES)
def test_unicode_with_and_without_a_mark(language: str, encoding: str) -> None:
    text = f"1. {LANGUAGES[language][0]}\n2. The end.\n"
    data = text.encode(encoding)
    assert not looks_binary(data[:4_096])
    assert decode(data) == text


@pytest.mark.parametrize(
    "text", ["Plain words.\n", "1\n", "a", "Ok.", "x = 1\n" * 500, "\u00e9", "caf\u00e9", "a\tb"]
)
@pytest.mark.parametrize("encoding", [*UNICODE, "cp1252"])
def test_short_texts(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    if len(data) < 4 and encoding in ("utf-16-le", "utf-16-be"):
        return  # one letter and a zero may be anything
    if len(data) == 4 and encoding in ("utf-32-le", "utf-32-be"):
        return
    assert decode(data) == text


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=30))
def test_a_wrong_guess_costs_no_words(text: str) -> None:
    """English words among a few characters above ASCII are found whatever these are taken for."""
    found = decode(f"{text} the boiler hums {text} all night".encode("cp1252"))
    assert "the boiler hums" in found and found.endswith("all night")


@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("ISO-8859-1", "cp1252", "“Über”"),
        ("us-ascii", "cp1252", "“Über”"),
        ("windows-1250", "cp1250", "żółć"),
        ("x-sjis", "cp932", "髙い①"),
        ("GB2312", "gb18030", "朱镕基"),
        ("ks_c_5601-1987", "cp949", "똠방각하"),
        ("iso-2022-jp", "iso2022_jp", "日本"),
        ("iso-2022-kr", "iso2022_kr", "한국"),
        ("hz-gb-2312", "hz", "中国"),
        ("utf-7", "utf-7", "Grüße"),
        ("utf-16", "utf-16-be", "Plain words"),
    ],
)
def test_declared_names_mean_what_writers_mean(declared: str, codec: str, text: str) -> None:
    assert decode(text.encode(codec), declared) == text


def test_lines_of_two_encodings() -> None:
    old, new = "Grüße aus Überlingen, Käthe.", "Die Möwe heißt übrigens Jürgen."
    for encoding in ("cp1252", "mac_roman"):
        data = b"\n".join([old.encode(encoding), new.encode()] * 5 + [b"plain"])
        assert decode(data) == "\n".join([old, new] * 5 + ["plain"])


def test_utf8_with_a_little_damage_stays_utf8() -> None:
    data = (GERMAN * 20).encode()
    at = data.index("ß".encode())
    text = decode(data[:at] + b"\xff" + data[at + 1 :])
    assert text.count("\ufffd") == 2
    assert text[text.index("\ufffd") :].replace("\ufffd\ufffd", "ß") in GERMAN * 20
    cut = "Ein Satz, der in Grüße, Äpfel, Öl, Üben und ß endet, ü".encode()[:-1]
    assert decode(cut).startswith("Ein Satz, der in Grüße, Äpfel, Öl, Üben und ß endet")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN * 5, "cp1252"),
        (RUSSIAN * 5, "cp1251"),
        (RUSSIAN * 5, "koi8_r"),
        (JAPANESE * 5, "shift_jis"),
        (JAPANESE * 5, "euc_jp"),
        (JAPANESE * 5, "iso2022_jp"),
        (POLISH * 5, "cp1250"),
        ("A few words with a café in “quotes”.", "cp1252"),
    ],
)
def test_usual_encodings(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert not looks_binary(data)
    assert decode(data) == text


def test_a_declared_encoding_counts_when_the_bytes_are_not_utf8() -> None:
    assert decode("Müller".encode("iso8859_2"), "iso-8859-2") == "Müller"
    assert decode("Müller".encode(), "iso-8859-2") == "Müller"
    assert decode("Müller".encode("cp1252"), "no-such-encoding") == "Müller"
    assert decode(b"M\xfcller", "zip") == "Müller"


def test_newlines_and_odd_blanks() -> None:
    assert clean("a\r\nb\rc\nd\x0ce\x00f") == "a\nb\nc\nd e f"


@given(st.binary(max_size=300))
def test_any_bytes_decode_the_same_way_each_time(data: bytes) -> None:
    text = decode(data)
    assert text == decode(data)
    assert "\r" not in text and "\x00" not in text
    text.encode("utf-8")


def test_binary_is_known() -> None:
    assert looks_binary(b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00")
    assert looks_binary(bytes(range(32)) * 10)
    assert not looks_binary(b"")
    assert not looks_binary(codecs.BOM_UTF16_LE + b"a\x00")
