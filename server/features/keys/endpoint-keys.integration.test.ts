import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Database } from "@/server/platform/db/database";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { createMigratedDatabase, startTestServer } from "@/server/testing/test-server";
import { storeSamples } from "@/server/testing/samples";
import { EndpointKeys } from "./endpoint-keys";
import { loadSecret, seal, SECRET_FILE, unseal } from "./seal";

let database: Database;
let dataDir: string;
beforeAll(async () => {
  database = new Database(await createMigratedDatabase());
  dataDir = await mkdtemp(join(tmpdir(), "s3-keys-"));
});
afterAll(async () => {
  await database.close();
  await rm(dataDir, { recursive: true });
});

describe("sealing", () => {
  it("opens only with the same secret, the same name and the same bytes; no two seals are equal", async () => {
    const secret = await loadSecret(dataDir);
    expect((await stat(join(dataDir, SECRET_FILE))).mode & 0o777).toBe(0o600);
    expect(await loadSecret(dataDir)).toEqual(secret);
    const sealed = seal(secret, "a", "sk-secret");
    expect(unseal(secret, "a", sealed)).toBe("sk-secret");
    expect(seal(secret, "a", "sk-secret")).not.toEqual(sealed);
    expect(sealed.includes(Buffer.from("sk-secret"))).toBe(false);
    expect(() => unseal(secret, "b", sealed)).toThrow(/cannot be opened/);
    expect(() => unseal(Buffer.alloc(32), "a", sealed)).toThrow(/cannot be opened/);
    sealed[sealed.length - 1]! ^= 1;
    expect(() => unseal(secret, "a", sealed)).toThrow(/cannot be opened/);
  });
});

describe("stored keys", () => {
  it("are listed by name, replaced and removed; the database never holds one in the clear", async () => {
    const keys = new EndpointKeys(database, dataDir);
    await keys.put("hosted", "https://api.example.com/v1", "sk-first", "test");
    await keys.put("hosted", "https://api.example.com/v1", "sk-second", "test");
    const listed = await keys.list();
    expect(listed).toEqual([
      expect.objectContaining({
        name: "hosted",
        origin: "https://api.example.com",
        lastUsedAt: null,
      }),
    ]);
    expect(JSON.stringify(listed)).not.toContain("sk-");
    const [row] = await database.db.$queryRaw<
      { n: number }[]
    >`SELECT count(*)::int AS n FROM endpoint_keys WHERE position('sk-'::bytea in sealed) > 0`;
    expect(row!.n).toBe(0);
    await keys.remove("hosted");
    expect(await keys.list()).toEqual([]);
    await expect(keys.remove("hosted")).rejects.toMatchObject({ code: "not-found" });
  });

  it("are refused to whoever holds no lease", async () => {
    const keys = new EndpointKeys(database, dataDir);
    const id = "00000000-0000-4000-8000-000000000009";
    await expect(
      keys.readForRun(id, {
        runId: id,
        attempt: 1,
        name: "hosted",
        endpoint: "https://api.example.com/v1",
      }),
    ).rejects.toMatchObject({ code: "stale-attempt" });
  });

  it("are given to the worker that runs a run which names them, for their own server alone", async () => {
    const server = await startTestServer({ timings: { leaseMs: 60_000 } });
    try {
      await storeSamples(server.plane);
      const worker = await server.worker();
      const endpoint = "https://api.example.com/v1";
      await server.plane.endpointKeys.put("hosted", endpoint, "sk-secret", "test");
      const config = runConfigSchema.parse({
        kind: "predict",
        name: "k",
        seed: 0,
        method: "direct",
        searcher: { model: "m", endpoint, connection: { key: "hosted" } },
        generator: { endpoint: "https://elsewhere.example.com/v1", connection: { key: "hosted" } },
      });
      const id = await server.plane.runs.create(config, { actor: "test", preset: null });
      const { attempt } = await worker.leaseAndStart();
      const ask = (change: object) =>
        worker.request("endpointKey", { runId: id, attempt, name: "hosted", endpoint, ...change });
      expect(await ask({})).toEqual({ key: "sk-secret" });
      expect((await server.plane.endpointKeys.list())[0]!.lastUsedAt).not.toBeNull();
      await expect(ask({ endpoint: "https://elsewhere.example.com/v1" })).rejects.toMatchObject({
        code: "unauthorized",
      });
      await expect(ask({ endpoint: "https://api.example.com/v2" })).rejects.toMatchObject({
        code: "unauthorized",
      });
      await expect(ask({ name: "other" })).rejects.toMatchObject({ code: "unauthorized" });
      await expect(ask({ attempt: attempt + 1 })).rejects.toMatchObject({ code: "stale-attempt" });
      const thief = await server.worker({ name: "thief" });
      await expect(
        thief.request("endpointKey", { runId: id, attempt, name: "hosted", endpoint }),
      ).rejects.toMatchObject({ code: "stale-attempt" });
      await server.plane.endpointKeys.remove("hosted");
      await expect(ask({})).rejects.toMatchObject({ code: "not-found" });
    } finally {
      await server.stop();
    }
  });
});
