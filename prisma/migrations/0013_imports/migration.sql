-- Runs made of another program's result files say which files those were; null: the run was executed or observed here.
ALTER TABLE runs ADD COLUMN imported_from text;
