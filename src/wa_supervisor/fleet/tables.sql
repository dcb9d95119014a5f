-- What the workers of a fleet share. The engine's own tables (procrastinate_*) stand beside these, in
-- the schema `wa_fleet`; the keys of a session are in a schema of its own, see `session_url`.

-- Whose tables these are: of another wa-supervisor's, or another engine's, no use is made.
CREATE TABLE made_by (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  tables_version integer NOT NULL,         -- see `database.TABLES_VERSION`
  engine_schema text NOT NULL,             -- the digest of what has made the engine's tables
  engine_version text NOT NULL
);

CREATE TABLE workers (
  name text PRIMARY KEY,
  engine_id bigint NOT NULL,               -- its row in procrastinate_workers, whose heartbeat is the lease
  queue text NOT NULL UNIQUE,              -- of the jobs that are for it
  host text NOT NULL,
  pid integer NOT NULL,
  version text NOT NULL,
  capacity integer NOT NULL CHECK (capacity > 0),
  draining boolean NOT NULL DEFAULT false, -- by an operator's word it hands its sessions over and takes no others
  stopping boolean NOT NULL DEFAULT false, -- it does the same, and ends then
  started_at timestamptz NOT NULL DEFAULT now(),
  died_at timestamptz                      -- when it was taken for dead; null: it lives
);

CREATE TABLE sessions (
  name text PRIMARY KEY,
  settings jsonb NOT NULL,                 -- what was given for it at `fleet add`; no secret of WhatsApp
  added_at timestamptz NOT NULL DEFAULT now(),
  removed boolean NOT NULL DEFAULT false,  -- to be ended where it runs; the keys stay
  wanted_worker text,                      -- where an operator has ordered it; null once it is there
  retry_at timestamptz,                    -- when it is tried again, if it could not be begun
  trouble text,                            -- why it could not be begun
  failed_on text[] NOT NULL DEFAULT '{}',  -- where it could not, the last one last, until it was
  account_since bigint NOT NULL DEFAULT 0, -- the session process from which on it is of this account
  -- Said by its owner with each step:
  state text,
  substate text,
  reason text,
  since timestamptz,
  paired boolean,
  needs text                               -- who must act, see `status.Status`; null: nobody
);

-- Who may write a session's keys: apart from `sessions`, as each write of a key locks this row.
CREATE TABLE owners (
  session text PRIMARY KEY REFERENCES sessions (name) ON DELETE CASCADE,
  epoch bigint NOT NULL DEFAULT 0,         -- one more with each new owner
  worker text,
  claimed_at timestamptz
);

CREATE TABLE journals (
  session text PRIMARY KEY REFERENCES sessions (name) ON DELETE CASCADE,
  memory text NOT NULL,                          -- JSON with numbers that jsonb has no place for
  written_at timestamptz NOT NULL DEFAULT now(), -- by this server's clock, which all workers share
  unreadable text                                -- the last memory that could not be read, if one
);

CREATE TABLE steps (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  session text NOT NULL REFERENCES sessions (name) ON DELETE CASCADE,
  epoch bigint NOT NULL,
  record text NOT NULL,                    -- JSON, see `journal.entries.Entry`
  written_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX steps_of_session ON steps (session, id);

-- Facts that meant nothing where they came.
CREATE TABLE ignored (
  session text NOT NULL REFERENCES sessions (name) ON DELETE CASCADE,
  state text NOT NULL,
  fact text NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (session, state, fact)
);

-- Copies of a session's keys: the newest good ones, and what was set aside.
CREATE TABLE key_copies (
  session text NOT NULL REFERENCES sessions (name) ON DELETE CASCADE,
  id text NOT NULL,                        -- when it was made, and for which session process
  epoch bigint NOT NULL,
  set_aside text,                          -- in quarantine: when, and why; null: a snapshot
  has_device boolean NOT NULL,             -- false: what whatsmeow leaves when it deletes the device
  content bytea NOT NULL,
  PRIMARY KEY (session, id)
);

-- Which version of its tables whatsmeow makes, by the neonize it is in: where a session's are older,
-- they are brought up to date before its process starts, as new tables need the trigger.
CREATE TABLE clients (
  neonize text PRIMARY KEY,
  tables_version integer NOT NULL
);

-- Who reads a session's messages, on whatever worker: they are kept for each of these.
CREATE TABLE readers (
  session text NOT NULL REFERENCES sessions (name) ON DELETE CASCADE,
  name text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (session, name)
);

-- Received messages that are not only on one worker's disk. A row without a record is kept for some
-- weeks all the same, so that whoever comes with that message again finds that it was dealt with.
CREATE TABLE messages (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  session text NOT NULL REFERENCES sessions (name) ON DELETE CASCADE,
  key bytea NOT NULL,                      -- what tells it from others, hashed
  generation bigint NOT NULL,              -- the session process that received it
  record bytea,                            -- null: nobody waits for it here any more
  holder text,                             -- the worker whose inbox has it, too
  done text[] NOT NULL DEFAULT '{}',       -- the readers that have acknowledged it
  changed_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (session, key)
);
CREATE INDEX messages_that_wait ON messages (session, id) WHERE record IS NOT NULL;
CREATE INDEX messages_by_change ON messages (changed_at) WHERE record IS NULL;

-- Whose session it is: what was received for one account must not be handed to another's program.
CREATE TABLE accounts (
  session text PRIMARY KEY REFERENCES sessions (name) ON DELETE CASCADE,
  addresses text NOT NULL,                 -- of the account itself, one a line
  paired bigint                            -- the session process that was paired since; null: none
);

-- What was notified of a session and what is still to be said, see `notify.memory`.
CREATE TABLE notices (
  session text PRIMARY KEY REFERENCES sessions (name) ON DELETE CASCADE,
  memory text NOT NULL
);

-- Messages that were sent under a key, as hashes: see `messages.outbox` for the states.
CREATE TABLE sends (
  session text NOT NULL REFERENCES sessions (name) ON DELETE CASCADE,
  key bytea NOT NULL,
  what bytea NOT NULL,
  state text NOT NULL,
  details text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (session, key)
);
CREATE INDEX sends_by_change ON sends (session, changed_at);

-- Messages that wait unread on the disk of a worker which is not the session's owner any more.
CREATE TABLE stranded (
  worker text NOT NULL,
  session text NOT NULL REFERENCES sessions (name) ON DELETE CASCADE,
  unread integer NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (worker, session)
);

-- When the next session of the whole fleet may dial.
CREATE TABLE pace (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  apart interval NOT NULL,
  next_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO pace (apart) VALUES ('0.1 s');

-- Which worker looks after all the others, see `tick`: another does once it has not for a while.
CREATE TABLE leader (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  engine_id bigint,
  ticked_at timestamptz NOT NULL DEFAULT '-infinity',
  places_from timestamptz NOT NULL DEFAULT '-infinity' -- until then workers gather, after an outage
);
INSERT INTO leader DEFAULT VALUES;

-- Refuses a write to a session's keys by any but its owner: each table in the session's schema has it
-- as a trigger, with the session's name. Who writes says its epoch when it connects
-- (`options=-c wa_fleet.epoch=...`); who says none is refused. The owner's row is locked until the
-- write has committed: a takeover waits for it, and what comes after the takeover is refused.
--
-- Who was overtaken is refused late: whatsmeow acknowledges a message that it could not decrypt, also if
-- the reason was that it could not write; then WhatsApp would never give it to the new owner. While it
-- waits it acknowledges nothing, and it dies or is replaced meanwhile.
CREATE FUNCTION refuse_stale_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  said text := current_setting('wa_fleet.epoch', true);
BEGIN
  PERFORM FROM wa_fleet.owners WHERE session = TG_ARGV[0] AND epoch::text = said FOR SHARE;
  IF FOUND THEN
    RETURN NULL;
  END IF;
  IF said <> '' THEN
    PERFORM pg_sleep(15);
  END IF;
  RAISE EXCEPTION 'another worker owns this session now' USING ERRCODE = 'WA001';
END $$;
