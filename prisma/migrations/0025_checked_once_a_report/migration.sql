-- A report's episodes are of one run, attempt and question set, and a report is taken under the fence, which has found the
-- run and its attempt, after its questions were looked up. Looking all of that up again for every row (and locking the
-- project's and the attempt's one row each time) took as long as storing the rows.
ALTER TABLE answers DROP CONSTRAINT answers_project_id_fkey;
ALTER TABLE episodes DROP CONSTRAINT episodes_project_id_fkey;
ALTER TABLE episodes DROP CONSTRAINT episodes_run_id_attempt_fkey;
ALTER TABLE episodes DROP CONSTRAINT episodes_set_id_question_id_fkey;
ALTER TABLE episodes DROP CONSTRAINT episodes_steps_of_fkey;

-- What they name stays: nothing of it is ever deleted, and now nobody can by mistake.
CREATE TRIGGER projects_kept BEFORE DELETE ON projects FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER questions_kept BEFORE DELETE ON questions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER episodes_kept BEFORE DELETE ON episodes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Nobody looks an episode up by its ordinal alone.
ALTER TABLE episodes DROP CONSTRAINT episodes_ordinal_key;
