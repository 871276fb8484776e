import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runCli } from "@/cli/testing/run-cli";
import { createPoolRequestSchema, type PoolRow, type PoolWorkerRow } from "@/contracts/api/pools";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { DEFAULT_TEMPLATES } from "@/core/pools/template";
import { ATLAS_DIR, ROOT } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { createRayDriver } from "@/server/features/pools/drivers/ray";
import { createSlurmDriver } from "@/server/features/pools/drivers/slurm";
import type { PoolDriver } from "@/server/features/pools/drivers/driver";
import { importAtlas } from "@/server/features/question-sets/atlas";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { readGuideCommand } from "./support/cluster-guide";
import { RayHead } from "./support/ray-head";
import { canTrain } from "./support/real-worker";
import { hasSlurm, SlurmCluster } from "./support/slurm-cluster";

const LIMIT_MS = 15 * 60_000;
const MODEL = "smollm2-135m-instruct";

if (!hasSlurm)
  console.warn(
    "skipped: Slurm needs root and `apt-get install slurmctld slurmd slurm-client munge`",
  );
if (!canTrain) console.warn("skipped: pools need the set-up's models and Python");

let server: TestServer;
let data: string;
let home: string;
const { HOME, S3_DATA_DIR } = process.env;

/** A home folder with a clone where the templates that pools begin with look for it, for every program that is started. */
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "s3-home-"));
  await symlink(ROOT, join(home, "s3-dashboard"));
  process.env.HOME = home;
  process.env.S3_DATA_DIR = join(home, "data");
});
afterAll(async () => {
  process.env.HOME = HOME;
  if (S3_DATA_DIR === undefined) delete process.env.S3_DATA_DIR;
  else process.env.S3_DATA_DIR = S3_DATA_DIR;
  await rm(home, { recursive: true, force: true });
});

const findPool = async (): Promise<PoolRow> => (await server.plane.pools.list())[0]!;
const waitForWorker = (what: string, matches: (worker: PoolWorkerRow) => boolean) =>
  waitUntil(what, async () => (await findPool()).workers.find(matches), LIMIT_MS);
const getRun = (id: string) => server.plane.runReader.get(id);

beforeEach(async () => {
  server = await startTestServer({
    timings: {
      leaseMs: 20_000,
      heartbeatMs: 2_000,
      offlineMs: 20_000,
      poolMs: 1_000,
      poolRetryMs: 500,
    },
  });
  await importAtlas(server.plane, ATLAS_DIR, pino({ level: "silent" }));
  data = await mkdtemp(join(tmpdir(), "s3-pool-data-"));
});
afterEach(async () => {
  for (const { workers } of await server.plane.pools.list())
    for (const { id, endedAt } of workers)
      if (endedAt === null) await server.plane.pools.endWorker(id, "test").catch(() => undefined);
  await waitUntil(
    "all jobs have ended",
    async () =>
      (await server.plane.pools.list()).every(({ workers }) =>
        workers.every(({ endedAt }) => endedAt),
      ),
    LIMIT_MS,
  );
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

/** Two questions, answered by the default model after BM25. */
const launch = () =>
  server.plane.runs.create(
    predictConfigSchema.parse({
      kind: "predict",
      name: "two questions",
      method: "rag",
      documents: 2,
      limit: 2,
      questions: "atlas/held-out",
      retriever: { kind: "bm25" },
      generator: { model: MODEL },
    }),
    { actor: "test", preset: null },
  );

const getTemplate = (first: string) => `${first}
cd ${ROOT} || exit 1
exec npm run worker -- --server {{server}} --name {{worker}} --data ${data} --engine-device cpu
`;

const createPool = (target: object, template: string, changes: object = {}) =>
  server.plane.pools.create(
    createPoolRequestSchema.parse({
      name: "lab",
      target,
      template,
      serverUrl: server.url,
      offers: { models: [MODEL], corpora: ["atlas"] },
      idleSeconds: 3,
      costPerHour: 2,
      ...changes,
    }),
    "test",
  );

/**
 * Makes a pool of Slurm by the commands of docs/guides/cluster.md, with what is here in place of GPUs and wiki-18, and asks
 * whether Slurm would take its job.
 * @returns what `pools test` says
 */
async function addPoolByGuide(): Promise<string> {
  const s3 = async (pattern: RegExp, places: Readonly<Record<string, string>> = {}) => {
    // Behind `npm run s3 --`, as far as a redirection.
    const words = readGuideCommand(pattern, places).slice(4);
    const end = words.indexOf(">");
    const given = end < 0 ? words : words.slice(0, end);
    const { code, out, error } = await runCli(given, { S3_SERVER: server.address });
    expect([code, error], given.join(" ")).toEqual([0, ""]);
    return out;
  };
  const script = join(data, "job.sh");
  await writeFile(script, `${await s3(/ pools template slurm /)}\n`);
  await s3(/ pools add lab /, {
    "job.sh": script,
    "http://127.0.0.1:3000": server.url,
    "--gpus 4": "--gpus 0 --idle 3 --cost 2",
    "qwen2.5-7b-instruct": MODEL,
    "wiki-18": "atlas",
  });
  const said = await s3(/ pools test lab$/);
  expect(await s3(/ pools list$/)).toMatch(/lab +slurm +0 +2 /);
  return said;
}

/** One real worker of this product: started for a run, which it does, and ended when it is idle. */
async function expectOneLife(): Promise<PoolWorkerRow> {
  const run = await launch();
  await waitUntil(
    "the run ends",
    async () => ["succeeded", "failed"].includes((await getRun(run)).state),
    LIMIT_MS,
  );
  const { state, error } = await getRun(run);
  const [worker] = (await findPool()).workers;
  expect([state, error, worker?.reason], worker?.logTail ?? "").toEqual(["succeeded", null, null]);
  const ended = await waitForWorker("it was ended", ({ endedAt }) => endedAt !== null);
  expect((await findPool()).workers, "one worker for one run").toHaveLength(1);
  expect(ended).toMatchObject({
    state: "ended",
    reason: expect.stringMatching(/^It had nothing to do for \d+ s\.$/) as string,
  });
  const hours = (ended.endedAt!.getTime() - ended.startedAt!.getTime()) / 3_600_000;
  expect(ended.cost).toBeCloseTo(2 * hours, 5);
  return ended;
}

/** Whether a token of this product stands in the arguments of any process. */
const isTokenInProcessList = (): boolean =>
  /s3w_[\w-]{20,}/.test(spawnSync("ps", ["axww", "-o", "args"], { encoding: "utf8" }).stdout);

/** Watches the process list until it is stopped. */
function watchProcesses(): () => boolean {
  let seen = false;
  const timer = setInterval(() => (seen ||= isTokenInProcessList()), 250);
  return () => {
    clearInterval(timer);
    return seen;
  };
}

/** Looks for worker tokens in files below a folder. */
const findTokens = (folder: string): string =>
  spawnSync("grep", ["-rlaE", "s3w_[A-Za-z0-9_-]{20,}", folder], { encoding: "utf8" }).stdout;

describe.skipIf(!canTrain || !hasSlurm)(
  "a pool on a real Slurm (needs root, the set-up's models, and slurmctld, slurmd, slurm-client, munge)",
  () => {
    let slurm: SlurmCluster;
    let driver: PoolDriver;
    beforeAll(async () => {
      slurm = await SlurmCluster.start();
      driver = createSlurmDriver("");
    });
    afterEach(() => void slurm.run("scontrol", "update", "NodeName=localhost", "State=RESUME"));
    afterAll(() => slurm.stop());
    const target = { kind: "slurm" };
    const TEMPLATE = () =>
      getTemplate("#!/bin/sh\n#SBATCH --gpus-per-node={{gpus}} --time=01:00:00");

    it("starts a real worker for a run by the guide's commands, and ends it when it is idle", async () => {
      expect(await addPoolByGuide()).toMatch(/^slurm.* \d[\s\S]*to start at/);
      expect(slurm.listJobs(), "a test starts none").toEqual([]);
      const stopWatching = watchProcesses();
      const worker = await expectOneLife();
      expect(stopWatching(), "no argument holds a token").toBe(false);
      expect(slurm.listJobs()).toEqual([`s3-${worker.id} CANCELLED`]);
      expect(worker.externalId).toMatch(/^\d+$/);
      const left = await readdir(join(homedir(), ".s3-pool"));
      expect(left.filter((name) => name.includes(worker.id))).toEqual([]);
    });

    it("says why Slurm takes no job, and leaves none behind", async () => {
      const { id } = await createPool(target, getTemplate("#!/bin/sh\n#SBATCH --partition=none"));
      await expect(server.plane.pools.test(id)).rejects.toThrow(/invalid partition/i);
      await server.plane.poolReconciler.requestWorker(id);
      const failed = await waitForWorker("it failed", ({ state }) => state === "failed");
      expect(failed.reason).toMatch(/^Not submitted: .*invalid partition/is);
      expect((await findPool()).error).toMatch(/invalid partition/i);
      expect(slurm.listJobs().filter((line) => line.includes(failed.id))).toEqual([]);
    });

    it("waits in Slurm's queue with its reason, costs nothing there, and leaves it when no run waits", async () => {
      await createPool(target, TEMPLATE());
      slurm.run("scontrol", "update", "NodeName=localhost", "State=DRAIN", "Reason=test");
      const run = await launch();
      const pending = await waitForWorker("it waits", ({ detail }) =>
        detail.startsWith("PENDING ("),
      );
      expect(pending).toMatchObject({ state: "pending", startedAt: null, cost: 0 });
      await server.plane.runs.cancel(run, { actor: "test", reason: null });
      const ended = await waitForWorker("it left", ({ endedAt }) => endedAt !== null);
      expect(ended).toMatchObject({
        state: "ended",
        reason: "No run waits for it any more.",
        cost: 0,
      });
    });

    it("makes one job of two submissions, and ends all of a name", async () => {
      const name = "s3-22222222-2222-4222-8222-222222222222";
      const job = {
        name,
        script: "#!/bin/sh\nsleep 300\n",
        gpus: 0,
        token: "s3w_not-in-arguments",
      };
      const first = await driver.submit(job);
      expect(await driver.submit(job)).toBe(first);
      // As a server that died after sbatch began leaves it.
      slurm.run(
        "sbatch",
        "--dependency=singleton",
        `--job-name=${name}`,
        "--output=/dev/null",
        "--wrap=sleep 300",
      );
      const find = () => slurm.listJobs().filter((line) => line.startsWith(name));
      await waitUntil("it runs", () => find().includes(`${name} RUNNING`));
      expect(find().sort()).toEqual([`${name} PENDING`, `${name} RUNNING`]);
      expect((await driver.list([name])).get(name)?.phase).toBe("running");
      await driver.cancel(name);
      await waitUntil("both are gone", () => find().every((line) => line.endsWith("CANCELLED")));
      expect((await driver.list([name])).get(name)?.phase).toBe("ended");
      await driver.release(name);
    });
  },
);

describe.skipIf(!canTrain)(
  "a pool on a real Ray (needs the set-up's models; installs Ray once)",
  () => {
    let ray: RayHead;
    let driver: PoolDriver;
    beforeAll(async () => {
      ray = await RayHead.start();
      driver = createRayDriver(ray.url, ray.token);
    }, LIMIT_MS);
    afterAll(() => ray.stop());
    const target = () => ({ kind: "ray", url: ray.url });

    it("starts a real worker for a run by the template that a pool begins with, and ends it when it is idle; the token is in no log and no argument", async () => {
      const { id } = await createPool(target(), DEFAULT_TEMPLATES.ray, { secret: ray.token });
      expect((await server.plane.pools.test(id)).said).toMatch(/^Ray \d/);
      const stopWatching = watchProcesses();
      const worker = await expectOneLife();
      expect(stopWatching(), "no argument holds a token").toBe(false);
      expect(findTokens(ray.folder)).toBe("");
      expect(Object.fromEntries(await driver.list([`s3-${worker.id}`])), "nothing is left").toEqual(
        {},
      );
      expect(JSON.stringify(await server.plane.pools.list())).not.toContain(ray.token);
    });

    it("makes one job of two submissions, and fails with the log of one that ends", async () => {
      const name = "s3-33333333-3333-4333-8333-333333333333";
      const job = { name, script: "sleep 300", gpus: 0, token: `s3w_${"x".repeat(43)}` };
      await driver.submit(job);
      await driver.submit(job);
      const getPhase = async () => (await driver.list([name])).get(name)?.phase;
      await waitUntil("it runs", async () => (await getPhase()) === "running", LIMIT_MS);
      await driver.cancel(name);
      await waitUntil("it has ended", async () => (await getPhase()) === "ended", LIMIT_MS);
      await driver.release(name);
      await driver.release(name);
      const { id } = await createPool(
        target(),
        "echo no clone here; exit 4 # {{server}} {{worker}}",
        {
          secret: ray.token,
        },
      );
      await server.plane.poolReconciler.requestWorker(id);
      const failed = await waitForWorker("it failed", ({ state }) => state === "failed");
      expect(failed.reason).toMatch(/^Its job was over before a worker attached: FAILED: code 4/);
      expect(failed.logTail).toContain("no clone here");
    });

    it("says that Ray wants a token", async () => {
      const { id } = await createPool(target(), getTemplate(""));
      await expect(server.plane.pools.test(id)).rejects.toThrow(
        /answered 401: .* Give the pool the token of Ray's head as its secret\./,
      );
    });
  },
);
