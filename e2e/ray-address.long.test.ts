import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "@/lib/free-port.mjs";
import { PYTHON, VENV_DIR } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { readGuideCommand, startGuideCommand } from "./support/cluster-guide";
import { canTrain, type RealWorker } from "./support/real-worker";
import { RUN_LIMIT_MS, TrainingSetup } from "./support/training-setup";

const canJoin = canTrain && existsSync(join(VENV_DIR, "bin", "ray"));
const RAY = ["-m", "ray.scripts.scripts"];
/** Two nodes of one CPU each, at two addresses of this machine's loopback. */
const HOSTS = ["127.0.0.2", "127.0.0.3"] as const;

/** A real worker that is given a Ray cluster, by the lines of docs/guides/cluster.md. */
describe.skipIf(!canJoin)(
  "a worker with --ray-address (needs Linux, the set-up's Python with Ray, models and corpus)",
  () => {
    const token = randomBytes(32).toString("hex");
    const nodes: { child: ChildProcess; folder: string }[] = [];
    let ray: string;
    let ground: TrainingSetup;
    let worker: RealWorker;
    /** A run that nothing happened to. */
    let undisturbed: string;

    const environment = { RAY_AUTH_MODE: "token", RAY_AUTH_TOKEN: token };
    const startNode = async (host: string, where: readonly string[]): Promise<void> => {
      // Ray puts sockets into it, whose path must be short.
      const folder = await mkdtemp(join(tmpdir(), "s3r-"));
      const options = [
        ...["--block", `--node-ip-address=${host}`, `--temp-dir=${folder}`, "--num-cpus=1"],
        ...["--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats"],
        "--object-store-memory=100000000",
      ];
      const child = spawn(PYTHON, [...RAY, "start", ...where, ...options], {
        detached: true,
        stdio: "ignore",
        env: { ...process.env, ...environment, OMP_NUM_THREADS: "1" },
      });
      nodes.push({ child, folder });
    };
    const countNodes = async (): Promise<number> => {
      const env = { ...process.env, ...environment };
      const asked = promisify(execFile)(PYTHON, [...RAY, "status", `--address=${ray}`], { env });
      const { stdout } = await asked.catch(() => ({ stdout: "" }));
      return stdout.match(/^ 1 node_/gm)?.length ?? 0;
    };

    /** What the engine has told of the cluster: of each machine its address, whether it lives, and its ranks. */
    const listMachines = async (): Promise<[string, boolean, number[]][]> =>
      ((await ground.readCluster())?.nodes ?? [])
        .map((node): [string, boolean, number[]] => [node.address, node.alive, node.ranks])
        .sort(([a], [b]) => a.localeCompare(b));

    beforeAll(async () => {
      const setup = startGuideCommand(readGuideCommand(/^node scripts\/setup\.mjs /));
      expect(await setup.ended, setup.getOutput()).toBe(0);
      const port = await findFreePort();
      ray = `${HOSTS[0]}:${port}`;
      // What stands behind `ray start`.
      const readNode = (pattern: RegExp): string[] =>
        readGuideCommand(pattern, { "10.0.0.1": HOSTS[0], "6379": String(port) }).slice(2);
      await startNode(HOSTS[0], readNode(/^\.venv\/bin\/ray start --head /));
      await waitUntil("Ray's head is there", async () => (await countNodes()) === 1, RUN_LIMIT_MS);
      await startNode(HOSTS[1], readNode(/^\.venv\/bin\/ray start --address=/));
      await waitUntil("its other node, too", async () => (await countNodes()) === 2, RUN_LIMIT_MS);
      ground = await TrainingSetup.open();
      Object.assign(process.env, environment);
      // Server and token are given as to every worker here.
      const line = readGuideCommand(/^npm run worker .*--ray-address/, { auto: ray });
      worker = await ground.worker("joined", false, [
        ...["--engine-device", "cpu", "--engine-dtype", "float32"],
        ...line.slice(line.indexOf("worker.token") + 1),
      ]);
      delete process.env.RAY_AUTH_MODE;
      delete process.env.RAY_AUTH_TOKEN;
    }, 2 * RUN_LIMIT_MS);
    afterAll(async () => {
      await ground?.close();
      for (const { child, folder } of nodes.reverse()) {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        // Ray's processes end with the one that started them, and are its group.
        if (child.exitCode === null && child.signalCode === null) {
          process.kill(-child.pid!, "SIGTERM");
          await ended;
        }
        await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
      }
    }, RUN_LIMIT_MS);

    it(
      "trains one model on ranks of both nodes",
      async () => {
        undisturbed = await ground.trainUndisturbed();
        const cluster = (await ground.readCluster())!;
        expect([cluster.address, cluster.strategy]).toEqual([ray, "spread"]);
        const machines = await listMachines();
        expect(machines.map(([host, , ranks]) => [host, ranks.length])).toEqual(
          HOSTS.map((host) => [host, 1]),
        );
      },
      2 * RUN_LIMIT_MS,
    );

    it(
      "loses a node for good, says which, and goes on from its last checkpoint with the rank that is left",
      async () => {
        const runId = await ground.launch();
        await ground.stored(runId, 1);
        const [, [, , [lost]]] = (await listMachines()) as [unknown, [string, boolean, number[]]];
        // All its processes at once, as when a machine loses its power; the group is that of `ray start`.
        process.kill(-nodes[1]!.child.pid!, "SIGKILL");

        await ground.succeeded(runId);
        const history = (await ground.history(runId)).join("\n");
        const reason = `Rank ${lost} of 2 on ${HOSTS[1]} has ended.*All 2 ranks were ended`;
        expect(history).toMatch(
          new RegExp(`^1 queued by worker joined: engine ended: .*${reason}`, "ms"),
        );
        expect(history).toMatch(/^2 leased by worker joined: .*step 1/m);
        expect(history).not.toMatch(/^3 /m);
        expect(worker.deaths).toBe(0);

        expect(await ground.listTrainedSteps(runId)).toEqual(["1: step 1", "2: step 2"]);
        const ranks = await ground.readSteps(runId, ["engine/ranks"]);
        expect(ranks).toEqual([
          [
            "engine/ranks",
            [
              [1, 2],
              [2, 1],
            ],
          ],
        ]);
        expect(await listMachines()).toEqual([
          [HOSTS[0], true, [0]],
          [HOSTS[1], false, []],
        ]);
        const { lines } = await ground.server.plane.logs.listForRun(runId, {
          level: "info",
          limit: 1_000,
        });
        expect(lines.map(({ message }) => message)).toEqual(
          expect.arrayContaining([
            expect.stringMatching(/^2 ranks train the model: /),
            `1 rank trains the model: 0 on ${HOSTS[0]}. The Ray cluster has lost ${HOSTS[1]}.`,
          ]),
        );

        // The same step as on two ranks, up to the order in which numbers are added.
        const made = await ground.readSteps(runId);
        const expected = new Map(await ground.readSteps(undisturbed));
        for (const [name, points] of made) {
          expect(points.map(([step]) => step)).toEqual([1, 2]);
          points.forEach(([, value], i) => {
            const [, other] = expected.get(name)![i]!;
            expect(Math.abs(value - other), name).toBeLessThan(1e-3 * Math.abs(other) + 1e-5);
          });
        }
      },
      3 * RUN_LIMIT_MS,
    );
  },
);
