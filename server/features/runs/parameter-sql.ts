import { z } from "zod";
import type { SettingCondition } from "@/contracts/api/run-list";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { queryRows, sql, type Sql } from "@/server/platform/db/query";

/**
 * The SQL by which runs are sorted and filtered by a parameter that another trainer reported. All are texts; one that
 * looks like a number counts as one.
 */

const NUMBER = String.raw`^[-+]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][-+]?\d{1,2})?$`;
const IS_NUMBER = new RegExp(NUMBER);

/** Parameters of a run: of a run that only reports they are its configuration, of a command its trainer's. */
const buildParameters = (run: Sql): Sql =>
  sql`CASE ${run}.kind WHEN 'external' THEN ${run}.config -> 'parameters' WHEN 'command' THEN (SELECT x.parameters FROM external_runs x WHERE x.run_id = ${run}.id) END`;

const buildText = (name: string, run: Sql): Sql => sql`((${buildParameters(run)}) ->> ${name})`;
const buildNumber = (text: Sql): Sql =>
  sql`(CASE WHEN ${text} ~ ${NUMBER} THEN ${text}::float8 END)`;

/** The value of a parameter as jsonb, a number where it looks like one; NULL where a run has none. @param run alias that it has in the query */
export function buildParameterValue(name: string, run: Sql): Sql {
  const text = buildText(name, run);
  return sql`coalesce(to_jsonb(${buildNumber(text)}), to_jsonb(${text}))`;
}

const SIGNS: Record<SettingCondition["sign"], Sql> = {
  "=": sql`=`,
  "!=": sql`<>`,
  "<": sql`<`,
  "<=": sql`<=`,
  ">": sql`>`,
  ">=": sql`>=`,
};

/** Whether a run passes a condition on a parameter; one that has not reported it passes none. @param run alias that it has in the query */
export function buildParameterCondition(
  name: string,
  { sign, value }: Omit<SettingCondition, "path">,
  run: Sql,
): Sql {
  const text = buildText(name, run);
  const isEquality = sign === "=" || sign === "!=";
  if (!IS_NUMBER.test(value.trim()))
    return isEquality ? sql`(${text} ${SIGNS[sign]} ${value}) IS TRUE` : sql`false`;
  const compared = sql`${buildNumber(text)} ${SIGNS[sign]} ${Number(value)}::float8`;
  return isEquality
    ? sql`coalesce(${compared}, ${text} ${SIGNS[sign]} ${value}) IS TRUE`
    : sql`(${compared}) IS TRUE`;
}

const parameterSchema = z.object({ runId: z.string(), name: z.string(), value: z.string() });

/** Some parameters of runs, as they were reported. */
export const selectParameters = (
  db: Queries,
  runIds: readonly string[],
  names: readonly string[],
): Promise<z.infer<typeof parameterSchema>[]> =>
  queryRows(db, parameterSchema, { check: "first" })`
    SELECT r.id AS "runId", n.name, (${buildParameters(sql`r`)}) ->> n.name AS value FROM runs r CROSS JOIN unnest(${names}::text[]) AS n(name)
    WHERE r.id = ANY(${runIds}::uuid[]) AND (${buildParameters(sql`r`)}) ? n.name`;

/** Runs whose names of parameters are offered: the newest ones. */
const RUNS_WITH_NAMES = 1000;

/** Names of the parameters that other trainers reported of their newest runs. */
export const selectParameterNames = (db: Queries): Promise<{ text: string }[]> =>
  queryRows(db, z.object({ text: z.string() }))`
    SELECT DISTINCT name AS text FROM (SELECT ${buildParameters(sql`r`)} AS parameters FROM runs r WHERE r.project_id = ${DEFAULT_PROJECT}::uuid AND r.kind IN ('external', 'command') AND r.deleted_at IS NULL ORDER BY r.created_at DESC LIMIT ${RUNS_WITH_NAMES}) p,
      jsonb_object_keys(p.parameters) AS name ORDER BY name`;
