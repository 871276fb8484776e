import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  fuzzFrames,
  fuzzPaths,
  fuzzRouter,
  fuzzWorkerProtocol,
  startFuzzServer,
} from "@/server/testing/fuzz";
import type { TestServer } from "@/server/testing/test-server";
import type { KnownNames } from "@/lib/testing/hostile-inputs";

/** The same inputs each time; the long test draws others. */
const SEED = 20_261_129;

describe("generated inputs", () => {
  let server: TestServer;
  let known: KnownNames;
  beforeAll(async () => {
    ({ server, known } = await startFuzzServer(120_000));
  });
  afterAll(() => server.stop());

  it("of the API end in an answer or a clear refusal", async () => {
    expect(await fuzzRouter(server, known, { seed: SEED, runs: 4 })).toEqual([]);
  });

  it("of the worker protocol too, and leave its connections as they were", async () => {
    const worker = await server.worker();
    const { runId, attempt } = await worker.leaseAndStart();
    const uuids = [runId];
    expect(
      await fuzzWorkerProtocol(
        worker,
        { ...known, uuids },
        { runId, attempt },
        { seed: SEED, runs: 25 },
      ),
    ).toEqual([]);
    await worker.heartbeat([]);
  });

  it("that are no messages, and addresses that are nobody's, too", async () => {
    const { token } = await server.plane.workerTokens.create("fuzz", "test");
    expect(await fuzzFrames(server, "/worker", `Bearer ${token}`)).toEqual([]);
    expect(await fuzzFrames(server, "/trpc-ws", server.headers.authorization)).toEqual([]);
    expect(await fuzzPaths(server, `Bearer ${token}`)).toEqual([]);
    const response = await fetch(`${server.url}/healthz`);
    expect(response.status).toBe(200);
  });
});
