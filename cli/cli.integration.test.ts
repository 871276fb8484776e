import { setTimeout as sleep } from "node:timers/promises";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { listShellCommands, readGuide } from "@/cli/testing/guide-commands";
import { runCli, runCliHere, type CliResult } from "@/cli/testing/run-cli";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { buildDocuments, buildRecord, storeSamples } from "@/server/testing/samples";

/**
 * What stands in for Slurm's programs, wherever this runs: sbatch answers as Slurm's does where the script that it reads
 * asks for the pool's GPUs. e2e/pools.long.test.ts gives the same commands to a real Slurm.
 */
const SLURM_PROGRAMS: Readonly<Record<string, string>> = {
  sinfo: "echo slurm-wlm 22.05.8",
  squeue: "true",
  scancel: "true",
  sbatch: `grep -q -- "^#SBATCH --gpus-per-node=4" || { echo "sbatch: error: Invalid script" >&2; exit 1; }
echo "sbatch: Job 1 to start at 2026-01-01T00:00:00 using 1 processors on nodes gpu-1" >&2`,
};

describe("the command line", () => {
  let server: TestServer;
  const s3 = (words: string[]): Promise<CliResult> => runCliHere(words, server.address);
  /** In a process of its own, for what a person sees of one: what goes on beside others, and exit codes. */
  const s3Process = (words: string[], url = server.address): Promise<CliResult> =>
    runCli(words, { S3_SERVER: url }, 60_000);
  const launch = async (...args: string[]): Promise<string> => {
    const { id } = JSON.parse(
      (await s3(["launch", "--preset", "atlas-smollm2-grpo", "--json", ...args])).out,
    ) as { id: string };
    return id;
  };

  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 30_000 } });
    await storeSamples(server.plane);
  });
  afterAll(() => server.stop());

  it("launches, lists, shows, cancels and resumes by the beginning of an id", async () => {
    const id = await launch("--set", "train.steps=2", "--set", "name=From the shell");
    const shown = JSON.parse((await s3(["show", id.slice(0, 8), "--json"])).out) as {
      config: { name: string; rl: { steps: number } };
      state: string;
      waitingFor: string;
    };
    expect(shown).toMatchObject({
      config: { name: "From the shell", rl: { steps: 2 } },
      state: "queued",
      waitingFor: expect.stringContaining("no worker is attached") as string,
    });
    expect((await s3(["list"])).out).toMatch(
      new RegExp(`${id.slice(0, 8)} +queued +train.*From the shell`),
    );
    expect(await s3(["cancel", id.slice(0, 8)])).toMatchObject({
      code: 0,
      out: `${id} is cancelled`,
    });
    expect(await s3(["resume", id.slice(0, 8)])).toMatchObject({ code: 0, out: `${id} is queued` });
    await server.plane.runs.cancel(id, { actor: "test", reason: null });
  });

  it("plans memory on GPUs that are not here, and warns before a launch that does not fit", async () => {
    const full = ["--preset", "paper-full"];
    const five = await s3(["memory", ...full, "--gpus", "5", "--gpu-memory", "80"]);
    expect(five.out).toMatch(/GiB of 80 GiB \(each of 5 GPUs\): fits\n/);
    const two = await s3(["memory", ...full, "--gpus", "2", "--gpu-memory", "80"]);
    expect(two.out).toMatch(/GiB of 80 GiB \(each of 2 GPUs\): does not fit\n.*GPUs of 80 GiB/);
    expect(five.out).toMatch(/trained weights and optimiser +[\d.]+ GiB +1\/5 of 7\.62 billion/);
    const one = JSON.parse((await s3(["memory", ...full, "--json"])).out) as { worker: null }[];
    expect(one).toMatchObject([{ worker: null, ranks: 1, verdict: "too small" }]);
    const none = await s3(["memory", ...full, "--gpus", "0"]);
    expect(none).toMatchObject({
      code: 1,
      error: expect.stringContaining("at least one GPU") as string,
    });
    expect(await s3(["memory", "--preset", "atlas-rag", "--gpus", "2"])).toMatchObject({
      code: 1,
      error: expect.stringContaining("trains nothing") as string,
    });
    const large = ["model=qwen2.5-7b-instruct", "tuning=full", "adapter.firstLayer=0"];
    const changes = large.flatMap((change) => ["--set", `searcher.${change}`]);
    const launched = await s3(["launch", "--preset", "atlas-smollm2-grpo", ...changes]);
    expect(launched.error).toMatch(/^memory: .* does not fit; .*any one of these makes it fit/);
    expect((await s3(["cancel", launched.out.trim()])).code).toBe(0);
  });

  it("runs the commands of the guide from a laptop to a cluster", async () => {
    const prefix = "npm run s3 -- ";
    const commands = listShellCommands(readGuide("cluster.md")).flatMap((command) =>
      command.startsWith(prefix) ? [command.slice(prefix.length)] : [],
    );
    const plans = commands.filter((command) => command.startsWith("memory "));
    expect(plans.length).toBeGreaterThan(2);
    for (const command of plans) {
      const { code, out, error } = await s3(command.split(" "));
      expect({ command, code, error }).toEqual({ command, code: 0, error: "" });
      expect(out).toMatch(/GiB of [\d.]+ GiB/);
    }
    const pools = commands.filter((command) => !plans.includes(command));
    expect(pools.map((command) => command.split(" ", 2).join(" "))).toEqual([
      "pools template",
      "pools add",
      "pools test",
      "pools list",
    ]);
    const script = join(server.artifactsDir, "job.sh");
    const programs = join(server.artifactsDir, "slurm");
    await mkdir(programs);
    for (const [name, text] of Object.entries(SLURM_PROGRAMS))
      await writeFile(join(programs, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    vi.stubEnv("PATH", `${programs}${delimiter}${process.env.PATH ?? ""}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const said = [];
    for (const command of pools) {
      const [words = "", file] = command.split(" > ");
      const result = await s3(words.replace("job.sh", script).split(" "));
      if (file === "job.sh") await writeFile(script, result.out);
      said.push(result);
    }
    expect(said).toMatchObject([0, 1, 2, 3].map(() => ({ code: 0, error: "" })));
    expect(said[0]!.out).toContain("#SBATCH --gpus-per-node={{gpus}}");
    expect(said[2]!.out).toMatch(/^slurm-wlm .*\nsbatch: Job 1 to start at .*\n\n#!/);
    expect(said[2]!.out).toContain(`npm run worker -- --server http://127.0.0.1:3000`);
    expect(said[3]!.out).toMatch(/lab +slurm +0 +2 /);
    expect((await s3(["pools", "remove", "lab"])).code).toBe(0);
  }, 300_000);

  it("adds a mirror with a secret from a file, tries, lists and removes it", async () => {
    const secretFile = join(server.artifactsDir, "token");
    await writeFile(secretFile, "sesame-4711\n");
    const wrong = await s3(["mirror", "add", "team", "--kind", "mlflow"]);
    expect(wrong).toMatchObject({ code: 1, error: expect.stringContaining("url") as string });
    const url = "http://127.0.0.1:9";
    const add = ["mirror", "add", "team", "--kind", "mlflow", "--url", url];
    expect(await s3([...add, "--secret-file", secretFile])).toMatchObject({ code: 0 });
    expect((await s3(["mirror", "list"])).out).toMatch(/team +mlflow +127\.0\.0\.1:9, s3 +0 +0 +0/);
    const tried = await s3(["mirror", "test", "team"]);
    expect(tried.code).toBe(1);
    expect(tried.error).toContain("It takes nothing: ");
    expect(await s3(["mirror", "remove", "team"])).toMatchObject({ code: 0, out: "Removed." });
    expect((await s3(["mirror", "list"])).out).toBe("No mirror: metrics are here alone.");
  });

  it("adds a pool with a template from a file, tries, changes, pauses and removes it", async () => {
    const template = join(server.artifactsDir, "job.sh");
    const { out } = await s3(["pools", "template", "ssh"]);
    await writeFile(template, out.replace("s3-dashboard", "clone"));
    const add = ["pools", "add", "lab", "--kind", "ssh", "--template", template];
    const wrong = await s3([...add, "--host", "-oProxyCommand=id", "--server-url", server.url]);
    expect(wrong).toMatchObject({
      code: 1,
      error: expect.stringContaining("target.host") as string,
    });
    const given = ["--host", "nowhere.invalid", "--server-url", server.url, "--models", "a, b"];
    expect(await s3([...add, ...given, "--cost", "2.5"])).toMatchObject({ code: 0 });
    const tried = await s3(["pools", "test", "lab"]);
    expect(tried).toMatchObject({ code: 1, error: expect.stringMatching(/ssh|program/) as string });
    expect(await s3(["pools", "edit", "lab", "--quota", "3", "--vllm"])).toMatchObject({ code: 0 });
    expect(await s3(["pools", "pause", "lab"])).toMatchObject({ code: 0, out: "Paused." });
    expect((await s3(["pools", "list"])).out).toMatch(/lab +ssh +0 +3 +0 +0\.000 +paused/);
    const [pool] = JSON.parse((await s3(["pools", "list", "--json"])).out) as object[];
    expect(pool).toMatchObject({
      costPerHour: 2.5,
      offers: { models: ["a", "b"], vllm: true, gpus: 0 },
      template: expect.stringContaining('cd "$HOME/clone"') as string,
    });
    expect(await s3(["pools", "remove", "lab"])).toMatchObject({ code: 0, out: "Removed." });
    expect((await s3(["pools", "list"])).out).toBe("No pool: workers are attached by hand.");
  });

  it("follows a run to its end, and exports it", async () => {
    const worker = await server.worker();
    worker.keepAlive([]);
    const watched = s3Process(["launch", "--preset", "atlas-smollm2-grpo", "--watch"]);
    let run = (await worker.lease()).run;
    for (let i = 0; i < 300 && !run; i++) {
      await sleep(100);
      run = (await worker.lease()).run;
    }
    if (!run) throw new Error("nothing was launched");
    const ref = { runId: run.runId, attempt: run.attempt };
    await worker.request("transition", { ...ref, to: "preparing", reason: null });
    await worker.request("transition", { ...ref, to: "running", reason: null });
    await worker.request("report", {
      ...ref,
      sequence: 1,
      items: [
        {
          kind: "metrics",
          points: [{ name: "reward/mean", step: 1, value: 0.25, at: Date.now() }],
        },
        { kind: "progress", progress: { phase: "training", done: 1, total: 2, detail: "" } },
        {
          kind: "alarms",
          changes: [
            {
              to: "raised",
              name: "no-variance",
              step: 1,
              since: 1,
              evidence: [
                {
                  metric: "groups/without_variance",
                  now: { value: 1, fromStep: 1, toStep: 1 },
                  before: null,
                  limit: { side: "at-least", value: 0.9 },
                },
              ],
            },
          ],
        },
        {
          kind: "episodes",
          corpus: "atlas",
          questions: "atlas/train",
          documents: buildDocuments(),
          records: [buildRecord({ step: 1 })],
        },
      ],
    });
    await worker.request("transition", { ...ref, to: "failed", reason: "the generator is down" });
    const { code, out } = await watched;
    expect(out).toContain("reward/mean 0.250 at step 1");
    expect(out).toContain("failed: the generator is down");
    expect(code).toBe(1);

    const points = join(server.artifactsDir, "points.csv");
    const ofRun = ["run", "points", ref.runId.slice(0, 8), "--out", points];
    expect(await s3([...ofRun, "--metric", "reward/mean"])).toMatchObject({
      code: 0,
      out: `wrote ${points}`,
    });
    const [head, ...lines] = (await readFile(points, "utf8")).trimEnd().split("\r\n");
    expect(head).toBe("\uFEFFrun_id,run,metric,step,reported_at,value");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/,reward\/mean,1,20\d\d-.*,0\.25$/);

    const shown = (await s3(["show", ref.runId.slice(0, 8)])).out;
    expect(shown).toContain(
      "alarm stands: Groups without variance, since step 1, noticed after step 1\n  groups/without_variance 1 (step 1); limit: at least 0.9\n  what mends it: Raise rl.temperature",
    );

    const folder = await mkdtemp(join(tmpdir(), "s3-export-"));
    await s3(["export", ref.runId.slice(0, 8), "--out", join(folder, "run.json")]);
    const exported = JSON.parse(await readFile(join(folder, "run.json"), "utf8")) as {
      metrics: Record<string, { value: number }[]>;
      episodes: { reward: number }[];
    };
    await rm(folder, { recursive: true });
    expect(exported.metrics["reward/mean"]?.[0]?.value).toBe(0.25);
    expect(exported.episodes).toMatchObject([{ reward: 1, answer: "right" }]);
    expect((await s3(["workers"])).out).toMatch(/tester +online/);
  });

  it("launches a sweep once, goes on with it, follows it to its end and writes its table", async () => {
    const words = [
      "sweep",
      "--preset",
      "atlas-smollm2-grpo",
      "--grid",
      "rl.steps=1,2",
      "--seeds",
      "3",
      "--name",
      "From words",
    ];
    expect((await s3([...words, "--dry"])).out).toBe(
      "From words: steps=1\nFrom words: steps=2\n2 runs",
    );
    const first = JSON.parse((await s3([...words, "--json"])).out) as {
      id: string;
      isNew: boolean;
    };
    expect(first).toMatchObject({ runs: 2, isNew: true });
    const worker = await server.worker({ name: "sweeper" });
    worker.keepAlive([]);
    const watched = s3Process([...words, "--watch"]);
    for (const end of ["succeeded", "failed"] as const) {
      const { runId, attempt } = await worker.leaseAndStart();
      await worker.request("report", {
        runId,
        attempt,
        sequence: 1,
        items: [
          {
            kind: "metrics",
            points: [{ name: "held-out/accuracy", step: 1, value: 0.5, at: Date.now() }],
          },
        ],
      });
      await worker.request("transition", {
        runId,
        attempt,
        to: end,
        reason: end === "failed" ? "the disk is full" : null,
      });
    }
    const { code, out } = await watched;
    expect(out).toContain(`goes on with ${first.id}, 2 runs`);
    expect(out).toContain("From words: steps=2: failed: the disk is full");
    expect(code, "a run failed").toBe(1);
    expect((await s3(["sweep", "list"])).out).toMatch(
      new RegExp(`${first.id.slice(0, 8)} +2 .*From words`),
    );
    expect(
      (
        await s3([
          "sweep",
          "show",
          first.id.slice(0, 8),
          "--metric",
          "held-out/accuracy",
          "--format",
          "markdown",
        ])
      ).out,
    ).toContain("| 1 | 0.5 | 0.5 | 1 |");
    expect((await s3(["sweep", "retry", first.id.slice(0, 8)])).out).toBe("1 queued again");
    expect((await s3(["sweep", "cancel", first.id.slice(0, 8)])).out).toBe(
      "1 cancelled, 0 cancelling",
    );
    expect(
      await s3(["sweep", "--preset", "atlas-smollm2-grpo", "--grid", "rl.steps=1,-1"]),
    ).toMatchObject({ code: 1, error: expect.stringMatching(/run 2: rl\.steps: /) as string });
    worker.disconnect();
  });

  it("says what is wrong and how to mend it", async () => {
    expect(
      await s3(["launch", "--preset", "atlas-smollm2-grpo", "--set", "rl.step=2"]),
    ).toMatchObject({ code: 1, error: expect.stringMatching(/rl\.step.*rl\.steps/) as string });
    expect(
      await s3(["launch", "--preset", "atlas-smollm2-grpo", "--set", "rl.groupSize=1"]),
    ).toMatchObject({ code: 1, error: expect.stringContaining("rl.groupSize:") as string });
    expect(await s3Process(["show", "ffffffff"])).toMatchObject({
      code: 1,
      error: expect.stringContaining("no run whose id begins") as string,
    });
    expect(await s3Process(["list"], "http://127.0.0.1:9")).toMatchObject({
      code: 1,
      error: expect.stringMatching(
        /Nothing answers at http:\/\/127\.0\.0\.1:9.*npm start/,
      ) as string,
    });
  });
});
