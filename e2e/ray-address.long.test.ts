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
import { canTrain } from "./support/real-worker";
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
    }, 2 * RUN_LIMIT_MS);
    afterAll(async () => {
      await ground?.close();
      for (const { child, folder } of nodes.reverse()) {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        // Ray's processes end with the one that started them, and are its group.
        if (child.exitCode === null) {
          process.kill(-child.pid!, "SIGTERM");
          await ended;
        }
        await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
      }
    }, RUN_LIMIT_MS);

    it(
      "trains one model on ranks of both nodes",
      async () => {
        Object.assign(process.env, environment);
        // Server and token are given as to every worker here.
        const line = readGuideCommand(/^npm run worker .*--ray-address/, { auto: ray });
        const options = line.slice(line.indexOf("worker.token") + 1);
        await ground.worker("joined", false, ["--engine-device", "cpu", ...options]);
        delete process.env.RAY_AUTH_MODE;
        delete process.env.RAY_AUTH_TOKEN;
        const runId = await ground.launch();
        const readCluster = async () =>
          (await ground.server.plane.workerReader.list())[0]?.services.find(
            ({ kind }) => kind === "engine",
          )?.cluster;
        await waitUntil("the engine has joined", async () => !!(await readCluster()), RUN_LIMIT_MS);
        const cluster = (await readCluster())!;
        expect([cluster.address, cluster.strategy]).toEqual([ray, "spread"]);
        const ranks = cluster.nodes.map((node) => [node.address, node.ranks.length]);
        expect(ranks.sort()).toEqual(HOSTS.map((host) => [host, 1]));
        await ground.succeeded(runId);
      },
      2 * RUN_LIMIT_MS,
    );
  },
);
