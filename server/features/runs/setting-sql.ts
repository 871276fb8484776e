import type { SettingCondition } from "@/contracts/api/run-list";
import { listConditionalDefaults, type ConditionalDefault } from "@/core/run/settings";
import { toJson } from "@/server/platform/db/json";
import { join, sql, type Sql } from "@/server/platform/db/query";

/**
 * The SQL by which runs are sorted and filtered by a setting, as `readValueAt` reads it: a stored configuration leaves out
 * settings that it has at their defaults, and those that came after it.
 */

/** {rl: {steps: 3}} of "rl.steps" and 3: what a configuration contains. */
const nest = (path: string, value: unknown): unknown =>
  path.split(".").reduceRight((inner, key) => ({ [key]: inner }), value);

const contains = (run: Sql, path: string, value: unknown): Sql =>
  sql`${run}.config @> ${toJson(nest(path, value))}::jsonb`;

const matchesWhen = (run: Sql, { kind, ...more }: ConditionalDefault["when"]): Sql =>
  join(
    [
      sql`${run}.kind = ${kind}`,
      ...Object.entries(more).map(([path, value]) => contains(run, path, value)),
    ],
    " AND ",
  );

/** The value of a setting as jsonb; NULL where a run has no such setting. @param run alias that it has in the query */
export function buildSettingValue(path: string, run: Sql): Sql {
  const stored = sql`${run}.config #> ${path.split(".")}::text[]`;
  const defaults = listConditionalDefaults(path);
  if (defaults.length === 0) return stored;
  const cases = defaults.map(
    ({ when, value }) => sql`WHEN ${matchesWhen(run, when)} THEN ${toJson(value)}::jsonb`,
  );
  return sql`coalesce(${stored}, CASE ${join(cases, " ")} END)`;
}

/** Words that pages write for values that are no texts. */
const WORDS: Readonly<Record<string, null | boolean>> = { none: null, on: true, off: false };

const COMPARISONS: Record<
  Exclude<SettingCondition["sign"], "=" | "!=">,
  (a: number, b: number) => boolean
> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/**
 * Whether a run passes a condition on a setting. Equality asks the index of all settings; an order is read from each
 * configuration and holds for numbers alone. A run without the setting passes no condition.
 *
 * @param run alias that it has in the query
 */
export function buildSettingCondition({ path, sign, value }: SettingCondition, run: Sql): Sql {
  const number = value.trim() === "" ? NaN : Number(value);
  const jsonPath = `$${path
    .split(".")
    .map((key) => `."${key}"`)
    .join("")}`;
  const defaults = listConditionalDefaults(path);
  /** Runs that leave the setting out and whose default passes, beside those whose stored value does. */
  const orDefault = (stored: Sql, passes: (value: unknown) => boolean): Sql => {
    const passing = defaults.filter((one) => passes(one.value));
    if (passing.length === 0) return sql`(${stored})`;
    const whens = passing.map(({ when }) => sql`(${matchesWhen(run, when)})`);
    return sql`(${stored} OR (NOT ${run}.config @? ${jsonPath}::jsonpath AND (${join(whens, " OR ")})))`;
  };
  if (sign !== "=" && sign !== "!=") {
    if (!Number.isFinite(number)) return sql`false`;
    return orDefault(
      sql`${run}.config @@ ${`${jsonPath} ${sign} ${number}`}::jsonpath IS TRUE`,
      (one) => typeof one === "number" && COMPARISONS[sign](one, number),
    );
  }
  const meanings: unknown[] = [value];
  if (Number.isFinite(number)) meanings.push(number);
  if (Object.hasOwn(WORDS, value)) meanings.push(WORDS[value]);
  const equal = join(
    meanings.map((meaning) => contains(run, path, meaning)),
    " OR ",
  );
  if (sign === "=") return orDefault(equal, (one) => meanings.includes(one));
  return orDefault(
    sql`${run}.config @? ${jsonPath}::jsonpath AND NOT (${equal})`,
    (one) => !meanings.includes(one),
  );
}
