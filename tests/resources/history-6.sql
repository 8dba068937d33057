-- The database of what is the person's own as its sixth version left it.
CREATE TABLE citation(
            turn INTEGER NOT NULL REFERENCES turn(id) ON DELETE CASCADE,
            n INTEGER NOT NULL,
            path BLOB NOT NULL,
            locator TEXT NOT NULL,
            quote TEXT NOT NULL
        );
INSERT INTO "citation" VALUES(1,1,X'2F646F63732F6C656173652E706466','{"page":1}','until 31 May 2028');
CREATE TABLE conversation(
            id INTEGER PRIMARY KEY,
            title TEXT NOT NULL,
            started_at REAL NOT NULL,
            changed_at REAL NOT NULL
        );
INSERT INTO "conversation" VALUES(1,'When does the lease end?',1700000000.0,1700000120.0);
INSERT INTO "conversation" VALUES(2,'Hvem eier båten?',1700000200.0,1700000260.0);
CREATE TABLE kept_answer(
            turn INTEGER PRIMARY KEY REFERENCES turn(id) ON DELETE CASCADE,
            vector BLOB NOT NULL,
            rests TEXT NOT NULL,
            files TEXT NOT NULL,
            replies TEXT NOT NULL,
            cost_ms REAL NOT NULL,
            kept_at REAL NOT NULL,
            used INTEGER NOT NULL DEFAULT 0,
            used_at REAL NOT NULL
        );
CREATE TABLE memory(
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            text TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            made_at REAL NOT NULL,
            vector BLOB NOT NULL DEFAULT x'',
            model TEXT NOT NULL DEFAULT ''
        );
INSERT INTO "memory" VALUES(1,'I live in Bergen.','fact',1700000000.0,X'','');
CREATE TABLE memory_refused(digest BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE source(
            turn INTEGER NOT NULL REFERENCES turn(id) ON DELETE CASCADE,
            path BLOB NOT NULL
        );
INSERT INTO "source" VALUES(1,X'2F646F63732F6C656173652E706466');
INSERT INTO "source" VALUES(3,X'2F646F63732F72656E742E747874');
CREATE TABLE tag(
            name TEXT NOT NULL,
            file INTEGER NOT NULL REFERENCES tagged_file(id) ON DELETE CASCADE,
            given INTEGER NOT NULL,
            PRIMARY KEY(name, file)
        ) WITHOUT ROWID;
INSERT INTO "tag" VALUES('housing',1,1);
CREATE TABLE tagged_file(
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,
            number INTEGER NOT NULL,
            content BLOB
        );
INSERT INTO "tagged_file" VALUES(1,X'2F646F63732F6C656173652E706466',7,NULL);
CREATE TABLE turn(
            id INTEGER PRIMARY KEY,
            conversation INTEGER NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
            question TEXT NOT NULL,
            answer TEXT NOT NULL,
            found INTEGER NOT NULL,
            asked_at REAL NOT NULL
        , made TEXT);
INSERT INTO "turn" VALUES(1,1,'When does the lease end?','On 31 May 2028 [1].',1,1700000060.0,'{"model":"m","server":"","why":""}');
INSERT INTO "turn" VALUES(2,2,'Hvem eier båten?','Not found in your files.',0,1700000260.0,NULL);
INSERT INTO "turn" VALUES(3,1,'And the rent?','540 pounds [1].',1,1700000120.0,'{"model":"m","server":"","why":""}');
CREATE TABLE turn_vector(
            turn INTEGER PRIMARY KEY REFERENCES turn(id) ON DELETE CASCADE,
            model TEXT NOT NULL,
            vector BLOB NOT NULL
        );
INSERT INTO "turn_vector" VALUES(1,'all-minilm-l6-v2',X'0102');
CREATE INDEX turn_conversation ON turn(conversation);
CREATE INDEX citation_turn ON citation(turn);
CREATE INDEX source_turn ON source(turn);
CREATE INDEX tag_file ON tag(file);
PRAGMA user_version=6;
