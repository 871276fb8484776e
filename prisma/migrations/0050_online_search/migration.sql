-- When an online search gave the results of a retrieve step; null: they are of a corpus.
ALTER TABLE steps ADD COLUMN fetched_at timestamptz;
