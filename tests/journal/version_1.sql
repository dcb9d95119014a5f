-- A journal as the first version of its schema has it: five steps, a memory and a count.
CREATE TABLE steps (
    id INTEGER PRIMARY KEY,
    ts TEXT NOT NULL,
    session TEXT NOT NULL,
    fact TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    shade TEXT,
    reason TEXT,
    effects TEXT NOT NULL,
    generation INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    not_before TEXT,
    detail TEXT NOT NULL,
    missed INTEGER NOT NULL
) STRICT;
CREATE TABLE memory (only INTEGER PRIMARY KEY CHECK (only = 1), json TEXT NOT NULL) STRICT;
CREATE TABLE ignored (
    state TEXT NOT NULL,
    fact TEXT NOT NULL,
    count INTEGER NOT NULL,
    latest TEXT NOT NULL,
    PRIMARY KEY (state, fact)
) STRICT, WITHOUT ROWID;
INSERT INTO steps VALUES
    (1, '2025-06-01T12:00:00.000001+00:00', 'shop', 'Start', 'Init', 'Init', NULL, NULL, 'StartChild', 1, 0, NULL, '', 0),
    (2, '2025-06-01T12:00:01.000000+00:00', 'shop', 'Connected', 'Init', 'Connected', 'online', NULL, '', 1, 0, NULL, '', 0),
    (3, '2025-06-01T12:00:09.500000+00:00', 'shop', 'LoggedOut', 'Connected', 'LoggedOut', NULL, 'logged_out', 'StopChild HidePairing', 1, 0, NULL, 'it "said" no', 2);
INSERT INTO memory VALUES (1, '{"version":1,"written_at":"2025-06-01T12:00:09.500000Z","phase":"LoggedOut","reason":"logged_out","cause":"logged_out","detail":"it \"said\" no","given_up":null,"sequel":"purge","death":"logged_out","generation":1,"retries":3,"strikes":1,"not_before":"2025-06-01T12:01:09.500000Z","ban_until":null,"spent":{"dials":["2025-06-01T11:59:09.500000Z","2025-06-01T12:00:00Z"],"bans":[]},"last_stable":"2025-06-01T12:00:05Z","last_pairing":null,"order":"resume"}');
INSERT INTO ignored VALUES ('GaveUp', 'Start', 7, '2025-06-01T12:00:09.500000+00:00');
PRAGMA user_version = 1;
