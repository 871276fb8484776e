-- A token that the first worker that attaches with it keeps for itself: those that a pool's jobs are given.
ALTER TABLE worker_tokens ADD COLUMN single_worker boolean NOT NULL DEFAULT false;
