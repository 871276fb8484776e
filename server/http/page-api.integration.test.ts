import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Access } from "./access";
import { getPresetConfig } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { createPageApi } from "./page-api";

describe("the API for pages while they are made", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  const SECRET = "secret-of-this-test";
  const createApi = () => createPageApi(server.plane, new Access(SECRET));
  const headers = { authorization: `Bearer ${SECRET}` };

  it("answers as the API does, and nobody who is not let in", async () => {
    const api = createApi();
    const id = await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    expect(await api.query("runs.get", { id }, headers)).toMatchObject({ id, state: "queued" });
    await expect(api.query("runs.get", { id: "none" }, headers)).rejects.toThrow();
    await expect(api.query("runs.remove", { id }, headers)).rejects.toThrow();
    for (const other of [{}, { authorization: "Bearer another" }])
      await expect(api.query("runs.get", { id }, other)).rejects.toMatchObject({
        code: "UNAUTHORIZED",
      });
  });

  it("knows the event after which nothing is missed", async () => {
    const api = createApi();
    const after = await api.readLivePosition();
    const runId = await server.plane.runs.create(getPresetConfig(), {
      actor: "test",
      preset: null,
    });
    const events = server.plane.liveEvents.subscribe({ runId: null, after });
    const { value } = await events.next();
    expect(value).toMatchObject({ kind: "run", runId });
    await events.return();
    expect(BigInt(await api.readLivePosition())).toBeGreaterThan(BigInt(after));
  });
});
