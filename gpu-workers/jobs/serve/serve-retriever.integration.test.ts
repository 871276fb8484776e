import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { retrieveResponseSchema } from "@/contracts/formats/retrieve";
import { ProtocolServer, TOKEN } from "@/gpu-workers/agent/testing/protocol-server";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

const START_MS = 60_000;
const CLIENTS = 8;
const WORDS = [
  "river",
  "mountain",
  "violin",
  "volcano",
  "bread",
  "satellite",
  "painter",
  "harbour",
  "parliament",
  "tiger",
  "glacier",
  "railway",
];

let server: ProtocolServer;
let folder: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  server = await ProtocolServer.start();
  folder = await mkdtemp(join(tmpdir(), "s3-serve-"));
  await mkdir(join(folder, "corpora"), { recursive: true });
  await writeFile(
    join(folder, "corpora", "tiny.jsonl"),
    WORDS.map(
      (word) =>
        `${JSON.stringify({ id: word, title: word, text: `This passage is about a ${word}.` })}\n`,
    ).join(""),
  );
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await server.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

function startWorker(): ChildProcess {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "gpu-workers/agent/main.ts", "--server", server.url, "--data", folder],
    { stdio: "ignore", env: { ...process.env, S3_WORKER_TOKEN: TOKEN } },
  );
  children.push(child);
  return child;
}

it(
  "a worker killed under load: clients get errors or right answers, and the service comes back on its port",
  { timeout: 180_000, tags: "long" },
  async () => {
    const port = await findFreePort();
    const run = server.queue({
      kind: "serve",
      name: "a service",
      corpus: "tiny",
      retriever: { kind: "dense" },
      port,
    });
    const serving = (attempt: number): boolean =>
      run.items.some(
        ({ item, attempt: own }) =>
          own === attempt && item.kind === "progress" && item.progress.phase === "serving",
      );
    const first = startWorker();
    await waitUntil("it serves", () => serving(1), START_MS);

    const long = await fetch(`http://127.0.0.1:${port}/retrieve`, {
      method: "POST",
      body: JSON.stringify({ queries: ["a violin ".repeat(11_000)], topk: 500 }),
    });
    expect([long.status, isRight(await long.json(), "violin")]).toEqual([200, true]);

    const seen = { right: 0, refused: 0, unreachable: 0, wrong: [] as unknown[], rightAfter: 0 };
    let back = false;
    let stop = false;
    const client = async (i: number): Promise<void> => {
      for (let n = i; !stop; n++) {
        const word = WORDS[n % WORDS.length] ?? "";
        try {
          const response = await fetch(`http://127.0.0.1:${port}/retrieve`, {
            method: "POST",
            body: JSON.stringify({ queries: [`a ${word}`], topk: 500 }),
          });
          const body: unknown = await response.json();
          if (response.status === 503) seen.refused += 1;
          else if (response.status === 200 && isRight(body, word)) {
            seen.right += 1;
            if (back) seen.rightAfter += 1;
          } else seen.wrong.push([response.status, body]);
        } catch {
          seen.unreachable += 1;
          await sleep(50);
        }
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, i) => client(i));
    await waitUntil("clients are answered", () => seen.right > 20, 20_000);

    first.kill("SIGKILL");
    await waitUntil("clients notice", () => seen.unreachable > 0, 10_000);
    run.state = "queued"; // what the real server does when the lease has run out, or the worker attaches anew
    startWorker();
    await waitUntil("it serves again", () => serving(2), START_MS);
    back = true;
    await waitUntil("clients are answered again", () => seen.rightAfter > 20, 20_000);
    stop = true;
    await Promise.all(clients);
    expect(seen.wrong).toEqual([]);
  },
);

/** The whole corpus, although 500 documents were asked for, each once, the one about the word first. */
function isRight(body: unknown, word: string): boolean {
  const parsed = z
    .object({ result: retrieveResponseSchema.shape.result.length(1) })
    .safeParse(body);
  const [ranked] = parsed.data?.result ?? [];
  return (
    ranked?.length === WORDS.length &&
    ranked[0]?.id === word &&
    new Set(ranked.map(({ id }) => id)).size === WORDS.length
  );
}
