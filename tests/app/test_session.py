from app.session import Session
from core.messages import Done, IndexProgress, Message, Report


def session() -> tuple[Session, list[Message]]:
    sent: list[Message] = []
    return Session(sent.append), sent


PROGRESS = IndexProgress(1, "scanning", 0, 0, 0, 0, 0, None, 0.0, None)


def test_a_request_is_owed_until_it_ends() -> None:
    one, sent = session()
    one.begin(1)
    one.begin(2)
    one.reply(PROGRESS)
    assert one.busy
    one.reply(Report(1, {}))
    assert one.busy
    one.reply(Done(2))
    assert not one.busy
    assert len(sent) == 3


def test_cancelling_takes_open_requests_only() -> None:
    one, _ = session()
    one.begin(1)
    one.cancel(1)
    one.cancel(7)
    assert one.is_cancelled(1)
    assert not one.is_cancelled(7)
    one.reply(Done(1))
    one.begin(1)  # the same number again
    assert not one.is_cancelled(1)


def test_a_client_that_is_gone_closes_the_session() -> None:
    def broken(_: Message) -> None:
        raise BrokenPipeError

    one = Session(broken)
    one.begin(1)
    one.reply(PROGRESS)
    assert one.closed
    assert one.is_cancelled(1)
    assert not one.busy


def test_after_closing_nothing_is_sent() -> None:
    one, sent = session()
    one.begin(1)
    one.close()
    one.reply(Done(1))
    assert sent == []


def test_a_newer_search_outdates_the_older() -> None:
    one, _ = session()
    for number in (3, 4):
        one.begin(number)
        one.begin_search(number)
    assert one.outdated(3)
    assert not one.outdated(4)
