import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createPoolRequestSchema,
  updatePoolRequestSchema,
  type PoolRow,
  type PoolWorkerRow,
} from "@/contracts/api/pools";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { PROTOCOL_VERSION } from "@/contracts/worker-protocol/worker-protocol";
import { DEFAULT_TEMPLATES } from "@/core/pools/template";
import { requirementsFor } from "@/core/run/requirements";
import { resolveInRoot } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { createSecretReader } from "@/server/features/keys/seal";
import { storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { PoolReconciler } from "./pool-reconciler";
import { startSshHost, type SshHost } from "./testing/ssh-host";

const WORKER = resolveInRoot("server", "features", "pools", "testing", "attach-worker.mjs");
/** Starts a process that speaks the worker protocol, as the agent does. */
const TEMPLATE = `cd ${resolveInRoot()} && exec ${process.execPath} ${WORKER} --protocol ${PROTOCOL_VERSION} --server {{server}} --name {{worker}}`;

/** What the templates that pools begin with expect in a home folder: a clone, whose worker is the process above. */
async function makeClone(home: string): Promise<void> {
  const worker = `${process.execPath} ${WORKER} --protocol ${PROTOCOL_VERSION}`;
  await mkdir(join(home, "s3-dashboard"));
  await writeFile(
    join(home, "s3-dashboard", "package.json"),
    JSON.stringify({ private: true, scripts: { worker } }),
  );
}

/** Pools over ssh: real processes, real connections, one real database. */
describe("pools over ssh", () => {
  let host: SshHost;
  let server: TestServer;

  beforeAll(async () => {
    host = await startSshHost();
    await makeClone(host.home);
    server = await startTestServer({ timings: { offlineMs: 60_000, leaseMs: 60_000 } });
    await storeSamples(server.plane);
  });
  afterAll(async () => {
    await server.stop();
    await host.stop();
  });
  afterEach(async () => {
    const { db } = server.plane.database;
    await db.pool.updateMany({ data: { paused: true } });
    for (const { id } of await db.run.findMany({ where: { state: "queued" } }))
      await server.plane.runs.cancel(id, { actor: "test", reason: null });
    for (const worker of await listWorkers())
      if (worker.endedAt === null)
        await server.plane.pools.endWorker(worker.id, "test").catch(() => undefined);
    await waitUntil("all jobs have ended", async () =>
      (await listWorkers()).every(({ endedAt }) => endedAt !== null),
    );
    for (const { id } of await server.plane.pools.list()) await server.plane.pools.remove(id);
    await waitUntil("no worker is online", async () => (await listOnline()).length === 0);
  });

  const create = (changes: object = {}) =>
    server.plane.pools.create(
      createPoolRequestSchema.parse({
        name: "box",
        target: { kind: "ssh", host: "box" },
        template: TEMPLATE,
        serverUrl: server.url,
        offers: { models: ["smollm2-135m-instruct"], corpora: ["atlas"] },
        idleSeconds: 1,
        costPerHour: 3_600,
        ...changes,
      }),
      "test",
    );
  const findPool = async (): Promise<PoolRow> => (await server.plane.pools.list())[0]!;
  const listWorkers = async (): Promise<PoolWorkerRow[]> =>
    (await server.plane.pools.list()).flatMap(({ workers }) => workers);
  const listOnline = async () =>
    (await server.plane.workerReader.list()).filter(({ state }) => state === "online");
  const launch = async (changes: object = {}) =>
    (
      await server.plane.launcher.launch(
        { kind: "serve", name: "a service", corpus: "atlas", ...changes },
        { actor: "test", preset: null },
      )
    ).id;
  const waitForWorker = (what: string, matches: (worker: PoolWorkerRow) => boolean) =>
    waitUntil(what, async () => (await listWorkers()).find(matches));
  const getState = async (id: string) => (await server.plane.runReader.get(id)).state;

  it("starts a worker for a run that waits by the template that a pool begins with, and ends it when it is idle", async () => {
    const { id } = await create({ template: DEFAULT_TEMPLATES.ssh });
    expect((await server.plane.pools.test(id)).said).toMatch(/^Linux \S+ can be reached$/);
    expect(await listWorkers(), "none before a run waits").toEqual([]);
    const run = await launch();
    await waitUntil("the run ends", async () => (await getState(run)) === "succeeded");
    const worker = await waitForWorker("it was ended", ({ state }) => state === "ended");
    expect(worker).toMatchObject({
      name: expect.stringMatching(/^box-[0-9a-f]{8}$/) as string,
      externalId: `s3-${worker.id}`,
      reason: expect.stringMatching(/^It had nothing to do for \d+ s\.$/) as string,
    });
    const seconds = (worker.endedAt!.getTime() - worker.startedAt!.getTime()) / 1_000;
    expect(worker.cost).toBeCloseTo(seconds, 2);
    const pool = await findPool();
    expect(pool.cost).toBeCloseTo(seconds, 2);
    expect(pool).toMatchObject({ waiting: 0, paused: false, failures: 0, error: null });
    expect(await readdir(join(host.home, ".s3-pool")), "nothing is left there").toEqual([]);
    await waitUntil(
      "an ended one is not listed",
      async () => (await server.plane.workerReader.list()).length === 0,
    );
    expect(await server.plane.workerTokens.list()).toEqual([]);
    const tokens = await server.plane.database.db.workerToken.findMany();
    expect(tokens).toMatchObject([{ singleWorker: true, revokedAt: expect.any(Date) as Date }]);
  });

  it("starts no more than its quota, and none that a run does not wait for", async () => {
    await create({ quota: 2, offers: { corpora: ["atlas"], lightSlots: 1 }, idleSeconds: 600 });
    await launch({ name: "elsewhere", worker: "moon-box" });
    const runs = [await launch(), await launch(), await launch(), await launch()];
    await waitUntil("all ended", async () =>
      (await Promise.all(runs.map(getState))).every((state) => state === "succeeded"),
    );
    expect(await listWorkers()).toHaveLength(2);
    const { id } = await findPool();
    await expect(server.plane.poolReconciler.requestWorker(id)).rejects.toThrow(
      "The pool box has 2 of at most 2 workers.",
    );
    await expect(server.plane.pools.remove(id)).rejects.toThrow("It has 2 workers. Pause it");
  });

  it("tells why a start failed with the end of its log, and is paused after three", async () => {
    await create({ template: "echo no model here; exit 3 # {{server}} {{worker}}" });
    const run = await launch();
    const failed = await waitForWorker("it failed", ({ state }) => state === "failed");
    expect(failed).toMatchObject({
      reason: "Its job was over before a worker attached: ended with code 3.",
      logTail: "no model here",
    });
    const pool = await waitUntil("it is paused", async () => {
      const found = await findPool();
      return found.paused && found.workers.every(({ endedAt }) => endedAt) && found;
    });
    expect(pool).toMatchObject({ failures: 3, waiting: 1 });
    expect(pool.error).toMatch(/^3 starts in a row failed, so it is paused\. The last: Its job/);
    expect(pool.workers).toHaveLength(3);
    expect((await server.plane.runReader.get(run)).waitingFor).toMatch(
      /^no worker is attached.*; the pool box is paused: 3 starts in a row failed/,
    );
    await server.plane.pools.pause(pool.id, false);
    await waitUntil("it tries again", async () => (await listWorkers()).length > 3);
    await server.plane.pools.pause(pool.id, true);
  });

  it("gives up a job whose worker does not attach, and one that lacks what the pool offers", async () => {
    const { id } = await create({
      template: "echo waiting; sleep 600 # {{server}} {{worker}}",
      startSeconds: 1,
    });
    await server.plane.poolReconciler.requestWorker(id);
    const silent = await waitForWorker("it is given up", ({ state }) => state === "failed");
    expect(silent).toMatchObject({
      reason: "No worker attached within 1 s of its job's start: running.",
      logTail: "waiting",
    });
    const { name, target, serverUrl } = await findPool();
    await server.plane.pools.update({
      ...createPoolRequestSchema.parse({ name, target, serverUrl, template: TEMPLATE }),
      id,
      secret: undefined,
      offers: { ...(await findPool()).offers, models: ["qwen2.5-7b"], gpus: 8, vllm: true },
    });
    await server.plane.pools.pause(id, false);
    await server.plane.poolReconciler.requestWorker(id);
    const poor = await waitForWorker(
      "it is refused",
      (worker) => worker.state === "failed" && worker.id !== silent.id,
    );
    expect(poor.reason).toBe(
      "It attached without the model qwen2.5-7b, 8 GPUs (it has 0), vLLM, which the pool says that its workers have.",
    );
    expect(poor.logTail).toContain("token: given");
  });

  it("loses no worker and doubles none while servers come and go", async () => {
    await create({ idleSeconds: 600 });
    const run = await launch();
    // Two more of the same class on the same database, as a server that was not quite gone would be.
    const { database, workerTokens, workerConnections } = server.plane;
    const others = [1, 2].map(
      () =>
        new PoolReconciler({
          database,
          workerTokens,
          workerConnections,
          timings: { ...server.timings, poolMs: 0 },
          log: server.log,
          readSecret: createSecretReader(server.artifactsDir),
        }),
    );
    const stop = Date.now() + 3_000;
    await Promise.all(
      others.map(async (other) => {
        while (Date.now() < stop) await other.reconcileDue();
        await other.stop();
      }),
    );
    await waitUntil("the run ends", async () => (await getState(run)) === "succeeded");
    const [worker, ...more] = await listWorkers();
    expect(more).toEqual([]);
    expect(await readdir(join(host.home, ".s3-pool"))).toEqual([`s3-${worker!.id}`]);
    expect(await listOnline()).toHaveLength(1);
  });

  it("says that a host does not answer, and loses none of its workers by that", async () => {
    const { id } = await create({ idleSeconds: 600 });
    await server.plane.poolReconciler.requestWorker(id);
    await waitForWorker("it is idle", ({ state }) => state === "idle");
    await server.plane.database.db.pool.update({
      where: { id },
      data: { target: { kind: "ssh", host: "nowhere.invalid" } },
    });
    if (host.isReal)
      await waitUntil("it says so", async () =>
        /ssh: .*nowhere/s.test((await findPool()).error ?? ""),
      );
    expect((await listWorkers()).map(({ state }) => state)).toEqual(["idle"]);
    await server.plane.database.db.pool.update({
      where: { id },
      data: { target: { kind: "ssh", host: "box" } },
    });
    await waitUntil("it answers again", async () => (await findPool()).error === null);
  });

  it("gives a run to no worker that it ends", async () => {
    const { id } = await create({
      idleSeconds: 600,
      template: TEMPLATE.replace("exec", "trap '' TERM;"),
    });
    await server.plane.poolReconciler.requestWorker(id);
    const worker = await waitForWorker("it is idle", ({ state }) => state === "idle");
    await server.plane.pools.pause(id, true);
    await server.plane.pools.endWorker(worker.id, "somebody");
    await expect(server.plane.pools.endWorker(worker.id, "somebody")).rejects.toThrow(
      /ends already/,
    );
    const run = await launch();
    const ended = await waitForWorker("it has ended", ({ endedAt }) => endedAt !== null);
    expect(ended).toMatchObject({ state: "ended", reason: "Ended by somebody." });
    expect(await getState(run)).toBe("queued");
  });

  it("forgets the secret of a scheduler that gets another address", async () => {
    const { db } = server.plane.database;
    const template = "exec worker --server {{server}} --name {{worker}}";
    const ray = (url: string) => ({ template, target: { kind: "ray", url } });
    const { id } = await create({ ...ray("http://127.0.0.1:8265"), secret: "sesame" });
    const hasSecret = async () => (await findPool()).hasSecret;
    const update = (changes: object) =>
      server.plane.pools.update(
        updatePoolRequestSchema.parse({
          id,
          name: "box",
          serverUrl: server.url,
          ...ray("http://127.0.0.1:8265"),
          ...changes,
        }),
      );
    await update({ quota: 2 });
    expect(await hasSecret()).toBe(true);
    await update(ray("http://127.0.0.2:8265"));
    expect(await hasSecret()).toBe(false);
    await update({ ...ray("http://127.0.0.3:8265"), secret: "again" });
    expect(await hasSecret()).toBe(true);
    expect(await db.poolWorker.count({ where: { poolId: id } })).toBe(0);
  });

  it("starts a worker for a command only where its workers run commands", async () => {
    const { id } = await create({ idleSeconds: 600 });
    const { id: run } = await server.plane.launcher.launch(
      { kind: "command", name: "another trainer", command: "true" },
      { actor: "test", preset: null },
    );
    expect((await findPool()).waiting).toBe(0);
    expect((await server.plane.runReader.get(run)).waitingFor).not.toContain("the pool box");
    await server.plane.poolReconciler.reconcileDue();
    expect(await listWorkers()).toEqual([]);
    const { offers } = await findPool();
    await server.plane.database.db.pool.update({
      where: { id },
      data: { offers: { ...offers, commands: true } },
    });
    const poor = await waitForWorker("it is refused", ({ state }) => state === "failed");
    expect(poor.reason).toContain("It attached without --allow-commands");
  });

  it("starts none for a training that its GPU has no memory for, and says what would make it fit", async () => {
    const config = trainConfigSchema.parse({
      kind: "train",
      name: "large",
      searcher: { model: "qwen2.5-7b-instruct", tuning: "full" },
    });
    const { models, corpora } = requirementsFor(config);
    const offers = { models, corpora, gpus: 1, gpuMemoryGib: 24 };
    const { id } = await create({ offers, quota: 0 });
    const run = await server.plane.runs.create(config, { actor: "test", preset: null });
    expect((await findPool()).waiting).toBe(0);
    expect((await server.plane.runReader.get(run)).waitingFor).toMatch(
      /; the pool box starts no worker for it: its GPU has 24 GiB, and the run would take \S+ GiB by calculation: the largest part is /,
    );
    await server.plane.database.db.pool.update({
      where: { id },
      data: { offers: { ...offers, gpuMemoryGib: 0 } },
    });
    expect((await findPool()).waiting, "what nobody has told is not compared").toBe(1);
  });

  it("knows by its offer whether a Tinker service trains, by its template where an older version stored it", async () => {
    const template =
      "exec worker --tinker-url http://host:8000 --server {{server}} --name {{worker}}";
    const { id } = await create({ template, quota: 0 });
    expect((await findPool()).offers.tinker).toBe(false);
    const { tinker: _, ...offers } = (await findPool()).offers;
    await server.plane.database.db.pool.update({ where: { id }, data: { offers } });
    expect((await findPool()).offers.tinker).toBe(true);
  });

  it("counts the cost of a job that ended while the server was away until its end", async () => {
    const { id } = await create({ idleSeconds: 600 });
    await server.plane.poolReconciler.requestWorker(id);
    const worker = await waitForWorker("it is idle", ({ state }) => state === "idle");
    // As if it had been started, and ended, long before the server looked again.
    const { db } = server.plane.database;
    await db.pool.update({ where: { id }, data: { claimedUntil: new Date(Date.now() + 60_000) } });
    await waitUntil("nobody looks", () =>
      server.plane.poolReconciler.reconcileDue().then(() => true),
    );
    const folder = join(host.home, ".s3-pool", `s3-${worker.id}`);
    const pid = Number(await readFile(join(folder, "pid"), "utf8"));
    process.kill(-pid, "SIGTERM");
    await waitUntil("its job is over", () =>
      readFile(join(folder, "status"), "utf8").then(Boolean, () => false),
    );
    const hourAgo = Date.now() - 3_600_000;
    await writeFile(join(folder, "ended"), String(Math.floor(hourAgo / 1_000)));
    await db.poolWorker.update({
      where: { id: worker.id },
      data: {
        startedAt: new Date(hourAgo - 1_800_000),
        requestedAt: new Date(hourAgo - 1_900_000),
      },
    });
    await db.pool.update({ where: { id }, data: { claimedUntil: new Date(0) } });
    const ended = await waitForWorker("it has ended", ({ endedAt }) => endedAt !== null);
    expect(ended.cost).toBeCloseTo(1_800, -1);
  });

  it("gives no second worker the token of a job", async () => {
    const before = await server.plane.database.db.worker.count();
    const { id } = await create({
      idleSeconds: 600,
      template: `${TEMPLATE.replace("exec ", "")} & sleep 5; ${TEMPLATE}-2`,
    });
    await server.plane.poolReconciler.requestWorker(id);
    await waitForWorker("it is idle", ({ state }) => state === "idle");
    await waitForWorker(
      "the second is refused, which ends the job",
      ({ endedAt }) => endedAt !== null,
    );
    expect(await server.plane.database.db.worker.count()).toBe(before + 1);
  });

  it("refuses templates, names and hosts that cannot be meant", async () => {
    await expect(create({ template: "exec worker {{serve}}" })).rejects.toThrow(
      /template: \{\{serve\}\}: there is no such variable/,
    );
    await create();
    await expect(create()).rejects.toThrow('There is a pool "box" already.');
    const parse = (changes: object) => () =>
      createPoolRequestSchema.parse({
        name: "box",
        target: { kind: "ssh", host: "box" },
        template: TEMPLATE,
        serverUrl: "http://127.0.0.1:3000",
        ...changes,
      });
    for (const host of ["-oProxyCommand=id", "a b", "", "$(id)"])
      expect(parse({ target: { kind: "ssh", host } }), host).toThrow();
    for (const name of ["Box", "a_b", "-a", "a".repeat(41)])
      expect(parse({ name }), name).toThrow();
    for (const serverUrl of ["ftp://a", "http://u:p@a/", "http://a/?token=1", "http://a/'"])
      expect(parse({ serverUrl }), serverUrl).toThrow();
  });
});
