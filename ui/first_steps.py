"""The steps of the first run: each shows one thing and says when it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QDir, QStandardPaths, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLabel, QWidget

from core.messages import BudgetRequest, Failed, FoldersAdd, Message, Report, StatusRequest
from ui.budget_card import BudgetCard
from ui.budget_parts import promises
from ui.client import Asker
from ui.parts import Banner, Look, button, card, column, label, page_of, row
from ui.tables import Row, number_of, row_of, whole_of
from ui.text import counted, shown, size_text, tr

SAMPLE = Path(__file__).parents[1] / "resources" / "sample-folder"
SAMPLE_QUESTION = "When does the lease of the workshop end?"  # the sample folder is in English
BOX_PX = 31  # a box and the room beside it
Done = Callable[[], None]


class Step(QWidget):
    """One step. `leave` calls back when what was chosen holds; until then the step stays."""

    changed = Signal()  # what the way on is called

    def enter(self) -> None:
        """The step comes into view."""

    def leave(self, done: Done) -> None:
        """Carry out what was chosen, then go on."""
        done()

    def way_on(self) -> str:
        """What going on is called."""
        return tr("Next")


class Picture(QLabel):
    """An icon in the colour of the theme."""

    def __init__(self, look: Look, icon: str) -> None:
        super().__init__()
        self._look = look
        self._icon = icon
        look.changed.connect(self._paint)
        self._paint()

    def _paint(self) -> None:
        colour = self._look.theme.colours.accent
        self.setPixmap(self._look.icons.pixmap(self._icon, colour, 22))


class Welcome(Step):
    """What Satchel does, and that nothing leaves the computer."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        logo = QLabel()
        logo.setPixmap(look.icons.logo(72))
        title = label(tr("Welcome to Satchel"), "display")
        text = label(
            tr(
                "Satchel searches your own files and answers questions about them, "
                "with the passage that says so."
            ),
            wrap=True,
        )
        points = column(spacing=14)
        for icon, head, words in (
            (
                "check",
                tr("Nothing leaves this computer"),
                tr(
                    "No account, no cloud. Satchel goes online only when you fetch a model, or "
                    "switch on a server of your own."
                ),
            ),
            (
                "folders",
                tr("Your files stay as they are"),
                tr("They are only read, and only in the folders that you choose."),
            ),
            (
                "storage",
                tr("It keeps to your limits"),
                tr("You say how much disk and memory it may use. Both can be changed any time."),
            ),
        ):
            picture = Picture(look, icon)
            said = column(label(head, "strong"), label(words, "muted", wrap=True), spacing=2)
            line = row(picture, said, spacing=14)
            line.setAlignment(picture, Qt.AlignmentFlag.AlignTop)
            line.setStretch(1, 1)
            points.addLayout(line)
        inside = column(points, margin=20)
        content = column(row(logo, 1), title, text, card(inside), 1, spacing=16)
        self.setLayout(column(page_of(content)))

    def way_on(self) -> str:
        """It begins here."""
        return tr("Begin")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A folder that is offered, and what it is called."""

    path: str
    name: str
    text: str


def usual_folders() -> list[Suggestion]:
    """The folders that people keep documents in, where this computer has them."""
    places = QStandardPaths.StandardLocation
    found: list[Suggestion] = []
    for place in (places.DocumentsLocation, places.DesktopLocation, places.DownloadLocation):
        path = QStandardPaths.writableLocation(place)
        known = [one.path for one in found]
        if path and path not in known and path != QDir.homePath() and QDir(path).exists():
            name = QStandardPaths.displayName(place)
            found.append(Suggestion(path, name, shown(QDir.toNativeSeparators(path))))
    return found


class ChooseFolders(Step):
    """Folders to read: none is chosen until the person does."""

    def __init__(
        self, look: Look, client: Asker, suggestions: Sequence[Suggestion], sample: str
    ) -> None:
        super().__init__()
        self._client = client
        self.banner = Banner(look)
        self.boxes: dict[str, QCheckBox] = {}
        self._watched: set[str] = set()
        self._list = column(spacing=10)
        for one in suggestions:
            self._offer(one, ticked=False)
        self.add_button = button(tr("Choose another folder…"), self.choose)
        look.dress(self.add_button, "plus", "text")
        chosen = column(self._list, row(self.add_button, 1), spacing=14, margin=18)
        self.sample = QCheckBox(tr("Try it with a sample folder first"))
        self.sample.toggled.connect(lambda _: self.changed.emit())
        self._sample_path = sample
        sample_words = label(
            tr(
                "Fourteen made-up letters, notes and tables. It is read in seconds and can be "
                "removed any time."
            ),
            "small",
            wrap=True,
        )
        below = row(sample_words)
        below.setContentsMargins(BOX_PX, 0, 0, 0)
        words = tr(
            "Choose the folders that Satchel may read. Nothing is chosen yet, and nothing else "
            "will be looked at."
        )
        content = column(
            label(tr("Which folders?"), "title"),
            label(words, "muted", wrap=True),
            self.banner,
            card(chosen),
            card(column(self.sample, below, spacing=2, margin=18)),
            1,
            spacing=14,
        )
        self.setLayout(column(page_of(content)))

    def _offer(self, one: Suggestion, *, ticked: bool) -> None:
        box = QCheckBox(one.name.replace("&", "&&"))
        box.setChecked(ticked)
        box.setAccessibleDescription(one.text)
        box.toggled.connect(lambda _: self.changed.emit())
        self.boxes[one.path] = box
        path = label(one.text, "small", wrap=True)
        if one.text == one.name:  # to show what has no parent yet would open a window
            path.hide()
        below = row(path)
        below.setContentsMargins(BOX_PX, 0, 0, 0)
        self._list.addLayout(column(box, below, spacing=0))

    def choose(self) -> None:
        """Let the person choose a folder."""
        path = QFileDialog.getExistingDirectory(self, tr("Choose a folder"))
        if path:
            self.offer(path)

    def offer(self, path: str) -> None:
        """Put a folder that the person named into the list, ticked."""
        if path in self.boxes:
            self.boxes[path].setChecked(True)
        else:
            text = shown(QDir.toNativeSeparators(path))
            self._offer(Suggestion(path, text, text), ticked=True)
        self.changed.emit()

    @property
    def chosen(self) -> list[str]:
        """The folders that are ticked."""
        paths = [path for path, box in self.boxes.items() if box.isChecked()]
        return [*paths, self._sample_path] if self.sample.isChecked() else paths

    def way_on(self) -> str:
        """Going on without a folder is skipping."""
        return tr("Next") if self.chosen else tr("Skip")

    def leave(self, done: Done) -> None:
        """Have the chosen folders watched; what was wrong with one is said here."""
        new = [path for path in self.chosen if path not in self._watched]
        if not new:
            done()
            return

        def replied(message: Message) -> None:
            if isinstance(message, Failed):
                self.banner.tell(message.title, message.advice, "error")
            else:
                self.banner.hide()
                self._watched.update(new)
                done()

        self._client.ask(
            lambda number: FoldersAdd(number, tuple(new)), replied, self.banner.working
        )


class ChooseBudgets(Step):
    """The device as it was measured, and the budgets that are proposed for it."""

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self._proposed = False
        self.banner = Banner(look)
        self.device = label(tr("Measuring…"), wrap=True)
        self.promise = label(role="muted", wrap=True)
        self.disk = BudgetCard(
            look, tr("Disk budget"), tr("Disk"), tr("Everything Satchel keeps, but the models."), ""
        )
        self.ram = BudgetCard(
            look,
            tr("Memory budget"),
            tr("Memory"),
            tr("All of Satchel's processes together, and only while they are needed."),
            "",
        )
        for one in (self.disk, self.ram):
            one.bar.hide()
            one.legend.hide()
        device = column(
            label(tr("This computer"), "heading"), self.device, spacing=4, margin=18
        )  # fmt: skip
        words = tr("Satchel stays inside both. What is proposed leaves room for everything else.")
        content = column(
            label(tr("How much may it use?"), "title"),
            label(words, "muted", wrap=True),
            self.banner,
            card(device),
            self.disk,
            self.ram,
            self.promise,
            1,
            spacing=14,
        )
        self.setLayout(column(page_of(content)))

    def enter(self) -> None:
        """Measure, and propose what fits."""
        self._client.ask(StatusRequest, self._measured, self.banner.working)
        self._client.ask(BudgetRequest, self._planned)

    def _measured(self, message: Message) -> None:
        if isinstance(message, Failed):
            self.banner.fail(message, self.enter)
        elif isinstance(message, Report):
            self.banner.hide()
            self.device.setText(device_text(row_of(message.body, "device")))

    def _planned(self, message: Message) -> None:
        if isinstance(message, Failed):
            self.banner.fail(message, self.enter)
            return
        if not isinstance(message, Report):
            return
        self.promise.setText(" ".join(promises(row_of(message.body, "plan"))))
        for one, key in ((self.disk, "disk_bytes"), (self.ram, "ram_bytes")):
            one.show_in_force(whole_of(message.body, "budgets", key))
            one.show_ends(
                whole_of(message.body, "smallest", key), whole_of(message.body, "largest", key)
            )
            proposed = whole_of(message.body, "proposed", key)
            if not self._proposed and proposed:
                one.want(proposed)
        self._proposed = True

    def leave(self, done: Done) -> None:
        """Set the budgets; one that cannot be kept is refused here."""
        disk, ram = self.disk.wanted_bytes, self.ram.wanted_bytes
        if disk is None and ram is None:
            done()
            return

        def replied(message: Message) -> None:
            if isinstance(message, Failed):
                self.banner.tell(message.title, message.advice, "error")
            elif isinstance(message, Report):
                self.banner.hide()
                self._planned(message)
                done()

        self._client.ask(
            lambda number: BudgetRequest(number, disk, ram), replied, self.banner.working
        )


def device_text(device: Row) -> str:
    """The device in a line: what was measured, and nothing that was not."""
    said = []
    if processors := whole_of(device, "processors"):
        said.append(counted(processors, tr("1 processor core"), tr("%1 processor cores")))
    for words, whole, free in (
        (tr("%1 of memory, %2 free"), "memory_bytes", "memory_available_bytes"),
        (tr("a disk of %1, %2 free"), "disk_bytes", "disk_free_bytes"),
    ):
        if size := whole_of(device, whole):
            text = words.replace("%1", size_text(size))
            said.append(text.replace("%2", size_text(whole_of(device, free))))
    if device.get("on_battery") is True:
        share = round(100 * number_of(device, "battery_share"))
        said.append(tr("on battery, %1 %").replace("%1", str(share)))
    return " · ".join(said)
