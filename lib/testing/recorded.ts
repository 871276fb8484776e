import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";

export type Values = Record<string, unknown>;

/**
 * Declares a test for each group of values, against what is recorded of them in a JSON file. Stored episodes, answers,
 * scores and indexes are found by keys: where one changes, what people have stored is lost to them without an error. So
 * a difference is a defect of the change, unless the change means to make old results unusable.
 *
 * Only then the values are recorded anew, by the test file itself:
 *   UPDATE_KEYS=1 node_modules/.bin/vitest run --project unit PATH/TO/key-stability.test.ts
 */
export function testRecorded(
  file: URL,
  groups: Record<string, () => Values | Promise<Values>>,
): void {
  const isUpdate = process.env.UPDATE_KEYS === "1";
  const recorded: Values =
    isUpdate && !existsSync(file) ? {} : (JSON.parse(readFileSync(file, "utf8")) as Values);

  it.each(Object.keys(groups))("%s", async (name) => {
    const values = JSON.parse(JSON.stringify(await groups[name]!())) as unknown;
    if (isUpdate) recorded[name] = values;
    else expect(values).toStrictEqual(recorded[name]);
  });

  it("every recorded group is checked", async () => {
    const names = Object.keys(groups);
    if (isUpdate) {
      const kept = Object.fromEntries(names.map((name) => [name, recorded[name]]));
      const { format, resolveConfig } = await import("prettier");
      const style = await resolveConfig(file);
      writeFileSync(file, await format(JSON.stringify(kept), { ...style, parser: "json" }));
    } else expect(Object.keys(recorded)).toEqual(names);
  });
}

/** Values by their labels, each made after the one before it. */
export async function collectInTurn(parts: Record<string, () => unknown>): Promise<Values> {
  const values: Values = {};
  for (const [label, make] of Object.entries(parts)) values[label] = await make();
  return values;
}
