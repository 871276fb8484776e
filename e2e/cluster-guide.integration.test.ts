import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { listShellCommands, readGuide } from "@/cli/testing/guide-commands";
import { renderTemplate } from "@/core/pools/template";
import { resolveInRoot, PYTHON, ROOT, VENV_DIR } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { startTestServer } from "@/server/testing/test-server";
import { readGuideCommand, startGuideCommand, type GuideProcess } from "./support/cluster-guide";

/**
 * The commands of docs/guides/cluster.md. Here workers and the check of a GPU are run, and all have programs and
 * options that there are. Others run elsewhere: those of the command line in cli.integration.test.ts, with a real Slurm
 * in pools.long.test.ts, Ray's with the worker that joins it in ray-address.long.test.ts, `npm start` before every
 * browser test (support/product-process.ts). `npm run setup:tinker` is a part of `setup:skyrl`, which
 * tinker.long.test.ts wants.
 */
const run = promisify(execFile);
const START_MS = 240_000;
const commands = listShellCommands(readGuide("cluster.md"));
const RAY = join(VENV_DIR, "bin", "ray");

const listOptions = (command: string): string[] => command.match(/(?<= )--[a-z][a-z-]*/g) ?? [];
const startingWith = (words: string): string[] =>
  commands.filter((command) => command.startsWith(words));

describe("the guide from a laptop to a cluster", () => {
  it("has the same commands in both languages", () => {
    expect(commands.length).toBeGreaterThan(8);
    expect(listShellCommands(readGuide("cluster.zh.md"))).toEqual(commands);
  });

  it("names scripts that there are", () => {
    const { scripts } = JSON.parse(readFileSync(resolveInRoot("package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const named = commands.flatMap((c) => /^npm (?:run )?([\w:]+)/.exec(c)?.[1] ?? []);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    const files = commands.flatMap((c) => /^node (\S+)/.exec(c)?.[1] ?? []);
    expect(files.filter((file) => !existsSync(resolveInRoot(file)))).toEqual([]);
    expect(scripts.start, "what support/product-process.ts starts").toBe("node scripts/start.mjs");
  });

  it(
    "starts workers that the server sees attached, each with what its line says",
    async () => {
      const server = await startTestServer({
        timings: { leaseMs: 60_000, offlineMs: 60_000, attachMs: 60_000 },
      });
      const folder = await mkdtemp(join(tmpdir(), "s3-guide-"));
      const started: GuideProcess[] = [];
      const tokenFile = join(folder, "worker.token");
      const start = async (name: string, pattern: RegExp): Promise<void> => {
        const { token } = await server.plane.workerTokens.create(name, "test");
        await writeFile(`${tokenFile}.${name}`, token, { mode: 0o600 });
        const command = readGuideCommand(pattern, {
          "http://127.0.0.1:3000": server.url,
          "worker.token": `${tokenFile}.${name}`,
          "10.0.0.1": "127.0.0.1",
        });
        const own = { S3_WORKER_NAME: name, S3_DATA_DIR: join(folder, name) };
        // The line of the rented trainer names neither server nor token: they are the product's own there.
        const local: Record<string, string> = command.includes("--token-file")
          ? {}
          : { S3_SERVER: server.url, S3_WORKER_TOKEN: token };
        started.push(startGuideCommand(command, { ...own, ...local }));
      };
      try {
        await start("box", /^npm run worker .*--token-file worker\.token$/);
        await start("four", /^npm run worker .*--engine-devices 4$/);
        await start("jobs", /^npm run worker .*--allow-commands --tracking-address/);
        await start("rented", /^npm run worker .*--tinker-url/);
        const listOnline = async () =>
          (await server.plane.workerReader.list()).filter(({ state }) => state === "online");
        const workers = await waitUntil(
          "all are attached",
          async () => {
            const online = await listOnline();
            return online.length === started.length ? online : null;
          },
          START_MS,
        ).catch((error: unknown) => {
          throw new Error(started.map(({ getOutput }) => getOutput()).join("\n---\n"), {
            cause: error,
          });
        });
        const get = (name: string) => workers.find((worker) => worker.name === name)!.capabilities;
        expect(get("box")).toMatchObject({ commands: false });
        expect(get("box").tinker).toBeUndefined();
        const gpus = workers[0]!.hardware.gpus.length;
        expect(get("four").ranks).toBe(gpus === 0 ? 4 : Math.min(4, gpus));
        expect(get("jobs").commands).toBe(true);
        expect(get("rented").tinker).toBe("http://127.0.0.1:8000");
      } finally {
        await Promise.all(started.map((one) => one.stop()));
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      }
    },
    2 * START_MS,
  );

  it.skipIf(!existsSync(PYTHON))(
    "checks the GPU, or says that there is none",
    async () => {
      const check = startGuideCommand(readGuideCommand(/^npm run check:gpu$/));
      const code = await check.ended;
      const hasNone = /There is no GPU that torch \S+ can use: nothing was checked/.test(
        check.getOutput(),
      );
      expect(code, check.getOutput()).toBe(hasNone ? 2 : 0);
    },
    2 * START_MS,
  );

  it("gives the worker options that it has", async () => {
    const tsx = resolveInRoot("node_modules", "tsx", "dist", "cli.mjs");
    const main = resolveInRoot("gpu-workers", "agent", "main.ts");
    const { stdout } = await run(process.execPath, [tsx, main, "--help"], { cwd: ROOT });
    const given = startingWith("npm run worker -- ").flatMap((command) =>
      listOptions(command.replace("npm run worker -- ", " ")),
    );
    expect(given).toContain("--ray-address");
    expect(given.filter((option) => !stdout.includes(`${option} `))).toEqual([]);
  });

  it("has a template for several nodes of Slurm that a pool takes and bash reads, in both languages", async () => {
    const [template, translated] = ["cluster.md", "cluster.zh.md"].map(
      (name) => /^```bash\n([^]*?)^```$/m.exec(readGuide(name))?.[1],
    );
    expect(translated).toBe(template);
    const script = renderTemplate("slurm", template!, {
      job: "s3-1",
      worker: "lab-1",
      pool: "lab",
      server: "http://127.0.0.1:3000",
      gpus: 4,
      engineSlots: 1,
      lightSlots: 4,
    });
    const folder = await mkdtemp(join(tmpdir(), "s3-slurm-"));
    try {
      await writeFile(join(folder, "job.sh"), script);
      await run("bash", ["-n", join(folder, "job.sh")]);
    } finally {
      await rm(folder, { recursive: true });
    }
    const worker = script.split("\n").find((line) => line.startsWith("exec npm run worker -- "));
    expect(worker).toMatch(/--server http:\/\/127\.0\.0\.1:3000 --name lab-1 .*--ray-address /);
  });

  it.skipIf(!existsSync(RAY))("gives Ray options that it has", async () => {
    const { stdout } = await run(RAY, ["start", "--help"], { timeout: 120_000 });
    const given = [
      ...startingWith(".venv/bin/ray start"),
      ...readGuide("cluster.md").match(/(?<=^ {2})\.venv\/bin\/ray start .*/gm)!,
    ].flatMap(listOptions);
    expect(given).toContain("--head");
    expect(given.filter((option) => !stdout.includes(option))).toEqual([]);
  });
});
