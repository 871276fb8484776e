-- A task that says what the beginning of a corpus' source holds.
ALTER TABLE tasks DROP CONSTRAINT tasks_kind_check;
ALTER TABLE tasks ADD CONSTRAINT tasks_kind_check CHECK (kind IN ('query', 'documents', 'dry-run', 'index-plan', 'corpus-preview', 'remove-corpus', 'turn-gains'));
