-- Whether a run asks for what no Tinker service does, so that only a worker whose own engine trains is given it.
ALTER TABLE runs ADD COLUMN needs_own_engine boolean NOT NULL DEFAULT false;
