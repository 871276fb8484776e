-- Runs of kind `evaluate`: a retriever measured on a question set. Their episodes are of method `retrieval`.
ALTER TABLE runs DROP CONSTRAINT runs_kind_check;
ALTER TABLE runs ADD CONSTRAINT runs_kind_check CHECK (kind IN ('train', 'predict', 'index', 'serve', 'evaluate'));
