import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client } from "pg";
import { isAlive } from "@/lib/lock.mjs";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { findMarked, findWorkingIn } from "./processes.mjs";

/**
 * The real supervisor with the real PostgreSQL; server and worker are small scripts, the worker with
 * a process of its own in another group, as the engine is.
 */
const SERVER = `
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
writeFileSync(join(process.env.S3_DATA_DIR, "local-worker.token"), "a-token");
writeFileSync(join(process.env.S3_DATA_DIR, "access.secret"), "a-secret");
const server = createServer((request, response) => {
  if (request.url === "/healthz") return response.end("ok");
  response.end(JSON.stringify({ pid: process.pid, database: process.env.DATABASE_URL }));
});
server.listen(Number(process.env.PORT), process.env.HOST);
process.on("SIGTERM", () => process.exit(0));
setInterval(() => writeFileSync(process.env.S3_HEARTBEAT_FILE, String(Date.now())), 100);
`;
const WORKER = `
import { spawn } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
const engine = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
appendFileSync(join(process.env.S3_DATA_DIR, "workers"), process.pid + " " + engine.pid + " " + process.env.S3_WORKER_TOKEN + "\\n");
process.on("SIGTERM", () => process.exit(0));
setInterval(() => writeFileSync(process.env.S3_HEARTBEAT_FILE, String(Date.now())), 100);
`;
const CRASHING = `console.error("the reason why"); process.exit(3);`;

let folder: string;
let dataDir: string;
let port: number;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "s3-start-"));
  dataDir = join(folder, "data");
  port = await findFreePort();
  writeFileSync(join(folder, "server.mjs"), SERVER);
  writeFileSync(join(folder, "worker.mjs"), WORKER);
  writeFileSync(join(folder, "crashing.mjs"), CRASHING);
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGTERM");
  await waitUntil("all processes end", () => listProcesses(dataDir).length === 0);
  rmSync(folder, { recursive: true, force: true });
});

function start(server = "server.mjs", policy?: Record<string, number>) {
  const script = `
    import { runSupervisor } from ${JSON.stringify(resolve("scripts/start/main.mjs"))};
    const program = (file) => ({ command: process.execPath, args: [file], cwd: ${JSON.stringify(folder)} });
    runSupervisor({ dataDir: ${JSON.stringify(dataDir)}, host: "127.0.0.1", port: ${port},
      server: program(${JSON.stringify(server)}), worker: program("worker.mjs"), policy: ${JSON.stringify(policy)} });`;
  writeFileSync(join(folder, "start.mjs"), script);
  const child = spawn(process.execPath, [join(folder, "start.mjs")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  return {
    pid: child.pid ?? 0,
    output: () => output,
    ended,
    signal: (name: NodeJS.Signals) => child.kill(name),
  };
}

/** Every process that has to do with the data directory. */
function listProcesses(directory: string): number[] {
  if (process.platform !== "linux") return [];
  const supervised = readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return (
        readFileSync(`/proc/${name}/environ`, "latin1").includes(`S3_DATA_DIR=${directory}`) &&
        isAlive(Number(name))
      );
    } catch {
      return false;
    }
  });
  return [...supervised.map(Number), ...findWorkingIn(join(directory, "postgres"))];
}

const waitUntilReady = (run: ReturnType<typeof start>) =>
  waitUntil("S3 is ready", () => run.output().includes("S3 is ready"), 60_000).catch(
    (cause: unknown) => {
      throw new Error(run.output(), { cause });
    },
  );
const waitForWorker = () =>
  waitUntil("the worker starts", () => existsSync(join(dataDir, "workers")));
const waitForOtherServer = (pid: number) =>
  waitUntil("another server answers", () =>
    askServer().then(
      (answer) => answer.pid !== pid,
      () => false,
    ),
  );
const askServer = async () =>
  (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { pid: number; database: string };
const listWorkers = () =>
  readFileSync(join(dataDir, "workers"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
const readPostmaster = () =>
  Number(readFileSync(join(dataDir, "postgres", "postmaster.pid"), "utf8").split("\n")[0]);
const readLockHolder = () =>
  JSON.parse(readFileSync(join(dataDir, "supervisor.lock"), "utf8")) as { id: string };

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe("the supervisor", () => {
  it("refuses a second instance, mends what is killed, and leaves nothing behind", async () => {
    const run = start();
    await waitUntilReady(run);
    await waitForWorker();
    expect(listWorkers()[0]?.[2]).toBe("a-token");

    const second = start();
    expect(await second.ended).toBe(1);
    const address = `http://127.0.0.1:${port}/?token=a-secret`;
    expect(run.output()).toContain(`S3 is ready: ${address}`);
    expect(second.output()).toContain(`process ${run.pid}, page at ${address}`);
    const modes = ["", "logs", "logs/server.log", "access.secret", "workers"].map((path) =>
      (statSync(join(dataDir, path)).mode & 0o777).toString(8),
    );
    expect(modes).toEqual(["700", "700", "600", "600", "600"]);

    const { pid: server, database } = await askServer();
    process.kill(server, "SIGKILL");
    await waitForOtherServer(server);
    expect(run.output()).toContain("The server was ended by SIGKILL. Starting it again");

    await query(database, "CREATE TABLE kept AS SELECT 7 AS n");
    const killed = readPostmaster();
    process.kill(killed, "SIGKILL");
    await waitUntil("the database answers", () =>
      query(database, "SELECT n FROM kept").then(
        (rows) => rows.length === 1,
        () => false,
      ),
    );
    expect(readPostmaster()).not.toBe(killed);
    expect(run.output()).toContain("The database was ended by SIGKILL");

    const [worker, engine] = (listWorkers()[0] ?? []).map(Number);
    process.kill(worker ?? 0, "SIGKILL");
    await waitUntil("a second worker starts", () => listWorkers().length === 2);
    expect(isAlive(engine ?? 0)).toBe(false);

    const { id } = readLockHolder();
    run.signal("SIGINT");
    expect(await run.ended).toBe(0);
    expect(listProcesses(dataDir)).toEqual([]);
    expect(findMarked(id)).toEqual([]);
    expect(existsSync(join(dataDir, "supervisor.lock"))).toBe(false);
  });

  it("that is killed outright takes its children along, and the next one starts on the same data", async () => {
    const run = start();
    await waitUntilReady(run);
    const { database } = await askServer();
    await query(database, "CREATE TABLE kept AS SELECT 7 AS n");
    await waitForWorker();
    const engine = Number(listWorkers()[0]?.[1]);
    run.signal("SIGKILL");
    await run.ended;
    const next = start();
    await waitUntilReady(next);
    expect(isAlive(engine)).toBe(false);
    expect(await query((await askServer()).database, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
    next.signal("SIGTERM");
    expect(await next.ended).toBe(0);
    expect(listProcesses(dataDir)).toEqual([]);
  });

  it("gives up on a server that always dies, with the reason, and stops the database", async () => {
    const run = start("crashing.mjs", {
      firstPauseMs: 10,
      longestPauseMs: 20,
      quickDeathMs: 10_000,
      quickDeaths: 5,
      hangMs: 45_000,
    });
    expect(await run.ended).toBe(1);
    expect(run.output()).toContain("The server ended with code 3, 5 times in a row");
    expect(run.output()).toContain("the reason why");
    expect(listProcesses(dataDir)).toEqual([]);
  });

  it("ends a server and a worker that live but do not move, and starts others", async () => {
    const run = start("server.mjs", {
      firstPauseMs: 10,
      longestPauseMs: 20,
      quickDeathMs: 10,
      quickDeaths: 5,
      hangMs: 1_500,
    });
    await waitUntilReady(run);
    await waitForWorker();
    const heartbeats = (name: string) => join(dataDir, "logs", `${name}.heartbeat`);
    await waitUntil("both send heartbeats", () =>
      ["server", "worker"].every((name) => existsSync(heartbeats(name))),
    );
    const { pid: server } = await askServer();
    const [worker] = (listWorkers()[0] ?? []).map(Number);
    process.kill(server, "SIGSTOP");
    process.kill(worker ?? 0, "SIGSTOP");
    await waitUntil("the server is killed", () =>
      run.output().includes("The server has not moved for 1.5 s and is killed."),
    );
    await waitUntil("a second worker starts", () => listWorkers().length === 2);
    await waitForOtherServer(server);
    run.signal("SIGTERM");
    expect(await run.ended).toBe(0);
  });

  it("goes on starting a worker that always dies, and the page stays up", async () => {
    writeFileSync(join(folder, "worker.mjs"), CRASHING);
    const run = start("server.mjs", {
      firstPauseMs: 10,
      longestPauseMs: 20,
      quickDeathMs: 10_000,
      quickDeaths: 3,
      hangMs: 45_000,
    });
    const deaths = () => run.output().split("The worker ended with code 3. Starting").length - 1;
    await waitUntil("the worker dies again", () => deaths() > 6);
    expect(run.output()).toContain("The worker ended with code 3, 3 times in a row");
    expect((await askServer()).pid).toBeGreaterThan(0);
    run.signal("SIGTERM");
    expect(await run.ended).toBe(0);
  });

  it("can be interrupted while it starts", async () => {
    mkdirSync(dataDir, { recursive: true });
    const run = start("worker.mjs"); // never answers
    await waitForWorker();
    run.signal("SIGINT");
    expect(await run.ended).toBe(0);
    expect(listProcesses(dataDir)).toEqual([]);
  });

  it("refuses a database made by another major version, and says what to do", async () => {
    mkdirSync(join(dataDir, "postgres"), { recursive: true });
    writeFileSync(join(dataDir, "postgres", "PG_VERSION"), "9\n");
    const run = start();
    expect(await run.ended).toBe(1);
    expect(run.output()).toMatch(
      /was made by PostgreSQL 9, but \d+ is installed\. Use another data directory/,
    );
  });

  it("names the port that is taken", async () => {
    const run = start();
    await waitUntilReady(run);
    const other = join(folder, "other");
    const script = readFileSync(join(folder, "start.mjs"), "utf8").replace(
      JSON.stringify(dataDir),
      JSON.stringify(other),
    );
    writeFileSync(join(folder, "other.mjs"), script);
    expect(() =>
      execFileSync(process.execPath, [join(folder, "other.mjs")], { stdio: "pipe" }),
    ).toThrow(/another program listens there/);
    run.signal("SIGTERM");
    await run.ended;
  });
});
