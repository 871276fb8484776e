import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProtocolServer, TOKEN } from "./testing/protocol-server";
import { waitUntil } from "@/lib/testing/wait-until";

const START_MS = 30_000;

let server: ProtocolServer;
let folder: string;
let children: ChildProcess[];
beforeEach(async () => {
  server = await ProtocolServer.start();
  folder = await mkdtemp(join(tmpdir(), "s3-worker-"));
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** The worker as a person starts it. */
function startWorker(
  token: string,
  ...args: string[]
): {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
} {
  const child = spawn(
    process.execPath,
    [
      "--import",
      "tsx",
      "gpu-workers/agent/main.ts",
      "--server",
      server.url,
      "--data",
      folder,
      ...args,
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, S3_WORKER_TOKEN: token } },
  );
  children.push(child);
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return {
    child,
    output: () => text,
    ended: new Promise((resolve) => child.once("exit", (code) => resolve(code))),
  };
}

describe("npm run worker", () => {
  it("with a wrong token says where a right one comes from, without printing it, and exits with 2", async () => {
    const { output, ended } = startWorker("surely-not-right");
    expect(await ended).toBe(2);
    expect(output()).toContain("Create a new one on the Workers page");
    expect(output()).not.toContain("surely-not-right");
  });

  it("takes its token from a file too, but from no argument, where every user could read it", async () => {
    const file = join(folder, "token");
    await writeFile(file, `${TOKEN}\n`);
    const attached = startWorker("", "--token-file", file);
    await waitUntil("it is attached", () => server.attaches.length === 1, START_MS);
    attached.child.kill("SIGTERM");
    expect(await attached.ended).toBe(0);
    const refused = startWorker("", "--token", TOKEN);
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain("unknown option '--token'");
  });

  it("with a setting that is none says which", async () => {
    const { output, ended } = startWorker("", "--engine-slots", "many");
    expect(await ended).toBe(1);
    expect(output()).toContain("--engine-slots");
  });

  it("stops in order at SIGTERM, is the same worker when it starts again, and is refused twice at a time", async () => {
    const first = startWorker(TOKEN, "--name", "box");
    await waitUntil("it is attached", () => server.attaches.length === 1, START_MS);
    const second = startWorker(TOKEN, "--name", "box");
    expect(await second.ended).toBe(2);
    expect(second.output()).toContain(`already runs here as process ${first.child.pid}`);

    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    const third = startWorker(TOKEN, "--name", "box");
    await waitUntil("it is attached again", () => server.attaches.length === 2, START_MS);
    expect(server.attaches[1]?.workerId).toBe(server.attaches[0]?.workerId);
    expect(server.attaches[1]?.name).toBe("box");
    expect((await stat(join(folder, "worker-box.json"))).mode & 0o777).toBe(0o600);
    third.child.kill("SIGINT");
    expect(await third.ended).toBe(0);
  });
});
