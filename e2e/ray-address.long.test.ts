import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PYTHON, VENV_DIR } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { RayHead } from "./support/ray-head";
import { canTrain } from "./support/real-worker";
import { RUN_LIMIT_MS, TrainingSetup } from "./support/training-setup";

const canJoin = canTrain && existsSync(join(VENV_DIR, "bin", "ray"));

/** A real worker that is given a Ray cluster: two nodes of one CPU each, at two addresses of this machine's loopback. */
describe.skipIf(!canJoin)(
  "a worker with --ray-address (needs Linux, the set-up's Python with Ray, models and corpus)",
  () => {
    let ray: RayHead;
    let ground: TrainingSetup;
    beforeAll(async () => {
      ray = await RayHead.start({ cpus: 1, python: PYTHON });
      await ray.addNode("127.0.0.3", 1);
      ground = await TrainingSetup.open();
    }, RUN_LIMIT_MS);
    afterAll(async () => {
      await ground?.close();
      await ray?.stop();
    });

    it(
      "trains one model on ranks of both nodes",
      async () => {
        Object.assign(process.env, { RAY_AUTH_MODE: "token", RAY_AUTH_TOKEN: ray.token });
        await ground.worker("joined", false, [
          ...["--engine-device", "cpu", "--ray-address", ray.address, "--ray-strategy", "spread"],
        ]);
        delete process.env.RAY_AUTH_MODE;
        delete process.env.RAY_AUTH_TOKEN;
        const runId = await ground.launch();
        const readCluster = async () =>
          (await ground.server.plane.workerReader.list())[0]!.services.find(
            ({ kind }) => kind === "engine",
          )?.cluster;
        await waitUntil("the engine has joined", async () => !!(await readCluster()), RUN_LIMIT_MS);
        const { address, strategy, nodes } = (await readCluster())!;
        expect([address, strategy]).toEqual([ray.address, "spread"]);
        expect(nodes.map((node) => [node.address, node.ranks.length]).sort()).toEqual([
          ["127.0.0.2", 1],
          ["127.0.0.3", 1],
        ]);
        await ground.succeeded(runId);
      },
      2 * RUN_LIMIT_MS,
    );
  },
);
