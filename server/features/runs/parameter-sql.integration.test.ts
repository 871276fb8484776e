import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listRunsRequestSchema } from "@/contracts/api/run-list";
import { externalConfigSchema } from "@/contracts/run-config/external-config";
import { toJson } from "@/server/platform/db/json";
import { getPresetConfig } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

describe("parameters that another trainer reported", () => {
  let server: TestServer;
  const list = (request: object) =>
    server.plane.runReader.list(listRunsRequestSchema.parse(request));
  const listNames = async (request: object) => (await list(request)).rows.map(({ name }) => name);
  const where = (path: string, sign: string, value: string) =>
    listNames({ settings: [{ path, sign, value }], sort: "name" });

  /** A run as its trainer reports it. */
  const add = async (name: string, parameters: Record<string, string>): Promise<void> => {
    const id = await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    const config = externalConfigSchema.parse({ kind: "external", name, parameters });
    await server.plane.database.db.$executeRaw`
      UPDATE runs SET kind = 'external', name = ${name}, state = 'running', config = ${toJson(config)}::jsonb WHERE id = ${id}::uuid`;
  };

  beforeAll(async () => {
    server = await startTestServer();
    await add("a", { "optim/max-lr": "1e-4", "use tricks": "True", note: "x,y" });
    await add("b", { "optim/max-lr": "0.001", "use tricks": "False" });
    await add("c", { "optim/max-lr": "auto" });
    await server.plane.runs.create(
      { ...getPresetConfig(), name: "ours" },
      { actor: "test", preset: null },
    );
  });
  afterAll(() => server.stop());

  it("are conditions, numbers where they look like ones", async () => {
    const path = "param:optim/max-lr";
    expect(await where(path, "=", "0.0001")).toEqual(["a"]);
    expect(await where(path, "=", "auto")).toEqual(["c"]);
    expect(await where(path, "!=", "0.0001")).toEqual(["b", "c"]);
    expect(await where(path, "!=", "auto")).toEqual(["a", "b"]);
    expect(await where(path, ">", "1e-4")).toEqual(["b"]);
    expect(await where(path, "<=", "1")).toEqual(["a", "b"]);
    expect(await where(path, "<", "auto")).toEqual([]);
    expect(await where("param:use tricks", "=", "True")).toEqual(["a"]);
    expect(await where("param:rl", "!=", "1"), "our own runs have none").toEqual([]);
  });

  it("are columns and orders, the numbers as numbers", async () => {
    const column = "param:optim/max-lr";
    const { rows } = await list({ columns: [column], sort: { column, descending: false } });
    expect(rows.map(({ name, values }) => [name, values[column]])).toEqual([
      ["c", "auto"],
      ["a", "1e-4"],
      ["b", "0.001"],
      ["ours", undefined],
    ]);
    expect(await listNames({ sort: { column, descending: true } })).toEqual([
      "b",
      "a",
      "c",
      "ours",
    ]);
  });

  it("are offered by their names", async () => {
    expect((await server.plane.runReader.listFacets()).parameters).toEqual([
      "note",
      "optim/max-lr",
      "use tricks",
    ]);
  });
});
