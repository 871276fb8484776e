import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listRunsRequestSchema, type SettingCondition } from "@/contracts/api/run-list";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { readValueAt } from "@/core/run/settings";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

const MEANT: Record<string, unknown> = { none: null, on: true, off: false };
const isOrdered: Record<string, (a: number, b: number) => boolean> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};
/** The condition as a plain program reads it, on the value that the page shows. */
function passes(config: unknown, { path, sign, value }: SettingCondition): boolean {
  const shown = readValueAt(config, path);
  if (shown === undefined) return false;
  const isEqual = shown === value || shown === (MEANT[value] ?? Number(value));
  if (sign === "=") return isEqual || (value === "none" && shown === null);
  if (sign === "!=") return !isEqual && !(value === "none" && shown === null);
  return typeof shown === "number" && isOrdered[sign]!(shown, Number(value));
}

describe("a setting that a run leaves out", () => {
  let server: TestServer;
  const configs = new Map<string, RunConfig>();
  const add = async (config: object): Promise<void> => {
    const parsed = runConfigSchema.parse({ name: `${configs.size}`, ...config });
    configs.set(await server.plane.runs.create(parsed, { actor: "tester", preset: null }), parsed);
  };
  const list = async (request: object): Promise<string[]> => {
    const { rows } = await server.plane.runReader.list(
      listRunsRequestSchema.parse({ limit: 100, ...request }),
    );
    return rows.map(({ id }) => id);
  };

  beforeAll(async () => {
    server = await startTestServer();
    await add({ kind: "train" });
    await add({ kind: "train", rl: { schedule: "cosine", adamBeta1: 0.5 } });
    await add({ kind: "train", rl: { schedule: "linear", adamBeta1: 0.95, topP: 0.5 } });
    await add({ kind: "predict", questions: "q" });
    await add({ kind: "predict", questions: "q", generator: { thinking: "on" } });
    await add({ kind: "serve", what: "model", model: "smollm2" });
    await add({ kind: "serve", what: "retriever" });
    // A configuration of before a setting that is now written: its default is what it had.
    await server.plane.database.db.$executeRaw`
      UPDATE runs SET config = config #- '{search,turns}' #- '{rl,steps}' WHERE name = '0'`;
    const [first, config] = [...configs][0]!;
    const { search, rl, ...rest } = config as RunConfig & Record<"search" | "rl", object>;
    const omit = (group: object, key: string): object =>
      Object.fromEntries(Object.entries(group).filter(([name]) => name !== key));
    configs.set(first, {
      ...rest,
      search: omit(search, "turns"),
      rl: omit(rl, "steps"),
    } as unknown as RunConfig);
  });
  afterAll(() => server.stop());

  it("is left out of the stored configuration", async () => {
    const [row] = await server.plane.database.db.$queryRaw<[{ stored: unknown }]>`
      SELECT config #> '{rl,schedule}' AS stored FROM runs WHERE name = '0'`;
    expect(row.stored).toBeNull();
  });

  it.each([
    ["rl.schedule", ["constant", "cosine", "x"], ["=", "!="]],
    ["rl.adamBeta1", ["0.9", "0.5", "0.92", "none"], ["=", "!=", "<", "<=", ">", ">="]],
    ["rl.steps", ["12", "1000"], ["=", "!=", "<", ">="]],
    ["generator.thinking", ["template", "on"], ["=", "!="]],
    ["search.turns", ["3", "4"], ["=", "!=", ">="]],
    ["retriever.kind", ["bm25", "dense"], ["=", "!="]],
    ["what", ["model"], ["=", "!="]],
    ["no.such", ["1"], ["=", "!="]],
  ] as const)("%s passes conditions at its default", async (path, values, signs) => {
    for (const sign of signs)
      for (const value of values) {
        const condition = { path, sign, value };
        const expected = [...configs].filter(([, config]) => passes(config, condition));
        const found = await list({ settings: [condition] });
        expect(found.toSorted(), `${path} ${sign} ${value}`).toEqual(
          expected.map(([id]) => id).toSorted(),
        );
      }
  });

  it.each(["rl.adamBeta1", "rl.steps", "search.turns"])("%s sorts by its default", async (path) => {
    for (const descending of [false, true]) {
      const ids = await list({ sort: { column: `setting:${path}`, descending } });
      const values = ids.map((id) => readValueAt(configs.get(id), path));
      const known = values.filter((value) => value !== undefined) as number[];
      expect(known.length, "those without it stand last").toBeGreaterThan(0);
      expect(values.slice(0, known.length)).toEqual(known);
      expect(known).toEqual(known.toSorted((a, b) => (descending ? b - a : a - b)));
    }
  });
});
