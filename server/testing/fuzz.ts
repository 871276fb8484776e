import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import WebSocket from "ws";
import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import { workerMethods, type WorkerMethod } from "@/contracts/worker-protocol/worker-protocol";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { createHostileInputs, type KnownNames } from "@/lib/testing/hostile-inputs";
import { appRouter } from "@/server/trpc/router";
import { getPresetConfig, storeSamples } from "./samples";
import { startTestServer, type TestServer } from "./test-server";
import type { TestWorker } from "./test-worker";

/** Sends generated inputs to every way into the server and collects what it should not have answered. */

/** A server with samples and a run, whose workers stay for as long, and the names that inputs may hit. */
export async function startFuzzServer(
  leaseMs: number,
): Promise<{ server: TestServer; known: KnownNames }> {
  const server = await startTestServer({ timings: { leaseMs, offlineMs: leaseMs } });
  await storeSamples(server.plane);
  const runId = await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
  const texts = ["atlas", "atlas/train", "atlas/held-out", "reward/mean"];
  return { server, known: { uuids: [runId], texts } };
}

const LIMIT_MS = 10_000;
/** Words of the database and of Prisma, which tell people nothing. */
const INNER_WORDS =
  /prisma|invocation|SQLSTATE|violates|out of range for type|invalid input syntax/i;
/** Attaching anew would replace the worker that speaks; a transition may end its run, so it comes last. */
const WORKER_METHODS: WorkerMethod[] = [
  ...(Object.keys(workerMethods) as WorkerMethod[]).filter(
    (method) => method !== "attach" && method !== "transition",
  ),
  "transition",
];

interface Procedure {
  _def: { type: "query" | "mutation" | "subscription"; inputs: z.ZodType[] };
}

const describeInput = (input: unknown): string => JSON.stringify(input).slice(0, 300);

async function withinLimit<T>(what: string, answer: Promise<T>): Promise<T | string> {
  const abort = new AbortController();
  const late = sleep(LIMIT_MS, `${what}: no answer within ${LIMIT_MS} ms`, {
    signal: abort.signal,
  }).catch(() => "");
  return Promise.race([answer, late]).finally(() => abort.abort());
}

async function callProcedure(
  server: TestServer,
  path: string,
  type: string,
  input: unknown,
): Promise<string | null> {
  const body = JSON.stringify({ json: input });
  const response =
    type === "query"
      ? await fetch(`${server.url}/trpc/${path}?input=${encodeURIComponent(body)}`, {
          headers: server.headers,
        })
      : await fetch(`${server.url}/trpc/${path}`, {
          method: "POST",
          headers: { ...server.headers, "content-type": "application/json" },
          body,
        });
  const text = await response.text();
  const isDefect = response.status === 500 || (response.status >= 400 && INNER_WORDS.test(text));
  return isDefect
    ? `${path} ${describeInput(input)} -> ${response.status} ${text.slice(0, 300)}`
    : null;
}

/** Calls every query and mutation. @returns what was a defect */
export async function fuzzRouter(
  server: TestServer,
  known: KnownNames,
  { seed, runs }: { seed: number; runs: number },
): Promise<string[]> {
  const defects: string[] = [];
  const procedures = Object.entries(
    appRouter._def.procedures as unknown as Record<string, Procedure>,
  );
  for (const [path, { _def }] of procedures) {
    const schema = _def.inputs[0];
    if (_def.type === "subscription" || !schema) continue;
    for (const input of fc.sample(createHostileInputs(schema, known), { seed, numRuns: runs })) {
      // An address holds so much and no more.
      if (_def.type === "query" && JSON.stringify(input).length > 2_000) continue;
      const defect = await withinLimit(path, callProcedure(server, path, _def.type, input));
      if (defect) defects.push(defect);
    }
  }
  return defects;
}

/** The input as one of the attempt that holds the lease, so that it is not refused before it is looked at. */
const asHeld = (input: unknown, ref: AttemptRef, sequence: number): unknown =>
  typeof input === "object" && input !== null && "attempt" in input
    ? { ...input, ...ref, ...("sequence" in input ? { sequence } : {}) }
    : input;

/**
 * Sends every message of the protocol, half of them as those of an attempt that holds its lease.
 * @returns what was a defect
 */
export async function fuzzWorkerProtocol(
  worker: TestWorker,
  known: KnownNames,
  ref: AttemptRef,
  { seed, runs }: { seed: number; runs: number },
): Promise<string[]> {
  const defects: string[] = [];
  let sequence = 1;
  for (const method of WORKER_METHODS) {
    const inputs = createHostileInputs(workerMethods[method].request, known);
    for (const [index, drawn] of fc.sample(inputs, { seed, numRuns: runs }).entries()) {
      const isHeld = index % 2 === 0;
      const input = isHeld ? asHeld(drawn, ref, sequence) : drawn;
      const what = `${method} ${describeInput(input)}`;
      const answer = worker.requestRaw(method, input).then(
        () => {
          if (isHeld && method === "report") sequence++;
          return null;
        },
        (error: unknown) =>
          error instanceof AppError && error.code !== "internal" && !INNER_WORDS.test(error.message)
            ? null
            : `${what} -> ${String(error).slice(0, 300)}`,
      );
      const defect = await withinLimit(what, answer);
      if (defect) defects.push(defect);
    }
  }
  return defects;
}

const FRAMES: readonly (string | Buffer)[] = [
  "",
  "null",
  "[]",
  "{}",
  "0",
  '"a"',
  "{",
  "\u0000",
  Buffer.from([0xff, 0xfe, 0x00]),
  ...["constructor", "__proto__", "toString", "", "attach"].map((method) =>
    JSON.stringify({ id: 7, method, params: {} }),
  ),
  JSON.stringify({ id: -1, method: "lease", params: {} }),
  JSON.stringify({ id: 1e300, method: "lease" }),
  `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
];

/** Sends frames that are no messages, each on a connection of its own. @returns what was a defect */
export async function fuzzFrames(
  server: TestServer,
  path: string,
  token: string,
): Promise<string[]> {
  const defects: string[] = [];
  for (const frame of FRAMES) {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}${path}`, {
      headers: { authorization: token },
    });
    const heard: string[] = [];
    socket.on("message", (data) => heard.push((data as Buffer).toString()));
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("open", resolve).once("close", resolve));
    socket.send(frame);
    await sleep(60);
    const text = heard.join(" ");
    if (/"internal"|INTERNAL_SERVER_ERROR/.test(text) || INNER_WORDS.test(text))
      defects.push(`${path} ${String(frame).slice(0, 80)} -> ${text.slice(0, 300)}`);
    socket.terminate();
  }
  return defects;
}

const PATHS: readonly string[] = [
  "/uploads",
  "/uploads?name=",
  "/uploads?name=%00",
  "/uploads?name=%ED%A0%80",
  `/uploads?name=${"x".repeat(300)}`,
  "/uploads?name=..%2F..%2Fetc%2Fpasswd",
  "/tokens",
  "/artifacts/x/y",
  "/artifacts/%00/%00",
  "/artifacts/%E0%A4%A",
  "/artifacts/00000000-0000-4000-8000-000000000000/%00",
  "/worker/uploads/x",
  "/worker/artifacts/00000000-0000-4000-8000-000000000000/a?runId=x&attempt=9e99",
  "/worker/artifacts/00000000-0000-4000-8000-000000000000/a?runId=00000000-0000-4000-8000-000000000000&attempt=9999999999",
  "/trpc/constructor",
  "/trpc/runs.constructor",
  "/trpc/%00",
  "/trpc/runs.list?input=%7B",
  "/trpc/runs.list,runs.list?batch=1&input=%5B%5D",
  "//",
  "/%",
];

/** Asks for paths and sends bodies that are nobody's. @returns what was a defect */
export async function fuzzPaths(server: TestServer, token: string): Promise<string[]> {
  const defects: string[] = [];
  for (const path of PATHS)
    for (const method of ["GET", "POST", "PUT", "DELETE"])
      for (const body of ["", "{", '{"json":{"a":"\\u0000"}}', "\u0000"]) {
        if (method === "GET" && body !== "") continue;
        const what = `${method} ${path} ${JSON.stringify(body)}`;
        const answer = fetch(`${server.url}${path}`, {
          method,
          headers: {
            authorization: path.startsWith("/worker/") ? token : server.headers.authorization,
            "content-type": "application/json",
          },
          ...(method === "GET" ? {} : { body }),
        }).then(async (response) => {
          const text = await response.text();
          return response.status === 500 || INNER_WORDS.test(text)
            ? `${what} -> ${response.status} ${text.slice(0, 300)}`
            : null;
        });
        const defect = await withinLimit(what, answer);
        if (defect) defects.push(defect);
      }
  return defects;
}
