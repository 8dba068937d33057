"""Every message that crosses a process border, as frozen types, and their JSON form.

One message is one JSON object on one line. Its `type` is the class name.
Paths that are not UTF-8 travel as surrogate escapes, ASCII-escaped, so that
each line is plain ASCII whatever the file system holds.

A request carries an `id` chosen by the asker; each reply repeats it. The last
reply to a request is the one whose class says so in its docstring ("ends").
"""

from __future__ import annotations

from core.messages.base import (
    PROTOCOL_VERSION as PROTOCOL_VERSION,
)
from core.messages.base import (
    Cancel as Cancel,
)
from core.messages.base import (
    Failed as Failed,
)
from core.messages.base import (
    Hello as Hello,
)
from core.messages.base import (
    Message as Message,
)
from core.messages.base import (
    ProtocolError as ProtocolError,
)
from core.messages.extractor import (
    Box as Box,
)
from core.messages.extractor import (
    Chunks as Chunks,
)
from core.messages.extractor import (
    Extract as Extract,
)
from core.messages.extractor import (
    Extracted as Extracted,
)
from core.messages.extractor import (
    FileFailed as FileFailed,
)
from core.messages.extractor import (
    PageImage as PageImage,
)
from core.messages.extractor import (
    Passages as Passages,
)
from core.messages.extractor import (
    ReadSpans as ReadSpans,
)
from core.messages.extractor import (
    RenderPage as RenderPage,
)
from core.messages.kept import (
    ConversationDelete as ConversationDelete,
)
from core.messages.kept import (
    ConversationExport as ConversationExport,
)
from core.messages.kept import (
    ConversationGet as ConversationGet,
)
from core.messages.kept import (
    ConversationRename as ConversationRename,
)
from core.messages.kept import (
    ConversationsList as ConversationsList,
)
from core.messages.kept import (
    KeptKind as KeptKind,
)
from core.messages.kept import (
    KeptRequest as KeptRequest,
)
from core.messages.kept import (
    MemoriesRequest as MemoriesRequest,
)
from core.messages.kept import (
    SearchesRequest as SearchesRequest,
)
from core.messages.kept import (
    TagsRequest as TagsRequest,
)
from core.messages.replies import (
    AnswerDone as AnswerDone,
)
from core.messages.replies import (
    AnswerNote as AnswerNote,
)
from core.messages.replies import (
    AnswerSources as AnswerSources,
)
from core.messages.replies import (
    AnswerText as AnswerText,
)
from core.messages.replies import (
    DigestDone as DigestDone,
)
from core.messages.replies import (
    DigestInstead as DigestInstead,
)
from core.messages.replies import (
    DigestProgress as DigestProgress,
)
from core.messages.replies import (
    Done as Done,
)
from core.messages.replies import (
    IndexProgress as IndexProgress,
)
from core.messages.replies import (
    ModelProgress as ModelProgress,
)
from core.messages.replies import (
    PhraseCount as PhraseCount,
)
from core.messages.replies import (
    PreviewText as PreviewText,
)
from core.messages.replies import (
    RemotePreview as RemotePreview,
)
from core.messages.replies import (
    Report as Report,
)
from core.messages.replies import (
    SearchProgress as SearchProgress,
)
from core.messages.replies import (
    SearchResults as SearchResults,
)
from core.messages.replies import (
    State as State,
)
from core.messages.requests import (
    Ask as Ask,
)
from core.messages.requests import (
    BudgetRequest as BudgetRequest,
)
from core.messages.requests import (
    Digest as Digest,
)
from core.messages.requests import (
    Doctor as Doctor,
)
from core.messages.requests import (
    FilesList as FilesList,
)
from core.messages.requests import (
    FoldersAdd as FoldersAdd,
)
from core.messages.requests import (
    FoldersCheck as FoldersCheck,
)
from core.messages.requests import (
    FoldersList as FoldersList,
)
from core.messages.requests import (
    FoldersRemove as FoldersRemove,
)
from core.messages.requests import (
    Forget as Forget,
)
from core.messages.requests import (
    Index as Index,
)
from core.messages.requests import (
    ModelsRequest as ModelsRequest,
)
from core.messages.requests import (
    PagePreview as PagePreview,
)
from core.messages.requests import (
    Pause as Pause,
)
from core.messages.requests import (
    Preview as Preview,
)
from core.messages.requests import (
    Raise as Raise,
)
from core.messages.requests import (
    Related as Related,
)
from core.messages.requests import (
    RemoteSetup as RemoteSetup,
)
from core.messages.requests import (
    Retry as Retry,
)
from core.messages.requests import (
    Search as Search,
)
from core.messages.requests import (
    SettingsGet as SettingsGet,
)
from core.messages.requests import (
    SettingsSet as SettingsSet,
)
from core.messages.requests import (
    Shutdown as Shutdown,
)
from core.messages.requests import (
    StatusRequest as StatusRequest,
)
from core.messages.requests import (
    Subscribe as Subscribe,
)
from core.messages.values import (
    EVERYWHERE as EVERYWHERE,
)
from core.messages.values import (
    LONGEST_PAUSE_S as LONGEST_PAUSE_S,
)
from core.messages.values import (
    LONGEST_UNDO_S as LONGEST_UNDO_S,
)
from core.messages.values import (
    MOST_COPIES as MOST_COPIES,
)
from core.messages.values import (
    UNTITLED as UNTITLED,
)
from core.messages.values import (
    About as About,
)
from core.messages.values import (
    CellType as CellType,
)
from core.messages.values import (
    ChatTurn as ChatTurn,
)
from core.messages.values import (
    ChunkText as ChunkText,
)
from core.messages.values import (
    Citation as Citation,
)
from core.messages.values import (
    Copy as Copy,
)
from core.messages.values import (
    DigestEntry as DigestEntry,
)
from core.messages.values import (
    DigestTask as DigestTask,
)
from core.messages.values import (
    Gpu as Gpu,
)
from core.messages.values import (
    Hit as Hit,
)
from core.messages.values import (
    Locator as Locator,
)
from core.messages.values import (
    Made as Made,
)
from core.messages.values import (
    MemoryOffer as MemoryOffer,
)
from core.messages.values import (
    Mode as Mode,
)
from core.messages.values import (
    ModelPhase as ModelPhase,
)
from core.messages.values import (
    PassageText as PassageText,
)
from core.messages.values import (
    Phase as Phase,
)
from core.messages.values import (
    PinnedText as PinnedText,
)
from core.messages.values import (
    Quoted as Quoted,
)
from core.messages.values import (
    Scope as Scope,
)
from core.messages.values import (
    ScoredTokens as ScoredTokens,
)
from core.messages.values import (
    SentText as SentText,
)
from core.messages.wire import (
    decode as decode,
)
from core.messages.wire import (
    encode as encode,
)
from core.messages.wire import (
    ends as ends,
)
from core.messages.worker import (
    INTERRUPTED as INTERRUPTED,
)
from core.messages.worker import (
    CheckModel as CheckModel,
)
from core.messages.worker import (
    Complete as Complete,
)
from core.messages.worker import (
    FindGpus as FindGpus,
)
from core.messages.worker import (
    Fingerprinted as Fingerprinted,
)
from core.messages.worker import (
    FingerprintModel as FingerprintModel,
)
from core.messages.worker import (
    ForetellText as ForetellText,
)
from core.messages.worker import (
    ForgetSaved as ForgetSaved,
)
from core.messages.worker import (
    Generate as Generate,
)
from core.messages.worker import (
    Generated as Generated,
)
from core.messages.worker import (
    Gpus as Gpus,
)
from core.messages.worker import (
    HoldWeights as HoldWeights,
)
from core.messages.worker import (
    LoadModel as LoadModel,
)
from core.messages.worker import (
    ModelLoaded as ModelLoaded,
)
from core.messages.worker import (
    PromptReady as PromptReady,
)
from core.messages.worker import (
    TextForetold as TextForetold,
)
from core.messages.worker import (
    Token as Token,
)
from core.messages.worker import (
    WeightsHeld as WeightsHeld,
)
