import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile, appendFile, mkdir } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { commandConfigSchema } from "@/contracts/run-config/command-config";
import { isAlive } from "@/lib/lock.mjs";
import { listenLocally } from "@/lib/testing/listen-locally";
import { MemoryContext } from "@/gpu-workers/testing/memory-context";
import { describeExit } from "./command-process";
import { runCommand } from "./run-command";

const POLL = { pollMs: 20 };

describe("a command", () => {
  let folder: string;
  let server: Server;
  let address: string;
  /** What was sent to MLflow's API, and what Ray was asked. */
  let asked: { path: string; query: URLSearchParams; body: string }[];
  let failures: number;
  /** `lost`: jobs that Ray begins and whose answer does not come. */
  let ray: {
    logs: string[];
    status: string;
    jobs: Set<string>;
    lost: number;
    nodes: { state: string; node_ip: string }[];
  };
  let authorizations: (string | undefined)[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const url = new URL(request.url!, "http://x");
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        asked.push({ path: url.pathname, query: url.searchParams, body });
        if (failures-- > 0) return void response.writeHead(503).end("{}");
        authorizations.push(request.headers.authorization);
        // As Ray refuses what looks like a page's.
        if (url.pathname === "/api/jobs/" && request.headers["sec-fetch-mode"] !== undefined)
          return void response.writeHead(405).end("browser traffic");
        if (url.pathname.startsWith("/api/jobs") && ray.status === "401")
          return void response.writeHead(401).end("Unauthorized");
        if (url.pathname === "/api/v0/nodes")
          return void response.end(JSON.stringify({ data: { result: { result: ray.nodes } } }));
        if (url.pathname === "/api/jobs/") return submitJob(body, response);
        if (url.pathname.startsWith("/api/jobs/")) {
          if (!ray.jobs.has(url.pathname.split("/")[3]!))
            return void response.writeHead(404).end("Job does not exist");
          return void response.end(JSON.stringify(answerRay(url.pathname)));
        }
        response.end(JSON.stringify({ refused: [] }));
      });
    });
    address = await listenLocally(server);
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    asked = [];
    authorizations = [];
    failures = 0;
    ray = { logs: [""], status: "SUCCEEDED", jobs: new Set(), lost: 0, nodes: [] };
    folder = await mkdtemp(join(tmpdir(), "s3-command-"));
    return () => rm(folder, { recursive: true, force: true });
  });
  /** As Ray's dashboard does, which asks an agent, whose refusal it hands on as a trace. */
  const submitJob = (body: string, response: ServerResponse): void => {
    const { submission_id: id } = JSON.parse(body) as { submission_id: string };
    if (ray.jobs.has(id))
      return void response
        .writeHead(500)
        .end(
          `Traceback (most recent call last):\nRuntimeError: Request failed with status code 400: Traceback\n${"  at\n".repeat(500)}ValueError: Job with submission_id ${id} already exists. Please use a different submission_id.\n.`,
        );
    ray.jobs.add(id);
    if (ray.lost-- > 0) return void response.destroy();
    response.end(JSON.stringify({ submission_id: id }));
  };
  const answerRay = (path: string): object => {
    if (path.endsWith("/logs"))
      return { logs: ray.logs.length > 1 ? ray.logs.shift() : ray.logs[0] };
    const isOver = ray.logs.length === 1;
    return { status: isOver ? ray.status : "RUNNING", message: isOver ? "bad luck" : null };
  };

  const open = (
    settings: object,
    {
      signal,
      tracking = address,
      outsideTracking,
    }: {
      signal?: AbortSignal;
      tracking?: string;
      outsideTracking?: { address: string; token: string };
    } = {},
  ) =>
    new MemoryContext({
      config: commandConfigSchema.parse({ kind: "command", name: "n", folder, ...settings }),
      services: {} as MemoryContext["services"],
      workDir: join(folder, "work"),
      ...(signal && { signal }),
      ...(tracking !== "" && { tracking }),
      ...(outsideTracking && { outsideTracking }),
    });
  const readSubmitted = () =>
    JSON.parse(asked.find(({ path }) => path === "/api/jobs/")!.body) as {
      submission_id: string;
      entrypoint: string;
      runtime_env: { env_vars: object };
    };
  const nameJob = ({ runId }: MemoryContext, attempt: number) => `s3-${runId}-${attempt}`;
  const countStops = (context: MemoryContext, attempt: number) =>
    asked.filter(({ path }) => path === `/api/jobs/${nameJob(context, attempt)}/stop`).length;
  const getLines = ({ logged }: MemoryContext) => logged.map(([, line]) => line);

  it("has the addresses in its environment, its console in the log and its end from the exit code", async () => {
    process.env.S3_SECRET_OF_WORKER = "hidden";
    process.env.DATABASE_URL = "postgres://of-the-server";
    const context = open({
      command:
        'echo "$MLFLOW_TRACKING_URI $S3_RUN_ID $S3_RETRIEVER_URL $OWN [$S3_SECRET_OF_WORKER$DATABASE_URL]"; pwd; echo err >&2',
      environment: "OWN=a=b",
      addresses: { retriever: "http://127.0.0.1:9/retrieve" },
    });
    await runCommand(context, POLL);
    delete process.env.S3_SECRET_OF_WORKER;
    delete process.env.DATABASE_URL;
    const run = context.runId.replaceAll("-", "");
    expect(getLines(context)).toEqual(
      expect.arrayContaining([
        `${address} ${run} http://127.0.0.1:9/retrieve a=b []`,
        folder,
        "err",
      ]),
    );
    expect(asked.map(({ path }) => path)).toEqual([
      `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/output.log`,
      "/api/2.0/mlflow/runs/update",
    ]);
    expect(asked[0]!.body).toContain("err\n");
    expect(JSON.parse(asked[1]!.body)).toMatchObject({ run_id: run, status: "FINISHED" });
  });

  it("that fails says why", async () => {
    await expect(runCommand(open({ command: "echo last words; exit 3" }), POLL)).rejects.toThrow(
      /exit code 3/,
    );
    await expect(runCommand(open({ command: "kill -9 $$" }), POLL)).rejects.toThrow(
      /killed \(exit code 137\)/,
    );
    expect(describeExit(143)).toMatch(/signal 15/);
    expect(describeExit(127)).toMatch(/could not be started/);
    await expect(
      runCommand(open({ folder: "/no/such/folder", command: "true" }), POLL),
    ).rejects.toMatchObject({ code: "not-found" });
  });

  it("runs only where the worker allows it", async () => {
    const context = open({ command: "touch ran" }, { tracking: "" });
    await expect(runCommand(context, POLL)).rejects.toThrow(/--allow-commands/);
    await expect(readFile(join(folder, "ran"))).rejects.toThrow();
  });

  it("that is cancelled ends with its whole group, also what it left in the background", async () => {
    const stop = new AbortController();
    const command = "sleep 300 & echo $! > pid; (trap '' TERM; sleep 300) & echo started; wait";
    const context = open({ command }, { signal: stop.signal });
    const running = runCommand(context, POLL);
    const isOver = expect(running).rejects.toThrow("enough");
    await expect.poll(() => getLines(context), { timeout: 10_000 }).toContain("started");
    const pid = Number(await readFile(join(folder, "pid"), "utf8"));
    stop.abort(new Error("enough"));
    await isOver;
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
  });

  it("that is cancelled gets its time to end by itself", async () => {
    const stop = new AbortController();
    const command =
      "trap 'sleep 2; echo saved > saved; exit 1' TERM; echo started; while :; do sleep 0.1; done";
    const context = open({ command }, { signal: stop.signal });
    const isOver = expect(runCommand(context, POLL)).rejects.toThrow("enough");
    await expect.poll(() => getLines(context), { timeout: 10_000 }).toContain("started");
    stop.abort(new Error("enough"));
    await isOver;
    expect(await readFile(join(folder, "saved"), "utf8")).toBe("saved\n");
  });

  it("ends with its worker, also where that was killed", async () => {
    const program = join(import.meta.dirname, "testing", "worker-with-command.ts");
    const worker = spawn(process.execPath, ["--import", "tsx", program, folder], {
      stdio: "ignore",
    });
    const readPid = () => readFile(join(folder, "pid"), "utf8").then(Number, () => 0);
    await expect.poll(readPid, { timeout: 30_000 }).toBeGreaterThan(0);
    const pid = await readPid();
    worker.kill("SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  }, 50_000);

  it("that ends leaves nothing of its group behind", async () => {
    await runCommand(open({ command: "sleep 300 & echo $! > pid" }), POLL);
    const pid = Number(await readFile(join(folder, "pid"), "utf8"));
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
  });

  it("that swallows errors raises an alarm once, and counts them by its steps", async () => {
    const context = open({
      command:
        'echo "(main_task pid=12) step:4 - x"; echo "Error in training loop: CUDA"; echo step:5; echo "Error in training loop: again"',
    });
    await runCommand(context, POLL);
    const points = context.reports.flatMap((item) => (item.kind === "metrics" ? item.points : []));
    expect(points).toMatchObject([
      { name: "command/swallowed_errors", step: 4, value: 1 },
      { name: "command/swallowed_errors", step: 5, value: 2 },
    ]);
    const alarms = context.reports.flatMap((item) => (item.kind === "alarms" ? item.changes : []));
    expect(alarms).toMatchObject([{ to: "raised", name: "swallowed-errors", step: 4 }]);
  });

  it("whose output cannot be written goes on, and the log says so", async () => {
    await mkdir(join(folder, "work", "output.log"), { recursive: true });
    const context = open({ command: "echo still here" });
    await runCommand(context, POLL);
    expect(getLines(context)).toContain("still here");
    expect(getLines(context).some((line) => /output.log is not written/.test(line))).toBe(true);
  });

  it("of many lines keeps the log short and the file whole", async () => {
    const context = open({ command: "for i in $(seq 5000); do echo line $i; done" });
    await runCommand(context, POLL);
    expect(getLines(context).length).toBeLessThan(2_000);
    expect(getLines(context).some((line) => /lines are left out/.test(line))).toBe(true);
    expect(asked[0]!.body.split("\n")).toHaveLength(5_001);
  });

  it("writes rollouts that are sent while it does, by their numbers, each line once", async () => {
    failures = 1;
    await mkdir(join(folder, "rollouts"));
    const context = open({
      command:
        "until [ -e go ]; do sleep 0.05; done; echo '{\"b\":1}' > rollouts/10.jsonl; printf '{\"c\":1}' > rollouts/11.jsonl; sleep 0.3",
      rollouts: { folder: "rollouts", format: "verifiers", questions: "set" },
    });
    await writeFile(join(folder, "rollouts", "2.jsonl"), '{"a":1}\n{"part');
    const running = runCommand(context, POLL);
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(1);
    await appendFile(join(folder, "rollouts", "2.jsonl"), '":2}\n');
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(2);
    await writeFile(join(folder, "go"), "");
    await running;
    const sent = asked.filter(({ path }) => path.endsWith("/rollouts")).slice(1);
    expect(sent.map(({ query, body }) => [query.get("file"), query.get("line"), body])).toEqual([
      ["2.jsonl", "0", '{"a":1}\n'],
      ["2.jsonl", "1", '{"part":2}\n'],
      ["10.jsonl", "0", '{"b":1}\n'],
      ["11.jsonl", "0", '{"c":1}'],
    ]);
    expect(sent[0]!.query.get("format")).toBe("verifiers");
    expect(getLines(context).filter((line) => /not sent yet/.test(line))).toHaveLength(1);
  });

  it("writes a file of rollouts anew, which is sent from its beginning then", async () => {
    const file = join(folder, "1.jsonl");
    await writeFile(file, '{"a":1}\n{"a":2}\n');
    const context = open({
      command: "until [ -e go ]; do sleep 0.05; done",
      rollouts: { folder, format: "verl", questions: "set" },
    });
    const running = runCommand(context, POLL);
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(0);
    await writeFile(file, '{"b":1}\n');
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(1);
    await writeFile(join(folder, "go"), "");
    await running;
    const sent = asked.filter(({ path }) => path.endsWith("/rollouts"));
    expect(sent.map(({ query, body }) => [query.get("line"), body])).toEqual([
      ["0", '{"a":1}\n{"a":2}\n'],
      ["0", '{"b":1}\n'],
    ]);
    expect(getLines(context).filter((line) => /written anew/.test(line))).toHaveLength(1);
  });

  it("writes evaluations to a folder of their own, which are sent as held out", async () => {
    const context = open({
      command: `mkdir a b; echo '{"a":1}' > a/1.jsonl; echo '{"b":1}' > b/1.jsonl`,
      rollouts: { folder: "a", validationFolder: "b", questions: "set" },
    });
    await runCommand(context, POLL);
    const sent = asked.filter(({ path }) => path.endsWith("/rollouts"));
    expect(
      sent.map(({ query, body }) => [query.get("file"), query.get("phase"), body]).sort(),
    ).toEqual([
      ["1.jsonl", null, '{"a":1}\n'],
      ["1.jsonl", "held-out", '{"b":1}\n'],
    ]);
  });

  it("writes evaluations below its rollouts, which are sent once, with the questions that they answer", async () => {
    const context = open({
      command: `mkdir -p out/val; echo '{"a":1}' > out/1.jsonl; echo '{"b":1}' > out/val/1.jsonl`,
      rollouts: {
        folder: "out",
        validationFolder: "out/val",
        questions: "set",
        validationQuestions: "other",
      },
    });
    await runCommand(context, POLL);
    const sent = asked.filter(({ path }) => path.endsWith("/rollouts"));
    expect(
      sent.map(({ query, body }) => [query.get("questions"), query.get("phase"), body]).sort(),
    ).toEqual([
      ["other", "held-out", '{"b":1}\n'],
      ["set", null, '{"a":1}\n'],
    ]);
  });

  it("becomes a job of Ray where an address is given, with its log and its end", async () => {
    Object.assign(ray, { logs: ["one\ntw", "one\ntwo\nthree"], status: "FAILED" });
    const context = open({ command: "it's mine", ray: { address } });
    await expect(runCommand(context, POLL)).rejects.toThrow(/job of Ray failed: bad luck/);
    expect(getLines(context)).toEqual(["one", "two", "three"]);
    const submitted = readSubmitted();
    expect(submitted.submission_id).toBe(nameJob(context, 1));
    expect(submitted.entrypoint).toBe(`cd '${folder}' && bash -c 'it'\\''s mine'`);
    expect(submitted.runtime_env.env_vars).toMatchObject({ MLFLOW_TRACKING_URI: address });
  });

  it("becomes a job of Ray that reports on other machines with its run's token, and is warned of where it does not", async () => {
    const isWarned = (context: MemoryContext) =>
      getLines(context).some((line) => /--tracking-address/.test(line));
    const there = { state: "ALIVE", node_ip: "203.0.113.7" };
    ray.nodes = [
      { state: "ALIVE", node_ip: "127.0.0.1" },
      { ...there, state: "DEAD" },
    ];
    const here = open({ ray: { address } });
    await runCommand(here, POLL);
    expect(isWarned(here)).toBe(false);
    expect(readSubmitted().runtime_env.env_vars).not.toHaveProperty("MLFLOW_TRACKING_TOKEN");
    ray.nodes = [there];
    const unreached = open({ ray: { address } });
    await runCommand(unreached, POLL);
    expect(isWarned(unreached)).toBe(true);
    asked = [];
    const outsideTracking = { address: "http://10.0.0.1:7", token: "of-the-run" };
    const reached = open({ ray: { address } }, { outsideTracking });
    await runCommand(reached, POLL);
    expect(isWarned(reached)).toBe(false);
    expect(readSubmitted().runtime_env.env_vars).toMatchObject({
      MLFLOW_TRACKING_URI: outsideTracking.address,
      S3_TRACKING_URI: outsideTracking.address,
      MLFLOW_TRACKING_TOKEN: "of-the-run",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://10.0.0.1:7/v1/traces",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "authorization=Bearer%20of-the-run",
    });
    // The worker itself goes by its loopback.
    expect(asked.some(({ path }) => path.endsWith("/runs/update"))).toBe(true);
  });

  it("shows Ray the token of its worker, and says where Ray wants one", async () => {
    process.env.RAY_AUTH_TOKEN = "of the worker";
    await runCommand(open({ ray: { address } }), POLL);
    expect(authorizations[0]).toBe("Bearer of the worker");
    delete process.env.RAY_AUTH_TOKEN;
    ray.status = "401";
    await expect(runCommand(open({ ray: { address } }), POLL)).rejects.toThrow(/RAY_AUTH_TOKEN/);
  });

  it("stops its job of Ray where it is cancelled", async () => {
    ray.logs = ["a", "b", "c", "d", "e", "f", "g"];
    const stop = new AbortController();
    const context = open({ ray: { address } }, { signal: stop.signal });
    const isOver = expect(runCommand(context, POLL)).rejects.toThrow("enough");
    await expect.poll(() => asked.some(({ path }) => path.endsWith("/logs"))).toBe(true);
    stop.abort(new Error("enough"));
    await isOver;
    expect(countStops(context, 1)).toBe(1);
  });

  it("follows its job of Ray where the answer to it was lost, and makes no second one", async () => {
    Object.assign(ray, { lost: 1, logs: ["one"] });
    const context = open({ ray: { address } });
    await runCommand(context, POLL);
    expect(asked.filter(({ path }) => path === "/api/jobs/")).toHaveLength(2);
    expect([...ray.jobs]).toEqual([nameJob(context, 1)]);
    expect(getLines(context)).toEqual(["one"]);
  });

  it("stops the job of Ray whose answer was lost where it is cancelled meanwhile", async () => {
    Object.assign(ray, { lost: 1, logs: ["a", "b", "c"] });
    const stop = new AbortController();
    const context = open({ ray: { address } }, { signal: stop.signal });
    const isOver = expect(runCommand(context, POLL)).rejects.toThrow();
    await expect.poll(() => ray.jobs.size).toBe(1);
    stop.abort(new Error("enough"));
    await isOver;
    expect(countStops(context, 1)).toBe(1);
  });

  it("stops the job of Ray of the attempt before, whose worker was lost, and none that is not there", async () => {
    const context = Object.assign(open({ ray: { address } }), { attempt: 2 });
    ray.jobs.add(nameJob(context, 1));
    await runCommand(context, POLL);
    const { path } = asked.find((one) => one.path.startsWith("/api/jobs/"))!;
    expect(path).toBe(`/api/jobs/${nameJob(context, 1)}/stop`);
    expect([...ray.jobs]).toEqual([nameJob(context, 1), nameJob(context, 2)]);
    ray.jobs.clear();
    await runCommand(context, POLL);
    expect(getLines(context)).toEqual([]);
  });

  it("says where its job of Ray cannot be stopped", async () => {
    ray.logs = ["a", "b", "c", "d", "e", "f", "g"];
    const stop = new AbortController();
    const context = open({ ray: { address } }, { signal: stop.signal });
    const isOver = expect(runCommand(context, POLL)).rejects.toThrow("enough");
    await expect.poll(() => asked.some(({ path }) => path.endsWith("/logs"))).toBe(true);
    ray.status = "401";
    stop.abort(new Error("enough"));
    await isOver;
    expect(getLines(context).some((line) => /-1 of Ray could not be stopped/.test(line))).toBe(
      true,
    );
  });
});
