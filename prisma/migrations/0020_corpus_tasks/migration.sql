-- Two more tasks of workers, and when an upload was last asked for: those that nobody needs any more are removed.

ALTER TABLE tasks DROP CONSTRAINT tasks_kind_check;
ALTER TABLE tasks ADD CONSTRAINT tasks_kind_check CHECK (kind IN ('query', 'documents', 'dry-run', 'index-plan', 'remove-corpus', 'turn-gains'));

ALTER TABLE uploads ADD COLUMN used_at timestamptz NOT NULL DEFAULT now();
