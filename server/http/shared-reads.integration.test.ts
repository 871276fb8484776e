import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

let server: TestServer;
let runId = "";
let report: (step: number) => Promise<unknown>;

beforeAll(async () => {
  server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
  await storeSamples(server.plane);
  const worker = await server.worker();
  await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
  const run = await worker.leaseAndStart();
  ({ runId } = run);
  report = (step) =>
    worker.request("report", {
      runId,
      attempt: run.attempt,
      sequence: step,
      items: [{ kind: "metrics", points: [{ name: "reward/mean", step, value: step, at: step }] }],
    });
});
afterAll(() => server.stop());

function get(
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    request(`${server.url}${path}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    })
      .on("error", reject)
      .end();
  });
}

const buildPath = (procedures: readonly [string, unknown][]): string =>
  `/trpc/${procedures.map(([name]) => name).join(",")}?batch=1&input=${encodeURIComponent(
    JSON.stringify(Object.fromEntries(procedures.map(([, json], i) => [i, { json }]))),
  )}`;
const ofRun = (): string =>
  buildPath([
    ["metrics.seriesOfRuns", { runIds: [runId], names: ["reward/mean"], maxPoints: 500 }],
    ["runs.get", { id: runId }],
  ]);
const readSteps = (body: Buffer | string): unknown =>
  (JSON.parse(body.toString()) as { result: { data: { json: Record<string, unknown> } } }[])[0]!
    .result.data.json[runId];

it("is read once for all who ask after a commit, and again after the next", async () => {
  const read = vi.spyOn(server.plane.metrics, "readSeriesUpdates");
  await report(1);
  const ask = () => get(ofRun(), server.headers);
  const answers = await Promise.all(Array.from({ length: 20 }, ask));
  expect(read).toHaveBeenCalledTimes(1);
  for (const { status, body } of answers) {
    expect(status).toBe(200);
    expect(readSteps(body)).toMatchObject({ series: { "reward/mean": { steps: [1] } } });
  }
  // At once after the report was taken: never what was read before it.
  for (let step = 2; step < 20; step++) {
    await report(step);
    const { body } = await ask();
    expect(readSteps(body)).toMatchObject({
      series: { "reward/mean": { values: Array.from({ length: step }, (_, i) => i + 1) } },
    });
  }
});

it("comes compressed as the client takes it, and says so", async () => {
  const plain = await get(ofRun(), server.headers);
  expect(plain.headers["content-encoding"]).toBeUndefined();
  for (const [encoding, open] of [
    ["br", brotliDecompressSync],
    ["gzip", gunzipSync],
  ] as const) {
    const answer = await get(ofRun(), { ...server.headers, "accept-encoding": encoding });
    expect(answer.headers).toMatchObject({
      "content-encoding": encoding,
      "content-type": "application/json",
      vary: expect.stringContaining("accept-encoding") as string,
    });
    expect(readSteps(open(answer.body))).toEqual(readSteps(plain.body));
  }
  const refused = await get(ofRun(), { ...server.headers, "accept-encoding": "br;q=0, identity" });
  expect(refused.headers["content-encoding"]).toBeUndefined();
});

it("tells of what is wrong as every other call does, and lets nobody in without the secret", async () => {
  const missing = buildPath([["runs.get", { id: "00000000-0000-4000-8000-00000000dead" }]]);
  const { status, body } = await get(missing, server.headers);
  expect(status).toBe(404);
  expect(body.toString()).toContain("not-found");
  expect((await get(buildPath([["runs.get", { id: "?" }]]), server.headers)).status).toBe(400);
  expect((await get(ofRun(), {})).status).toBe(401);
  expect((await get("/trpc/%E0%A4%A?batch=1", server.headers)).status).toBeLessThan(500);
});
