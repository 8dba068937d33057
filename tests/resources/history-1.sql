-- The database of conversations as its first version left it.
CREATE TABLE conversation(
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    started_at REAL NOT NULL,
    changed_at REAL NOT NULL
);
CREATE TABLE turn(
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    found INTEGER NOT NULL,
    asked_at REAL NOT NULL
);
CREATE INDEX turn_conversation ON turn(conversation);
CREATE TABLE citation(
    turn INTEGER NOT NULL REFERENCES turn(id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    path BLOB NOT NULL,
    locator TEXT NOT NULL,
    quote TEXT NOT NULL
);
CREATE INDEX citation_turn ON citation(turn);
CREATE TABLE source(
    turn INTEGER NOT NULL REFERENCES turn(id) ON DELETE CASCADE,
    path BLOB NOT NULL
);
CREATE INDEX source_turn ON source(turn);
INSERT INTO conversation VALUES(1, 'When does the lease end?', 1700000000.0, 1700000060.0);
INSERT INTO turn VALUES(1, 1, 'When does the lease end?', 'On 31 May 2028 [1].', 1, 1700000060.0);
INSERT INTO citation VALUES(1, 1, x'2f646f63732f6c656173652e706466', '{"page":1}', 'until 31 May 2028');
INSERT INTO source VALUES(1, x'2f646f63732f6c656173652e706466');
PRAGMA user_version=1;
